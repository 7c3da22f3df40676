"""A release has one version: crate, chart, image, SDKs."""

import re
import tomllib
import unittest

import yaml
from chart import ROOT, SOURCE

LIBRARIES = {
    "sdk/go/version.go": r'^const Version = "([^"]+)"',
    "sdk/python/src/litebox_partner/_version.py": r'^__version__ = "([^"]+)"',
    "sdk/typescript/package.json": r'^  "version": "([^"]+)"',
    "sdk/typescript/src/version.ts": r'^export const VERSION = "([^"]+)"',
}


def versions(root=ROOT):
    """Where a version stands, and which."""
    chart = yaml.safe_load((SOURCE / "Chart.yaml").read_text())
    found = {
        "Chart.yaml version": chart["version"],
        "Chart.yaml appVersion": str(chart["appVersion"]),
        "Dockerfile": re.search(r'image\.version="([^"]+)"', (root / "Dockerfile").read_text())[1],
        "CHANGELOG.md": re.search(r"^## \[.*?(\d+\.\d+\.\d+)", (root / "CHANGELOG.md").read_text(), re.M)[1],
    }
    for file, pattern in LIBRARIES.items():
        found[file] = re.search(pattern, (root / file).read_text(), re.M)[1]
    return found


class Versions(unittest.TestCase):
    def test_all_agree_with_the_crate(self):
        crate = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
        self.assertEqual({where: version for where, version in versions().items() if version != crate}, {})


class Chart(unittest.TestCase):
    META = yaml.safe_load((SOURCE / "Chart.yaml").read_text())

    def test_it_needs_no_other_chart(self):
        self.assertNotIn("dependencies", self.META)
        self.assertFalse((SOURCE / "charts").exists())

    def test_what_it_tells_about_itself_is_so(self):
        crate = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
        told = {name.removeprefix("artifacthub.io/"): text for name, text in self.META["annotations"].items()}
        self.assertEqual((told["license"], told["operator"]), (crate["license"], "false"))
        changes = yaml.safe_load(told["changes"])
        self.assertTrue(changes and all(set(one) == {"kind", "description"} for one in changes), changes)


if __name__ == "__main__":
    unittest.main()
