"""What the definitions in third_party/crds have to say of an object. Stricter than an API server, which drops fields that it does not know; but the
rules in CEL that a definition may have beside its schema are not evaluated."""

import functools
import json

import jsonschema
import kubernetes_validate
from chart import NEWEST, ROOT

FOLDER = ROOT / "third_party/crds"
AGES = ["oldest", "newest"]


def closed(schema):
    """As JSON Schema that knows all fields. What stands in anyOf and its kin adds to the rest, and stays open."""
    made = dict(schema)
    if "properties" in made:
        made["properties"] = {name: closed(one) for name, one in made["properties"].items()}
    for key in ["items", "additionalProperties"]:
        if isinstance(made.get(key), dict):
            made[key] = closed(made[key])
    if made.get("type") == "object" and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if made.get("x-kubernetes-int-or-string"):
        made.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    if made.get("nullable"):
        made["type"] = [made["type"], "null"]
    return made


@functools.cache
def definitions(age):
    """Each kind that is defined, by apiVersion and kind, to its schema."""
    found = {}
    for file in sorted((FOLDER / age).glob("*.json")):
        spec = json.loads(file.read_text())["spec"]
        for version in (one for one in spec["versions"] if one["served"]):
            schema = closed(version["schema"]["openAPIV3Schema"])
            # Kubernetes' own, which no definition repeats.
            schema["properties"]["metadata"] = {"type": "object"}
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return found


def check(made):
    """Raises jsonschema.ValidationError for what is wrong with a custom resource. Whether it is one that is defined in both ages."""
    kind = made["apiVersion"], made["kind"]
    if not all(kind in definitions(age) for age in AGES):
        return False
    for age in AGES:
        # OpenAPI 3.0 has the words of JSON Schema's draft 4.
        jsonschema.Draft4Validator(definitions(age)[kind]).validate(made)
    # Any kind has the same metadata.
    kubernetes_validate.validate({"apiVersion": "v1", "kind": "ConfigMap", "metadata": made["metadata"]}, NEWEST, strict=True)
    return True
