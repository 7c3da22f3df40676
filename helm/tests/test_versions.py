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


if __name__ == "__main__":
    unittest.main()
