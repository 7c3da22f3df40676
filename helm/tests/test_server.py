"""What the chart renders is what the program takes: `config check`, `config show`, `migrate` and every command line.

The program is $LITEBOX_BIN, or target/debug/litebox-partner.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import tomllib
import unittest
from pathlib import Path

from chart import LIVE, MODES, NAME, ROOT, config, notes, one, pods, render, server
from generate import OWN, SECRETS

BIN = Path(os.environ.get("LITEBOX_BIN", ROOT / "target/debug/litebox-partner"))
KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
VALUES = {
    "LITEBOX_DATABASE_URL": "postgres://user:password@db:5432/litebox",
    "LITEBOX_SERVER_PAGE_KEYS": "one-key-of-at-least-thirty-two-bytes",
    "LITEBOX_DOCUMENTS_KEYS": f"k1:{KEY}",
    "LITEBOX_ERASURE_KEY": KEY,
    "LITEBOX_GATEWAYS_TAXPAYERS_API_KEY": "key",
    "LITEBOX_GATEWAYS_DEVICE_PASSWORD": "password",
}
# What a client of PostgreSQL says first to have TLS: eight bytes, 1234 and 5679.
SSL_REQUEST = bytes([0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F])


def run(env, *args):
    if not BIN.exists():
        sys.exit(f"{BIN} is missing: build it, or set LITEBOX_BIN")
    return subprocess.run([BIN, *args], env=env, capture_output=True, text=True, timeout=60)


def environment(container, folder):
    """The container's variables, with the files that its paths name under `folder`."""
    env = {e["name"]: e.get("value", VALUES.get(e["name"])) for e in container["env"]}
    return {name: moved(value, folder) for name, value in env.items()}


def moved(text, folder):
    text = text.replace("/var/run/secrets/litebox-partner", f"{folder}/run")
    return text.replace("/etc/litebox-partner", f"{folder}/etc").replace("/var/lib/litebox-partner", f"{folder}/data")


def unpacked(found, folder, cluster=()):
    """Writes what the volumes of the server's pod hold to where it looks for it: the pod's own annotations, and ConfigMaps of the cluster."""
    template = one(found, "Deployment", NAME)["spec"]["template"]
    maps = {made["metadata"]["name"]: made["data"] for made in cluster or found if made["kind"] == "ConfigMap" and "data" in made}
    for name in ["etc/config", "etc/catalogue", "data"]:
        (folder / name).mkdir(parents=True)
    for volume in template["spec"]["volumes"]:
        files = dict(maps.get(volume["configMap"]["name"], {})) if "configMap" in volume else {}
        for item in volume.get("downwardAPI", {"items": []})["items"]:
            key = re.fullmatch(r"metadata\.annotations\['(.+)'\]", item["fieldRef"]["fieldPath"])[1]
            files[item["path"]] = template["metadata"]["annotations"][key]
        for file, text in files.items():
            (folder / "etc" / volume["name"] / file).write_text(moved(text, folder))


