"""What both worlds, sync and asyncio, do to requests."""

from __future__ import annotations

import uuid
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from litebox_partner._options import Options
from litebox_partner._trace import trace_headers


class Paged(Protocol):
    """A List request."""

    page_token: str


M = TypeVar("M", bound=Message)


def prepared(request: M) -> tuple[M, str]:
    """A copy with a request_id, and that id; reads have none. The caller's own object is left as it is."""
    if "request_id" not in request.DESCRIPTOR.fields_by_name:
        return request, ""
    copy = type(request)()
    copy.CopyFrom(request)
    request_id: str = getattr(copy, "request_id") or str(uuid.uuid4())
    setattr(copy, "request_id", request_id)
    return copy, request_id


def copied(request: M | None, kind: type[M]) -> M:
    copy = kind()
    if request is not None:
        copy.CopyFrom(request)
    return copy


def headers(options: Options, token: str) -> tuple[tuple[str, str], ...]:
    out = trace_headers()
    if token:
        out.append(("authorization", f"Bearer {token}"))
    if options.partner_id is not None:
        out.append(("x-litebox-partner-id", options.partner_id))
    return tuple(out)
