"""Statuses as the server writes them, for what this release of the server does not answer. No library: a few lines of protobuf."""

import base64
import urllib.parse

from frames import literals

CODES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
    "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"
).split()


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out) + bytes([value])


def told(tag: int, value: str | bytes) -> bytes:
    """A field with a length."""
    data = value.encode() if isinstance(value, str) else value
    return varint(tag << 3 | 2) + varint(len(data)) + data


def counted(tag: int, value: int) -> bytes:
    return varint(tag << 3) + varint(value)


def detail(name: str, body: bytes) -> bytes:
    """An `Any` of google.rpc as a field of Status."""
    return told(3, told(1, f"type.googleapis.com/google.rpc.{name}") + told(2, body))


def status(record: dict) -> bytes:
    """google.rpc.Status of {code, reason, message, metadata, retry_after_s}."""
    entries = sorted(record.get("metadata", {}).items())
    info = told(1, record["reason"]) + told(2, "litebox.ru")
    info += b"".join(told(3, told(1, key) + told(2, value)) for key, value in entries)
    out = counted(1, CODES.index(record["code"])) + told(2, record["message"])
    out += detail("ErrorInfo", info)
    out += detail("LocalizedMessage", told(1, "ru-RU") + told(2, "Так отвечает запись."))
    out += detail("RequestInfo", told(1, "01a20000-0000-7000-8000-000000000001"))
    if "retry_after_s" in record:
        out += detail("RetryInfo", told(1, counted(1, record["retry_after_s"])))
    return out


OK_200 = b"\x88"  # `:status 200`, which HPACK's own table has


def headers(record: dict) -> bytes:
    """The headers of an answer that is nothing but a status; {"bare": true} is one of a proxy on the way."""
    bare = [
        ("content-type", b"application/grpc"),
        ("grpc-status", str(CODES.index(record["code"])).encode()),
        ("grpc-message", urllib.parse.quote(record["message"]).encode()),
    ]
    if record.get("bare"):
        return OK_200 + literals(bare)
    details = base64.b64encode(status(record)).rstrip(b"=")
    ours = [("x-request-id", b"01a20000-0000-7000-8000-000000000001"), ("grpc-status-details-bin", details)]
    return OK_200 + literals([*bare, *ours])
