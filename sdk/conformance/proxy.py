"""A TCP proxy between a client library and the server that loses answers, refuses connections and gives other answers.

It reads the heads of HTTP/2 frames and nothing else: headers are compressed, so a fault strikes the next call, whichever it is.
"""

import asyncio
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from frames import DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, frame, parts

LINGER = 2.0


@dataclass
class Arms:
    """What is to happen to the next calls and connections."""

    cuts: int = 0
    refusals: int = 0
    stalls: int = 0
    answers: list[bytes] = field(default_factory=list)
    # What has happened, for cases that count attempts.
    calls: int = 0
    cut: int = 0
    stalled: int = 0
    answered: int = 0


class Connection:
    """One connection of a client, and the one to the server that belongs to it."""

    def __init__(self, arms: Arms, client: "Pipe", server: "Pipe") -> None:
        self.arms, self.client, self.server = arms, client, server
        self.doomed: set[int] = set()
        self.silent: set[int] = set()
        self.living: set[int] = set()
        self.newest = 0
        self.ended = False  # answered in place of the server: nothing more goes to the server
        self.greeted = asyncio.Event()

    async def outwards(self) -> None:
        """From the client to the server."""
        preface = await self.client.reader.readexactly(len(PREFACE))
        self.server.writer.write(preface)
        while True:
            kind, stream, whole = await self.client.frame()
            if kind == HEADERS and stream > self.newest:
                self.newest = stream
                self.living.add(stream)
                self.arms.calls += 1
                await self.call(stream)
            if kind == RST_STREAM:
                self.living.discard(stream)
            if not self.ended:
                self.server.writer.write(whole)
                await self.server.writer.drain()

    async def call(self, stream: int) -> None:
        """A call has begun."""
        if self.arms.answers:
            self.arms.answered += 1
            await self.answer(stream, self.arms.answers.pop(0))
        elif self.arms.stalls > 0:
            self.arms.stalls -= 1
            self.stall(stream)
        elif self.arms.cuts > 0:
            self.arms.cuts -= 1
            self.doomed.add(stream)

    def stall(self, *streams: int) -> None:
        """Nothing more is heard of these calls, though the connection lives, and answers pings."""
        self.silent |= set(streams)
        self.arms.stalled += len(streams)

    async def answer(self, stream: int, headers: bytes) -> None:
        """The server never hears of the call, and so can read no later one: the connection ends."""
        await self.greeted.wait()
        self.ended = True
        flags = END_STREAM | END_HEADERS
        self.client.writer.write(frame(HEADERS, flags, stream, headers))
        self.client.writer.write(frame(GOAWAY, 0, 0, struct.pack(">II", stream, 0)))
        await self.client.writer.drain()
        asyncio.get_running_loop().call_later(LINGER, self.client.writer.close)

    async def inwards(self) -> None:
        """From the server to the client. The answer to a doomed call cuts the connection: its effect has happened."""
        while True:
            kind, stream, whole = await self.server.frame()
            if kind == HEADERS and stream in self.doomed:
                self.arms.cut += 1
                self.client.abort()
                return
            if kind in (DATA, HEADERS) and whole[4] & END_STREAM:
                self.living.discard(stream)
            if not self.ended and stream not in self.silent:
                self.client.writer.write(whole)
                await self.client.writer.drain()
                self.greeted.set()


class Pipe:
    """One side of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def frame(self) -> tuple[int, int, bytes]:
        """The next frame: kind, stream, all of it."""
        head = await self.reader.readexactly(9)
        length, kind, _, stream = parts(head)
        return kind, stream, head + await self.reader.readexactly(length)

    def abort(self) -> None:
        self.writer.transport.abort()


class Proxy:
    """Listens on loopback for as long as the world stands."""

    def __init__(self, target: Callable[[], str]) -> None:
        self.target, self.arms = target, Arms()
        self.open: dict[Pipe, Connection] = {}
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        server = self.run(asyncio.start_server(self.accept, "127.0.0.1", 0))
        self.address = "127.0.0.1:{}".format(server.sockets[0].getsockname()[1])

    def run(self, work: Coroutine) -> object:
        """Does something in the proxy's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def arm(self, change: Callable[[Arms], None]) -> None:
        async def work() -> None:
            change(self.arms)

        self.run(work())

    def cut_all(self) -> None:
        async def work() -> None:
            for pipe in list(self.open):
                pipe.abort()

        self.run(work())

    def stall_all(self) -> None:
        """Calls under way, streams among them, bring nothing more."""

        async def work() -> None:
            for connection in self.open.values():
                connection.stall(*connection.living)

        self.run(work())

    def reset(self) -> None:
        self.cut_all()
        # In place: a client that has connected again meanwhile has the same.
        self.arm(lambda arms: vars(arms).update(vars(Arms())))

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Pipe(reader, writer)
        if self.arms.refusals > 0:
            self.arms.refusals -= 1
            client.abort()
            return
        host, port = self.target().rsplit(":", 1)
        try:
            server = Pipe(*await asyncio.open_connection(host, int(port)))
        except OSError:  # it is being restarted
            client.abort()
            return
        await self.join(client, server)

    async def join(self, client: Pipe, server: Pipe) -> None:
        connection = self.open[client] = Connection(self.arms, client, server)
        tasks = [asyncio.ensure_future(way) for way in (connection.outwards(), connection.inwards())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if connection.ended and not tasks[0].done():  # the client still has to take what was answered
            await asyncio.wait(tasks[:1], timeout=LINGER)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        del self.open[client]
        for pipe in (client, server):
            pipe.writer.close()
