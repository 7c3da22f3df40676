"""A client of litebox-partner: from a shop's tax number to a registered cash register.

`Partner` is the client, `AsyncPartner` the same for asyncio. Messages are in `client_v1` and `kkt_v1`, one exception class
for each reason of an error in `reasons`.
"""

from litebox_partner import client_v1, kkt_v1, reasons
from litebox_partner._async_partner import AsyncClients, AsyncKkts, AsyncPartner
from litebox_partner._async_watch import AsyncWatch
from litebox_partner._error import FieldViolation, PartnerError, PreconditionViolation
from litebox_partner._following import (
    RegistrationCancelledError,
    RegistrationEndedError,
    RegistrationRejectedError,
)
from litebox_partner._options import Tls
from litebox_partner._partner import Clients, Kkts, Partner
from litebox_partner._version import __version__
from litebox_partner._watch import Watch

__all__ = [
    "AsyncClients",
    "AsyncKkts",
    "AsyncPartner",
    "AsyncWatch",
    "Clients",
    "FieldViolation",
    "Kkts",
    "Partner",
    "PartnerError",
    "PreconditionViolation",
    "RegistrationCancelledError",
    "RegistrationEndedError",
    "RegistrationRejectedError",
    "Tls",
    "Watch",
    "__version__",
    "client_v1",
    "kkt_v1",
    "reasons",
]
