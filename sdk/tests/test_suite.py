"""What shows the languages side by side: the harness of the conformance cases, and the programs in the README."""

import contextlib
import io
import re
import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

SDK = Path(__file__).parents[1]
sys.path[:0] = [str(SDK), str(SDK / "conformance")]
import cases
import harness
import names
import readme
import snippets


def printed(arguments: list[str], runs: object) -> tuple[int, str]:
    """What the harness ends with and prints, with these runs of the languages."""
    out = io.StringIO()
    with mock.patch.object(sys, "argv", ["harness.py", "--case", "lookup", *arguments]), mock.patch.object(harness, "run", runs):
        with contextlib.redirect_stdout(out):
            return harness.main(), out.getvalue()


class Harness(unittest.TestCase):
    def test_all_languages_that_pass(self) -> None:
        code, said = printed(["go=x", "rust=x"], lambda *_: {"lookup": ""})
        self.assertEqual(code, 0)
        self.assertIn("conformance: 2 passed, 0 failed", said)

    def test_a_language_that_cannot_run_keeps_no_other_from_its_results(self) -> None:
        def run(name: str, *_: object) -> dict[str, str]:
            if name == "rust":
                raise FileNotFoundError("no such runner")
            return {"lookup": ""}

        code, said = printed(["go=x", "rust=x"], run)
        self.assertEqual(code, 1)
        self.assertIn("| lookup | ok | -    |", said)
        self.assertIn("rust: FAILED (the runner): FileNotFoundError('no such runner')", said)
        self.assertRegex(said, "conformance: 1 passed, [1-9]")

    def test_steps_within_steps_are_written_out(self) -> None:
        for key in ("during", "when_blocked"):
            step = {"wait": "k", key: [{"use": "report"}]}
            self.assertEqual(cases.written_out(step, {}, {"report": [{"call": "c"}]}), [{"wait": "k", key: [{"call": "c"}]}])

    def test_a_reason_that_only_a_record_gives_is_missing(self) -> None:
        real = cases.load()
        record = {"control": {"do": "recorded", "reason": "NOT_OFFERED"}}
        played = [{**case, "steps": [record, *case["steps"]]} if case["name"] == "NOT_OFFERED" else case for case in real]
        for told, missing in ((real, set()), (played, {"NOT_OFFERED"})):
            with mock.patch.object(cases, "load", lambda told=told: told):
                self.assertEqual(cases.missing_reasons(), missing)


class Names(unittest.TestCase):
    TABLE = {
        "twins": ["Watch"],
        "concepts": [{"type": {"go": "Options", "python": "Watch()"}, "members": ["partner_id"]}],
        "only": {"go": {"*.String": ""}, "python": {}},
    }

    def told(self, language: str, *found: str) -> list[str]:
        with mock.patch.object(names, "reasons", lambda _: iter(())):
            return names.differences(language, set(found), self.TABLE)

    def test_a_name_that_is_as_the_language_writes_it_is_good(self) -> None:
        self.assertEqual(self.told("go", "Options", "Options.PartnerID", "Options.String"), [])
        self.assertEqual(self.told("python", "Watch", "Watch().partner_id", "AsyncWatch", "AsyncWatch().partner_id"), [])

    def test_what_a_library_lacks_and_what_nobody_knows_is_told(self) -> None:
        self.assertEqual(
            self.told("go", "Options", "Options.PartnerId"),
            [
                "go has no Options.PartnerID",
                "go has Options.PartnerId, which the table does not know",
                "go has nothing like *.String, which the table says it alone has",
            ],
        )
        self.assertIn("python has no AsyncWatch().partner_id", self.told("python", "Watch", "Watch().partner_id", "AsyncWatch"))


class Readme(unittest.TestCase):
    def test_it_shows_the_program_of_each_language(self) -> None:
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(readme, "HERE", Path(folder)):
            text = (SDK / "README.md").read_text()
            for file in readme.SHOWN.findall(text):
                copy = Path(folder, file[1])
                copy.parent.mkdir(parents=True)
                shutil.copy(SDK / file[1], copy)
            shown = Path(folder, "README.md")
            shown.write_text(text)
            self.assertEqual((readme.main(), shown.read_text()), (0, text))
            shown.write_text(text.replace("<!-- go", "<!- go"))
            with contextlib.redirect_stderr(io.StringIO()):
                self.assertEqual(readme.main(), 1)


class Needs(unittest.TestCase):
    # Where each language is told what the library needs; a compiler or an installer holds programs and these tests to it.
    SAID = {
        "go": ("Go", "go/go.mod", r"^go (\d+\.\d+)\.0$"),
        "python": ("Python", "python/pyproject.toml", r'^(?:requires-python = ">=|python_version = ")([\d.]+)"$'),
        "rust": ("Rust", "../Cargo.toml", r'^rust-version = "([\d.]+)"$'),
        "typescript": ("Node", "typescript/package.json", r'^    "node": ">=([\d.]+)"$'),
    }

    def test_the_readmes_say_the_versions_that_the_manifests_do(self) -> None:
        overview = (SDK / "README.md").read_text()
        for language, (name, manifest, pattern) in self.SAID.items():
            with self.subTest(language):
                told = set(re.findall(pattern, (SDK / manifest).read_text(), re.MULTILINE))
                told |= set(re.findall(rf"\b{name} (\d[\d.]*\d) or later", (SDK / language / "README.md").read_text()))
                told |= set(re.findall(rf"\| {name} (\d[\d.]*\d)\b", overview))
                self.assertEqual(len(told), 1, told)


class Snippets(unittest.TestCase):
    TEMPLATE = "use all;\n\nf() {\n  // BLOCK\n}\n"

    def test_each_block_after_the_program_stands_in_a_function_of_its_own(self) -> None:
        text = "```go\nprogram\n```\n```sh\nshell\n```\n```go\none\n\ntwo\n```\n```go\nthree\n```\n"
        wanted = "use all;\n\nf() {\n  one\n\n  two\n}\n\nf() {\n  three\n}\n"
        self.assertEqual(snippets.filled(text, "go", self.TEMPLATE), wanted)

    def test_a_readme_without_blocks_is_no_success(self) -> None:
        with self.assertRaisesRegex(ValueError, "no block in go"):
            snippets.filled("```go\nprogram\n```\n", "go", self.TEMPLATE)


if __name__ == "__main__":
    unittest.main()
