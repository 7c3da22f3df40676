"""Shows the example of each language in sdk/README.md: after a line `<!-- FILE -->` stands a fence with the file's text."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
SHOWN = re.compile(r"(<!-- (\S+) -->\n```\w+\n).*?(```\n)", re.DOTALL)
LANGUAGES = 4


def shown(match: re.Match[str]) -> str:
    return match[1] + (HERE / match[2]).read_text() + match[3]


def main() -> int:
    file = HERE / "README.md"
    text, count = SHOWN.subn(shown, file.read_text())
    if count != LANGUAGES:
        print(f"{file} shows {count} programs, not {LANGUAGES}", file=sys.stderr)
        return 1
    file.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
