"""What holds for calls and for Watch alike: default deadline, headers, refused tokens; in both worlds."""

from __future__ import annotations

import unittest
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from unittest import mock

import grpc
import test_calls
import test_following
from scripted import Answer, Server, change, gives, kkt, refusal, tells

from litebox_partner import __version__, client_v1, kkt_v1, reasons

REFUSED = refusal(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID")
FOUND = gives(kkt_v1.GetResponse(kkt=kkt_v1.Kkt(id="k")))
TOLD = tells(change(kkt(kkt_v1.KKT_STATE_REGISTERED, 1), "t"))
SENT = {"traceparent": "00-1-2-01", "tracestate": "vendor=1", "baggage": "login=ivan"}


class Rotated:
    """A token file that has another token after each call that it was shown in."""

    def __init__(self, case: unittest.TestCase) -> None:
        folder = TemporaryDirectory()
        case.addCleanup(folder.cleanup)
        self.file, self.count = Path(folder.name, "token"), 0
        self.file.write_text("token-0")

    def after(self, answer: Answer) -> Answer:
        def answered(request: Any, context: grpc.ServicerContext) -> Any:
            self.count += 1
            self.file.write_text(f"token-{self.count}")
            return answer(request, context)

        return answered


class Promises:
    calls: test_calls.Sync | test_calls.Async
    following: test_following.Sync | test_following.Async

    def test_a_call_may_take_twenty_seconds_when_nothing_else_is_said(self: Any) -> None:
        left: list[float] = []

        def answer(_: Any, context: grpc.ServicerContext) -> Any:
            left.append(context.time_remaining())
            return client_v1.GetResponse(client=client_v1.Client(id="c"))

        with Server(answer) as server:
            self.calls.call(server, "clients", "get", "c")
        self.assertTrue(15 < left[0] <= 20.1, left)  # gRPC sends such times in tenths of a second, rounded up

    def test_a_call_and_a_watch_say_who_calls_and_in_which_trace_but_nothing_of_the_baggage(self: Any) -> None:
        api = SimpleNamespace(inject=lambda carrier: carrier.update(SENT))
        with mock.patch("litebox_partner._trace._api", api), Server(FOUND, TOLD) as server:
            self.calls.call(server, "kkts", "get", "k", partner_id="p")
            self.following.watch(server, 1, ["k"], partner_id="p")
        wanted = {"authorization": "Bearer secret", "x-litebox-partner-id": "p", **SENT, "baggage": None}
        for name, value in wanted.items():
            self.assertEqual([headers.get(name) for headers in server.headers], [value, value], name)
        for headers in server.headers:
            self.assertTrue(headers["user-agent"].startswith(f"litebox-partner-python/{__version__} "))

    def test_a_refused_token_is_replaced_once(self: Any) -> None:
        ways = {
            "a call": (FOUND, lambda server, **options: self.calls.call(server, "kkts", "get", "k", token=None, **options)),
            "a Watch": (TOLD, lambda server, **options: self.following.watch(server, 1, ["k"], **options)),
        }
        for name, (good, way) in ways.items():
            with self.subTest(name, refused="once"):
                rotated = Rotated(self)
                with Server(rotated.after(REFUSED), good) as server:
                    way(server, token_file=rotated.file)
                self.assertEqual(self.shown(server), ["Bearer token-0", "Bearer token-1"])
            with self.subTest(name, refused="twice"):
                rotated = Rotated(self)
                with Server(*[rotated.after(REFUSED)] * 2, good) as server, self.assertRaises(reasons.CredentialsInvalidError):
                    way(server, token_file=rotated.file)
                self.assertEqual(self.shown(server), ["Bearer token-0", "Bearer token-1"])

    def test_a_watch_may_replace_its_token_again_once_something_came(self: Any) -> None:
        rotated = Rotated(self)
        told = tells(change(kkt(kkt_v1.KKT_STATE_AWAITING_RNM, 1), "t"), then=rotated.after(REFUSED))
        with Server(rotated.after(REFUSED), told, TOLD) as server:
            self.following.watch(server, 2, ["k"], token_file=rotated.file)
        self.assertEqual(self.shown(server), ["Bearer token-0", "Bearer token-1", "Bearer token-2"])

    def shown(self, server: Server) -> list[str]:
        return [headers["authorization"] for headers in server.headers]


class SyncPromises(Promises, unittest.TestCase):
    calls, following = test_calls.Sync(), test_following.Sync()


class AsyncPromises(Promises, unittest.TestCase):
    calls, following = test_calls.Async(), test_following.Async()
