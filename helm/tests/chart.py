"""Renders the chart as a user would, for the tests."""

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "helm/litebox-partner"
HELM = Path(os.environ.get("HELM", ROOT / ".tools/bin/helm")).absolute()
MODES = sorted((SOURCE / "ci").glob("*-values.yaml"))
OLDEST, NEWEST = "1.27", "1.37"
# Of all objects of the release that `render` makes.
NAME = "shop-litebox-partner"
# Annotations of pods that are files in their volumes.
CARRIED = "litebox-partner/"

# Enough for each mode; a test adds what it is about.
TEST = ["mode=test", "image.repository=r/i", "database.kind=sqlite", "replicas=1", "sandbox.enabled=true"]
LIVE = [
    *["mode=live", "image.repository=r/i", "database.kind=postgresql", "catalogue.existingConfigMap=c"],
    *[f"secrets.{name}.existingSecret=s" for name in ["databaseUrl", "pageKeys", "documentsKeys"]],
    *[f"config.gateways.{name}.url=http://{name}:1" for name in ["accounts", "fns", "ofd"]],
]


def copied():
    """A copy of the chart; with rules in the place of alerts.yaml where that is not written yet."""
    chart = Path(tempfile.mkdtemp(prefix="litebox-chart-")) / "litebox-partner"
    shutil.copytree(SOURCE, chart)
    alerts = chart / "files/alerts.yaml"
    if not alerts.exists():
        rule = {"alert": "LiteboxReportsOverdue", "expr": "max(litebox_reports_overdue) > 0", "labels": {"severity": "page"}}
        alerts.write_text(yaml.safe_dump({"groups": [{"name": "litebox", "rules": [rule]}]}))
    return chart


CHART = copied()


class Refused(Exception):
    """What helm has to say."""


def helm(*args):
    if not HELM.exists():
        sys.exit("helm is missing: make tools")
    home = CHART.parent
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "NO_COLOR": "1"}
    done = subprocess.run([HELM, *map(str, args)], capture_output=True, text=True, env=env)
    if done.returncode != 0:
        raise Refused(done.stdout + done.stderr)
    return done.stdout


def objects(text):
    found = [one for one in yaml.safe_load_all(text) if one]
    assert all(isinstance(one, dict) and "kind" in one for one in found), text
    return found


def given(sets, file):
    """The arguments for values: a file, and KEY=VALUE, or KEY:=JSON, over it."""
    args = ["--values", file] if file else []
    for one in sets:
        key, value = one.split("=", 1)
        args += ["--set-json", f"{key[:-1]}={value}"] if key.endswith(":") else ["--set", one]
    return args


def render(*sets, file=None, version=NEWEST, name="shop", files=()):
    """All objects of a release, tests and hooks too. `sets`: as `given`."""
    args = ["template", name, CHART, "--namespace", "partners", "--kube-version", version, *given(sets, file)]
    args += [part for key, value in files for part in ("--set-file", f"{key}={value}")]
    return objects(rendered(*args))


@functools.cache
def rendered(*args):
    return helm(*args)


def notes(*sets, file=None):
    """NOTES.txt as it is printed."""
    text = helm("install", "shop", CHART, "--namespace", "partners", *given(sets, file), "--dry-run=client")
    return text.split("NOTES:\n", 1)[1]


def one(found, kind, name=None):
    fit = [o for o in found if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    assert len(fit) == 1, f"{len(fit)} of {kind} {name}"
    return fit[0]


def kinds(found):
    return [f"{o['kind']}/{o['metadata']['name']}" for o in found]


def pods(found):
    """Each pod that the objects make: (name of its maker, metadata, spec)."""
    for made in found:
        if made["kind"] == "Pod":
            yield made["metadata"]["name"], made["metadata"], made["spec"]
        elif "template" in (maker := made.get("spec", {}).get("jobTemplate", made)).get("spec", {}):
            template = maker["spec"]["template"]
            yield made["metadata"]["name"], template["metadata"], template["spec"]


def server(found):
    """The server's pod, and its container."""
    spec = one(found, "Deployment", NAME)["spec"]["template"]["spec"]
    return spec, spec["containers"][0]


def read(found):
    """What the server's pods bring along for it to read: the text of each file, by its name."""
    annotations = one(found, "Deployment", NAME)["spec"]["template"]["metadata"]["annotations"]
    return {name.removeprefix(CARRIED): text for name, text in annotations.items() if name.startswith(CARRIED)}


def config(found):
    return read(found)["config.toml"]


def text(found):
    return json.dumps(found, ensure_ascii=False)
