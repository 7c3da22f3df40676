"""Holds the public names of the libraries against names.json, in both directions: what a library lacks, and what nobody has thought about.

Usage: names.py LANGUAGE... after scripts/sdk-LANGUAGE.sh has built them.
In names.json a concept has a type in each language, and members that all of them have, each by the habit of its language. `else` says how a
name differs where it does; null says that there is none. `only` are names that one language alone has, with the reason; `*` is any.
"""

import fnmatch
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE / "names.json"
PROTO = HERE.parent / "proto/litebox/error/v1/error_reason.proto"
READERS = {
    "go": ["go", "-C", str(HERE / "go"), "run", "./internal/names", "."],
    "python": ["env", f"PYTHONPATH={HERE}/python/src", str(HERE.parent / ".tools/sdk-python/bin/python"), f"{HERE}/python/conformance/names.py"],
    "rust": [sys.executable, f"{HERE}/rust/conformance/names.py"],
    "typescript": ["node", f"{HERE}/typescript/conformance/names.mjs"],
}
ALL_CAPITALS = re.compile(r"Id(?=s?(?:[A-Z]|$))|Tls|^Ca(?=[A-Z])")  # in Go


def habit(language: str, name: str) -> str:
    """A snake_case name as the language writes it."""
    if language in ("python", "rust"):
        return name
    pascal = "".join(word[:1].upper() + word[1:] for word in name.split("_"))
    if language == "go":
        return ALL_CAPITALS.sub(lambda found: found[0].upper(), pascal)
    return pascal[:1].lower() + pascal[1:]


def twins(language: str, names: set[str], table: dict) -> set[str]:
    """Python has some types twice, the second time for asyncio."""
    if language != "python":
        return names
    return names | {f"Async{name}" for name in names if re.split(r"\W", name)[0] in table["twins"]}


def reasons(language: str) -> Iterator[str]:
    """Of the contract, as each language names what catches them. Rust gives on the contract's own enum."""
    for reason in re.findall(r"^  ERROR_REASON_(\w+) = [1-9]", PROTO.read_text(), re.MULTILINE):
        pascal = "".join(map(str.capitalize, reason.split("_")))
        known = {"go": f"Err{pascal}", "python": f"reasons.{pascal}Error", "typescript": f"REASONS.{reason}"}
        if language in known:
            yield known[language]


def wanted(language: str, table: dict) -> set[str]:
    names = set(reasons(language))
    for concept in table["concepts"]:
        kind = concept["type"] if isinstance(concept["type"], str) else concept["type"][language]
        other = concept.get("else", {}).get(language, {})
        if kind:
            names |= {kind.removesuffix("()")} if "." not in kind else set()
            own = {name: other.get(name, habit(language, name)) for name in concept["members"]}
            names |= {f"{kind}.{name}" for name in own.values() if name and not name.startswith("/")}
            names |= {name[1:] for name in own.values() if name and name.startswith("/")}
    return twins(language, names, table)


def differences(language: str, found: set[str], table: dict) -> list[str]:
    """What is missing and what is unknown, a line each."""
    names, only = wanted(language, table), table["only"][language]
    unknown = [name for name in found - names if not any(fnmatch.fnmatchcase(name, one) for one in only)]
    unused = [one for one in only if not fnmatch.filter(found - names, one)]
    told = [f"{language} has no {name}" for name in sorted(names - found)]
    told += [f"{language} has {name}, which the table does not know" for name in sorted(unknown)]
    return told + [f"{language} has nothing like {one}, which the table says it alone has" for one in unused]


def main(languages: list[str]) -> int:
    table = json.loads(TABLE.read_text())
    bad = []
    for language in languages:
        found = set(subprocess.run(READERS[language], check=True, capture_output=True, text=True).stdout.split())
        told = differences(language, found, table)
        bad += told
        print(f"{language}: {len(found)} public names, {len(told)} that are not as the table says")
    print(*bad, sep="\n")
    return 1 if bad or not languages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
