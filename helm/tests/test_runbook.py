"""What docs/runbook.md has operators type in Kubernetes works on what the chart renders: shells run it, with a kubectl that tells what is rendered."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from chart import MODES, NAME, NEWEST, ROOT, one, read, render, server
from test_manifests import invalid, unrestricted

RUNBOOK = (ROOT / "docs/runbook.md").read_text()
KUBECTL = """#!/bin/sh
case "$1 $2" in
"get deploy" | "get cronjob") cat "$MADE/$2.json" ;;
"apply -n") cat >"$MADE/applied.json" ;;
esac
"""


def function(name):
    """A function of the shell, as it is shown."""
    return re.search(rf"^ *{name}\(\) \{{.*?^ *\}}$", RUNBOOK, re.M | re.S)[0]


def applied(found, name, *args):
    """The pod that such a function makes of a release."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, of in [("Deployment", NAME), ("CronJob", f"{NAME}-backup")]:
            fit = [made for made in found if (made["kind"], made["metadata"]["name"]) == (kind, of)]
            short = "deploy" if kind == "Deployment" else "cronjob"
            Path(folder, f"{short}.json").write_text(json.dumps(fit[0] if fit else None))
        kubectl = Path(folder, "kubectl")
        kubectl.write_text(KUBECTL)
        kubectl.chmod(0o755)
        env = {"PATH": f"{folder}:{os.environ['PATH']}", "MADE": folder}
        subprocess.run(["bash", "-euc", f'{function(name)}\n{name} "$@"', "-", *args], env=env, check=True)
        return json.loads(Path(folder, "applied.json").read_text())


class Restore(unittest.TestCase):
    def test_a_command_runs_in_a_pod_that_is_the_servers_in_all_but_serving(self):
        for mode in MODES:
            found = render(file=mode)
            made = applied(found, "run", "token", "revoke", "0123456789AB", "--reason", "restore of 24 November")
            spec, container = server(found)
            self.assertIsNone(invalid(made, NEWEST), mode.name)
            self.assertEqual(unrestricted(made["spec"]), [], mode.name)
            (only,) = made["spec"]["containers"]
            self.assertEqual(only["command"], ["litebox-partner", "--actor", "anna", "token", "revoke", "0123456789AB", "--reason", "restore of 24 November"])
            self.assertEqual({key: only[key] for key in ["image", "env", "volumeMounts"]}, {key: container[key] for key in ["image", "env", "volumeMounts"]})
            self.assertEqual((made["spec"]["initContainers"], made["spec"]["volumes"]), (spec["initContainers"], spec["volumes"]))
            self.assertNotIn("args", only)
            # Its volumes are made of its own annotations.
            carried = made["metadata"]["annotations"]
            self.assertEqual({name: carried[f"litebox-partner/{name}"] for name in read(found)}, read(found))
            # No Service may send anybody to it.
            self.assertNotIn("labels", made["metadata"])

    def test_copies_are_seen_in_a_pod_like_that_which_makes_them(self):
        found = render(file=next(mode for mode in MODES if mode.name.startswith("live-sqlite")))
        made = applied(found, "copies", "ls -l /backup")
        spec = one(found, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        self.assertIsNone(invalid(made, NEWEST))
        self.assertEqual(unrestricted(made["spec"]), [])
        self.assertEqual(made["spec"]["containers"][0].pop("command"), ["sh", "-euxc", "ls -l /backup"])
        # Not beside the server: there is none.
        del spec["affinity"], spec["containers"][0]["command"]
        self.assertEqual(made["spec"], spec)


if __name__ == "__main__":
    unittest.main()
