"""Checks that a list of what a program is made of is valid CycloneDX, by the schema of its version, and lists something. Usage: sbom.py FILE"""

import json
import sys
from pathlib import Path

import cyclonedx.schema
import jsonschema
from referencing import Registry, Resource

SCHEMAS = Path(cyclonedx.schema.__file__).parent / "_res"


def schema(name):
    return json.loads((SCHEMAS / name).read_text())


def check(sbom):
    own = f"bom-{sbom['specVersion']}.SNAPSHOT.schema.json"
    others = ["spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json"]
    registry = Registry().with_resources((name, Resource.from_contents(schema(name))) for name in others)
    # References are by name alone: without an id of its own the schema is where they are looked for.
    jsonschema.Draft7Validator({**schema(own), "$id": ""}, registry=registry).validate(sbom)


def main():
    sbom = json.loads(Path(sys.argv[1]).read_text())
    check(sbom)
    if not sbom.get("components"):
        sys.exit(f"{sys.argv[1]} lists nothing")
    print(f"{sys.argv[1]}: CycloneDX {sbom['specVersion']}, {len(sbom['components'])} components")


if __name__ == "__main__":
    main()
