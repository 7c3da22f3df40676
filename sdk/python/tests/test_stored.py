"""The requests of the last release: what is noted when they are sent, and what a contract that reads them otherwise is told."""

from __future__ import annotations

import base64
import json
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import grpc
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import Default, DescriptorPool
from scripted import Server, change, down, gives, kkt, tells

from litebox_partner import Partner, kkt_v1

SDK = Path(__file__).parents[2]
sys.path[:0] = [str(SDK / "conformance"), str(SDK / "python/conformance")]
import stored
from sent import Sent

FILE, IMAGE = SDK / "released/requests.jsonl", SDK / "released/contract.binpb.gz"
LINES = [json.loads(line) for line in FILE.read_text().splitlines()]
REQUEST = "QuickRegisterRequest"


def contract(altered: Callable[[DescriptorProto], None]) -> DescriptorPool:
    """Today's contract, with another QuickRegisterRequest."""
    pool, seen = DescriptorPool(), set()

    def add(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        file = FileDescriptorProto()
        Default().FindFileByName(name).CopyToProto(file)
        for other in file.dependency:
            add(other)
        for message in file.message_type:
            if message.name == REQUEST:
                altered(message)
        pool.Add(file)

    for request in (stored.client_v1.GetRequest, kkt_v1.GetRequest):
        add(request.DESCRIPTOR.file.name)
    return pool


def field(message: DescriptorProto, name: str) -> int:
    return next(at for at, each in enumerate(message.field) if each.name == name)


def removed(message: DescriptorProto) -> None:
    del message.field[field(message, "signer")]


def renumbered(message: DescriptorProto) -> None:
    message.field[field(message, "client_id")].number = 99


def exchanged(message: DescriptorProto) -> None:
    one, other = (message.field[field(message, name)] for name in ("request_id", "client_id"))
    one.number, other.number = other.number, one.number


class Stored(unittest.TestCase):
    def said(self, altered: Callable[[DescriptorProto], None]) -> str:
        return "\n".join(stored.troubles(LINES, IMAGE, contract(altered)))

    def test_the_contract_as_it_is_reads_them_as_they_were_meant(self) -> None:
        self.assertEqual(self.said(lambda _: None), "")

    def test_a_field_that_is_gone_or_has_another_number_is_noticed(self) -> None:
        self.assertIn("nobody knows field 4", self.said(removed))
        self.assertIn("nobody knows field 2", self.said(renumbered))
        self.assertIn("it means", self.said(exchanged))

    def test_a_method_of_which_no_request_is_stored_is_noticed(self) -> None:
        without = [told for told in LINES if not told["method"].endswith("/Amend")]
        self.assertEqual(stored.troubles(without, IMAGE, Default()), ["no request of /litebox.kkt.v1.KktService/Amend is stored"])


class Noted(unittest.TestCase):
    def test_all_that_leaves_is_noted_once_for_all_attempts(self) -> None:
        order = kkt_v1.CancelRequest(kkt_id="k", request_id="mine")
        opened = mock.patch.multiple(grpc, insecure_channel=grpc.insecure_channel, secure_channel=grpc.secure_channel)
        server = Server(down, gives(kkt_v1.CancelResponse()), tells(change(kkt(1, 1), "t")))
        with tempfile.TemporaryDirectory() as folder, opened, server:
            sent = Sent(Path(folder, "sent"))
            sent.listen()
            sent.case = "a case"
            with Partner(server.address, plaintext=True) as partner:
                partner.kkts.cancel(order)
                next(partner.kkts.watch(["k"]))
            lines = [json.loads(line) for line in Path(folder, "sent").read_text().splitlines()]
        data = [base64.b64encode(each.SerializeToString()).decode() for each in (order, kkt_v1.WatchRequest(kkt_ids=["k"]))]
        service = "/litebox.kkt.v1.KktService"
        self.assertEqual(
            lines,
            [
                {"case": "a case", "method": f"{service}/Cancel", "data": data[0]},
                {"case": "a case", "method": f"{service}/Watch", "data": data[1]},
            ],
        )

    def test_what_differs_from_run_to_run_is_put_away(self) -> None:
        first, second = "01a2b3c4-0000-7abc-8def-0123456789ab", "9f3c2f4e-aaaa-4bbb-9ccc-0123456789ab"
        ids: dict[bytes, bytes] = {}
        read = []
        for request in (
            kkt_v1.CancelRequest(kkt_id=first, request_id=second),
            kkt_v1.ListRequest(client_id=second, page_token="secret", page_size=7),
        ):
            method = f"/litebox.kkt.v1.KktService/{type(request).__name__.removesuffix('Request')}"
            read.append(type(request).FromString(stored.plain(request.SerializeToString(), method, ids)))
        cancel, page = read
        named = {cancel.kkt_id, cancel.request_id}
        self.assertEqual(named, {"00000000-0000-7000-8000-000000000002", "00000000-0000-4000-8000-000000000001"})
        self.assertEqual((page.client_id, page.page_token, page.page_size), (cancel.request_id, "AAAAAA", 7))


if __name__ == "__main__":
    unittest.main()
