"""One call of the asyncio world: headers, deadline, and one repeat when the token was rotated meanwhile."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import grpc
import grpc.aio

from litebox_partner._options import Options, channel_options, credentials
from litebox_partner._requests import M, headers, prepared
from litebox_partner._status import error_from

R = TypeVar("R")


def open_async_channel(options: Options, own_connection: bool = False) -> grpc.aio.Channel:
    arguments = channel_options(options.tls, own_connection)
    if options.plaintext:
        return grpc.aio.insecure_channel(options.address, options=arguments)
    return grpc.aio.secure_channel(options.address, credentials(options.tls), options=arguments)


class AsyncCalls:
    """Sends requests. gRPC itself repeats what the service config lets it repeat, with the same bytes."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.closed = False

    async def unary(
        self, method: grpc.aio.UnaryUnaryMultiCallable[M, R], request: M, timeout: float | None
    ) -> R:
        sent, request_id = prepared(request)
        end = time.monotonic() + (self.options.timeout if timeout is None else timeout)

        async def once(token: str) -> R:
            left = max(end - time.monotonic(), 0.0)
            return await method(sent, timeout=left, metadata=headers(self.options, token))

        try:
            return await self._with_token(once)
        except grpc.aio.AioRpcError as error:
            raise error_from(error, request_id, late=time.monotonic() >= end) from error

    def stream(
        self, method: grpc.aio.UnaryStreamMultiCallable[M, R], request: M, timeout: float | None, token: str
    ) -> AsyncStream[R]:
        return AsyncStream(method(request, timeout=timeout, metadata=headers(self.options, token)))

    async def _with_token(self, once: Callable[[str], Awaitable[R]]) -> R:
        token = self.options.token.current()
        try:
            return await once(token)
        except grpc.aio.AioRpcError as error:
            unknown = error.code() is grpc.StatusCode.UNAUTHENTICATED
            if not unknown or not self.options.token.refused(token):
                raise
        return await once(self.options.token.current())


class AsyncStream(Generic[R]):
    """The messages of one stream; types of gRPC do not say that a call can be both read and cancelled."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def read(self) -> R | None:
        """The next message, None at the end."""
        message = await self._call.read()
        return None if message is grpc.aio.EOF else message

    def cancel(self) -> None:
        self._call.cancel()
