"""Watch and wait_until_registered; in both worlds."""

from __future__ import annotations

import asyncio
import threading
import time
import unittest
from typing import Any
from unittest import mock

import grpc
from google.rpc import error_details_pb2
from scripted import Server, change, details, down, end, gives, kkt, refusal, tells

from litebox_partner import AsyncPartner, Partner, PartnerError, RegistrationCancelledError, RegistrationRejectedError, kkt_v1, reasons
from litebox_partner._following import Backoff

READY, DONE = kkt_v1.KKT_STATE_READY_TO_FISCALIZE, kkt_v1.KKT_STATE_REGISTERED


def refuses_token(request: Any, context: Any) -> Any:
    bad = error_details_pb2.BadRequest()
    bad.field_violations.add(field="resume_token", description="unknown")
    told = details(grpc.StatusCode.INVALID_ARGUMENT, error_details_pb2.ErrorInfo(reason="VALIDATION_FAILED", domain="litebox.ru"), bad)
    context.set_trailing_metadata((("grpc-status-details-bin", told),))
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")


def opened(kind: Any, server: Server, **options: Any) -> Any:
    token = None if "token_file" in options else "secret"
    return kind(server.address, token=token, plaintext=True, allow_token_in_plaintext=True, **options)


class Sync:
    def watch(self, server: Server, count: int, *given: Any, **options: Any) -> tuple[list[int], str]:
        with opened(Partner, server, **options) as partner, partner.kkts.watch(*given) as watch:
            return [next(watch).revision for _ in range(count)], watch.resume_token

    def wait(self, server: Server, within: float = 20, **options: Any) -> kkt_v1.Kkt:
        with opened(Partner, server, timeout=within) as partner:
            return partner.kkts.wait_until_registered("k", **options)

    def get_beside_a_watch(self, server: Server) -> kkt_v1.Kkt:
        with opened(Partner, server) as partner, partner.kkts.watch(["k"]) as watch:
            next(watch)
            return partner.kkts.get("k", timeout=3)

    def closed_meanwhile(self, server: Server) -> None:
        partner, reached = opened(Partner, server), threading.Event()
        server.script.put(lambda request, context: (reached.set(), server.hang(request, context))[1])
        threading.Thread(target=lambda: (reached.wait(5), partner.close()), daemon=True).start()
        next(partner.kkts.watch(["k"]))


class Async:
    def watch(self, server: Server, count: int, *given: Any, **options: Any) -> tuple[list[int], str]:
        async def work() -> Any:
            async with opened(AsyncPartner, server, **options) as partner, partner.kkts.watch(*given) as watch:
                return [(await anext(watch)).revision for _ in range(count)], watch.resume_token

        return asyncio.run(work())

    def wait(self, server: Server, within: float = 20, **options: Any) -> kkt_v1.Kkt:
        async def work() -> Any:
            async with opened(AsyncPartner, server, timeout=within) as partner:
                return await partner.kkts.wait_until_registered("k", **options)

        return asyncio.run(work())

    def get_beside_a_watch(self, server: Server) -> kkt_v1.Kkt:
        async def work() -> Any:
            async with opened(AsyncPartner, server) as partner, partner.kkts.watch(["k"]) as watch:
                await anext(watch)
                return await partner.kkts.get("k", timeout=3)

        return asyncio.run(work())

    def closed_meanwhile(self, server: Server) -> None:
        async def work() -> None:
            partner, reached = opened(AsyncPartner, server), threading.Event()
            server.script.put(lambda request, context: (reached.set(), server.hang(request, context))[1])
            reads = asyncio.create_task(anext(partner.kkts.watch(["k"])))
            await asyncio.to_thread(reached.wait, 5)
            await partner.close()
            await reads

        asyncio.run(work())


