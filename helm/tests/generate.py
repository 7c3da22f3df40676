"""Writes what follows from values.yaml and src/default.toml: the table in the chart's README and values.schema.json.

A value's comment is what stands after `# --` above it; `# @schema {…}` adds to its schema or replaces its type.
Usage: generate.py [--check]: with --check nothing is written, and a difference is an error.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm/litebox-partner"
MARK = "<!-- Written by helm/tests/generate.py from values.yaml. -->"

# Settings that are no values under `config`: secrets, and what the chart decides itself.
SECRETS = ["database.url", "server.page_keys", "documents.keys", "erasure.key", "gateways.taxpayers.api_key", "gateways.device.password"]
OWN = ["mode", "server.listen", "database.migrate", "metrics.listen", "catalogue.dir", "tls.cert", "tls.key", "tls.client_ca", "tls.client_required"]

TEXTS = {"type": "array", "items": {"type": "string"}}
ISSUERS = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["issuer", "audiences", "subjects"],
        "properties": {
            **{name: {"type": "string"} for name in ["issuer", "jwks_url", "jwks_file", "jwks_ca_file", "jwks_token_file"]},
            "audiences": TEXTS,
            "subjects": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["subject", "scopes"],
                    "properties": {"subject": {"type": "string"}, "scopes": TEXTS, "partners": TEXTS},
                },
            },
        },
    },
}
QUANTITIES = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        name: {"type": ["string", "number"], "pattern": r"^[0-9.]+([EPTGMk]i?|m)?$"} for name in ["cpu", "memory", "ephemeral-storage"]
    },
}
RESOURCES = {"type": "object", "additionalProperties": False, "properties": {"requests": QUANTITIES, "limits": QUANTITIES}}


def closed(properties):
    return {"type": "object", "additionalProperties": False, "properties": properties}


def of_setting(path, value):
    """The schema of a setting of default.toml, from its default."""
    if path in SECRETS + OWN:
        return None
    if path == "jwt.issuers":
        return ISSUERS
    if isinstance(value, dict):
        inner = {key: of_setting(f"{path}.{key}".lstrip("."), one) for key, one in value.items()}
        return closed({key: one for key, one in inner.items() if one}) if any(inner.values()) else None
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer", "minimum": 0}
    if isinstance(value, float):
        return {"type": "number", "minimum": 0}
    return TEXTS if isinstance(value, list) else {"type": "string"}


def config_schema():
    schema = of_setting("", tomllib.loads((ROOT / "src/default.toml").read_text()))
    # The grace period is computed from both.
    schema["required"] = ["shutdown"]
    schema["properties"]["shutdown"]["required"] = ["delay_ms", "drain_ms"]
    return schema


def comments():
    """Path of each value to (what is said of it, what is added to its schema)."""
    found, path, said, extra = {}, [], None, {}
    for line in (CHART / "values.yaml").read_text().splitlines():
        text = line.strip()
        if text.startswith("# -- "):
            said = text[5:]
        elif text.startswith("# @schema "):
            extra = json.loads(text[10:])
        elif key := re.match(r"^( *)([A-Za-z0-9_.]+):", line):
            path = path[: len(key[1]) // 2] + [key[2]]
            if said is not None:
                found[tuple(path)] = (said, extra)
            said, extra = None, {}
    return found


def schema_of(value, path, known):
    extra = known.get(path, ("", {}))[1]
    if "$ref" in extra or extra.get("type") in ("array", "object"):
        return extra
    if isinstance(value, dict):
        return closed({key: schema_of(one, path + (key,), known) for key, one in value.items()})
    kind = {bool: "boolean", int: "integer", str: "string"}[type(value)]
    return {"type": kind, **extra}


def schema():
    values, known = yaml.safe_load((CHART / "values.yaml").read_text()), comments()
    whole = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of litebox-partner", **schema_of(values, (), known)}
    # Of a parent chart.
    whole["properties"]["global"] = {"type": "object"}
    whole["definitions"] = {"config": config_schema(), "resources": RESOURCES}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def table():
    values, rows = yaml.safe_load((CHART / "values.yaml").read_text()), ["| value | default | what it is |", "|---|---|---|"]
    for path, (said, _) in comments().items():
        default = values
        for key in path:
            default = default[key]
        shown = "" if path == ("config",) else f"`{json.dumps(default, ensure_ascii=False)}`"
        rows.append(f"| `{'.'.join(path)}` | {shown} | {said.replace('|', chr(92) + '|')} |")
    return "\n".join(rows) + "\n"


def readme():
    head = (CHART / "README.md").read_text().split(MARK)[0]
    return f"{head}{MARK}\n\n{table()}"


def main():
    stale = []
    for file, text in [("values.schema.json", schema()), ("README.md", readme())]:
        if "--check" in sys.argv:
            stale += [file] if (CHART / file).read_text() != text else []
        else:
            (CHART / file).write_text(text)
    if stale:
        sys.exit(f"{', '.join(stale)}: not what follows from values.yaml and src/default.toml: run helm/tests/generate.py")


if __name__ == "__main__":
    main()
