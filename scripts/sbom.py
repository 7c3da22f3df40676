"""Checks the list of what a program is made of: that it is valid CycloneDX by the schema of its version, that it has all that cargo
builds the program from, each with a licence, and no path of the machine that wrote it; such paths it takes out.
Usage: cargo tree --prefix none --format '{p}' | sbom.py FILE"""

import json
import sys
from pathlib import Path

import cyclonedx.schema
import jsonschema
from referencing import Registry, Resource

SCHEMAS = Path(cyclonedx.schema.__file__).parent / "_res"
ROOT = Path(__file__).resolve().parent.parent


def schema(name):
    return json.loads((SCHEMAS / name).read_text())


def check_schema(sbom):
    own = f"bom-{sbom['specVersion']}.SNAPSHOT.schema.json"
    others = ["spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json"]
    registry = Registry().with_resources((name, Resource.from_contents(schema(name))) for name in others)
    # References are by name alone: without an id of its own the schema is where they are looked for.
    jsonschema.Draft7Validator({**schema(own), "$id": ""}, registry=registry).validate(sbom)


def packages(tree):
    """What `cargo tree` names, as name and version: "tokio v1.54.1 (*)"."""
    words = (line.split() for line in tree if line.strip())
    return {(name, version.removeprefix("v")) for name, version, *_ in words}


def wrong(sbom, tree):
    """What is missing."""
    own = sbom["metadata"]["component"]
    listed = {(one["name"], one["version"]): one for one in [own, *sbom.get("components", [])]}
    missing = sorted(packages(tree) - set(listed))
    bare = sorted(pair for pair, one in listed.items() if not one.get("licenses"))
    found = [f"{name} {version} is not listed" for name, version in missing]
    return found + [f"{name} {version} has no licence" for name, version in bare]


def main():
    file = Path(sys.argv[1])
    # The program's own references begin with the folder that it was built in.
    text = file.read_text().replace(f"path+file://{ROOT}", "path+file:///source")
    sbom = json.loads(text)
    check_schema(sbom)
    found = wrong(sbom, sys.stdin) + [f"{folder} is named" for folder in (str(ROOT), str(Path.home())) if folder + "/" in text]
    if found:
        sys.exit("\n".join([f"{file}:", *found]))
    file.write_text(text)
    print(f"{file}: CycloneDX {sbom['specVersion']}, {len(sbom['components'])} components")


if __name__ == "__main__":
    main()