class Following:
    """What both worlds do."""

    world: Sync | Async

    def first(self, state: int, revision: int = 1, blocked: str = "") -> Any:
        return gives(kkt_v1.GetResponse(kkt=kkt(state, revision, blocked)))

    def test_a_watch_goes_on_where_it_was(self: Any) -> None:
        heartbeat = kkt_v1.WatchResponse(heartbeat=kkt_v1.Heartbeat(), resume_token="t2")
        script = [
            tells(change(kkt(READY, 1), "t1"), heartbeat, then=down),
            down,
            tells(change(kkt(READY, 2), "t3"), end("t4")),
            tells(change(kkt(READY, 3), "t5")),
            tells(change(kkt(READY, 4), "t6"), then=refusal(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")),
        ]
        with Server(*script) as server:
            revisions, token = self.world.watch(server, 4, ["k"], "t0")
        self.assertEqual((revisions, token), ([1, 2, 3, 4], "t6"))
        self.assertEqual([asked.resume_token for asked in server.requests], ["t0", "t2", "t2", "t4", "t5"])
        self.assertTrue(all(list(asked.kkt_ids) == ["k"] for asked in server.requests))

    def test_a_watch_ends_with_an_error_that_stays(self: Any) -> None:
        refused = refusal(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")
        with Server(refused) as server, self.assertRaises(reasons.ResourceNotFoundError):
            self.world.watch(server, 1, ["k"])

    def test_a_watch_goes_on_after_what_passes(self: Any) -> None:
        def fails(code: grpc.StatusCode) -> Any:
            return lambda _, context: context.abort(code, "on the way")

        codes = grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN
        with mock.patch.object(Backoff, "after", lambda *_: 0.0):
            with Server(*map(fails, codes), tells(change(kkt(READY, 1), "t"))) as server:
                self.assertEqual(self.world.watch(server, 1, ["k"])[0], [1])
        with Server(refusal(grpc.StatusCode.INTERNAL, "INTERNAL")) as server, self.assertRaises(reasons.InternalError):
            self.world.watch(server, 1, ["k"])

    def test_the_first_message_of_a_stream_and_the_later_ones_have_times_of_their_own(self: Any) -> None:
        def slow(_: Any, __: Any) -> Any:
            yield change(kkt(READY, 1), "a")
            time.sleep(1)
            yield change(kkt(READY, 2), "b")

        with Server(slow) as server:
            self.assertEqual(self.world.watch(server, 2, ["k"], timeout=0.5)[0], [1, 2])
        self.assertEqual(len(server.requests), 1)

    def test_a_token_that_is_not_known_any_more_is_done_without(self: Any) -> None:
        script = [tells(change(kkt(READY, 1), "old"), then=down), refuses_token, tells(change(kkt(READY, 2), "new"))]
        with Server(*script) as server:
            self.assertEqual(self.world.watch(server, 2, ["k"]), ([1, 2], "new"))
        self.assertEqual([asked.resume_token for asked in server.requests], ["", "old", ""])
        for given in ((["k"], "mine"), ([], "mine")):  # the caller's own, and one of all registrations: nothing stands for it
            with Server(refuses_token) as server, self.assertRaises(reasons.ValidationFailedError):
                self.world.watch(server, 1, *given)

    def test_a_watch_of_everything_cannot_begin_anew(self: Any) -> None:
        with Server(tells(change(kkt(READY, 1), "own"), then=down), refuses_token) as server, self.assertRaises(reasons.ValidationFailedError):
            self.world.watch(server, 2)

    def test_changes_are_told_as_they_come(self: Any) -> None:
        """Repeats as well, and what is lower after a restored backup."""
        told = tells(change(kkt(READY, 5), "a"), change(kkt(READY, 5), "b"), change(kkt(READY, 3), "c"))
        with Server(told) as server:
            self.assertEqual(self.world.watch(server, 3, ["k"])[0], [5, 5, 3])

    def test_a_stream_that_is_silent_is_left(self: Any) -> None:
        with Server() as server:
            server.script.put(tells(change(kkt(READY, 1), "a"), then=server.hang))
            server.script.put(tells(change(kkt(READY, 2), "b")))
            self.assertEqual(self.world.watch(server, 2, ["k"], watch_silence=0.2), ([1, 2], "b"))
        self.assertEqual([asked.resume_token for asked in server.requests], ["", "a"])

    def test_a_watch_that_is_never_answered_ends(self: Any) -> None:
        with Server() as server, self.assertRaises(PartnerError) as raised:
            server.script.put(server.hang)
            self.world.watch(server, 1, ["k"], timeout=0.3)
        self.assertIs(raised.exception.code, grpc.StatusCode.UNAVAILABLE)
        self.assertIn("silent", str(raised.exception))

    def test_a_server_that_only_ends_its_streams_is_not_asked_in_a_loop(self: Any) -> None:
        before: list[float] = []
        pause = Backoff.after_end

        def noted(backoff: Backoff) -> float:
            before.append(pause(backoff))
            return 0.0

        with mock.patch.object(Backoff, "after_end", noted):
            with Server(tells(end("a")), tells(end("b")), tells(end("c")), tells(change(kkt(READY, 1), "d"))) as server:
                self.world.watch(server, 1, ["k"])
        self.assertEqual(before[0], 0)
        self.assertTrue(0.07 < before[1] < 0.13 < before[2] < 0.25, before)

    def test_streams_keep_no_call_waiting(self: Any) -> None:
        with Server(streams=1) as server:
            server.script.put(tells(change(kkt(READY, 1), "t"), then=server.hang))
            server.script.put(self.first(DONE))
            self.assertEqual(self.world.get_beside_a_watch(server).state, DONE)

    def test_pauses_begin_anew_after_a_message(self: Any) -> None:
        before: list[float] = []

        def no_pause(backoff: Backoff, _: Any) -> float:
            before.append(backoff._failures)
            backoff._failures += 1
            return 0.0

        told = [tells(change(kkt(READY, revision), "t"), then=down) for revision in (1, 2)]
        with mock.patch.object(Backoff, "after", no_pause), Server(down, down, *told) as server:
            self.world.watch(server, 2, ["k"])
        self.assertEqual(before, [0, 1, 0])

    def test_a_service_that_was_never_reached_is_given_up(self: Any) -> None:
        with Server(*[down] * 50) as server, self.assertRaises(PartnerError) as raised:
            self.world.watch(server, 1, ["k"], timeout=0.3)
        self.assertIs(raised.exception.code, grpc.StatusCode.UNAVAILABLE)

    def test_closing_the_partner_ends_its_streams(self: Any) -> None:
        with Server() as server, self.assertRaises(PartnerError) as raised:
            self.world.closed_meanwhile(server)
        self.assertIs(raised.exception.code, grpc.StatusCode.CANCELLED)

    def test_a_full_server_is_asked_again(self: Any) -> None:
        full = refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "SERVER_OVERLOADED", retry_s=1)
        with Server(full, tells(change(kkt(READY, 1), "t"))) as server:
            self.assertEqual(self.world.watch(server, 1, ["k"])[0], [1])

    def test_a_wait_tells_each_change_once(self: Any) -> None:
        changes = [kkt(READY, 1), kkt(READY, 2, "NO_PAPER"), kkt(READY, 3, "NO_PAPER"), kkt(READY, 4), kkt(READY, 5, "NO_PAPER")]
        script = [
            self.first(READY),
            tells(*(change(each, f"t{each.revision}") for each in changes), then=down),
            tells(change(kkt(READY, 5, "NO_PAPER"), "t5"), change(kkt(DONE, 6), "t6")),
        ]
        seen: list[int] = []
        blocked: list[int] = []
        with Server(*script) as server:
            final = self.world.wait(
                server, on_change=lambda each: seen.append(each.revision), on_blocked=lambda each: blocked.append(each.revision)
            )
        self.assertEqual((final.state, seen, blocked), (DONE, [1, 2, 3, 4, 5, 6], [2, 5]))

    def test_who_has_to_act_is_told_when_that_changes(self: Any) -> None:
        whom = [kkt_v1.WAITING_FOR_DEVICE, kkt_v1.WAITING_FOR_PARTNER]
        changes = [kkt(READY, revision, "REPORT_FAILED") for revision in (2, 3)]
        for each, waiting_for in zip(changes, whom, strict=True):
            each.blocked.waiting_for = waiting_for
        script = [self.first(READY), tells(*(change(each, "t") for each in (*changes, kkt(DONE, 4))))]
        told: list[int] = []
        with Server(*script) as server:
            self.world.wait(server, on_blocked=lambda each: told.append(each.blocked.waiting_for))
        self.assertEqual(told, whom)

    def test_what_is_final_is_answered_at_once(self: Any) -> None:
        with Server(self.first(DONE)) as server:
            self.assertEqual(self.world.wait(server).state, DONE)
        self.assertEqual(len(server.requests), 1)

    def test_other_ends_are_errors(self: Any) -> None:
        ends = {kkt_v1.KKT_STATE_REJECTED: RegistrationRejectedError, kkt_v1.KKT_STATE_CANCELLED: RegistrationCancelledError}
        for state, kind in ends.items():
            with Server(self.first(READY), tells(change(kkt(state, 2), "t"))) as server, self.assertRaises(kind) as raised:
                self.world.wait(server)
            self.assertEqual(raised.exception.kkt.revision, 2)

    def test_a_callback_may_end_the_waiting(self: Any) -> None:
        def stop(_: kkt_v1.Kkt) -> None:
            raise InterruptedError

        with Server(self.first(READY, blocked="NO_PAPER")) as server, self.assertRaises(InterruptedError):
            self.world.wait(server, on_blocked=stop)

    def test_the_first_look_of_a_wait_has_the_time_of_a_call(self: Any) -> None:
        with Server() as server, self.assertRaises(reasons.DeadlineExceededError):
            server.script.put(server.hang)
            self.world.wait(server, within=0.3, timeout=60)

    def test_a_wait_has_an_end(self: Any) -> None:
        with Server(self.first(READY), *[down] * 50) as server, self.assertRaises(reasons.DeadlineExceededError):
            self.world.wait(server, timeout=0.4)


class SyncFollowing(Following, unittest.TestCase):
    world = Sync()

    def test_a_watch_can_be_closed_from_another_thread(self) -> None:
        with Server() as server, opened(Partner, server) as partner:
            watch = partner.kkts.watch(["k"])
            reached = threading.Event()

            def hang(request: Any, context: Any) -> Any:
                reached.set()
                return server.hang(request, context)

            server.script.put(hang)
            threading.Thread(target=lambda: (reached.wait(5), watch.close()), daemon=True).start()
            self.assertEqual(list(watch), [])


class AsyncFollowing(Following, unittest.TestCase):
    world = Async()

    def test_callbacks_may_be_coroutines(self) -> None:
        seen: list[int] = []

        async def told(each: kkt_v1.Kkt) -> None:
            await asyncio.sleep(0)
            seen.append(each.revision)

        with Server(self.first(DONE)) as server:
            self.world.wait(server, on_change=told)
        self.assertEqual(seen, [1])

    def test_a_watch_can_be_closed_from_another_task(self) -> None:
        async def work(server: Server) -> list[kkt_v1.Kkt]:
            async with opened(AsyncPartner, server) as partner:
                watch, reached = partner.kkts.watch(["k"]), threading.Event()
                server.script.put(lambda request, context: (reached.set(), server.hang(request, context))[1])

                async def all_of_it() -> list[kkt_v1.Kkt]:
                    return [each async for each in watch]

                reads = asyncio.create_task(all_of_it())
                await asyncio.to_thread(reached.wait, 5)
                watch.close()
                return await reads

        with Server() as server:
            self.assertEqual(asyncio.run(work(server)), [])

    def test_a_task_that_waits_can_be_cancelled(self) -> None:
        async def work(server: Server) -> None:
            async with opened(AsyncPartner, server) as partner:
                reached = asyncio.Event()
                waits = asyncio.create_task(partner.kkts.wait_until_registered("k", on_change=lambda _: reached.set()))
                await asyncio.wait_for(reached.wait(), 5)
                waits.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await waits

        with Server(self.first(READY)) as server:
            server.script.put(server.hang)
            asyncio.run(work(server))


class Pauses(unittest.TestCase):
    def test_they_grow_to_a_limit_and_begin_anew(self) -> None:
        backoff, gone = Backoff(), PartnerError(grpc.StatusCode.UNAVAILABLE, "gone")
        pauses = [backoff.after(gone) for _ in range(12)]
        self.assertLess(pauses[0], 0.13)
        self.assertGreater(pauses[-1], 2 * 0.79)
        self.assertLess(max(pauses), 2 * 1.21)
        backoff.reset()
        self.assertLess(backoff.after(gone), 0.13)


if __name__ == "__main__":
    unittest.main()
