"""What of a release can be tried without a build for release: scripts/release.sh makes the rest, and looks at it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

import yaml
from chart import ROOT, SOURCE, helm

BINARY = Path(os.environ.get("LITEBOX_BIN", ROOT / "target/debug/litebox-partner"))


def made(*parts):
    """Some parts of a release, in a folder of their own; its files."""
    folder = tempfile.mkdtemp(prefix="release-")
    command = ["bash", ROOT / "scripts/release.sh", *parts]
    done = subprocess.run(command, env={**os.environ, "DIST": folder}, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return sorted(Path(folder).iterdir())


def sums(files):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


class Parts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.descriptors, cls.chart = made("chart", "descriptors")

    def test_the_same_commit_gives_the_same_bytes(self):
        (SOURCE / "Chart.yaml").touch()
        self.assertEqual(sums(made("chart", "descriptors")), sums([self.descriptors, self.chart]))

    def test_the_package_is_the_chart_without_what_only_tests_need(self):
        self.assertEqual(yaml.safe_load(helm("show", "chart", self.chart))["name"], "litebox-partner")
        with tarfile.open(self.chart) as package:
            names = package.getnames()
        self.assertIn("litebox-partner/values.schema.json", names)
        self.assertEqual([name for name in names if "/ci/" in name], [])

    def test_callers_can_be_made_from_the_descriptors(self):
        grpcurl = ROOT / ".tools/bin/grpcurl"
        services = subprocess.run([grpcurl, "-protoset", self.descriptors, "list"], capture_output=True, text=True, check=True)
        public = {"litebox.client.v1.ClientService", "litebox.kkt.v1.KktService"}
        self.assertLessEqual(public, set(services.stdout.split()))

    def test_there_is_no_other_part(self):
        with self.assertRaisesRegex(RuntimeError, "a release has no signature"):
            made("signature")


def component(name, **more):
    licenses = [{"license": {"id": "MIT"}}]
    return {"type": "library", "name": name, "version": "1.0.0", "bom-ref": name, "licenses": licenses, **more}


def listing(*components):
    ref = f"path+file://{ROOT}#litebox-partner@1.0.0"
    head = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": {"component": component("litebox-partner", **{"bom-ref": ref})}}
    edges = [{"ref": ref, "dependsOn": [one["bom-ref"] for one in components]}]
    return {**head, "components": [*components], "dependencies": edges}


class Sbom(unittest.TestCase):
    TREE = "litebox-partner v1.0.0 (/somewhere)\nserde v1.0.0\nserde v1.0.0 (*)\n"

    def checked(self, listed):
        file = Path(tempfile.mkdtemp(prefix="sbom-")) / "sbom.json"
        file.write_text(json.dumps(listed))
        command = [sys.executable, ROOT / "scripts/sbom.py", file]
        return subprocess.run(command, input=self.TREE, capture_output=True, text=True), file.read_text()

    def test_a_whole_one_is_fit_and_tells_nothing_of_this_machine(self):
        done, text = self.checked(listing(component("serde")))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("path+file:///source#litebox-partner", text)
        self.assertNotIn(str(ROOT), text)

    def test_what_is_not_built_is_taken_out(self):
        done, text = self.checked(listing(component("serde"), component("sqlx-mysql")))
        self.assertEqual((done.returncode, json.loads(text)["dependencies"][0]["dependsOn"]), (0, ["serde"]))
        self.assertNotIn("sqlx-mysql", text)

    def test_what_is_missing_is_told(self):
        at_home = component("serde", description=f"{Path.home()}/serde")
        for told, listed in {
            "serde 1.0.0 is not listed": listing(),
            "serde 1.0.0 has no licence": listing(component("serde", licenses=[])),
            f"{Path.home()} is named": listing(at_home),
            "is not one of": listing(component("serde", type="crate")),
        }.items():
            done, _ = self.checked(listed)
            self.assertNotEqual(done.returncode, 0, told)
            self.assertIn(told, done.stderr)


class Context(unittest.TestCase):
    """What .dockerignore lets into the build of the image."""

    allowed = [line.removeprefix("!/") for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!/")]

    def test_cargo_can_read_it(self):
        with tempfile.TemporaryDirectory() as context:
            for one in self.allowed:
                (copy := Path(context) / one).parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if (ROOT / one).is_dir() else shutil.copy)(ROOT / one, copy)
            host = re.search("^host: (.*)$", subprocess.check_output(["rustc", "-vV"], text=True), re.M)[1]
            cargo = ["cargo", "fetch", "--offline", "--locked", f"--target={host}", f"--manifest-path={context}/Cargo.toml"]
            done = subprocess.run(cargo, capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_it_is_all_that_the_program_is_made_from(self):
        read = Path(f"{BINARY}.d").read_text().split(": ", 1)[1].split()
        ours = [Path(file).relative_to(ROOT) for file in read if Path(file).is_relative_to(ROOT)]
        made_here = [file for file in ours if file.parts[0] == "target"]
        left = [str(f) for f in ours if f not in made_here and not any(f.is_relative_to(one) for one in self.allowed)]
        self.assertGreater(len(ours), 200)
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
