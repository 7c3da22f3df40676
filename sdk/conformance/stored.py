"""Requests as the clients of the last release send them: what was written then is still read as it was meant.

Usage: stored.py FILE checks each request of the file; stored.py --renew FILE writes those of cases.json, at a release.
Needs the Python library. A line is one request: the case, the message's name, its bytes, and what they mean as protojson.
"""

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cases
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from litebox_partner import client_v1, kkt_v1

MODULES = {"clients": client_v1, "kkts": kkt_v1}


def request_of(name: str) -> type[Message]:
    """The request message of `kkts.quick_register`."""
    service, method = name.split(".")
    camel = "".join(word.capitalize() for word in method.removesuffix("_page").split("_"))
    return getattr(MODULES[service], f"{camel}Request")


def calls(steps: list[dict]) -> Iterator[tuple[str, dict]]:
    for step in steps:
        name = step.get("call") or step.get("pages")
        if name:
            yield name, step["request"]
        if "watch" in step:
            yield "kkts.watch", step["watch"]
        for inner in ("during", "when_blocked"):
            yield from calls(step.get(inner, []))


def renew(file: Path) -> None:
    lines: dict[str, None] = {}
    for case in cases.load():
        for name, request in calls(case["steps"]):
            message = ParseDict(request, request_of(name)())
            data = base64.b64encode(message.SerializeToString(deterministic=True)).decode()
            told = {"call": name, "message": message.DESCRIPTOR.full_name, "data": data, "means": MessageToDict(message)}
            lines[json.dumps(told, ensure_ascii=False)] = None  # each once
    file.write_text("".join(f"{line}\n" for line in lines))


def wrong(told: dict) -> str:
    """What has become of a request; "" when nothing."""
    kind = request_of(told["call"])
    if kind.DESCRIPTOR.full_name != told["message"]:
        return f"the message is called {kind.DESCRIPTOR.full_name} now"
    message = kind.FromString(base64.b64decode(told["data"]))
    if unread := unknown(message):
        return f"nobody knows {unread} any more"
    found = MessageToDict(message)
    return "" if found == told["means"] else f"it means {found} now, not {told['means']}"


def unknown(message: Message, at: str = "field ") -> str:
    """Where a field stands that the contract no longer has."""
    for each in UnknownFieldSet(message):
        return f"{at}{each.field_number}"
    for descriptor, value in message.ListFields():
        if descriptor.type == descriptor.TYPE_MESSAGE:
            for inner in [value] if isinstance(value, Message) else list(value):
                if found := unknown(inner, f"{at}{descriptor.name}."):
                    return found
    return ""


def main(arguments: list[str]) -> int:
    file = Path(arguments[-1])
    if "--renew" in arguments:
        renew(file)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    bad = [(told["call"], why) for told in lines if (why := wrong(told))]
    for call, why in bad:
        print(f"{call}: {why}")
    print(f"stored requests: {len(lines) - len(bad)} are read as they were meant, {len(bad)} are not")
    return 1 if bad or not lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
