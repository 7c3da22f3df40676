"""One call of the sync world: headers, deadline, and all its attempts."""

from __future__ import annotations

import threading
from typing import Any, Generic, TypeVar

import grpc

from litebox_partner._attempts import Attempts
from litebox_partner._options import Options, channel_options, credentials
from litebox_partner._requests import M, headers, prepared
from litebox_partner._status import closed, error_from

R = TypeVar("R")


def open_channel(options: Options, own_connection: bool = False) -> grpc.Channel:
    arguments = channel_options(options.tls, own_connection)
    if options.plaintext:
        return grpc.insecure_channel(options.address, options=arguments)
    return grpc.secure_channel(options.address, credentials(options.tls), options=arguments)


class Calls:
    """Sends requests, the same bytes in all attempts."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._closed = threading.Event()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def close(self) -> None:
        self._closed.set()

    def unary(
        self, method: grpc.UnaryUnaryMultiCallable[M, R], request: M, timeout: float | None
    ) -> R:
        sent, request_id = prepared(request)
        attempts = Attempts(self.options, timeout)
        while True:
            if self.closed:
                raise closed(request_id)
            token = self.options.token.current()
            try:
                return method(sent, timeout=attempts.left(), metadata=headers(self.options, token))
            except grpc.RpcError as rpc:
                if self.closed:
                    raise closed(request_id) from rpc
                error = error_from(rpc, request_id, late=attempts.left() <= 0)
                pause = attempts.pause(error, token)
                if pause is None:
                    raise error from rpc
            self._closed.wait(pause)

    def stream(
        self, method: grpc.UnaryStreamMultiCallable[M, R], request: M, timeout: float | None, token: str
    ) -> Stream[R]:
        return Stream(method(request, timeout=timeout, metadata=headers(self.options, token)))


class Silence(Exception):
    """A stream has said nothing for too long."""


class Stream(Generic[R]):
    """The messages of one stream; types of gRPC do not say that a call can be both read and cancelled."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._silent = False

    def read(self, longest: float) -> R | None:
        """The next message, None at the end. gRPC knows no limit for one, so that a timer ends the call: messages are few."""
        timer = threading.Timer(longest, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            return next(self._call, None)
        except grpc.RpcError as rpc:
            if self._silent:
                raise Silence from rpc
            raise
        finally:
            timer.cancel()

    def cancel(self) -> None:
        self._call.cancel()

    def _give_up(self) -> None:
        self._silent = True
        self._call.cancel()
