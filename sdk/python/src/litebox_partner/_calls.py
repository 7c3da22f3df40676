"""One call of the sync world: headers, deadline, and one repeat when the token was rotated meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import grpc

from litebox_partner._options import Options, channel_options, credentials
from litebox_partner._requests import M, headers, prepared
from litebox_partner._status import error_from

R = TypeVar("R")


def open_channel(options: Options, own_connection: bool = False) -> grpc.Channel:
    arguments = channel_options(options.tls, own_connection)
    if options.plaintext:
        return grpc.insecure_channel(options.address, options=arguments)
    return grpc.secure_channel(options.address, credentials(options.tls), options=arguments)


class Calls:
    """Sends requests. gRPC itself repeats what the service config lets it repeat, with the same bytes."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.closed = False

    def unary(
        self, method: grpc.UnaryUnaryMultiCallable[M, R], request: M, timeout: float | None
    ) -> R:
        sent, request_id = prepared(request)
        end = time.monotonic() + (self.options.timeout if timeout is None else timeout)

        def once(token: str) -> R:
            left = max(end - time.monotonic(), 0.0)
            return method(sent, timeout=left, metadata=headers(self.options, token))

        try:
            return self._with_token(once)
        except grpc.RpcError as error:
            raise error_from(error, request_id, late=time.monotonic() >= end) from error

    def stream(
        self, method: grpc.UnaryStreamMultiCallable[M, R], request: M, timeout: float | None, token: str
    ) -> Stream[R]:
        return Stream(method(request, timeout=timeout, metadata=headers(self.options, token)))

    def _with_token(self, once: Callable[[str], R]) -> R:
        token = self.options.token.current()
        try:
            return once(token)
        except grpc.RpcError as error:
            if not _unauthenticated(error) or not self.options.token.refused(token):
                raise
        return once(self.options.token.current())


def _unauthenticated(error: Any) -> bool:
    return bool(error.code() is grpc.StatusCode.UNAUTHENTICATED)


class Stream(Iterator[R]):
    """The messages of one stream; types of gRPC do not say that a call can be both read and cancelled."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __next__(self) -> R:
        message: R = next(self._call)
        return message

    def cancel(self) -> None:
        self._call.cancel()
