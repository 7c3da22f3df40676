"""Prints what a compiler is shown of a README: the template's head, then its last paragraph for each block in the language
of the fence, with the block in place of the line that says BLOCK. The first block, the program, is run as it is.

Usage: snippets.py README FENCE TEMPLATE
"""

import re
import sys
import textwrap
from pathlib import Path


def filled(readme: str, fence: str, template: str) -> str:
    blocks = re.findall(rf"^```{fence}\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)[1:]
    if not blocks:
        raise ValueError(f"no block in {fence} follows the program")
    head, _, paragraph = template.rpartition("\n\n")
    before, indent, after = re.fullmatch(r"(.*\n)([ \t]*)\S* BLOCK\n(.*)", paragraph, re.DOTALL).groups()
    return head + "\n\n" + "\n".join(before + textwrap.indent(block, indent) + after for block in blocks)


if __name__ == "__main__":
    text, template = (Path(file).read_text() for file in (sys.argv[1], sys.argv[3]))
    print(filled(text, sys.argv[2], template), end="")
