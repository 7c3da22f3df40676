"""Tokens, options, errors, and that all of it is one package."""

from __future__ import annotations

import inspect
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import grpc
from google.rpc import error_details_pb2
from scripted import details

import litebox_partner
from litebox_partner import AsyncPartner, FieldViolation, Partner, PartnerError, Tls, reasons
from litebox_partner._gen.litebox.error.v1.error_reason_pb2 import ErrorReason
from litebox_partner._options import service_config
from litebox_partner._status import error_from, error_of
from litebox_partner._token import REREAD_SECONDS, TokenSource

SHARED = Path(__file__).parents[2] / "service_config.json"


class Tokens(unittest.TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file, self.now = Path(folder.name, "token"), 0.0
        self.file.write_text("one\n")

    def source(self) -> TokenSource:
        return TokenSource(None, self.file, lambda: self.now)

    def test_a_file_is_read_again_after_ten_seconds(self) -> None:
        source = self.source()
        self.file.write_text("two\n")
        self.assertEqual(source.current(), "one")
        self.now = REREAD_SECONDS
        self.assertEqual(source.current(), "two")

    def test_a_file_is_read_at_once_after_a_refusal(self) -> None:
        source = self.source()
        self.assertFalse(source.refused("one"))
        self.file.write_text("two\n")
        self.assertTrue(source.refused("one"))
        self.assertEqual(source.current(), "two")
        self.assertTrue(source.refused("one"))  # another call has read it already

    def test_a_file_that_is_being_replaced_does_no_harm(self) -> None:
        source = self.source()
        for change in (self.file.unlink, lambda: self.file.write_text("\n")):
            change()
            self.assertFalse(source.refused("one"))
            self.assertEqual(source.current(), "one")

    def test_nonsense_is_refused_at_once(self) -> None:
        self.file.write_text(" \n")
        for given in ((None, self.file), ("", None), ("one", self.file)):
            with self.assertRaises(ValueError):
                TokenSource(*given)
        for given in ((None, self.file / "missing"), ("two words", None)):
            with self.assertRaises(ValueError):
                TokenSource(*given)

    def test_it_is_not_shown(self) -> None:
        self.assertNotIn("one", repr(self.source()))


class Options(unittest.TestCase):
    def test_a_token_in_plain_text_must_be_wanted(self) -> None:
        with self.assertRaisesRegex(ValueError, "allow_token_in_plaintext=True"):
            Partner("127.0.0.1:1", token="secret", plaintext=True)
        Partner("127.0.0.1:1", token="secret", plaintext=True, allow_token_in_plaintext=True).close()
        Partner("127.0.0.1:1", plaintext=True).close()

    def test_what_does_not_go_together_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            Partner("127.0.0.1:1", plaintext=True, tls=Tls())
        for times in ({"timeout": 0}, {"watch_silence": 0}):
            with self.assertRaises(ValueError):
                Partner("127.0.0.1:1", **times)
        for address in ("partner.example", "http://partner.example:443", "dns:///partner.example", ":1", "a b:1"):
            with self.assertRaisesRegex(ValueError, "address"):
                Partner(address)
        for address in ("partner.example:443", "dns:///partner.example:443", "[::1]:443"):
            Partner(address).close()
        with self.assertRaises(ValueError):
            Partner("127.0.0.1:1", tls=Tls(cert_file=__file__))

    def test_the_retry_policy_is_the_shared_one(self) -> None:
        self.assertEqual(service_config(), SHARED.read_text())


class Errors(unittest.TestCase):
    def error(self, code: grpc.StatusCode, *told: object) -> PartnerError:
        return error_of(code, "no", [("grpc-status-details-bin", details(code, *told))], "mine")

    def test_every_reason_has_a_class(self) -> None:
        known = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()} - {"UNSPECIFIED"}
        self.assertEqual(set(reasons.BY_REASON), known)
        self.assertEqual(len(set(reasons.BY_REASON.values())), len(known))

    def test_fields_and_rules_are_listed(self) -> None:
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field="inn", description="wrong", reason="INN", localized_message={"message": "Неверно."})
        broken = error_details_pb2.PreconditionFailure()
        broken.violations.add(type="RULE", subject="ofd", description="mend")
        error = self.error(grpc.StatusCode.INVALID_ARGUMENT, bad, broken)
        self.assertEqual(list(error.field_violations), [FieldViolation("inn", "wrong", "INN", "Неверно.")])
        self.assertEqual([each.type for each in error.precondition_violations], ["RULE"])
        self.assertEqual(str(error), "INVALID_ARGUMENT; no; inn: wrong; RULE")
        self.assertEqual(error.request_id, "mine")
        self.assertIsNone(error.retry_after)
        printed = f"{error!r} {error.field_violations!r} {error.precondition_violations!r}"
        self.assertNotIn("Неверно", printed)  # what is told to people may tell of a person
        self.assertNotIn("mend", printed)

    def test_a_call_that_the_server_ended_because_it_took_too_long_has_met_its_deadline(self) -> None:
        ended = SimpleNamespace(
            code=lambda: grpc.StatusCode.CANCELLED, details=lambda: "Timeout expired", initial_metadata=tuple, trailing_metadata=tuple
        )
        self.assertIs(type(error_from(ended, "mine", late=True)), reasons.DeadlineExceededError)
        self.assertEqual(error_from(ended, "mine", late=True).request_id, "mine")
        self.assertIs(error_from(ended).code, grpc.StatusCode.UNAVAILABLE)  # nobody has asked for it: the connection has ended

    def test_a_later_reason_is_kept(self) -> None:
        error = self.error(grpc.StatusCode.ABORTED, error_details_pb2.ErrorInfo(reason="LATER", domain="litebox.ru"))
        self.assertEqual((type(error), error.reason), (PartnerError, "LATER"))

    def test_reasons_of_others_are_not_ours(self) -> None:
        info = error_details_pb2.ErrorInfo(reason="RESOURCE_NOT_FOUND", domain="example.org", metadata={"a": "b"})
        error = self.error(grpc.StatusCode.NOT_FOUND, info)
        self.assertEqual((type(error), error.reason, error.metadata), (PartnerError, "", {}))

    def test_broken_details_do_not_hide_the_status(self) -> None:
        error = error_of(grpc.StatusCode.ABORTED, "no", [("grpc-status-details-bin", b"\xff\xff")])
        self.assertEqual((error.code, error.reason), (grpc.StatusCode.ABORTED, ""))


