"""What is repeated, how often and after which pauses: the policy of `service_config.json`, which all languages share."""

from __future__ import annotations

import functools
import json
import random
import time
from dataclasses import dataclass
from typing import Any

import grpc

from litebox_partner._error import PartnerError
from litebox_partner._options import Options, service_config


@dataclass(frozen=True)
class Policy:
    """Of every call but Watch: each is a read or carries a request_id."""

    attempts: int
    first: float
    longest: float
    multiplier: float
    codes: frozenset[str]

    def pause(self, failures: int) -> float:
        """Seconds after so many failures, spread by a fifth, so that many programs do not come back at the same moment."""
        grown: float = self.first * self.multiplier ** min(failures - 1, 30)
        return min(grown, self.longest) * random.uniform(0.8, 1.2)


@functools.cache
def policy() -> Policy:
    """gRPC itself could repeat, but knows nothing of RetryInfo: all attempts would be over before the time it asks for."""
    told: dict[str, Any] = json.loads(service_config())["methodConfig"][0]["retryPolicy"]
    return Policy(
        attempts=told["maxAttempts"],
        first=_seconds(told["initialBackoff"]),
        longest=_seconds(told["maxBackoff"]),
        multiplier=told["backoffMultiplier"],
        codes=frozenset(told["retryableStatusCodes"]),
    )


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def asked(error: PartnerError) -> float:
    """Seconds that the service wants to be left alone."""
    return 0.0 if error.retry_after is None else error.retry_after.total_seconds()


class Attempts:
    """The attempts of one call, which has one end for all of them."""

    def __init__(self, options: Options, timeout: float | None) -> None:
        self._tokens = options.token
        self._end = time.monotonic() + (options.timeout if timeout is None else timeout)
        self._failures = 0
        self._replaced = False

    def left(self) -> float:
        """Seconds until the end of the call."""
        return max(self._end - time.monotonic(), 0.0)

    def pause(self, error: PartnerError, token: str) -> float | None:
        """Seconds until the next attempt; None when there is none. A refused token is replaced once."""
        if error.code is grpc.StatusCode.UNAUTHENTICATED and not self._replaced:
            self._replaced = True
            return 0.0 if self._tokens.refused(token) else None
        self._failures += 1
        if error.code.name not in policy().codes or self._failures >= policy().attempts:
            return None
        pause = max(policy().pause(self._failures), asked(error))
        return pause if pause < self.left() else None  # what went wrong says more than that time is up
