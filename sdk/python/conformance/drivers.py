"""The library's two worlds with one face: both are awaited."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from litebox_partner import AsyncPartner, Partner, Tls, client_v1, kkt_v1

REQUESTS: dict[str, Callable[[], Message]] = {
    "clients.lookup_taxpayer": client_v1.LookupTaxpayerRequest,
    "clients.register": client_v1.RegisterRequest,
    "clients.get": client_v1.GetRequest,
    "clients.list": client_v1.ListRequest,
    "clients.list_page": client_v1.ListRequest,
    "kkts.quick_register": kkt_v1.QuickRegisterRequest,
    "kkts.fiscalize": kkt_v1.FiscalizeRequest,
    "kkts.amend": kkt_v1.AmendRequest,
    "kkts.cancel": kkt_v1.CancelRequest,
    "kkts.get": kkt_v1.GetRequest,
    "kkts.list": kkt_v1.ListRequest,
    "kkts.list_page": kkt_v1.ListRequest,
}
# What the library takes in place of a request, and answers in place of a response.
HANDED = {"clients.lookup_taxpayer": "inn", "clients.get": "client_id", "kkts.get": "kkt_id"}
UNWRAPPED: dict[str, Callable[[Any], Message]] = {
    "clients.lookup_taxpayer": lambda reply: client_v1.LookupTaxpayerResponse(taxpayer=reply),
    "clients.get": lambda reply: client_v1.GetResponse(client=reply),
    "kkts.get": lambda reply: kkt_v1.GetResponse(kkt=reply),
}
OnKkt = Callable[[kkt_v1.Kkt], Awaitable[None]]


def arguments(name: str, request: dict) -> tuple[Any, list[Any]]:
    """The method's argument, from protojson."""
    message = ParseDict(request, REQUESTS[name]())
    return message, [getattr(message, HANDED[name]) if name in HANDED else message]


def method_of(partner: Any, name: str) -> Callable[..., Any]:
    service, method = name.split(".")
    return getattr(getattr(partner, service), method)


def wrapped(name: str, reply: Any) -> Message:
    return UNWRAPPED.get(name, lambda message: message)(reply)


def options_of(told: dict) -> dict[str, Any]:
    """Options of a case, as the library names them."""
    times = {"timeout_ms": "timeout", "watch_silence_ms": "watch_silence"}
    options = {key: value for key, value in told.items() if key != "tls" and key not in times}
    if "tls" in told:
        options["tls"] = Tls(**told["tls"])
    options |= {name: told[key] / 1000 for key, name in times.items() if key in told}
    return options


class Sync:
    """Partner, on threads: its callbacks come back to the loop."""

    async def open(self, told: dict) -> Partner:
        return Partner(**options_of(told))

    async def close(self, partner: Partner) -> None:
        partner.close()

    async def call(self, partner: Partner, name: str, request: dict, timeout: float | None) -> Message:
        message, given = arguments(name, request)
        before = message.SerializeToString(deterministic=True)
        reply = await asyncio.to_thread(method_of(partner, name), *given, timeout=timeout)
        assert message.SerializeToString(deterministic=True) == before, "the caller's request was changed"
        return wrapped(name, reply)

    async def pages(self, partner: Partner, name: str, request: dict) -> list[Message]:
        _, given = arguments(name, request)
        return await asyncio.to_thread(lambda: list(method_of(partner, name)(*given)))

    async def wait(self, partner: Partner, kkt_id: str, change: OnKkt, blocked: OnKkt, timeout: float | None) -> kkt_v1.Kkt:
        loop = asyncio.get_running_loop()

        def here(told: OnKkt) -> Callable[[kkt_v1.Kkt], None]:
            return lambda kkt: asyncio.run_coroutine_threadsafe(told(kkt), loop).result()

        return await asyncio.to_thread(
            partner.kkts.wait_until_registered,
            kkt_id,
            on_change=here(change),
            on_blocked=here(blocked),
            timeout=timeout,
        )

    def watch(self, partner: Partner, told: dict) -> "SyncWatch":
        return SyncWatch(partner.kkts.watch(told.get("kktIds", []), told.get("resumeToken", "")))


class SyncWatch:
    def __init__(self, watch: Any) -> None:
        self.inner = watch

    async def next(self) -> kkt_v1.Kkt:
        kkt = await asyncio.to_thread(next, self.inner, None)
        assert kkt is not None, "the Watch has ended"
        return kkt

    def close(self) -> None:
        self.inner.close()


class Async:
    """AsyncPartner."""

    async def open(self, told: dict) -> AsyncPartner:
        return AsyncPartner(**options_of(told))

    async def close(self, partner: AsyncPartner) -> None:
        await partner.close()

    async def call(self, partner: AsyncPartner, name: str, request: dict, timeout: float | None) -> Message:
        message, given = arguments(name, request)
        before = message.SerializeToString(deterministic=True)
        reply = await method_of(partner, name)(*given, timeout=timeout)
        assert message.SerializeToString(deterministic=True) == before, "the caller's request was changed"
        return wrapped(name, reply)

    async def pages(self, partner: AsyncPartner, name: str, request: dict) -> list[Message]:
        _, given = arguments(name, request)
        return [item async for item in method_of(partner, name)(*given)]

    async def wait(
        self, partner: AsyncPartner, kkt_id: str, change: OnKkt, blocked: OnKkt, timeout: float | None
    ) -> kkt_v1.Kkt:
        return await partner.kkts.wait_until_registered(kkt_id, on_change=change, on_blocked=blocked, timeout=timeout)

    def watch(self, partner: AsyncPartner, told: dict) -> "AsyncWatch":
        return AsyncWatch(partner.kkts.watch(told.get("kktIds", []), told.get("resumeToken", "")))


class AsyncWatch:
    def __init__(self, watch: Any) -> None:
        self.inner = watch

    async def next(self) -> kkt_v1.Kkt:
        return await anext(self.inner)

    def close(self) -> None:
        self.inner.close()
