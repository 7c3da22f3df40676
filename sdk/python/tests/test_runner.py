"""The runner of the conformance cases: what it must not take for success."""

from __future__ import annotations

import asyncio
import sys
import unittest
from pathlib import Path
from typing import Any

import grpc
from scripted import kkt

from litebox_partner import PartnerError, RegistrationCancelledError, RegistrationRejectedError, kkt_v1

sys.path.insert(0, str(Path(__file__).parents[1] / "conformance"))
from drivers import SyncWatch
from expect import Failed, error_fits
from steps import Case, Stopped

DONE, WAITING = kkt_v1.KKT_STATE_REGISTERED, kkt_v1.KKT_STATE_AWAITING_RNM
LATE = PartnerError(grpc.StatusCode.DEADLINE_EXCEEDED, "late")


class Changes:
    """A Watch that tells these and ends by itself."""

    resume_token = "t"

    def __init__(self, changes: tuple[kkt_v1.Kkt, ...]) -> None:
        self.left = iter(changes)

    def __next__(self) -> kkt_v1.Kkt:
        return next(self.left)

    def close(self) -> None:
        pass


class Told:
    """A driver whose wait ends like this, or whose Watch tells these changes."""

    def __init__(self, *changes: kkt_v1.Kkt, raises: Exception | None = None) -> None:
        self.changes, self.raises = changes, raises

    async def wait(self, *_: Any) -> kkt_v1.Kkt:
        if self.raises is not None:
            raise self.raises
        return self.changes[0]

    def watch(self, *_: Any) -> SyncWatch:
        return SyncWatch(Changes(self.changes))


def passes(driver: Any, step: dict) -> bool:
    case = Case(driver, "")
    case.partners["default"] = None
    try:
        asyncio.run(case.do([step]))
    except Exception:
        return False
    return True


class Runner(unittest.TestCase):
    def test_each_end_of_a_wait_fits_its_own_expectation_and_no_other(self) -> None:
        ends = {
            "state": Told(kkt(DONE, 2)),
            "stopped": Told(raises=Stopped()),
            "rejected": Told(raises=RegistrationRejectedError(kkt(kkt_v1.KKT_STATE_REJECTED, 2), "refused")),
            "cancelled": Told(raises=RegistrationCancelledError(kkt(kkt_v1.KKT_STATE_CANCELLED, 2), "given up")),
            "error": Told(raises=LATE),
        }
        wanted: dict[str, dict] = {
            "state": {"state": "KKT_STATE_REGISTERED"},
            "stopped": {"stopped": True},
            "rejected": {"ended": "KKT_STATE_REJECTED"},
            "cancelled": {"ended": "KKT_STATE_CANCELLED"},
            "error": {"error": {"code": "DEADLINE_EXCEEDED"}},
            "nothing": {},
        }
        for name, expect in wanted.items():
            for end, driver in ends.items():
                with self.subTest(wanted=name, end=end):
                    self.assertEqual(passes(driver, {"wait": "k", "expect": expect}), name == end)

    def test_a_watch_ends_with_the_change_that_is_wanted_or_has_failed(self) -> None:
        step: dict = {"watch": {}, "until": {"state": "KKT_STATE_REGISTERED"}}
        self.assertTrue(passes(Told(kkt(WAITING, 1), kkt(DONE, 2)), step))
        self.assertFalse(passes(Told(kkt(WAITING, 1)), step), "it has ended by itself")
        step["expect"] = {"error": {"code": "NOT_FOUND"}}
        self.assertFalse(passes(Told(kkt(DONE, 2)), step), "it should have failed")

    def test_an_error_has_the_request_id_that_was_sent_or_one_that_was_drawn(self) -> None:
        drawn = "0b6d3d6e-3c0a-4d53-9f0a-5a5f7f0f0a01"
        for request_id, sent_id, fits in (("mine", "mine", True), (drawn, "", True), (drawn, "mine", False), ("mine", "", False)):
            error = PartnerError(grpc.StatusCode.NOT_FOUND, "no", request_id=request_id)
            with self.subTest(request_id=request_id, sent_id=sent_id):
                if fits:
                    error_fits({"request_id": True}, error, sent_id)
                else:
                    with self.assertRaises(Failed):
                        error_fits({"request_id": True}, error, sent_id)
