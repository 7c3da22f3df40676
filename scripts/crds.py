"""Renews third_party/crds: the definitions of the custom resources that the chart renders, of the oldest and the newest release that it is for.

They come as Go modules, each with its sum. Texts for people are left out, most of the bytes; nothing else is changed. Needs Go, a network and what
`make tools` installs. Usage: PYTHONPATH=.tools/python python3 scripts/crds.py
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parents[1] / "third_party/crds"
OPERATOR, GATEWAY, MANAGER = "github.com/prometheus-operator/prometheus-operator", "sigs.k8s.io/gateway-api", "github.com/cert-manager/cert-manager"
MONITORING = [f"example/prometheus-operator-crd/monitoring.coreos.com_{name}.yaml" for name in ["podmonitors", "prometheusrules", "servicemonitors"]]
ROUTES = ["config/crd/standard/gateway.networking.k8s.io_grpcroutes.yaml"]
# The oldest with what the chart renders, no older than the oldest Kubernetes; and the newest that Go's proxy has.
SOURCES = {
    "oldest": [
        (OPERATOR, "v0.65.1", "h1:Krj59DoZURZfOKwJdtPssOrk5nN9TWElI0+foGXsesU=", MONITORING),
        (GATEWAY, "v1.1.0", "h1:DsLDXCi6jR+Xz8/xd0Z1PYl2Pn0TyaFMOPPZIj4inDM=", ROUTES),
        (MANAGER, "v1.12.0", "h1:CWIZeWop7RwFCIKgSzsxFFGcI2nvudkOICBMDY7SKuI=", ["deploy/crds/crd-certificates.yaml"]),
    ],
    "newest": [
        (OPERATOR, "v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=", MONITORING),
        (GATEWAY, "v1.7.0", "h1:duVnm7nO6oXfMMUWfcDoBph47CYR/ME3NGxccOVglaY=", ROUTES),
        (MANAGER, "v1.21.2", "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=", ["deploy/crds/cert-manager.io_certificates.yaml"]),
    ],
}


def fetched(module, version, wanted):
    """The module's archive, if that has the wanted sum. Nothing of it is built: it may want a newer Go."""
    with tempfile.TemporaryDirectory() as elsewhere:
        done = subprocess.run(["go", "mod", "download", "-json", f"{module}@{version}"], cwd=elsewhere, capture_output=True, text=True)
    told = json.loads(done.stdout)
    if told.get("Sum") != wanted:
        sys.exit(f"{module}@{version}: {told.get('Sum', told.get('Error'))} instead of {wanted}")
    return zipfile.ZipFile(told["Zip"])


def bare(schema):
    """Without texts for people. A field may be called `description`, too: those of `properties` are names."""
    if isinstance(schema, list):
        return [bare(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: one for key, one in schema.items() if key != "description"}
    return {key: {name: bare(inner) for name, inner in one.items()} if key == "properties" else bare(one) for key, one in kept.items()}


def main():
    for age, sources in SOURCES.items():
        (FOLDER / age).mkdir(parents=True, exist_ok=True)
        for module, version, wanted, paths in sources:
            archive = fetched(module, version, wanted)
            for path in paths:
                made = bare(yaml.safe_load(archive.read(f"{module}@{version}/{path}")))
                name = made["metadata"]["name"]
                (FOLDER / age / f"{name}.json").write_text(json.dumps(made, separators=(",", ":"), sort_keys=True) + "\n")
    files = sorted(FOLDER.glob("*/*.json"))
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(FOLDER)}\n" for file in files]
    (FOLDER / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    main()
