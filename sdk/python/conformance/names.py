"""Prints every public name of the library, a line each: for sdk/names.py, which holds the languages against each other."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator

import litebox_partner
from grpc import StatusCode
from litebox_partner import AsyncPartner, Partner, PartnerError, RegistrationEndedError, reasons
from litebox_partner.kkt_v1 import Kkt

FOLLOWING = ("watch", "wait_until_registered")


def public(of: type | object) -> list[str]:
    return [name for name in vars(of) if not name.startswith("_")]


def parameters(name: str, function: object) -> list[str]:
    """As `Partner().address`."""
    return [f"{name}().{parameter}" for parameter in inspect.signature(function).parameters if parameter != "self"]


def members(name: str, kind: type) -> Iterator[str]:
    """Methods; of those that follow a registration, and of a constructor that is to be called, the parameters too."""
    for method in public(kind):
        yield f"{name}.{method}"
        if method in FOLLOWING:
            yield from parameters(f"{name}.{method}", getattr(kind, method))


def timeouts(name: str, kind: type) -> Iterator[str]:
    """What calls take beside their requests: one line when it is the same in all."""
    taken = set()
    for method in set(public(kind)) - set(FOLLOWING):
        parameters = inspect.signature(getattr(kind, method)).parameters.values()
        taken.add(", ".join(each.name for each in parameters if each.kind is each.KEYWORD_ONLY))
    yield from (f"{name}.*().{keywords}" for keywords in taken)


def world(prefix: str, kind: type) -> Iterator[str]:
    """Of one of the two."""
    partner = kind("localhost:1", plaintext=True)
    yield from parameters(f"{prefix}Partner", kind)
    yield from members(f"{prefix}Partner", kind)
    for name in public(partner):
        service = type(getattr(partner, name))
        yield f"{prefix}Partner.{name}"
        yield from members(f"{prefix}{service.__name__.removeprefix('Async')}", service)
        yield from timeouts(f"{prefix}{service.__name__.removeprefix('Async')}", service)


def names() -> Iterator[str]:
    yield from world("", Partner)
    yield from world("Async", AsyncPartner)
    for name in litebox_partner.__all__:
        kind = getattr(litebox_partner, name)
        yield name
        if dataclasses.is_dataclass(kind):
            yield from (f"{name}.{field.name}" for field in dataclasses.fields(kind))
        elif name.endswith("Watch"):
            yield from members(name, kind)
    plain = public(PartnerError(StatusCode.UNKNOWN, ""))
    yield from (f"PartnerError.{name}" for name in plain)
    ended = public(RegistrationEndedError(Kkt(), ""))
    yield from (f"RegistrationEndedError.{name}" for name in ended if name not in plain)
    yield from (f"reasons.{name}" for name in public(reasons) if name != "PartnerError")


print(*sorted(names()), sep="\n")
