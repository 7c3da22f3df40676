"""Frames of HTTP/2 and headers of HPACK, as far as they can be written without a table: for the proxy, and for calls without a library."""

import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4
PATIENCE = 30.0

Fields = list[tuple[str, bytes]]


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def parts(head: bytes) -> tuple[int, int, int, int]:
    """Of the nine bytes before a payload: its length, kind, flags, stream."""
    return int.from_bytes(head[:3], "big"), head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF


def number(value: int, prefix: int) -> bytes:
    """An integer of HPACK (RFC 7541, 5.1)."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes([value])
    out, value = bytearray([most]), value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out) + bytes([value])


def literals(fields: Fields) -> bytes:
    """Headers that need no table of the reader's: literals without indexing."""
    out = bytearray()
    for name, value in fields:
        out += b"\x00" + number(len(name), 7) + name.encode() + number(len(value), 7) + value
    return bytes(out)


class Call:
    """A call without a library, on a connection of its own, that lasts until it is answered or closed."""

    def __init__(self, address: str, path: str, token: str, request: bytes) -> None:
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), PATIENCE)
        names = (":method", ":scheme", ":path", ":authority", "te", "content-type", "authorization")
        values = ("POST", "http", path, address, "trailers", "application/grpc", f"Bearer {token}")
        headers = literals([(name, value.encode()) for name, value in zip(names, values)])
        message = struct.pack(">BI", 0, len(request)) + request
        self.socket.sendall(
            PREFACE
            + frame(SETTINGS, 0, 0, b"")
            + frame(HEADERS, END_HEADERS, 1, headers)
            + frame(DATA, END_STREAM, 1, message)
        )

    def refusal(self) -> bytes:
        """The headers of an answer that is nothing but a status, as they came. They are the first that the server writes on this
        connection, so that whoever reads them needs none that came before."""
        with self.socket, self.socket.makefile("rb") as come:
            while True:
                length, kind, flags, _ = parts(come.read(9))
                payload = come.read(length)
                if kind == HEADERS:
                    if flags & (END_STREAM | END_HEADERS) != END_STREAM | END_HEADERS:
                        raise ValueError("the server answers more than a status")
                    return payload

    def close(self) -> None:
        self.socket.close()
