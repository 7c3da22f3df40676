"""The sync client."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from types import TracebackType

from litebox_partner import client_v1, kkt_v1
from litebox_partner._calls import Calls, open_channel
from litebox_partner._gen.litebox.client.v1.client_service_pb2_grpc import ClientServiceStub
from litebox_partner._gen.litebox.kkt.v1.kkt_service_pb2_grpc import KktServiceStub
from litebox_partner._options import DEFAULT_TIMEOUT, DEFAULT_WATCH_SILENCE, File, Tls, checked
from litebox_partner._requests import copied
from litebox_partner._watch import OnKkt, Watch, follow


class Partner:
    """The calling partner's connection to the service. Make one and share it: it may be used from any thread.

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
        self._channel = open_channel(options)
        self._streams = open_channel(options, own_connection=True)
        self._calls = calls = Calls(options)
        #: Shops and their accounts.
        self.clients = Clients(calls, ClientServiceStub(self._channel))
        #: Cash registers and their registrations.
        self.kkts = Kkts(calls, KktServiceStub(self._channel), KktServiceStub(self._streams))

    def close(self) -> None:
        """Ends the connections, and every call under way."""
        self._calls.close()
        self._channel.close()
        self._streams.close()

    def __enter__(self) -> Partner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Clients:
    """Clients of the partner: shops and their administrator accounts."""

    def __init__(self, calls: Calls, stub: ClientServiceStub) -> None:
        self._calls, self._stub = calls, stub

    def lookup_taxpayer(self, inn: str, *, timeout: float | None = None) -> client_v1.Taxpayer:
        """What the state register has under a tax number. Creates nothing."""
        request = client_v1.LookupTaxpayerRequest(inn=inn)
        return self._calls.unary(self._stub.LookupTaxpayer, request, timeout).taxpayer

    def register(
        self, request: client_v1.RegisterRequest, *, timeout: float | None = None
    ) -> client_v1.RegisterResponse:
        """Creates a client and its account. An empty `request_id` is filled."""
        return self._calls.unary(self._stub.Register, request, timeout)

    def get(self, client_id: str, *, timeout: float | None = None) -> client_v1.Client:
        """The card of a client."""
        return self._calls.unary(self._stub.Get, client_v1.GetRequest(client_id=client_id), timeout).client

    def list(
        self, request: client_v1.ListRequest | None = None, *, timeout: float | None = None
    ) -> Iterator[client_v1.Client]:
        """All clients that fit, page by page as they are asked for. `timeout` is for each page."""
        asked = copied(request, client_v1.ListRequest)
        while True:
            page = self.list_page(asked, timeout=timeout)
            yield from page.clients
            if not page.next_page_token:
                return
            asked.page_token = page.next_page_token

    def list_page(
        self, request: client_v1.ListRequest | None = None, *, timeout: float | None = None
    ) -> client_v1.ListResponse:
        """One page, and the token of the next."""
        return self._calls.unary(self._stub.List, copied(request, client_v1.ListRequest), timeout)


class Kkts:
    """Registrations of cash registers."""

    def __init__(self, calls: Calls, stub: KktServiceStub, streams: KktServiceStub) -> None:
        self._calls, self._stub, self._streams = calls, stub, streams

    def quick_register(
        self, request: kkt_v1.QuickRegisterRequest, *, timeout: float | None = None
    ) -> kkt_v1.QuickRegisterResponse:
        """Orders a registration, which goes on by itself. An empty `request_id` is filled."""
        return self._calls.unary(self._stub.QuickRegister, request, timeout)

    def fiscalize(
        self, request: kkt_v1.FiscalizeRequest, *, timeout: float | None = None
    ) -> kkt_v1.FiscalizeResponse:
        """Has the report burnt by the service, or takes one that was made by hand. Cannot be undone."""
        return self._calls.unary(self._stub.Fiscalize, request, timeout)

    def amend(self, request: kkt_v1.AmendRequest, *, timeout: float | None = None) -> kkt_v1.AmendResponse:
        """Corrects what holds a registration up."""
        return self._calls.unary(self._stub.Amend, request, timeout)

    def cancel(
        self, kkt: str | kkt_v1.CancelRequest, *, timeout: float | None = None
    ) -> kkt_v1.CancelResponse:
        """Gives a registration up, by its id or with a request that has a `request_id` of your own."""
        request = kkt_v1.CancelRequest(kkt_id=kkt) if isinstance(kkt, str) else kkt
        return self._calls.unary(self._stub.Cancel, request, timeout)

    def get(self, kkt_id: str, *, timeout: float | None = None) -> kkt_v1.Kkt:
        """A registration with its history."""
        return self._calls.unary(self._stub.Get, kkt_v1.GetRequest(kkt_id=kkt_id), timeout).kkt

    def list(
        self, request: kkt_v1.ListRequest | None = None, *, timeout: float | None = None
    ) -> Iterator[kkt_v1.Kkt]:
        """All registrations that fit, newest first, page by page as they are asked for. `timeout` is for each page."""
        asked = copied(request, kkt_v1.ListRequest)
        while True:
            page = self.list_page(asked, timeout=timeout)
            yield from page.kkts
            if not page.next_page_token:
                return
            asked.page_token = page.next_page_token

    def list_page(
        self, request: kkt_v1.ListRequest | None = None, *, timeout: float | None = None
    ) -> kkt_v1.ListResponse:
        """One page, and the token of the next."""
        return self._calls.unary(self._stub.List, copied(request, kkt_v1.ListRequest), timeout)

    def watch(self, kkt_ids: Iterable[str] = (), resume_token: str = "") -> Watch:
        """Changes of these registrations, or of all, without an end: see `Watch`."""
        return Watch(self._calls, self._streams.Watch, kkt_ids, resume_token)

    def wait_until_registered(
        self,
        kkt_id: str,
        *,
        on_change: OnKkt | None = None,
        on_blocked: OnKkt | None = None,
        timeout: float | None = None,
    ) -> kkt_v1.Kkt:
        """Follows a registration to its end, across restarts of the server; the registration once it is REGISTERED.

        `on_change` is told every change, `on_blocked` when something comes to hold it up, and when its reason or who has to act
        changes (`kkt.blocked` says what to do). What
        either raises ends the waiting. Raises `RegistrationRejectedError`, `RegistrationCancelledError`, and
        `DeadlineExceededError` after `timeout` seconds; the registration itself goes on. Without a timeout it may take days.
        """
        end = None if timeout is None else time.monotonic() + timeout
        first = self.get(kkt_id, timeout=timeout if timeout is None else min(timeout, self._calls.options.timeout))
        with Watch(self._calls, self._streams.Watch, [kkt_id], "", end, reached=True) as watch:
            return follow(first, watch, on_change, on_blocked)
