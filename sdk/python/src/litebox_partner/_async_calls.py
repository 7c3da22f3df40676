"""One call of the asyncio world: headers, deadline, and all its attempts."""

from __future__ import annotations

import asyncio
from typing import Any, Generic, TypeVar

import grpc
import grpc.aio

from litebox_partner._attempts import Attempts
from litebox_partner._calls import Silence
from litebox_partner._options import Options, channel_options, credentials
from litebox_partner._requests import M, headers, prepared
from litebox_partner._status import closed, error_from

R = TypeVar("R")


def open_async_channel(options: Options, own_connection: bool = False) -> grpc.aio.Channel:
    arguments = channel_options(options.tls, own_connection)
    if options.plaintext:
        return grpc.aio.insecure_channel(options.address, options=arguments)
    return grpc.aio.secure_channel(options.address, credentials(options.tls), options=arguments)


class AsyncCalls:
    """Sends requests, the same bytes in all attempts."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.closed = False

    def close(self) -> None:
        self.closed = True

    async def unary(
        self, method: grpc.aio.UnaryUnaryMultiCallable[M, R], request: M, timeout: float | None
    ) -> R:
        sent, request_id = prepared(request)
        attempts = Attempts(self.options, timeout)
        while True:
            if self.closed:
                raise closed(request_id)
            token = self.options.token.current()
            try:
                return await method(sent, timeout=attempts.left(), metadata=headers(self.options, token))
            except grpc.aio.AioRpcError as rpc:
                if self.closed:
                    raise closed(request_id) from rpc
                error = error_from(rpc, request_id, late=attempts.left() <= 0)
                pause = attempts.pause(error, token)
                if pause is None:
                    raise error from rpc
            await asyncio.sleep(pause)

    def stream(
        self, method: grpc.aio.UnaryStreamMultiCallable[M, R], request: M, timeout: float | None, token: str
    ) -> AsyncStream[R]:
        return AsyncStream(method(request, timeout=timeout, metadata=headers(self.options, token)))


class AsyncStream(Generic[R]):
    """The messages of one stream; types of gRPC do not say that a call can be both read and cancelled."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def read(self, longest: float) -> R | None:
        """The next message, None at the end."""
        try:
            message = await asyncio.wait_for(self._call.read(), longest)
        except asyncio.TimeoutError as late:
            raise Silence from late
        return None if message is grpc.aio.EOF else message

    def cancel(self) -> None:
        self._call.cancel()
