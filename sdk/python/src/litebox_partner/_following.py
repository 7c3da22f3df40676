"""What following registrations has in common in both worlds: when to connect again, and what is news."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import grpc

from litebox_partner import kkt_v1
from litebox_partner._error import ErrorDetails, PartnerError

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
# CANCELLED that nobody here asked for, and INTERNAL or UNKNOWN of no server of ours: the connection was ending.
_GOING = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
_GOING_WITHOUT_REASON = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})
# A full server or too many streams: it has said when to come again.
_FULL = frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED})


class RegistrationEndedError(PartnerError):
    """A registration that was waited for has ended otherwise. `kkt` is how it stands."""

    def __init__(self, kkt: kkt_v1.Kkt, message: str) -> None:
        super().__init__(grpc.StatusCode.FAILED_PRECONDITION, message, ErrorDetails())
        self.kkt = kkt


class RegistrationRejectedError(RegistrationEndedError):
    """FNS has refused the application: `kkt.rejection` says why. Order anew with corrected data."""


class RegistrationCancelledError(RegistrationEndedError):
    """Somebody has cancelled the registration."""


class Backoff:
    """Growing pauses between attempts to connect."""

    def __init__(self) -> None:
        self._pause = 0.0

    def reset(self) -> None:
        self._pause = 0.0

    def next(self, error: PartnerError | None) -> float:
        """Seconds to wait; none after a stream that the server ended in order, unless it gave nothing."""
        self._pause = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
        asked = error.retry_after.total_seconds() if error is not None and error.retry_after is not None else 0.0
        return max(self._pause * random.uniform(0.8, 1.2), asked)


def goes_on(error: PartnerError) -> bool:
    """Whether the stream is opened again."""
    if error.code in _GOING:
        return True
    if error.code in _FULL:
        return error.retry_after is not None
    return error.code in _GOING_WITHOUT_REASON and not error.reason


class Position:
    """Where a Watch stands, and whether another attempt is worth it."""

    def __init__(self, kkt_ids: Iterable[str], resume_token: str, patience: float) -> None:
        self.kkt_ids, self.resume_token = tuple(kkt_ids), resume_token
        self._given = resume_token
        self._gives_up = time.monotonic() + patience
        self._reached = False

    def request(self) -> kkt_v1.WatchRequest:
        return kkt_v1.WatchRequest(kkt_ids=self.kkt_ids, resume_token=self.resume_token)

    def take(self, message: kkt_v1.WatchResponse) -> kkt_v1.Kkt | None:
        """The change that it tells, if any."""
        self._reached = True
        self.resume_token = message.resume_token or self.resume_token
        return message.kkt if message.WhichOneof("event") == "kkt" else None

    def goes_on(self, error: PartnerError) -> bool:
        """Whether the stream is opened again. A service that was never reached is given up after a call's time."""
        if self._forgets(error):
            return True
        return goes_on(error) and (self._reached or time.monotonic() < self._gives_up)

    def _forgets(self, error: PartnerError) -> bool:
        """A token of ours that the service does not know any more: registrations that are named are told anew."""
        refused = [bad.field for bad in error.field_violations] == ["resume_token"]
        if not refused or not self.kkt_ids or self.resume_token in ("", self._given):
            return False
        self.resume_token = self._given = ""
        return True


def closed() -> PartnerError:
    return PartnerError(grpc.StatusCode.CANCELLED, "the Partner was closed")


@dataclass
class News:
    """Tells changes from repeats, and what has come to block a registration from what has before."""

    revision: int = -1
    blocked: str = ""
    changed: bool = field(default=False, init=False)
    newly_blocked: bool = field(default=False, init=False)

    def take(self, kkt: kkt_v1.Kkt) -> None:
        self.changed = kkt.revision != self.revision  # lower after a restored backup
        self.newly_blocked = False
        if self.changed:
            self.revision = kkt.revision
            now = kkt.blocked.reason if kkt.HasField("blocked") else ""
            self.newly_blocked = now not in ("", self.blocked)
            self.blocked = now


def registered(kkt: kkt_v1.Kkt) -> bool:
    """Whether it has reached its end; raises when that is another one."""
    if kkt.state == kkt_v1.KKT_STATE_REJECTED:
        said = kkt.rejection
        raise RegistrationRejectedError(kkt, f"FNS refused registration {kkt.id}: {said.reason}".strip())
    if kkt.state == kkt_v1.KKT_STATE_CANCELLED:
        raise RegistrationCancelledError(kkt, f"registration {kkt.id} was cancelled")
    return kkt.state == kkt_v1.KKT_STATE_REGISTERED
