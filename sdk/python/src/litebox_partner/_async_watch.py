"""Following registrations, asyncio."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType

import grpc
import grpc.aio

from litebox_partner import kkt_v1
from litebox_partner._async_calls import AsyncCalls, AsyncStream
from litebox_partner._calls import Silence
from litebox_partner._error import PartnerError
from litebox_partner._following import Backoff, News, Position, registered, silent
from litebox_partner._status import closed, deadline_exceeded, error_from

#: A function, or a coroutine function.
OnKktAsync = Callable[[kkt_v1.Kkt], object]


class AsyncWatch(AsyncIterator[kkt_v1.Kkt]):
    """Changes of registrations, without an end. It connects again by itself, also when a stream is silent
    for too long, and goes on where it was.

    Leave it with `close()`, or use it in an `async with` block. A change may come twice: `revision` tells.
    """

    def __init__(
        self,
        calls: AsyncCalls,
        method: grpc.aio.UnaryStreamMultiCallable[kkt_v1.WatchRequest, kkt_v1.WatchResponse],
        kkt_ids: Iterable[str],
        resume_token: str,
        end: float | None = None,
        reached: bool = False,
    ) -> None:
        self._calls, self._method, self._end = calls, method, end
        self._position = Position(kkt_ids, resume_token, calls.options.timeout, reached)
        self._backoff = Backoff()
        self._closed = asyncio.Event()
        self._stream: AsyncStream[kkt_v1.WatchResponse] | None = None
        self._token = ""
        self._heard = False

    @property
    def resume_token(self) -> str:
        """Where to go on after the last change that was handed over: keep it for the next `watch`."""
        return self._position.resume_token

    async def __anext__(self) -> kkt_v1.Kkt:
        while not self._closed.is_set():
            try:
                kkt = await self._read()
            except grpc.aio.AioRpcError as rpc:
                await self._lost(error_from(rpc))
                continue
            except Silence:
                await self._lost(silent())
                continue
            except asyncio.CancelledError:
                if self._calls.closed:
                    raise closed() from None
                if self._closed.is_set():  # by close(), not the whole task
                    break
                raise
            if kkt is not None:
                return kkt
        raise StopAsyncIteration

    def close(self) -> None:
        self._closed.set()
        if self._stream is not None:
            self._stream.cancel()

    async def __aenter__(self) -> AsyncWatch:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _read(self) -> kkt_v1.Kkt | None:
        """The next change, or None after anything else."""
        stream = self._stream or self._open()
        options = self._calls.options
        message = await stream.read(options.watch_silence if self._heard else options.timeout)
        if message is None:  # ended in order, such as after some minutes, or at a restart
            self._stream = None
            await self._pause(self._backoff.after_end())
            return None
        self._heard = True
        if message.WhichOneof("event") != "end":  # a stream that only ever ends brings nothing
            self._backoff.reset()
        return self._position.take(message)

    def _open(self) -> AsyncStream[kkt_v1.WatchResponse]:
        if self._calls.closed:
            raise closed()
        self._token = self._calls.options.token.current()
        stream = self._calls.stream(self._method, self._position.request(), self._left(), self._token)
        self._stream, self._heard = stream, False
        return stream

    async def _lost(self, error: PartnerError) -> None:
        """Waits before the next stream, or raises when none would help."""
        self._stream = None
        if self._closed.is_set():
            return
        if self._calls.closed:
            raise closed()
        replaced = self._position.replaces(error, self._calls.options.token, self._token)
        if replaced or self._position.begins_anew(error):
            return
        if not self._position.goes_on(error):
            raise error
        await self._pause(self._backoff.after(error))

    async def _pause(self, seconds: float) -> None:
        left = self._left()
        try:
            await asyncio.wait_for(self._closed.wait(), seconds if left is None else min(seconds, left))
        except asyncio.TimeoutError:
            pass

    def _left(self) -> float | None:
        """Seconds until whoever waits gives up."""
        if self._end is None:
            return None
        left = self._end - time.monotonic()
        if left <= 0:
            raise deadline_exceeded("the registration has not come to its end in time; it goes on by itself")
        return left


async def follow_async(
    first: kkt_v1.Kkt, watch: AsyncWatch, on_change: OnKktAsync | None, on_blocked: OnKktAsync | None
) -> kkt_v1.Kkt:
    """Waits for the end of a registration. What either callback raises ends the waiting."""
    news = News()
    kkt: kkt_v1.Kkt = first
    while True:
        news.take(kkt)
        if news.changed and on_change is not None:
            await _told(on_change(kkt))
        if news.newly_blocked and on_blocked is not None:
            await _told(on_blocked(kkt))
        if registered(kkt):
            return kkt
        kkt = await anext(watch)


async def _told(answer: object) -> None:
    if inspect.isawaitable(answer):
        await answer
