"""Runs the conformance cases with the runner of each language, each in a world of its own, and prints a table.

Usage: harness.py [--case TEXT] [--verbose] NAME=COMMAND...
such as: harness.py go='go -C sdk/go run ./conformance' python='python -m …'
The server's binary is $LITEBOX_BIN. What a runner is and how cases read: README.md beside this file.
"""

import argparse
import json
import os
import queue
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cases
from control import Control, Endpoint
from world import STARTED, World

RUNNER = "(the runner)"  # in place of a case, for what fails beside them
SILENCE = 60.0  # the longest that a runner may be silent in one case
Results = dict[str, dict[str, str]]  # language -> case -> "" when it is well, or why not


def run(name: str, command: list[str], told: list[dict], verbose: bool) -> dict[str, str]:
    """One language: why each case failed, "" for those that did not."""
    started = time.monotonic()
    world = World()
    try:
        control = Control(world)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"cases": told}, file, ensure_ascii=False)
            file.flush()
            seen = drive(name, [*command, file.name, Endpoint(control).url], verbose)
    finally:
        world.end()
    print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    return seen


def tried(name: str, command: list[str], told: list[dict], verbose: bool) -> dict[str, str]:
    """The same; what keeps one language from running at all is told, and does not keep the others from their results."""
    try:
        return run(name, command, told, verbose)
    except Exception as error:
        print(f"{name}: FAILED {RUNNER}: {error!r}", flush=True)
        return {RUNNER: repr(error)}


def drive(name: str, command: list[str], verbose: bool) -> dict[str, str]:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    STARTED.add(child)
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=read, args=(child, lines), daemon=True).start()
    seen: dict[str, str] = {}
    while True:
        try:
            line = lines.get(timeout=SILENCE)
        except queue.Empty:
            child.kill()
            seen[RUNNER] = f"was silent for {SILENCE:.0f} s after {list(seen)[-1:]}"
            break
        if line is None:
            break
        note(name, line, seen, verbose)
    if child.wait(10) != 0 and all(why == "" for why in seen.values()):
        seen[RUNNER] = f"ended with {child.returncode}"
    return seen


def read(child: subprocess.Popen, lines: queue.Queue) -> None:
    for line in child.stdout:
        lines.put(line)
    lines.put(None)


def note(language: str, line: str, seen: dict[str, str], verbose: bool) -> None:
    try:
        told = json.loads(line)
        case, why = told["case"], "" if told["ok"] is True else str(told.get("why") or "no reason told")
    except (ValueError, KeyError, TypeError):
        print(line, end="", file=sys.stderr)  # whatever else a runner says
        return
    seen[case] = why
    if verbose or why:
        print(f"{language}: {'ok    ' if not why else 'FAILED'} {case}{why and ': ' + why}", flush=True)


def table(names: list[str], results: Results) -> str:
    """Language x case."""
    languages = list(results)
    width = max(map(len, names))
    rows = ["| {} | {} |".format("case".ljust(width), " | ".join(languages))]
    rows.append("|{}|{}|".format("-" * (width + 2), "|".join("-" * (len(language) + 2) for language in languages)))
    for name in names:
        marks = [mark(results[language], name).ljust(len(language)) for language in languages]
        rows.append("| {} | {} |".format(name.ljust(width), " | ".join(marks)))
    return "\n".join(rows)


def mark(seen: dict[str, str], name: str) -> str:
    if name not in seen:
        return "-"
    return "ok" if seen[name] == "" else "FAIL"


def interrupted(number: int, _: object) -> None:
    """Leaves nothing running: threads would wait for their runners."""
    for child in list(STARTED):
        child.kill()
    os._exit(128 + number)


def main() -> int:
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, interrupted)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", default="", help="only cases whose names contain this")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--jobs", type=int, default=4, help="languages at once")
    parser.add_argument("--table", type=Path, help="write the table here too")
    parser.add_argument("languages", nargs="+", metavar="NAME=COMMAND")
    options = parser.parse_args()
    if missing := cases.missing_reasons():
        parser.error(f"no case expects {', '.join(sorted(missing))}")
    told = cases.load(options.case)
    names = [case["name"] for case in told]
    commands = dict(language.split("=", 1) for language in options.languages)
    # A runner mostly waits: each language at the same time as the others, in a world of its own.
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = {
            name: pool.submit(tried, name, shlex.split(command), told, options.verbose) for name, command in commands.items()
        }
    results: Results = {name: done.result() for name, done in runs.items()}
    shown = table(names, results)
    print(f"\n{shown}\n")
    if options.table:
        options.table.write_text(shown + "\n")
    good = sum(seen.get(case) == "" for seen in results.values() for case in names)
    strange = sum(why != "" for seen in results.values() for case, why in seen.items() if case not in names)
    bad = len(names) * len(results) - good + strange
    print(f"conformance: {good} passed, {bad} failed")
    return 0 if bad == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
