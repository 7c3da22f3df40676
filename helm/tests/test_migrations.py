"""How each way of migrating renders."""

import contextlib
import json
import sqlite3
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path

from chart import LIVE, MODES, NAME, TEST, config, one, render, server
from test_server import BIN, environment, run, unpacked


def job(*sets):
    return one(render(*LIVE, "migrations.mode=job", *sets), "Job")


class Migrations(unittest.TestCase):
    def test_by_default_an_init_container_migrates_and_no_hook_runs(self):
        found = render(*LIVE)
        init = server(found)[0]["initContainers"]
        self.assertEqual([c["command"] for c in init], [["litebox-partner", "config", "check"], ["litebox-partner", "migrate", "--wait=30"]])
        self.assertNotIn("Job", {o["kind"] for o in found})
        for mode in MODES:
            for made in render(file=mode):
                hook = made["metadata"].get("annotations", {}).get("helm.sh/hook")
                self.assertTrue(hook in (None, "test") or mode.name == "live-tls-values.yaml", made["metadata"]["name"])

    def test_the_configuration_is_checked_first_with_all_that_the_server_has(self):
        for sets in [TEST, LIVE, [*LIVE, "migrations.mode=job"], [*TEST, "tls.enabled=true", "tls.existingSecret=t", "extraEnv[0].name=A"]]:
            spec, container = server(render(*sets))
            check = spec["initContainers"][0]
            self.assertEqual(check["command"], ["litebox-partner", "config", "check"])
            for part in ["env", "volumeMounts", "image", "securityContext"]:
                self.assertEqual(check[part], container[part], part)

    def test_the_server_never_migrates_by_itself(self):
        for sets in [TEST, LIVE, [*LIVE, "migrations.mode=hook"]]:
            self.assertIs(tomllib.loads(config(render(*sets)))["database"]["migrate"], False)

    def test_migrations_may_have_an_account_of_the_database_of_their_own(self):
        for mode in ["init", "job", "hook"]:
            found = render(*LIVE, f"migrations.mode={mode}", "migrations.databaseUrl.existingSecret=owner")
            spec, container = server(found)
            migrate = spec["initContainers"][1] if mode == "init" else one(found, "Job")["spec"]["template"]["spec"]["containers"][0]
            names = [[e["valueFrom"]["secretKeyRef"]["name"] for e in c["env"] if e["name"] == "LITEBOX_DATABASE_URL"] for c in [migrate, container]]
            self.assertEqual(names, [["owner"], ["s"]], mode)
            env = server(render(*LIVE, "migrations.databaseUrl.file=/vault/owner"))[0]["initContainers"][1]["env"]
            self.assertIn({"name": "LITEBOX_DATABASE_URL_FILE", "value": "/vault/owner"}, env)

    def test_migrations_get_no_other_secret_and_time_for_long_statements(self):
        env = server(render(*LIVE))[0]["initContainers"][1]["env"]
        self.assertEqual([e["name"] for e in env], ["LITEBOX_DATABASE_URL", "PGSSLMODE", "LITEBOX_DATABASE_MIGRATION_STATEMENT_TIMEOUT_MS"])
        self.assertEqual(env[2]["value"], "3600000")

    def test_the_name_of_a_job_follows_what_it_runs_and_the_configuration(self):
        name = job()["metadata"]["name"]
        self.assertRegex(name, rf"^{NAME}-migrate-[0-9a-f]{{10}}$")
        self.assertEqual(job("service.port=1")["metadata"]["name"], name)
        changed = ["image.tag=v2", "secrets.databaseUrl.key=k", "config.database.lock_timeout_ms=5", "migrations.backoffLimit=1",
                   "migrations.statementTimeoutMs=5000", "nodeSelector.a=b"]  # fmt: skip
        self.assertEqual(len({name, *(job(sets)["metadata"]["name"] for sets in changed)}), len(changed) + 1)
        self.assertNotIn("annotations", job()["metadata"])

    def test_jobs_of_equal_names_are_equal(self):
        by_name = {}
        for sets in [[], ["service.port=1"], ["podLabels.a=b"], ["replicas=3"], ["image.tag=v2"], ["commonLabels.a=b"], ["image.pullPolicy=Always"]]:
            made = job(*sets)
            self.assertEqual(by_name.setdefault(made["metadata"]["name"], made["spec"]), made["spec"], sets)

    def test_a_hook_runs_before_the_roll_out_with_an_account_that_exists_by_then(self):
        found = render(*LIVE, "migrations.mode=hook", "migrations.serviceAccount.create=true")
        hook, account = one(found, "Job"), one(found, "ServiceAccount", f"{NAME}-migrations")
        self.assertEqual([c["name"] for c in server(found)[0]["initContainers"]], ["check"])
        for made in [hook, account]:
            self.assertEqual(made["metadata"]["annotations"]["helm.sh/hook"], "pre-install,pre-upgrade")
        weights = [int(made["metadata"]["annotations"]["helm.sh/hook-weight"]) for made in [account, hook]]
        self.assertLess(*weights)
        self.assertEqual(hook["spec"]["template"]["spec"]["serviceAccountName"], account["metadata"]["name"])
        # Nothing of it outlives a release that went well, and what did not goes before the next.
        wall = one(render(*LIVE, "migrations.mode=hook", "networkPolicy.enabled=true", 'networkPolicy.egress:=[{"ports":[{"port":5432}]}]'), "NetworkPolicy", f"{NAME}-migrations")
        for made in [hook, account, wall]:
            self.assertEqual(made["metadata"]["annotations"]["helm.sh/hook-delete-policy"], "before-hook-creation,hook-succeeded")
        self.assertNotIn("configMap", str(hook["spec"]["template"]["spec"]["volumes"]))

    def test_a_job_has_an_account_of_its_own(self):
        for sets, name in [([], "default"), (["migrations.serviceAccount.name=ddl"], "ddl"), (["migrations.serviceAccount.create=true"], f"{NAME}-migrations")]:
            self.assertEqual(job(*sets)["spec"]["template"]["spec"]["serviceAccountName"], name)


