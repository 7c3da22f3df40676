"""Requests as the clients of the last release sent them: what was written then is still read as it was meant.

Usage: stored.py FILE IMAGE checks each request of the file, and that the file has each method of the image of the contract;
stored.py --renew SENT FILE IMAGE, at a release, first writes the file from what the runner of Python has noted with `--sent`.
Needs the Python library. A line is one request: its case, its method, its bytes, and what they mean as protojson.

The bytes are those that were sent, but for what differs from run to run, which is put in its place with the same length: UUIDs are
numbered in each case, tokens of pages and streams are all A, and a local time is that of LOCAL_TIME.
"""

import base64
import gzip
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import cases
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import Default, DescriptorPool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet
from litebox_partner import client_v1, kkt_v1

# Their descriptors are known by being imported.
PUBLIC = tuple(module.GetRequest.DESCRIPTOR.file.package for module in (client_v1, kkt_v1))
UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d")
LOCAL_TIME = b"2026-11-02T09:00"
TOKENS = ("page_token", "resume_token")


def request_of(method: str, pool: DescriptorPool) -> type[Message]:
    """The request message of `/litebox.kkt.v1.KktService/Watch`."""
    service, name = method.strip("/").split("/")
    return GetMessageClass(pool.FindServiceByName(service).methods_by_name[name].input_type)


def plain(data: bytes, method: str, ids: dict[bytes, bytes]) -> bytes:
    """The request without what differs from run to run; `ids` of the case grow."""

    def numbered(match: re.Match[bytes]) -> bytes:
        fresh = b"00000000-0000-%s000-8000-%012d" % (match[1], len(ids) + 1)
        return ids.setdefault(match[0], fresh)

    message = request_of(method, Default()).FromString(data)
    for token in filter(None, (getattr(message, name, "") for name in TOKENS)):
        data = data.replace(token.encode(), b"A" * len(token))
    return TIME.sub(LOCAL_TIME, UUID.sub(numbered, data))


def renew(sent: Path, file: Path) -> None:
    lines: dict[str, None] = {}
    ids: dict[str, dict[bytes, bytes]] = {}
    for told in map(json.loads, sent.read_text().splitlines()):
        case, method = told["case"], told["method"]
        data = plain(base64.b64decode(told["data"]), method, ids.setdefault(case, {}))
        means = MessageToDict(request_of(method, Default()).FromString(data))
        told |= {"data": base64.b64encode(data).decode(), "means": means}
        lines[json.dumps(told, ensure_ascii=False)] = None  # each once in a case
    if silent := {case["name"] for case in cases.load() if calls(case["steps"])} - ids.keys():
        raise ValueError(f"nothing was sent in {sorted(silent)}")
    file.write_text("".join(f"{line}\n" for line in lines))


def calls(steps: list[dict]) -> bool:
    """Whether a case that does these steps calls the service."""
    return any(step.keys() & {"call", "pages", "wait", "watch"} for step in steps)


def wrong(told: dict, pool: DescriptorPool) -> str:
    """What has become of a request; "" when nothing."""
    try:
        kind = request_of(told["method"], pool)
    except KeyError:
        return "the method is gone"
    data = base64.b64decode(told["data"])
    message = kind.FromString(data)
    if unread := unknown(message):
        return f"nobody knows {unread} any more"
    if message.SerializeToString(deterministic=True) != data:
        return "it is not the same when it is written again"
    found = MessageToDict(message, descriptor_pool=pool)
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


def methods(image: Path) -> set[str]:
    """Every method of the public services of the contract."""
    files = FileDescriptorSet.FromString(gzip.decompress(image.read_bytes())).file
    public = [file for file in files if file.package in PUBLIC]
    return {f"/{file.package}.{each.name}/{rpc.name}" for file in public for each in file.service for rpc in each.method}


def troubles(lines: Iterable[dict], image: Path, pool: DescriptorPool) -> list[str]:
    """What is wrong with the file, a line each."""
    lines = list(lines)
    missing = methods(image) - {told["method"] for told in lines}
    bad = [f"{told['case']}: {told['method']}: {why}" for told in lines if (why := wrong(told, pool))]
    return bad + [f"no request of {method} is stored" for method in sorted(missing)]


def main(arguments: list[str]) -> int:
    file, image = Path(arguments[-2]), Path(arguments[-1])
    if arguments[0] == "--renew":
        renew(Path(arguments[1]), file)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    bad = troubles(lines, image, Default())
    print(*bad, f"stored requests: {len(lines)} are held against the contract, {len(bad)} troubles", sep="\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
