"""From a gRPC status to the exception of its reason."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from litebox_partner._error import ErrorDetails, FieldViolation, PartnerError, PreconditionViolation
from litebox_partner.reasons import BY_REASON, DeadlineExceededError

_DETAILS = "grpc-status-details-bin"
_SERVER_REQUEST_ID = "x-request-id"
_DOMAIN = "litebox.ru"  # that of the service's reasons; reasons of others are none of ours
_KINDS = {
    f"type.googleapis.com/google.rpc.{kind.DESCRIPTOR.name}": kind
    for kind in (
        error_details_pb2.ErrorInfo,
        error_details_pb2.LocalizedMessage,
        error_details_pb2.RequestInfo,
        error_details_pb2.BadRequest,
        error_details_pb2.PreconditionFailure,
        error_details_pb2.RetryInfo,
    )
}
Metadata = Iterable[tuple[str, str | bytes]]


def error_from(rpc: Any, request_id: str = "", late: bool = False) -> PartnerError:
    """The exception for an `RpcError`, of both worlds: they share methods and no type.

    `late`: the call's time is over. The server ends such calls as well, and says CANCELLED when it is faster. Otherwise a
    CANCELLED that nobody here has asked for means that the connection has ended with the call on it.
    """
    told: list[tuple[str, str | bytes]] = [
        *_told(rpc.initial_metadata()),
        *_told(rpc.trailing_metadata()),
    ]
    error = error_of(rpc.code(), rpc.details() or "", told, request_id)
    if error.code is not grpc.StatusCode.CANCELLED or error.reason:
        return error
    if late:
        return deadline_exceeded("the deadline has passed", request_id)
    return error_of(grpc.StatusCode.UNAVAILABLE, error.message, told, request_id)


def error_of(code: grpc.StatusCode, message: str, metadata: Metadata, request_id: str = "") -> PartnerError:
    details = _read(metadata)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED and not details.reason:
        return deadline_exceeded(message, request_id)  # this side's own clock was faster
    kind = BY_REASON.get(details.reason, PartnerError)
    return kind(code, message, details, request_id)


def deadline_exceeded(message: str, request_id: str = "") -> DeadlineExceededError:
    details = ErrorDetails(reason="DEADLINE_EXCEEDED")
    return DeadlineExceededError(grpc.StatusCode.DEADLINE_EXCEEDED, message, details, request_id)


def closed(request_id: str = "") -> PartnerError:
    return PartnerError(grpc.StatusCode.CANCELLED, "the Partner was closed", request_id=request_id)


def _told(metadata: Metadata | None) -> Metadata:
    return metadata or ()


def _read(metadata: Metadata) -> ErrorDetails:
    found: dict[str, Any] = {}
    server_request_id = ""
    for key, value in metadata:
        if key == _SERVER_REQUEST_ID and isinstance(value, str):
            server_request_id = value
        elif key == _DETAILS and isinstance(value, bytes):
            found = _messages(value)
    info = found.get("ErrorInfo", error_details_pb2.ErrorInfo())
    if info.domain != _DOMAIN:
        info = error_details_pb2.ErrorInfo()
    return ErrorDetails(
        reason=info.reason,
        metadata=dict(info.metadata),
        localized_message=found["LocalizedMessage"].message if "LocalizedMessage" in found else "",
        field_violations=_fields(found.get("BadRequest")),
        precondition_violations=_preconditions(found.get("PreconditionFailure")),
        retry_after=_retry_after(found.get("RetryInfo")),
        server_request_id=server_request_id or (found["RequestInfo"].request_id if "RequestInfo" in found else ""),
    )


def _messages(data: bytes) -> dict[str, Any]:
    """The details by the name of their kind. What cannot be read must not hide the status that it came with."""
    out: dict[str, Any] = {}
    try:
        for any_ in status_pb2.Status.FromString(data).details:
            kind = _KINDS.get(any_.type_url)
            if kind is not None:
                out[kind.DESCRIPTOR.name] = kind.FromString(any_.value)
    except DecodeError:
        pass
    return out


def _fields(bad: error_details_pb2.BadRequest | None) -> tuple[FieldViolation, ...]:
    if bad is None:
        return ()
    return tuple(
        FieldViolation(each.field, each.description, each.reason, each.localized_message.message)
        for each in bad.field_violations
    )


def _preconditions(bad: error_details_pb2.PreconditionFailure | None) -> tuple[PreconditionViolation, ...]:
    if bad is None:
        return ()
    return tuple(PreconditionViolation(each.type, each.subject, each.description) for each in bad.violations)


def _retry_after(retry: error_details_pb2.RetryInfo | None) -> timedelta | None:
    if retry is None or not retry.HasField("retry_delay"):
        return None
    delay: timedelta = retry.retry_delay.ToTimedelta()
    return delay