class Surface(unittest.TestCase):
    def test_both_worlds_have_the_same_methods(self) -> None:
        for one, other in ((Partner, AsyncPartner), *zip(self.services("Partner"), self.services("AsyncPartner"))):
            names = {name for name in dir(one) if not name.startswith("_")}
            self.assertEqual(names, {name for name in dir(other) if not name.startswith("_")})
            for name in names | {"__init__"}:
                left, right = (inspect.signature(getattr(kind, name)) for kind in (one, other))
                self.assertEqual(list(left.parameters), list(right.parameters), name)

    def services(self, kind: str) -> list[type]:
        prefix = "Async" if kind == "AsyncPartner" else ""
        module = __import__(f"litebox_partner._{'async_' if prefix else ''}partner", fromlist=["x"])
        return [getattr(module, f"{prefix}{name}") for name in ("Clients", "Kkts")]

    def test_what_is_exported_is_there(self) -> None:
        for name in litebox_partner.__all__:
            self.assertTrue(hasattr(litebox_partner, name), name)
        self.assertTrue(Path(litebox_partner.__file__).with_name("py.typed").exists())

    def test_the_readme_shows_the_example(self) -> None:
        folder = Path(__file__).parents[1]
        self.assertIn(f"```python\n{(folder / 'example.py').read_text()}```\n", (folder / "README.md").read_text())


if __name__ == "__main__":
    unittest.main()
