"""What a call may end with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import grpc


@dataclass(frozen=True)
class FieldViolation:
    """A field of the request that is wrong."""

    field: str
    #: In English, for developers.
    description: str
    #: What is wrong with it, for programs, such as INN_CHECK_DIGIT.
    reason: str = ""
    #: In Russian, for people. It may tell of a person, and is not printed with the rest.
    localized_message: str = dataclasses.field(default="", repr=False)


@dataclass(frozen=True)
class PreconditionViolation:
    """A rule that is broken, or a warning that is open."""

    type: str
    subject: str
    #: For people. It may tell of a person, and is not printed with the rest.
    description: str = dataclasses.field(repr=False)


@dataclass(frozen=True)
class ErrorDetails:
    """What the server told about an error, apart from code and message."""

    reason: str = ""
    localized_message: str = ""
    field_violations: Sequence[FieldViolation] = ()
    precondition_violations: Sequence[PreconditionViolation] = ()
    retry_after: timedelta | None = None
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    server_request_id: str = ""


class PartnerError(Exception):
    """A call came to nothing. `litebox_partner.reasons` has a subclass for each reason.

    Decide by class, `reason` and `code`; texts may change.
    """

    def __init__(
        self, code: grpc.StatusCode, message: str, details: ErrorDetails | None = None, request_id: str = ""
    ) -> None:
        details = details or ErrorDetails()
        self.code = code
        self.message = message
        #: Name of the value of `ErrorReason` without its prefix; also one that this release does not know. Empty: none.
        self.reason = details.reason
        #: A Russian sentence for people, ending with what to do next.
        self.localized_message = details.localized_message
        self.field_violations = details.field_violations
        self.precondition_violations = details.precondition_violations
        #: The time after which repeating helps.
        self.retry_after = details.retry_after
        self.metadata = details.metadata
        #: Id of the call at the server, for LiteBox's support.
        self.server_request_id = details.server_request_id
        #: request_id that the call was sent with: send it again, with the same content, to go on. Empty for reads.
        self.request_id = request_id
        super().__init__(str(self))

    def __str__(self) -> str:
        told = [self.reason or self.code.name, self.message]
        told += [f"{bad.field}: {bad.description}" for bad in self.field_violations]
        told += [bad.type for bad in self.precondition_violations]  # descriptions may tell of a person
        return "; ".join(filter(None, told))
