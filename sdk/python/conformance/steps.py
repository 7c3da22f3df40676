"""Does the steps of one case."""

import asyncio
import json
import re
import urllib.error
import urllib.request
import uuid
from typing import Any

from drivers import Async, Sync
from expect import Failed, error_fits, fits, taken
from google.protobuf.json_format import MessageToDict
from litebox_partner import PartnerError, RegistrationEndedError, kkt_v1

WATCH_SECONDS = 20.0


class Stopped(Exception):
    """A callback wants no more."""


class Case:
    def __init__(self, driver: Sync | Async, control_url: str) -> None:
        self.driver, self.control_url = driver, control_url
        self.variables: dict[str, str] = {}
        self.partners: dict[str, Any] = {}

    async def run(self, case: dict) -> None:
        self.variables = await self.control({"do": "world", "case": case["name"]})
        try:
            await self.do_open({"open": "default", "options": {}})
            await self.do(case["steps"])
        finally:
            for partner in self.partners.values():
                await self.driver.close(partner)

    async def do(self, steps: list[dict]) -> None:
        for number, step in enumerate(steps, 1):
            kind = next(key for key in ("call", "pages", "wait", "watch", "open", "control") if key in step)
            now = {**self.filled({k: v for k, v in step.items() if k not in LATER}), **{k: step[k] for k in LATER & step.keys()}}
            try:
                await getattr(self, f"do_{kind}")(now)
            except Stopped:
                raise
            except Exception as error:
                raise Failed(f"step {number} ({kind} {now[kind]}): {error or repr(error)}") from error

    def filled(self, told: Any) -> Any:
        if isinstance(told, str):
            return re.sub(r"\$\{(\w+)\}", self.value, told)
        if isinstance(told, list):
            return [self.filled(each) for each in told]
        if isinstance(told, dict):
            return {key: self.filled(value) for key, value in told.items()}
        return told

    def value(self, match: re.Match[str]) -> str:
        return str(uuid.uuid4()) if match[1] == "uuid" else self.variables[match[1]]

    def save(self, step: dict, found: object) -> None:
        for name, path in step.get("save", {}).items():
            self.variables[name] = taken(path, found)

    async def control(self, body: dict) -> dict:
        def post() -> dict:
            request = urllib.request.Request(self.control_url, json.dumps(body).encode(), method="POST")
            try:
                with urllib.request.urlopen(request, timeout=50) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                raise Failed(json.load(error)["error"]) from error

        return await asyncio.to_thread(post)

    def partner(self, step: dict) -> Any:
        return self.partners[step.get("options", {}).get("partner", "default")]

    async def do_control(self, step: dict) -> None:
        answer = await self.control(step["control"])
        fits(step.get("expect", {}), answer, "the answer")
        self.save(step, answer)

    async def do_open(self, step: dict) -> None:
        own = {name: self.variables[name] for name in ("address", "token")}
        base = {**own, "plaintext": True, "allow_token_in_plaintext": True}
        options = {k: v for k, v in {**base, **step.get("options", {})}.items() if v is not None}
        wanted = step.get("expect", {}).get("error")
        try:
            opened = await self.driver.open(options)
        except ValueError as error:
            if wanted is None:
                raise
            return error_fits(wanted, error)
        old, self.partners[step["open"]] = self.partners.get(step["open"]), opened
        if old is not None:
            await self.driver.close(old)
        if wanted is not None:
            raise Failed("it was opened")

    async def do_call(self, step: dict) -> None:
        expect = step.get("expect", {})
        milliseconds = step.get("options", {}).get("timeout_ms")
        timeout = None if milliseconds is None else milliseconds / 1000
        try:
            message = await self.driver.call(self.partner(step), step["call"], step["request"], timeout)
        except PartnerError as error:
            self.refused(expect, error, step["request"].get("requestId", ""))
            return self.save(step, {"request_id": error.request_id})
        reply = MessageToDict(message)
        if "error" in expect:
            raise Failed(f"it succeeded: {reply}")
        fits(expect.get("reply", {}), reply, "the reply")
        self.save(step, reply)

    def refused(self, expect: dict, error: Exception, sent_id: str = "") -> None:
        if "error" not in expect:
            raise error
        error_fits(expect["error"], error, sent_id)

    async def do_pages(self, step: dict) -> None:
        expect = step["expect"]
        try:
            items = [MessageToDict(item) for item in await self.driver.pages(self.partner(step), step["pages"], step["request"])]
        except PartnerError as error:
            return self.refused(expect, error)
        different = {item[expect["unique"]] for item in items}
        if (len(items), len(different)) != (expect["count"], expect["count"]):
            raise Failed(f"{len(items)} items, {len(different)} different ones, not {expect['count']}")

    async def do_wait(self, step: dict) -> None:
        expect, seen, once = step["expect"], [], {"during", "when_blocked"}

        async def steps(name: str) -> None:
            if name in once and name in step:
                once.discard(name)
                await self.do(step[name])

        async def change(_: kkt_v1.Kkt) -> None:
            await steps("during")

        async def blocked(kkt: kkt_v1.Kkt) -> None:
            seen.append(kkt.blocked.reason)
            await steps("when_blocked")
            if step.get("stop_when_blocked"):
                raise Stopped

        came = await self.waited(step, change, blocked)
        if "error" in expect:
            return self.refused(expect, came.get("error") or Failed(f"it ended with {came}"))
        if "error" in came:
            raise came["error"]
        self.ended(expect, came, seen)

    async def waited(self, step: dict, change: Any, blocked: Any) -> dict:
        timeout = step["timeout_ms"] / 1000 if "timeout_ms" in step else None
        try:
            kkt = await self.driver.wait(self.partner(step), step["wait"], change, blocked, timeout)
            return {"state": kkt_v1.KktState.Name(kkt.state)}
        except Stopped:
            return {"stopped": True}
        except RegistrationEndedError as error:
            return {"ended": kkt_v1.KktState.Name(error.kkt.state), "kkt": MessageToDict(error.kkt), "kind": type(error).__name__}
        except PartnerError as error:
            return {"error": error}

    def ended(self, expect: dict, came: dict, seen: list[str]) -> None:
        if "kind" in came and came["kind"][12:-5].upper() != came["ended"].removeprefix("KKT_STATE_"):
            raise Failed(f"{came['ended']} came as {came['kind']}")
        wanted = {key: value for key, value in expect.items() if key != "blocked_seen"}
        if not wanted:
            raise Failed(f"it ended with {came}, and its case does not say how it should")
        fits(wanted, came, "the end")
        if missing := set(expect.get("blocked_seen", [])) - set(seen):
            raise Failed(f"on_blocked was not called for {missing}, but for {seen}")

    async def do_watch(self, step: dict) -> None:
        expect, watch = step.get("expect", {}), self.driver.watch(self.partner(step), step["watch"])
        seconds = step["timeout_ms"] / 1000 if "timeout_ms" in step else WATCH_SECONDS
        try:
            kkt, revisions = await asyncio.wait_for(self.watched(watch, step), seconds)
        except PartnerError as error:
            return self.refused(expect, error)
        finally:
            watch.close()
        if "error" in expect:
            raise Failed("it succeeded")
        if expect.get("revisions_grow") and revisions != sorted(revisions):
            raise Failed(f"revisions: {revisions}")
        if expect.get("token") and not watch.inner.resume_token:
            raise Failed("no resume token")
        self.save(step, {"kkt": MessageToDict(kkt), "resumeToken": watch.inner.resume_token})

    async def watched(self, watch: Any, step: dict) -> tuple[kkt_v1.Kkt, list[int]]:
        revisions, during = [], step.get("during", [])
        while True:
            kkt = await watch.next()
            revisions.append(kkt.revision)
            try:
                fits(step["until"], MessageToDict(kkt), "")
                return kkt, revisions
            except Failed:
                steps, during = during, []
                await self.do(steps)


# Steps inside of a step are filled in when they begin.
LATER = {"during", "when_blocked"}
