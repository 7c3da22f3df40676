"""The commands that the READMEs show to deploy with work, as far as that can be seen without a cluster and a container engine."""

import json
import re
import shlex
import tomllib
import unittest
from pathlib import Path

import yaml
from chart import CHART, NAME, NEWEST, OLDEST, ROOT, SOURCE, Refused, config, helm, objects
from test_manifests import invalid
from test_server import VALUES, run

README = (SOURCE / "README.md").read_text()
# Of the whole, in both languages.
ROOTS = {name: (ROOT / name).read_text() for name in ["README.md", "README.ru.md"]}
DEFAULTS = tomllib.loads((ROOT / "src/default.toml").read_text())
# How ingress-nginx is told of gRPC, and to wait.
NGINX = {"backend-protocol", "proxy-read-timeout", "proxy-send-timeout"}
# What Helm keeps of the release before, and what only matters to a cluster.
DROPPED = {"--wait", "--create-namespace", "--reuse-values", "--reset-then-reuse-values"}


def commands():
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.M | re.S):
        for line in re.sub(r"<<'YAML'\n.*?^YAML$", "", block.replace("\\\n", " "), flags=re.M | re.S).splitlines():
            if line.startswith("helm "):
                yield shlex.split(line)


def live():
    return re.search(r"<<'YAML'\n(.*?)^YAML$", README, re.M | re.S)[1]


class Readme(unittest.TestCase):
    def setUp(self):
        self.folder = Path(CHART).parent
        (self.folder / "live.yaml").write_text(live())
        (self.folder / "regional_managers.toml").write_text("x")

    def rendered(self, words, before=()):
        places = {"helm/litebox-partner": str(CHART), "live.yaml": str(self.folder / "live.yaml")}
        words = [places.get(word, word).replace("=regional_managers.toml", f"={self.folder}/regional_managers.toml") for word in [*words, *before]]
        return helm("template", *(word for word in words if word not in DROPPED), "--kube-version", NEWEST)

    def test_what_is_installed_and_upgraded_renders(self):
        installs = [words[2:] for words in commands() if words[1] == "install"]
        upgrades = [words[2:] for words in commands() if words[1] == "upgrade"]
        self.assertEqual((len(installs), len(upgrades)), (3, 2))
        for words in installs:
            self.assertIn("kind: Deployment", self.rendered(words))
        before = {words[0]: [word for word in words[2:] if word != "--create-namespace"] for words in installs}
        for words in upgrades:
            self.assertIn("kind: Deployment", self.rendered(words, before[words[0]]))
        with self.assertRaises(Refused):
            self.rendered([*installs[0], "--set", "replicas=2"])

    def test_releases_of_test_and_live_mode_have_names_of_their_own(self):
        installs = [words for words in commands() if words[1] == "install"]
        self.assertEqual([words[2] for words in installs], ["trial", "shop", "shop-tls"])
        self.assertEqual([words[words.index("--namespace") + 1] for words in installs], ["litebox-trial", "litebox", "litebox"])

    def test_a_release_with_tls_stands_beside_the_other_and_shares_nothing_but_what_outlives_both(self):
        plain, tls = ([words for words in commands() if words[1] == "install"][number][2:] for number in [1, 2])
        made = [{f"{o['kind']}/{o['metadata']['name']}" for o in objects(self.rendered(words))} for words in [plain, tls]]
        self.assertEqual(made[0] & made[1], set())
        for command in commands():
            self.assertFalse(command[1] == "upgrade" and "tls.enabled=true" in command, command)

    def test_each_way_in_from_outside_is_valid_whole_and_leads_to_the_service(self):
        ways = re.findall(r"^```yaml\n(.*?)^```", README, re.M | re.S)
        install = next(words for words in commands() if words[1:3] == ["install", "shop"])
        kinds = []
        for text in ways:
            (self.folder / "ways.yaml").write_text(text)
            found = objects(self.rendered(install[2:], ["--values", str(self.folder / "ways.yaml")]))
            self.assertEqual([wrong for one in found for version in [OLDEST, NEWEST] if (wrong := invalid(one, version))], [])
            way = next(one for one in found if one["kind"] in ("Ingress", "GRPCRoute"))
            kinds.append(way["kind"])
            self.assertIn(NAME, json.dumps(way["spec"]["rules"]))
            self.assertEqual(tomllib.loads(config(found))["connections"]["trusted_peers"], ["10.0.0.0/8"])
            shown = yaml.safe_load(text).get("ingress", {}).get("annotations", {})
            self.assertIn({name.removeprefix("nginx.ingress.kubernetes.io/") for name in shown}, [NGINX, set()])
            timeouts = [int(wait) * 1000 for name, wait in shown.items() if name.endswith("-timeout")]
            self.assertTrue(all(wait > DEFAULTS["server"]["stream_ms"] for wait in timeouts), timeouts)
        self.assertEqual(kinds, ["Ingress", "GRPCRoute"])

    def test_live_mode_is_shown_with_every_secret_that_all_have(self):
        shown = set(yaml.safe_load(live())["secrets"])
        self.assertEqual(shown, set(yaml.safe_load((SOURCE / "values.yaml").read_text())["secrets"]) - {"devicePassword"})

    def test_every_link_leads_somewhere(self):
        links = re.findall(r"\]\(([^)#: ]+)", README)
        self.assertGreater(len(links), 5)
        for link in links:
            self.assertTrue((SOURCE / link).exists(), link)

    def test_the_keys_of_secrets_are_those_that_the_chart_reads(self):
        keys = re.findall(r"--from-literal=([\w-]+)=", README)
        self.assertEqual(keys, re.findall(r"^    key: (database-url|page-keys|documents-keys|erasure-key|api-key)$", (SOURCE / "values.yaml").read_text().split("migrations:")[0], re.M))