def certified(folder):
    """What the kubelet mounts: files of TLS, a pair that vouches for itself, and the token for the cluster's keys."""
    for name in ["tls", "client-ca"]:
        (folder / "etc" / name).mkdir()
    pair = ["-keyout", folder / "etc/tls/tls.key", "-out", folder / "etc/tls/tls.crt"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=chart", "-addext", "subjectAltName=DNS:chart"]
    subprocess.run(["openssl", "req", "-x509", *kind, *pair], check=True, capture_output=True)
    (folder / "run/cluster").mkdir(parents=True)
    for file in ["etc/client-ca/ca.crt", "run/cluster/ca.crt"]:
        shutil.copy(folder / "etc/tls/tls.crt", folder / file)
    (folder / "run/cluster/token").write_text("token")


class Plain:
    """A PostgreSQL that has no TLS, as far as whoever connects can tell by then: `asked` is how each connection went on after its No."""

    def __enter__(self):
        self.listener, self.asked = socket.create_server(("127.0.0.1", 0)), []
        self.thread = threading.Thread(target=self.answer)
        self.thread.start()
        return self

    def __exit__(self, *_):
        # Wakes whoever accepts.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def answer(self):
        with contextlib.suppress(OSError):
            while True:
                with self.listener.accept()[0] as connection:
                    connection.settimeout(10)
                    if connection.recv(8) == SSL_REQUEST:
                        connection.sendall(b"N")
                        self.asked.append("in plain text" if connection.recv(8) else "not at all")
                    else:
                        self.asked.append("without asking for TLS")

    def url(self, query=""):
        return f"postgres://user:password@127.0.0.1:{self.listener.getsockname()[1]}/litebox{query}"


def flat(table, path=""):
    for key, value in table.items():
        at = f"{path}.{key}".lstrip(".")
        if isinstance(value, dict):
            yield from flat(value, at)
        else:
            yield at, value


def shown(env):
    done = run(env, "config", "show", "--json")
    assert done.returncode == 0, done.stderr
    return {row["key"]: row["value"] for row in json.loads(done.stdout)}


class Server(unittest.TestCase):
    def each(self):
        for file in MODES:
            with tempfile.TemporaryDirectory() as folder:
                found = render(file=file)
                unpacked(found, Path(folder))
                certified(Path(folder))
                spec, container = server(found)
                yield file, found, spec, environment(container, folder), folder

    def test_the_configuration_of_each_mode_is_good(self):
        for file, _, _, env, _ in self.each():
            done = run(env, "config", "check")
            self.assertEqual((done.returncode, done.stdout), (0, "the configuration is good\n"), f"{file.name}: {done.stderr}")

    def test_a_bad_one_stops_the_pod_before_anything_is_migrated(self):
        for _, _, spec, _, folder in self.each():
            with (Path(folder) / "etc/config/config.toml").open("a") as file:
                file.write("\n[strange]\nkey = 1\n")
            first = spec["initContainers"][0]
            done = run(environment(first, folder), *first["command"][1:])
            self.assertEqual(done.returncode, 1)
            self.assertIn("strange", done.stderr)

    def test_while_an_upgrade_hangs_pods_of_the_release_before_start_again_with_their_own_configuration(self):
        """They are made anew when their node goes. The cluster has the objects of the new release then, and the old pods' template."""
        live = [one for one in LIVE if not one.startswith("catalogue.")]
        managers = (ROOT / "data/regional_managers.toml").read_text()

        def release(url, text):
            return render(*live, f"config.gateways.fns.url={url}", r"catalogue.files.regional_managers\.toml:=" + json.dumps(text))

        before, after = release("http://fns:1", managers), release("nowhere", "not this")
        for pod, good in [(before, True), (after, False)]:
            with tempfile.TemporaryDirectory() as folder:
                unpacked(pod, Path(folder), cluster=after)
                done = run(environment(server(pod)[1], folder), "config", "check")
                self.assertEqual(done.returncode == 0, good, done.stderr)
        for setting in ["gateways.fns.url", "regional_managers.toml"]:
            self.assertIn(setting, done.stderr)

    def test_each_setting_that_is_rendered_is_in_force(self):
        for file, found, _, env, folder in self.each():
            settings = shown(env)
            for key, value in flat(tomllib.loads(moved(config(found), folder))):
                self.assertIn(key, settings, file.name)
                if not isinstance(value, list):
                    expected = str(value).lower() if isinstance(value, bool) else str(value)
                    self.assertIn(settings[key], (expected, "***"), f"{file.name}: {key}")
            mode = re.search(r"^mode: (\w+)", file.read_text(), re.M)[1]
            self.assertEqual(settings["mode"], mode)

    def test_each_variable_is_a_setting(self):
        keys = set(shown({}))
        known = {"LITEBOX_CONFIG", *("LITEBOX_" + key.replace(".", "_").upper() for key in keys)}
        for _, found, _, _, _ in self.each():
            for _, _, spec in pods(found):
                for container in spec.get("initContainers", []) + spec["containers"]:
                    used = {e["name"] for e in container.get("env", []) if e["name"].startswith("LITEBOX_")}
                    self.assertLessEqual(used, known)
        checked = re.findall(r'"(LITEBOX_\w+)"', (ROOT / "helm/litebox-partner/templates/_check.tpl").read_text())
        self.assertGreater(len(checked), 10)
        self.assertLessEqual(set(checked), known)
        self.assertLessEqual({*SECRETS, *OWN}, keys)

    def test_every_secret_of_the_server_is_a_secret_of_the_chart(self):
        masked = re.search(r"const SECRETS[^=]*= \[(.*?)\];", (ROOT / "src/config/layers.rs").read_text(), re.S)[1]
        self.assertEqual(sorted(re.findall(r'"([^"]+)"', masked)), sorted(SECRETS))

    def test_sqlite_is_migrated_with_nothing_but_the_containers_own_environment(self):
        tried = 0
        for file, _, spec, _, folder in self.each():
            migrate = [c for c in spec["initContainers"] if c["name"] == "migrate"]
            env = environment(migrate[0], folder) if migrate else {}
            if env.get("LITEBOX_DATABASE_URL", "").startswith("sqlite:"):
                done = run(env, "migrate")
                self.assertEqual((done.returncode, done.stdout), (0, "migrated\n"), f"{file.name}: {done.stderr}")
                self.assertTrue((Path(folder) / "data/litebox-partner.db").exists())
                tried += 1
        self.assertEqual(tried, 2)

    def test_in_live_mode_a_password_is_not_told_to_a_postgresql_without_tls(self):
        plain, never = {"in plain text"}, {"not at all"}
        for sets, query, ways in [
            ([], "", never), ([], "?sslmode=prefer", plain), (["database.postgresql.sslMode=prefer"], "", plain),
            (["database.postgresql.sslMode=prefer"], "?sslmode=require", never),
        ]:  # fmt: skip
            migrate = server(render(*LIVE, *sets))[0]["initContainers"][1]
            with Plain() as postgresql:
                env = {**environment(migrate, "/"), "LITEBOX_DATABASE_URL": postgresql.url(query)}
                self.assertEqual(migrate["command"][:2], ["litebox-partner", "migrate"])
                self.assertEqual(run(env, "migrate").returncode, 1)
            self.assertEqual(set(postgresql.asked), ways, (sets, query))

    def accepted(self, words):
        """clap reads in order: what it does not know comes before --help."""
        self.assertEqual(words[0], "litebox-partner")
        done = run({}, *words[1:], "--help")
        return done.returncode == 0

    def test_every_command_line_of_the_pods_and_the_notes_is_one_of_the_program(self):
        seen = set()
        for file, found, _, _, _ in self.each():
            for _, _, spec in pods(found):
                for container in spec.get("initContainers", []) + spec["containers"]:
                    probes = [container[p]["exec"]["command"] for p in container if p.endswith("Probe") and "exec" in container[p]]
                    for line in [container["command"] + container.get("args", []), *probes]:
                        if line[0] == "litebox-partner":
                            seen.add(line[1])
                            self.assertTrue(self.accepted(line), line)
            for line in re.findall(r"-- (litebox-partner [^)\n]*)", notes(file=file)):
                words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
                seen.add(" ".join(words[3:5]))
                self.assertTrue(self.accepted(words), line)
        self.assertLessEqual({"serve", "migrate", "sandbox", "healthcheck", "partner add", "token issue", "device assign"}, seen)
        self.assertFalse(self.accepted(["litebox-partner", "serve", "--strange"]))


if __name__ == "__main__":
    unittest.main()
