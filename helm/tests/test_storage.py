"""Where the data are, and what else is read from files."""

import re
import sqlite3
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path

from chart import LIVE, NAME, ROOT, TEST, config, kinds, one, read, render, server
from test_server import run


class Storage(unittest.TestCase):
    def test_sqlite_has_a_volume_that_outlives_the_release(self):
        found = render(*TEST)
        claim = one(found, "PersistentVolumeClaim")
        self.assertEqual(claim["metadata"]["annotations"], {"helm.sh/resource-policy": "keep"})
        spec, container = server(found)
        for each in [container, *spec["initContainers"]]:
            self.assertIn({"name": "data", "mountPath": "/var/lib/litebox-partner"}, each["volumeMounts"])
        self.assertEqual(tomllib.loads(config(found))["database"]["url"], "sqlite:/var/lib/litebox-partner/litebox-partner.db")

    def test_a_claim_that_exists_is_used(self):
        found = render(*TEST, "database.sqlite.existingClaim=old")
        self.assertNotIn("PersistentVolumeClaim", {o["kind"] for o in found})
        self.assertIn({"name": "data", "persistentVolumeClaim": {"claimName": "old"}}, server(found)[0]["volumes"])

    def test_postgresql_has_none(self):
        self.assertNotIn("PersistentVolumeClaim", {o["kind"] for o in render(*LIVE)})

    def test_catalogues_come_from_values_or_from_a_config_map(self):
        found = render(*TEST, r"catalogue.files.calendar\.toml=x")
        self.assertEqual(tomllib.loads(config(found))["catalogue"]["dir"], "/etc/litebox-partner/catalogue")
        volume = next(v for v in server(found)[0]["volumes"] if v["name"] == "catalogue")
        calendar = {"path": "calendar.toml", "fieldRef": {"fieldPath": "metadata.annotations['litebox-partner/calendar.toml']"}}
        self.assertEqual((volume["downwardAPI"], read(found)["calendar.toml"]), ({"items": [calendar]}, "x"))
        self.assertIn({"name": "catalogue", "configMap": {"name": "c"}}, server(render(*LIVE))[0]["volumes"])
        self.assertNotIn("catalogue", tomllib.loads(config(render(*TEST))))


class Backup(unittest.TestCase):
    SETS = [*TEST, *(f"database.sqlite.backup.{one}" for one in ["enabled=true", "image=shell", "existingClaim=copies", "keep=2"])]

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data, self.copies = Path(folder.name, "data"), Path(folder.name, "copies")
        self.data.mkdir()
        self.copies.mkdir()
        self.env = {"LITEBOX_DATABASE_URL": f"sqlite:{self.data}/litebox-partner.db", "LITEBOX_ACTOR": "anna"}

    def program(self, *args):
        done = run(self.env, *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def sh(self, text):
        """A shell that has the volumes where these folders are."""
        here = text.replace("/var/lib/litebox-partner/", f"{self.data}/").replace("/var/lib/litebox-partner ", f"{self.data} ").replace("/backup", str(self.copies))
        return subprocess.run(["sh", "-euc", here], capture_output=True, text=True)

    def script(self):
        spec = one(render(*self.SETS), "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        *shell, script = spec["containers"][0]["command"]
        self.assertEqual(shell, ["sh", "-euc"])
        return script

    def names(self):
        return sorted(path.name for path in self.copies.iterdir())

    def test_copies_are_made_on_request_on_the_servers_node_and_without_network(self):
        self.assertNotIn("CronJob", {o["kind"] for o in render(*TEST)})
        found = render(*self.SETS, "database.sqlite.backup.schedule=1 2 * * *")
        spec = one(found, "CronJob")["spec"]
        pod = spec["jobTemplate"]["spec"]["template"]
        self.assertEqual((spec["schedule"], spec["concurrencyPolicy"]), ("1 2 * * *", "Forbid"))
        (near,) = pod["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        labels = one(found, "Deployment", NAME)["spec"]["template"]["metadata"]["labels"]
        self.assertLessEqual(near["labelSelector"]["matchLabels"].items(), labels.items())
        claims = [v["persistentVolumeClaim"]["claimName"] for v in pod["spec"]["volumes"] if "persistentVolumeClaim" in v]
        self.assertEqual(claims, [NAME, "copies"])
        self.assertIn({"name": "data", "persistentVolumeClaim": {"claimName": NAME}}, server(found)[0]["volumes"])
        wall = one(found, "NetworkPolicy", f"{NAME}-backup")["spec"]
        self.assertEqual((wall["policyTypes"], wall.get("ingress"), wall.get("egress")), (["Ingress", "Egress"], None, None))
        self.assertLessEqual(wall["podSelector"]["matchLabels"].items(), pod["metadata"]["labels"].items())
        self.assertLessEqual(len(one(render(*self.SETS, name="n" * 53), "CronJob")["metadata"]["name"]), 52)
        self.assertIn(f"NetworkPolicy/{NAME}-backup", kinds(found))

    def test_a_copy_has_what_was_committed_while_others_write_and_the_oldest_go(self):
        self.program("migrate")
        self.program("partner", "add", "Romashka", "--theme", "LITEBOX", "--reason", "contract 17")
        for name in ["litebox-partner-2026-01-01T000000Z.db", "litebox-partner-2026-01-02T000000Z.db", "litebox-partner-2026-01-03T000000Z.db.part", "other.txt"]:
            (self.copies / name).write_text("old")
        with sqlite3.connect(self.data / "litebox-partner.db", isolation_level=None) as writer:
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("DELETE FROM partner")
            self.assertEqual((done := self.sh(self.script())).returncode, 0, done.stderr)
            writer.execute("ROLLBACK")
        made, *rest = self.names()[::-1][1:]
        self.assertEqual((len(self.names()), rest), (3, ["litebox-partner-2026-01-02T000000Z.db"]))
        # And back, as the runbook says, after the database is lost.
        (self.data / "litebox-partner.db").write_text("broken")
        shown = re.search(r"^copies '(cd .*)'$", (ROOT / "docs/runbook.md").read_text(), re.M)[1]
        back = re.sub(r"litebox-partner-2026-11-24T\d+Z\.db", made, shown)
        self.assertEqual((done := self.sh(back)).returncode, 0, done.stderr)
        self.assertIn("Romashka", self.program("partner", "list"))
        self.assertEqual((next(self.data.glob("before-*")) / "litebox-partner.db").read_text(), "broken")

    def test_a_copy_that_fails_takes_no_place_and_no_older_one_goes(self):
        (self.data / "litebox-partner.db").write_text("this is no database, whatever its name says")
        for day in range(1, 4):
            (self.copies / f"litebox-partner-2026-01-0{day}T000000Z.db").write_text("old")
        self.assertNotEqual(self.sh(self.script()).returncode, 0)
        self.assertEqual([name for name in self.names() if name.endswith(".db")], [f"litebox-partner-2026-01-0{day}T000000Z.db" for day in range(1, 4)])


if __name__ == "__main__":
    unittest.main()
