"""Where the data are, and what else is read from files."""

import tomllib
import unittest

from chart import LIVE, TEST, config, one, read, render, server


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


if __name__ == "__main__":
    unittest.main()
