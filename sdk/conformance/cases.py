"""Reads cases.json and writes out what it abbreviates, so that a runner needs to know steps only."""

import copy
import json
import re
from pathlib import Path

FILE = Path(__file__).with_name("cases.json")
PROTO = Path(__file__).parents[2] / "proto/litebox/error/v1/error_reason.proto"


def merged(base: object, over: object) -> object:
    """`over` on top of `base`: objects are merged, `null` takes a key away, all else replaces."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return copy.deepcopy(over)
    out = copy.deepcopy(base)
    for key, value in over.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merged(out.get(key), value)
    return out


def written_out(step: dict, requests: dict, steps: dict) -> list[dict]:
    """The steps that one stands for: {"use": NAME} a list of them, {"like": NAME} in a request what it changes."""
    if "use" in step:
        return [out for inner in steps[step["use"]] for out in written_out(inner, requests, steps)]
    out = copy.deepcopy(step)
    request = out.get("request")
    if isinstance(request, dict) and "like" in request:
        base = requests[request.pop("like")]
        out["request"] = merged(base, request)
    for key in out.keys() & {"during", "when_blocked"}:
        out[key] = [inner for one in out[key] for inner in written_out(one, requests, steps)]
    return [out]


def load(only: str = "") -> list[dict]:
    told = json.loads(FILE.read_text())
    requests, steps = told["requests"], told["steps"]
    cases = []
    for case in told["cases"]:
        if only in case["name"]:
            flat = [out for step in case["steps"] for out in written_out(step, requests, steps)]
            cases.append({**case, "steps": flat})
    names = [case["name"] for case in cases]
    if len(set(names)) != len(names) or not names:
        raise ValueError("case names must be there, and differ")
    return cases


def expected_reasons(told: object) -> set[str]:
    """Every reason that a case expects."""
    if isinstance(told, list):
        return set().union(*map(expected_reasons, told))
    if not isinstance(told, dict):
        return set()
    here = {told["error"].get("reason", "")} if isinstance(told.get("error"), dict) else set()
    return here.union(*map(expected_reasons, told.values()))


def recorded(told: object) -> bool:
    """Whether a case has answers from records in it."""
    if isinstance(told, list):
        return any(map(recorded, told))
    return isinstance(told, dict) and (told.get("do") == "recorded" or any(map(recorded, told.values())))


def missing_reasons() -> set[str]:
    """Reasons of the contract that no case expects of the real server."""
    known = set(re.findall(r"^  ERROR_REASON_(\w+) = [1-9]", PROTO.read_text(), re.MULTILINE))
    return known - expected_reasons([case for case in load() if not recorded(case)])
