"""Calls: headers, request_id, repeats, deadline, pages, errors; in both worlds."""

from __future__ import annotations

import asyncio
import re
import time
import types
import unittest
import uuid
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import grpc
from opentelemetry import trace
from scripted import Server, down, gives, refusal

from litebox_partner import AsyncPartner, Partner, PartnerError, __version__, client_v1, kkt_v1, reasons

OPEN = {"plaintext": True, "allow_token_in_plaintext": True}
REGISTERED = gives(client_v1.RegisterResponse(client=client_v1.Client(id="c")))
UNKNOWN_TOKEN = refusal(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID")


class Sync:
    """One call of Partner."""

    def call(self, server: Server, service: str, method: str, *given: Any, within: Any = None, **options: Any) -> Any:
        with Partner(server.address, **{**OPEN, "token": "secret", **options}) as partner:
            answer = getattr(getattr(partner, service), method)(*given, timeout=within)
            return list(answer) if method == "list" else answer

    def spread(self, address: str, done: Callable[[], Any]) -> None:
        """Makes calls until it is done, 200 at most."""
        with Partner(address, **{**OPEN, "token": "secret"}) as partner:
            for _ in range(200):
                if not done():
                    partner.clients.get("c")


class Async:
    """The same of AsyncPartner."""

    def call(self, server: Server, service: str, method: str, *given: Any, within: Any = None, **options: Any) -> Any:
        async def work() -> Any:
            async with AsyncPartner(server.address, **{**OPEN, "token": "secret", **options}) as partner:
                answer = getattr(getattr(partner, service), method)(*given, timeout=within)
                return [item async for item in answer] if method == "list" else await answer

        return asyncio.run(work())

    def spread(self, address: str, done: Callable[[], Any]) -> None:
        async def work() -> None:
            async with AsyncPartner(address, **{**OPEN, "token": "secret"}) as partner:
                for _ in range(200):
                    if not done():
                        await partner.clients.get("c")

        asyncio.run(work())


class Calls:
    """What both worlds do."""

    world: Sync | Async

    def test_headers_say_who_calls(self: Any) -> None:
        with Server(gives(client_v1.GetResponse(client=client_v1.Client(id="c")))) as server:
            client = self.world.call(server, "clients", "get", "c", partner_id="p")
        self.assertEqual(client.id, "c")
        self.assertEqual(server.headers[0]["authorization"], "Bearer secret")
        self.assertEqual(server.headers[0]["x-litebox-partner-id"], "p")
        self.assertTrue(server.headers[0]["user-agent"].startswith(f"litebox-partner-python/{__version__} "))
        self.assertNotIn("traceparent", server.headers[0])

    def test_a_trace_goes_on(self: Any) -> None:
        def inject(carrier: dict[str, str]) -> None:
            carrier.update(traceparent="00-1-2-01", baggage="private=1")

        api = types.SimpleNamespace(inject=inject)
        with mock.patch("litebox_partner._trace._api", api), Server(gives(kkt_v1.ListResponse())) as server:
            self.world.call(server, "kkts", "list_page")
        self.assertEqual(server.headers[0]["traceparent"], "00-1-2-01")
        self.assertNotIn("baggage", server.headers[0])

    def test_a_trace_of_opentelemetry_goes_on(self: Any) -> None:
        here = trace.NonRecordingSpan(trace.SpanContext(trace_id=1, span_id=2, is_remote=False, trace_flags=trace.TraceFlags(1)))
        with trace.use_span(here), Server(gives(kkt_v1.ListResponse())) as server:
            self.world.call(server, "kkts", "list_page")
        self.assertEqual(server.headers[0]["traceparent"], f"00-{1:032x}-{2:016x}-01")

    def test_a_request_id_is_drawn_once_for_all_attempts(self: Any) -> None:
        request = client_v1.RegisterRequest(inn="7707083893")
        with Server(down, down, down, down, REGISTERED) as server:
            self.world.call(server, "clients", "register", request)
        ids = {asked.request_id for asked in server.requests}
        self.assertEqual((len(server.requests), len(ids)), (5, 1))
        self.assertEqual(uuid.UUID(ids.pop()).version, 4)
        self.assertEqual(request.request_id, "")

    def test_a_request_id_that_is_given_is_kept(self: Any) -> None:
        with Server(REGISTERED) as server:
            self.world.call(server, "clients", "register", client_v1.RegisterRequest(request_id="mine"))
        self.assertEqual(server.requests[0].request_id, "mine")

    def test_after_five_attempts_the_error_has_the_request_id(self: Any) -> None:
        with Server(*[down] * 6) as server, self.assertRaises(PartnerError) as raised:
            self.world.call(server, "kkts", "cancel", "k")
        self.assertEqual(len(server.requests), 5)
        self.assertEqual(server.requests[0].kkt_id, "k")
        self.assertEqual(raised.exception.request_id, server.requests[0].request_id)
        self.assertIs(raised.exception.code, grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(raised.exception.reason, "")

    def test_a_pause_that_the_service_asks_for_is_kept(self: Any) -> None:
        busy = refusal(grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE", retry_s=1)
        with Server(busy, REGISTERED) as server:
            began = time.monotonic()
            self.world.call(server, "clients", "register", client_v1.RegisterRequest())
        self.assertGreaterEqual(time.monotonic() - began, 1)
        with Server(busy) as server, self.assertRaises(reasons.StorageUnavailableError):  # it would outlast the call
            self.world.call(server, "clients", "get", "c", within=0.9)
        self.assertEqual(len(server.requests), 1)

    def test_a_reason_is_a_class(self: Any) -> None:
        refused = refusal(grpc.StatusCode.ALREADY_EXISTS, "CLIENT_ALREADY_REGISTERED", client_id="c")
        with Server(refused) as server, self.assertRaises(reasons.ClientAlreadyRegisteredError) as raised:
            self.world.call(server, "clients", "register", client_v1.RegisterRequest())
        self.assertEqual(raised.exception.metadata, {"client_id": "c"})
        self.assertEqual(raised.exception.server_request_id, "srv-1")
        self.assertEqual(raised.exception.localized_message, "Так нельзя.")
        self.assertIn("CLIENT_ALREADY_REGISTERED", str(raised.exception))

    def test_a_call_has_an_end(self: Any) -> None:
        for given in ({"within": 0.2}, {"timeout": 0.2}):
            with Server() as server, self.assertRaises(reasons.DeadlineExceededError) as raised:
                server.script.put(server.hang)
                self.world.call(server, "clients", "get", "c", **given)
            self.assertEqual(raised.exception.reason, "DEADLINE_EXCEEDED")

    def test_pages_are_asked_for_one_after_another(self: Any) -> None:
        pages = [
            kkt_v1.ListResponse(kkts=[kkt_v1.Kkt(id="1"), kkt_v1.Kkt(id="2")], next_page_token="more"),
            kkt_v1.ListResponse(next_page_token="and more"),
            kkt_v1.ListResponse(kkts=[kkt_v1.Kkt(id="3")]),
        ]
        request = kkt_v1.ListRequest(page_size=2, inn="7707083893")
        with Server(*map(gives, pages)) as server:
            found = self.world.call(server, "kkts", "list", request)
        self.assertEqual([item.id for item in found], ["1", "2", "3"])
        self.assertEqual([asked.page_token for asked in server.requests], ["", "more", "and more"])
        self.assertEqual({(asked.page_size, asked.inn) for asked in server.requests}, {(2, "7707083893")})
        self.assertEqual(request.page_token, "")

    def test_a_token_is_read_again_when_it_is_refused(self: Any) -> None:
        with TemporaryDirectory() as folder:
            file = Path(folder, "token")
            file.write_text("old\n")

            def rotate(request: Any, context: grpc.ServicerContext) -> Any:
                file.write_text("new\n")
                return UNKNOWN_TOKEN(request, context)

            with Server(rotate, REGISTERED) as server:
                self.world.call(server, "clients", "register", client_v1.RegisterRequest(), token=None, token_file=file)
            with Server(UNKNOWN_TOKEN) as other, self.assertRaises(reasons.CredentialsInvalidError):
                self.world.call(other, "clients", "get", "c", token=None, token_file=file)
        self.assertEqual([told["authorization"] for told in server.headers], ["Bearer old", "Bearer new"])
        self.assertEqual(len({asked.request_id for asked in server.requests}), 1)
        self.assertEqual(len(other.requests), 1)

    def test_calls_go_to_all_addresses_of_a_name(self: Any) -> None:
        answers = [gives(client_v1.GetResponse(client=client_v1.Client(id="c")))] * 200
        with Server(*answers) as one, Server(*answers) as other:
            # A name with two addresses, without a name server: gRPC takes such a list, and Partner does not.
            with mock.patch("litebox_partner._options._ADDRESS", re.compile(".*")):
                self.world.spread(f"ipv4:{one.address},{other.address}", lambda: one.requests and other.requests)
        self.assertTrue(one.requests and other.requests, (len(one.requests), len(other.requests)))

    def test_a_fixed_token_is_not_tried_twice(self: Any) -> None:
        with Server(UNKNOWN_TOKEN) as server, self.assertRaises(reasons.CredentialsInvalidError):
            self.world.call(server, "clients", "get", "c")
        self.assertEqual(len(server.requests), 1)


class SyncCalls(Calls, unittest.TestCase):
    world = Sync()


class AsyncCalls(Calls, unittest.TestCase):
    world = Async()


if __name__ == "__main__":
    unittest.main()
