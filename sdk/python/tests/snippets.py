"""What the blocks of README.md take for granted, each in place of the line at the end. Nobody runs this."""

import uuid

from litebox_partner import (
    AsyncPartner,
    Partner,
    PartnerError,
    RegistrationCancelledError,
    RegistrationRejectedError,
    Tls,
    client_v1,
    kkt_v1,
    reasons,
)

address: str
file: str
kkt_id: str
token: str
partner: Partner
request: kkt_v1.QuickRegisterRequest


class AskSupport(Exception): ...


def anything(*_: object) -> None: ...


def text() -> str:
    return ""


another_code = load = text
ask = forget = handle = log = save = show = store = anything


async def _() -> None:
    # BLOCK
    ...
