"""The client for asyncio."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING

from litebox_partner import client_v1, kkt_v1
from litebox_partner._async_calls import AsyncCalls, open_async_channel
from litebox_partner._async_watch import AsyncWatch, OnKktAsync, follow_async
from litebox_partner._gen.litebox.client.v1.client_service_pb2_grpc import ClientServiceStub
from litebox_partner._gen.litebox.kkt.v1.kkt_service_pb2_grpc import KktServiceStub
from litebox_partner._options import DEFAULT_TIMEOUT, DEFAULT_WATCH_SILENCE, File, Tls, checked
from litebox_partner._requests import copied

if TYPE_CHECKING:
    from litebox_partner._gen.litebox.client.v1.client_service_pb2_grpc import ClientServiceAsyncStub
    from litebox_partner._gen.litebox.kkt.v1.kkt_service_pb2_grpc import KktServiceAsyncStub


class AsyncPartner:
    """The calling partner's connection to the service. Make one inside the running loop and share it.

    Every call takes `timeout`, in seconds, for itself with all its attempts. What goes wrong raises `PartnerError`.
    """

    def __init__(
        self,
        address: str,
        *,
        token: str | None = None,
        token_file: File | None = None,
        partner_id: str | None = None,
        tls: Tls | None = None,
        plaintext: bool = False,
        allow_token_in_plaintext: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
        watch_silence: float = DEFAULT_WATCH_SILENCE,
    ) -> None:
        options = checked(
            address, token, token_file, partner_id, tls, plaintext, allow_token_in_plaintext, timeout, watch_silence
        )
        self._channel = open_async_channel(options)
        self._streams = open_async_channel(options, own_connection=True)
        self._calls = calls = AsyncCalls(options)
        #: Shops and their accounts.
        self.clients = AsyncClients(calls, ClientServiceStub(self._channel))
        #: Cash registers and their registrations.
        self.kkts = AsyncKkts(calls, KktServiceStub(self._channel), KktServiceStub(self._streams))

    async def close(self) -> None:
        """Ends the connections, and every call under way."""
        self._calls.close()
        await self._channel.close()
        await self._streams.close()

    async def __aenter__(self) -> AsyncPartner:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class AsyncClients:
    """Clients of the partner: shops and their administrator accounts."""

    def __init__(self, calls: AsyncCalls, stub: ClientServiceAsyncStub) -> None:
        self._calls, self._stub = calls, stub

    async def lookup_taxpayer(self, inn: str, *, timeout: float | None = None) -> client_v1.Taxpayer:
        """What the state register has under a tax number. Creates nothing."""
        request = client_v1.LookupTaxpayerRequest(inn=inn)
        return (await self._calls.unary(self._stub.LookupTaxpayer, request, timeout)).taxpayer

    async def register(
        self, request: client_v1.RegisterRequest, *, timeout: float | None = None
    ) -> client_v1.RegisterResponse:
        """Creates a client and its account. An empty `request_id` is filled."""
        return await self._calls.unary(self._stub.Register, request, timeout)

    async def get(self, client_id: str, *, timeout: float | None = None) -> client_v1.Client:
        """The card of a client."""
        return (await self._calls.unary(self._stub.Get, client_v1.GetRequest(client_id=client_id), timeout)).client

    async def list(
        self, request: client_v1.ListRequest | None = None, *, timeout: float | None = None
    ) -> AsyncIterator[client_v1.Client]:
        """All clients that fit, page by page as they are asked for. `timeout` is for each page."""
        asked = copied(request, client_v1.ListRequest)
        while True:
            page = await self.list_page(asked, timeout=timeout)
            for client in page.clients:
                yield client
            if not page.next_page_token:
                return
            asked.page_token = page.next_page_token

    async def list_page(
        self, request: client_v1.ListRequest | None = None, *, timeout: float | None = None
    ) -> client_v1.ListResponse:
        """One page, and the token of the next."""
        return await self._calls.unary(self._stub.List, copied(request, client_v1.ListRequest), timeout)


class AsyncKkts:
    """Registrations of cash registers."""

    def __init__(self, calls: AsyncCalls, stub: KktServiceAsyncStub, streams: KktServiceAsyncStub) -> None:
        self._calls, self._stub, self._streams = calls, stub, streams

    async def quick_register(
        self, request: kkt_v1.QuickRegisterRequest, *, timeout: float | None = None
    ) -> kkt_v1.QuickRegisterResponse:
        """Orders a registration, which goes on by itself. An empty `request_id` is filled."""
        return await self._calls.unary(self._stub.QuickRegister, request, timeout)

    async def fiscalize(
        self, request: kkt_v1.FiscalizeRequest, *, timeout: float | None = None
    ) -> kkt_v1.FiscalizeResponse:
        """Has the report burnt by the service, or takes one that was made by hand. Cannot be undone."""
        return await self._calls.unary(self._stub.Fiscalize, request, timeout)

    async def amend(self, request: kkt_v1.AmendRequest, *, timeout: float | None = None) -> kkt_v1.AmendResponse:
        """Corrects what holds a registration up."""
        return await self._calls.unary(self._stub.Amend, request, timeout)

    async def cancel(
        self, kkt: str | kkt_v1.CancelRequest, *, timeout: float | None = None
    ) -> kkt_v1.CancelResponse:
        """Gives a registration up, by its id or with a request that has a `request_id` of your own."""
        request = kkt_v1.CancelRequest(kkt_id=kkt) if isinstance(kkt, str) else kkt
        return await self._calls.unary(self._stub.Cancel, request, timeout)

    async def get(self, kkt_id: str, *, timeout: float | None = None) -> kkt_v1.Kkt:
        """A registration with its history."""
        return (await self._calls.unary(self._stub.Get, kkt_v1.GetRequest(kkt_id=kkt_id), timeout)).kkt

    async def list(
        self, request: kkt_v1.ListRequest | None = None, *, timeout: float | None = None
    ) -> AsyncIterator[kkt_v1.Kkt]:
        """All registrations that fit, newest first, page by page as they are asked for. `timeout` is for each page."""
        asked = copied(request, kkt_v1.ListRequest)
        while True:
            page = await self.list_page(asked, timeout=timeout)
            for kkt in page.kkts:
                yield kkt
            if not page.next_page_token:
                return
            asked.page_token = page.next_page_token

    async def list_page(
        self, request: kkt_v1.ListRequest | None = None, *, timeout: float | None = None
    ) -> kkt_v1.ListResponse:
        """One page, and the token of the next."""
        return await self._calls.unary(self._stub.List, copied(request, kkt_v1.ListRequest), timeout)

    def watch(self, kkt_ids: Iterable[str] = (), resume_token: str = "") -> AsyncWatch:
        """Changes of these registrations, or of all, without an end: see `AsyncWatch`."""
        return AsyncWatch(self._calls, self._streams.Watch, kkt_ids, resume_token)

    async def wait_until_registered(
        self,
        kkt_id: str,
        *,
        on_change: OnKktAsync | None = None,
        on_blocked: OnKktAsync | None = None,
        timeout: float | None = None,
    ) -> kkt_v1.Kkt:
        """Follows a registration to its end, across restarts of the server; the registration once it is REGISTERED.

        `on_change` is told every change, `on_blocked` when something comes to hold it up, and when its reason or who has to act
        changes (`kkt.blocked` says what to do); both may be
        coroutine functions. What either raises ends the waiting. Raises `RegistrationRejectedError`, `RegistrationCancelledError`, and
        `DeadlineExceededError` after `timeout` seconds; the registration itself goes on. Without a timeout it may take days.
        """
        end = None if timeout is None else time.monotonic() + timeout
        first = await self.get(kkt_id, timeout=timeout if timeout is None else min(timeout, self._calls.options.timeout))
        async with AsyncWatch(self._calls, self._streams.Watch, [kkt_id], "", end, reached=True) as watch:
            return await follow_async(first, watch, on_change, on_blocked)
