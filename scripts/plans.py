"""Reads the plans in a log of PostgreSQL: which statements of the service read a large table from its beginning to its end.

Usage: plans.py LOG…. Fails when there is one, and when too few statements were seen.
"""

import json
import re
import sys

# Of which there is one for each client, registration, call or step. The others have some rows a partner.
LARGE = {"client", "kkt", "kkt_history", "effect", "request", "audit", "document"}
# What the tests themselves ask.
TESTS = [
    "string_agg",
    "session_replication_role",
    "^SELECT (count|COUNT)\\(\\*\\)(?! AS num_items)",
    "^UPDATE client SET state = '[A-Z_]*', account_id = NULL$",
    '^SELECT [^()]* FROM "(request|kkt_history)"$',
]


def plans(log):
    """The objects that the log holds: {"Query Text": …, "Plan": …}."""
    lines = []
    for line in log:
        if line.startswith("\t"):
            lines.append(line)
            continue
        if lines and lines[0] == "\t{\n":
            yield json.loads("".join(lines))
        lines = []


def scanned(node):
    """The large tables that a plan reads whole."""
    if node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE:
        yield node["Relation Name"]
    for part in node.get("Plans", []):
        yield from scanned(part)


def named(text):
    """The statement, whatever number of values a list in it has, and whatever numbers stand in it."""
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"\d{2,}", "0", re.sub(r"\(\$\d+(?:, \$\d+)+\)", "($0)", text))


def main():
    seen, wrong = set(), {}
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as log:
            for plan in plans(log):
                text = named(plan["Query Text"])
                seen.add(text)
                tables = sorted(set(scanned(plan["Plan"])))
                if tables and not any(re.search(one, text) for one in TESTS):
                    wrong[text] = tables
    for text, tables in sorted(wrong.items()):
        print(f"reads all of {', '.join(tables)}: {text}")
    print(f"{len(seen)} statements, {len(wrong)} read a large table whole")
    sys.exit(1 if wrong or len(seen) < 100 else 0)


main()
