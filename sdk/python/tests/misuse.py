"""Programs that mypy has to refuse, line by line, when all it knows is the wheel. Nobody runs this."""

from litebox_partner import AsyncPartner, Partner, PartnerError, kkt_v1


def misuse(partner: Partner, error: PartnerError) -> None:
    partner.kkts.get(5)  # wrong
    number: int = partner.kkts.get("k").rnm  # wrong
    kkt_v1.CancelRequest(kkt="k")  # wrong
    reason: int = error.reason  # wrong
    print(number, reason)


async def misuse_async(partner: AsyncPartner) -> None:
    card: int = (await partner.kkts.wait_until_registered("k")).card.number  # wrong
    print(card)
