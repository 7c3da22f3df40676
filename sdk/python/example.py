"""Brings a shop from its tax number to a registered cash register. It can be run again: it goes on with what is there."""

import os
import sys

from litebox_partner import Partner, PartnerError, client_v1, kkt_v1, reasons


def main(partner: Partner) -> None:
    # Who is the shop?
    taxpayer = partner.clients.lookup_taxpayer("7700000070")
    print("taxpayer:", taxpayer.company)

    # A client and its account in LiteBox.
    address = client_v1.Address(
        postal_code="115035", region="г Москва", city="г Москва", street="ул Садовническая", house="1"
    )
    request = client_v1.RegisterRequest(
        client_type=client_v1.CLIENT_TYPE_LITEBOX,
        inn=taxpayer.inn,
        address=address,
        phone="911-111-1111",
        email="readme@example.ru",
        password="aB1!_-2026",
    )
    try:
        client_id = partner.clients.register(request).client.id
    except reasons.ClientAlreadyRegisteredError as error:
        client_id = error.metadata["client_id"]
    print("client:", client_id)

    # A cash register for the client. The order is answered at once; the work goes on by itself.
    order = kkt_v1.QuickRegisterRequest(
        client_id=client_id,
        equipment=kkt_v1.Equipment(
            sale=kkt_v1.SaleEquipment(
                model="АТОЛ 30Ф",
                serial="00106100000002",
                fn_serial="9999078902000002",
                device_id=os.environ["DEVICE_ID"],
            )
        ),
        signer=kkt_v1.Signer(
            head=kkt_v1.Head(),
            last_name=taxpayer.last_name,
            first_name=taxpayer.first_name,
            middle_name=taxpayer.middle_name,
            certificate_id="cert-1",
        ),
        place=kkt_v1.Place(name="Магазин «Ромашка»", address=address),
        tax_systems=[kkt_v1.TAX_SYSTEM_OSN],
        ffd_version=kkt_v1.FFD_VERSION_1_2,
        ofd=kkt_v1.Ofd(inn="7709364346", activation_code="FD13MM202611"),
        fiscalize_automatically=True,
    )
    try:
        kkt_id = partner.kkts.quick_register(order).kkt.id
    except reasons.KktAlreadyRegisteredError as error:
        kkt_id = error.metadata["kkt_id"]

    # Follow it to the card, over lost connections and restarts of the service.
    kkt = partner.kkts.wait_until_registered(
        kkt_id,
        on_change=lambda kkt: print("state:", kkt_v1.KktState.Name(kkt.state), kkt.status_text),
        on_blocked=lambda kkt: print("blocked:", kkt.blocked.advice),
    )
    print("registered:", kkt.rnm, "card", kkt.card.number)


# The demo listens on loopback, without TLS.
with Partner(os.environ["ADDR"], token=os.environ["TOKEN"], plaintext=True, allow_token_in_plaintext=True) as partner:
    try:
        main(partner)
    except PartnerError as error:
        # Its text is for developers, localized_message for the people at the shop.
        sys.exit(f"{error}\n{error.localized_message}")
