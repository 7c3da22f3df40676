"""Makes the list of what a program is made of fit to be handed out: it takes out the folder that it was made in, and crates that cargo knows of
and does not build. Checks that it is valid CycloneDX by the schema of its version and has all that is built, each with a licence.
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


def pair(component):
    return component["name"], component["version"]


def trimmed(sbom, built):
    """Without crates that features of others name and that nothing switches on: nobody should be alarmed by what is not inside."""
    components = [one for one in sbom.get("components", []) if pair(one) in built]
    inside = {one["bom-ref"] for one in [sbom["metadata"]["component"], *components]}
    edges = [edge for edge in sbom.get("dependencies", []) if edge["ref"] in inside]
    for edge in edges:
        edge["dependsOn"] = [ref for ref in edge.get("dependsOn", []) if ref in inside]
    return {**sbom, "components": components, "dependencies": edges}


def wrong(sbom, built):
    """What is missing."""
    listed = {pair(one): one for one in [sbom["metadata"]["component"], *sbom["components"]]}
    bare = sorted(pair for pair, one in listed.items() if not one.get("licenses"))
    found = [f"{name} {version} is not listed" for name, version in sorted(built - set(listed))]
    return found + [f"{name} {version} has no licence" for name, version in bare]


def main():
    file, built = Path(sys.argv[1]), packages(sys.stdin)
    # The program's own references begin with the folder that it was built in.
    sbom = trimmed(json.loads(file.read_text().replace(f"path+file://{ROOT}", "path+file:///source")), built)
    check_schema(sbom)
    text = json.dumps(sbom, ensure_ascii=False, indent=2) + "\n"
    found = wrong(sbom, built) + [f"{folder} is named" for folder in (str(ROOT), str(Path.home())) if folder + "/" in text]
    if found:
        sys.exit("\n".join([f"{file}:", *found]))
    file.write_text(text)
    print(f"{file}: CycloneDX {sbom['specVersion']}, {len(sbom['components'])} components")


if __name__ == "__main__":
    main()
