"""Prints every public name of the module `sdk`, a line each: for sdk/names.py, which holds the languages against each other.

It reads the source as rustfmt leaves it: what `mod.rs` gives on, and of these types the public fields, methods and variants."""

import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src/sdk"
TYPE = re.compile(r"^(?:pub (struct|enum)|impl(?:<[^>]*>)?) (\w+)[^;]*\{$")
MEMBER = re.compile(r"^    pub (?:const )?(?:async )?(?:fn )?(\w+)")
VARIANT = re.compile(r"^    ([A-Z]\w*)(?:\(.*\),|,| \{)$")


def members(text: str) -> Iterator[tuple[str, str]]:
    """Each with the type that it is of."""
    kind = owner = ""
    for line in text.splitlines():
        if opened := TYPE.match(line):
            kind, owner = opened[1] or "impl", opened[2]
        elif line == "}":
            owner = ""
        elif owner and (found := (VARIANT if kind == "enum" else MEMBER).match(line)):
            yield owner, found[1]


def names() -> Iterator[str]:
    given = re.findall(r"^pub use [\w:]+::(?:\{(.+)\}|(\w+));$", (SOURCE / "mod.rs").read_text(), re.MULTILINE)
    public = {name for several, one in given for name in re.findall(r"\w+", several or one)}
    yield from public
    for file in SOURCE.glob("*.rs"):
        yield from (f"{owner}.{name}" for owner, name in members(file.read_text()) if owner in public)


print(*sorted(names()), sep="\n")
