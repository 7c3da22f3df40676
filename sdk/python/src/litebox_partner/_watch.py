"""Following registrations, sync."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType

import grpc

from litebox_partner import kkt_v1
from litebox_partner._calls import Calls, Silence, Stream
from litebox_partner._error import PartnerError
from litebox_partner._following import Backoff, News, Position, registered, silent
from litebox_partner._status import closed, deadline_exceeded, error_from

OnKkt = Callable[[kkt_v1.Kkt], object]


class Watch(Iterator[kkt_v1.Kkt]):
    """Changes of registrations, without an end. It connects again by itself, also when a stream is silent
    for too long, and goes on where it was.

    Leave it with `close()`, or use it in a `with` block; from another thread, too. A change may come twice: `revision` tells.
    """

    def __init__(
        self,
        calls: Calls,
        method: grpc.UnaryStreamMultiCallable[kkt_v1.WatchRequest, kkt_v1.WatchResponse],
        kkt_ids: Iterable[str],
        resume_token: str,
        end: float | None = None,
        reached: bool = False,
    ) -> None:
        self._calls, self._method, self._end = calls, method, end
        self._position = Position(kkt_ids, resume_token, calls.options.timeout, reached)
        self._backoff = Backoff()
        self._closed = threading.Event()
        self._stream: Stream[kkt_v1.WatchResponse] | None = None
        self._token = ""
        self._heard = False

    @property
    def resume_token(self) -> str:
        """Where to go on after the last change that was handed over: keep it for the next `watch`."""
        return self._position.resume_token

    def __next__(self) -> kkt_v1.Kkt:
        while not self._closed.is_set():
            try:
                kkt = self._read()
            except grpc.RpcError as rpc:
                self._lost(error_from(rpc))
                continue
            except Silence:
                self._lost(silent())
                continue
            if kkt is not None:
                return kkt
        raise StopIteration

    def close(self) -> None:
        self._closed.set()
        if (stream := self._stream) is not None:
            stream.cancel()

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> kkt_v1.Kkt | None:
        """The next change, or None after anything else."""
        stream = self._stream or self._open()
        options = self._calls.options
        message = stream.read(options.watch_silence if self._heard else options.timeout)
        if message is None:  # ended in order, such as after some minutes, or at a restart
            self._stream = None
            self._pause(self._backoff.after_end())
            return None
        self._heard = True
        if message.WhichOneof("event") != "end":  # a stream that only ever ends brings nothing
            self._backoff.reset()
        return self._position.take(message)

    def _open(self) -> Stream[kkt_v1.WatchResponse]:
        if self._calls.closed:
            raise closed()
        self._token = self._calls.options.token.current()
        stream = self._calls.stream(self._method, self._position.request(), self._left(), self._token)
        self._stream, self._heard = stream, False
        if self._closed.is_set():  # closed by another thread meanwhile
            stream.cancel()
        return stream

    def _lost(self, error: PartnerError) -> None:
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
        self._pause(self._backoff.after(error))

    def _pause(self, seconds: float) -> None:
        left = self._left()
        self._closed.wait(seconds if left is None else min(seconds, left))

    def _left(self) -> float | None:
        """Seconds until whoever waits gives up."""
        if self._end is None:
            return None
        left = self._end - time.monotonic()
        if left <= 0:
            raise deadline_exceeded("the registration has not come to its end in time; it goes on by itself")
        return left


def follow(first: kkt_v1.Kkt, watch: Watch, on_change: OnKkt | None, on_blocked: OnKkt | None) -> kkt_v1.Kkt:
    """Waits for the end of a registration. What either callback raises ends the waiting."""
    news = News()
    kkt: kkt_v1.Kkt = first
    while True:
        news.take(kkt)
        if news.changed and on_change is not None:
            on_change(kkt)
        if news.newly_blocked and on_blocked is not None:
            on_blocked(kkt)
        if registered(kkt):
            return kkt
        kkt = next(watch)
