"""What following registrations has in common in both worlds: when to connect again, and what is news."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import grpc

from litebox_partner import kkt_v1
from litebox_partner._attempts import asked, policy
from litebox_partner._error import ErrorDetails, PartnerError
from litebox_partner._token import TokenSource

# The connection or the server has gone, or the time of a stream is over.
_PASSING = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
# The words of the transport or of something on the way, when there is no reason of the service's.
_OF_THE_WAY = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})


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
    """Pauses between streams: those of every other call."""

    def __init__(self) -> None:
        self._failures = 0

    def reset(self) -> None:
        self._failures = 0

    def after_end(self) -> float:
        """Seconds after a stream that the server has ended in order: none, unless it has brought nothing."""
        self._failures += 1
        return 0.0 if self._failures == 1 else policy().pause(self._failures - 1)

    def after(self, error: PartnerError) -> float:
        """Seconds after a stream that has failed."""
        self._failures += 1
        return max(policy().pause(self._failures), asked(error))


def passes(error: PartnerError) -> bool:
    """Whether a new stream may bring more."""
    if error.code in _PASSING or (error.code in _OF_THE_WAY and not error.reason):
        return True
    return error.retry_after is not None  # a full server says when to come again


def silent() -> PartnerError:
    return PartnerError(grpc.StatusCode.UNAVAILABLE, "the stream has been silent for too long")


class Position:
    """Where a Watch stands, and whether another attempt is worth it."""

    def __init__(self, kkt_ids: Iterable[str], resume_token: str, patience: float, reached: bool = False) -> None:
        self.kkt_ids, self.resume_token = tuple(kkt_ids), resume_token
        self._own_token = self._replaced = False
        self._gives_up = time.monotonic() + patience
        self._reached = reached

    def request(self) -> kkt_v1.WatchRequest:
        return kkt_v1.WatchRequest(kkt_ids=self.kkt_ids, resume_token=self.resume_token)

    def take(self, message: kkt_v1.WatchResponse) -> kkt_v1.Kkt | None:
        """The change that it tells, if any."""
        self._reached, self._replaced = True, False
        if message.resume_token:
            self.resume_token, self._own_token = message.resume_token, True
        return message.kkt if message.WhichOneof("event") == "kkt" else None

    def goes_on(self, error: PartnerError) -> bool:
        """Whether the stream is opened again. A service that was never reached is given up after a call's time."""
        return passes(error) and (self._reached or time.monotonic() < self._gives_up)

    def replaces(self, error: PartnerError, tokens: TokenSource, token: str) -> bool:
        """Whether a token was refused and there is another one to show; once, until something comes."""
        if error.code is not grpc.StatusCode.UNAUTHENTICATED or self._replaced:
            return False
        self._replaced = tokens.refused(token)
        return self._replaced

    def begins_anew(self, error: PartnerError) -> bool:
        """A service that was set up anew does not know the tokens that it gave. Where registrations are named, a stream
        without a token begins with how they stand, so that nothing is missed."""
        unknown = any(bad.field == "resume_token" for bad in error.field_violations)
        if not unknown or not self.kkt_ids or not self._own_token:
            return False
        self.resume_token, self._own_token = "", False
        return True


@dataclass
class News:
    """Tells changes from repeats, and what has come to block a registration from what has before."""

    revision: int = -1
    blocked: tuple[str, int] | None = None
    changed: bool = field(default=False, init=False)
    newly_blocked: bool = field(default=False, init=False)

    def take(self, kkt: kkt_v1.Kkt) -> None:
        self.changed = kkt.revision != self.revision  # lower after a restored backup
        self.newly_blocked = False
        if self.changed:
            self.revision = kkt.revision
            now = (kkt.blocked.reason, int(kkt.blocked.waiting_for)) if kkt.HasField("blocked") else None
            self.newly_blocked = now not in (None, self.blocked)
            self.blocked = now


def registered(kkt: kkt_v1.Kkt) -> bool:
    """Whether it has reached its end; raises when that is another one."""
    if kkt.state == kkt_v1.KKT_STATE_REJECTED:
        said = kkt.rejection
        raise RegistrationRejectedError(kkt, f"FNS refused registration {kkt.id}: {said.reason}".strip())
    if kkt.state == kkt_v1.KKT_STATE_CANCELLED:
        raise RegistrationCancelledError(kkt, f"registration {kkt.id} was cancelled")
    return kkt.state == kkt_v1.KKT_STATE_REGISTERED