class Outside(unittest.TestCase):
    """The same without Kubernetes."""

    def test_the_variables_that_live_mode_is_shown_with_are_all_that_it_needs(self):
        for name, text in ROOTS.items():
            shown = dict(re.findall(r"^export (LITEBOX_\w+)='?([^'\s]+)", text.split("make build")[1], re.M))
            adapters = {f"LITEBOX_GATEWAYS_{one}_URL": "http://adapter:1" for one in ["ACCOUNTS", "FNS", "OFD"]}
            given = {key: {**VALUES, **adapters}[key] if value == "..." else value for key, value in shown.items()}
            done = run(given, "config", "check")
            self.assertEqual(done.returncode, 0, f"{name}: {done.stderr}")
            for needed in ["LITEBOX_SERVER_PAGE_KEYS", "LITEBOX_DOCUMENTS_KEYS", *adapters]:
                self.assertEqual(run({**given, needed: ""}, "config", "check").returncode, 1, needed)

    def test_the_trial_in_kubernetes_is_the_charts_own(self):
        chart = re.search(r"^helm install trial (?:.*\\\n)*.*$", README, re.M)[0]
        for name, text in ROOTS.items():
            self.assertIn(f"\n{chart}\n", text, name)

    def test_a_container_listens_where_its_port_is_published(self):
        exposed = re.search(r"^EXPOSE (.*)$", (ROOT / "Dockerfile").read_text(), re.M)[1].split()
        commands = {re.search(r"^docker run .*?[^\\]$", text, re.M | re.S)[0] for text in ROOTS.values()}
        (command,) = commands
        words = shlex.split(command.replace("\\\n", " "))
        of = {option: [words[at + 1] for at, word in enumerate(words) if word == option] for option in ["-e", "-p", "-v", "--stop-timeout"]}
        given = dict(one.split("=", 1) for one in of["-e"])
        self.assertEqual(run(given, "config", "check").returncode, 0)
        show = {row["key"]: row["value"] for row in json.loads(run(given, "config", "show", "--json").stdout)}
        inside = of["-p"][0].rsplit(":", 1)[1]
        self.assertEqual(show["server.listen"], f"0.0.0.0:{inside}")
        self.assertIn(inside, exposed)
        self.assertEqual([volume.split(":")[1] for volume in of["-v"]], re.findall(r"^WORKDIR (/data)$", (ROOT / "Dockerfile").read_text(), re.M))
        self.assertGreater(int(of["--stop-timeout"][0]) * 1000, int(show["shutdown.delay_ms"]) + int(show["shutdown.drain_ms"]) + 6000)


if __name__ == "__main__":
    unittest.main()