class Rollback(unittest.TestCase):
    """Helm brings the older program back and leaves the schema. There is no older one yet: here the database knows a migration that this one does not."""

    @contextlib.contextmanager
    def serving(self, env):
        """The server's container; where it listens."""
        with subprocess.Popen([BIN, "serve"], env={**env, "LITEBOX_SERVER_LISTEN": "127.0.0.1:0", "LITEBOX_METRICS_LISTEN": ""}, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True) as process:
            try:
                said = (json.loads(line) for line in process.stdout if line.startswith("{"))
                yield next((line["address"] for line in said if line["message"] == "listening"), None)
            finally:
                process.kill()

    def test_an_older_program_starts_and_serves_on_a_newer_schema(self):
        found = render(*TEST)
        spec, container = server(found)
        with tempfile.TemporaryDirectory() as folder:
            unpacked(found, Path(folder))
            init = [(environment(each, folder), *each["command"][1:]) for each in spec["initContainers"]]
            self.assertEqual([run(*each).returncode for each in init], [0, 0])
            with contextlib.closing(sqlite3.connect(Path(folder, "data/litebox-partner.db"))) as database, database:
                database.execute("ALTER TABLE partner ADD COLUMN of_tomorrow TEXT")
                database.execute("INSERT INTO seaql_migrations VALUES ('m9999_of_tomorrow', 0)")
            self.assertEqual([run(*each).returncode for each in init], [0, 0])
            with self.serving(environment(container, folder)) as address:
                self.assertIsNotNone(address)
                self.assertEqual(run({}, "healthcheck", f"--address={address}", "--timeout=20").returncode, 0)


if __name__ == "__main__":
    unittest.main()
