"""Values that do not go together fail when the chart is rendered, with a sentence that says what to set."""

import functools
import re
import shutil
import tempfile
import unittest
from pathlib import Path

from chart import LIVE, NEWEST, SOURCE, TEST, Refused, helm, render
from generate import OWN


def without(sets, *keys):
    return [one for one in sets if one.split("=")[0] not in keys]


PG = [*without(TEST, "database.kind"), "database.kind=postgresql", "secrets.databaseUrl.existingSecret=s"]
TLS = [*TEST, "tls.enabled=true"]
COPIES = [f"database.sqlite.backup.{one}" for one in ["enabled=true", "image=i", "existingClaim=c"]]

# What is set, and what the sentence says: where, and what to do.
CASES = {
    "no image": (without(TEST, "image.repository"), r"image\.repository: .*--set image\.repository="),
    "no mode": (without(TEST, "mode"), r"mode: choose one: --set mode=test .*--set mode=live"),
    "no database": (without(TEST, "database.kind"), r"database\.kind: choose one: --set database\.kind=postgresql"),
    "live with the sandbox": ([*LIVE, "sandbox.enabled=true"], r"sandbox\.enabled: .*set sandbox\.enabled=false, or mode=test"),
    "two replicas on SQLite": ([*TEST, "replicas=2"], r"replicas: SQLite takes one server: set replicas=1"),
    "scaling SQLite": ([*TEST, "autoscaling.enabled=true"], r"replicas: SQLite .*autoscaling\.enabled=false"),
    "a job on SQLite": ([*TEST, "migrations.mode=job"], r"migrations\.mode: .*set migrations\.mode=init"),
    "a hook on SQLite": ([*TEST, "migrations.mode=hook"], r"migrations\.mode: .*set migrations\.mode=init"),
    "an owner of SQLite in a file": ([*TEST, "migrations.databaseUrl.file=/f"], r"migrations\.databaseUrl: SQLite has no accounts"),
    "an owner of SQLite": ([*TEST, "migrations.databaseUrl.existingSecret=s"], r"migrations\.databaseUrl: SQLite has no accounts"),
    "an account for an init container": ([*PG, "migrations.serviceAccount.create=true"], r"migrations\.serviceAccount: .*migrations\.mode=job"),
    "a named account too": ([*PG, "migrations.serviceAccount.name=ddl"], r"migrations\.serviceAccount: .*migrations\.mode=job"),
    "no URL": (without(LIVE, "secrets.databaseUrl.existingSecret"), r"secrets\.databaseUrl\.existingSecret: PostgreSQL needs a Secret"),
    "live without page keys": (without(LIVE, "secrets.pageKeys.existingSecret"), r"secrets\.pageKeys\.existingSecret: live mode needs a Secret"),
    "replicas without page keys": ([*PG, "replicas=2"], r"secrets\.pageKeys\.existingSecret: several replicas must sign"),
    "live without documents keys": (without(LIVE, "secrets.documentsKeys.existingSecret"), r"secrets\.documentsKeys\.existingSecret: live mode needs"),
    "erasing without a key": ([*TEST, "config.retention.abandoned_days=9"], r"secrets\.erasureKey\.existingSecret: config\.retention\.abandoned_days"),
    "no accounts": (without(LIVE, "config.gateways.accounts.url"), r"config\.gateways\.accounts\.url: set the address of your adapter\n"),
    "no FNS": (without(LIVE, "config.gateways.fns.url"), r"config\.gateways\.fns\.url: set the address of your adapter\n"),
    "no OFD": (without(TEST, "sandbox.enabled"), r"config\.gateways\.ofd\.url: set the address of your adapter, or sandbox\.enabled=true"),
    "two catalogues": ([*TEST, "catalogue.existingConfigMap=c", r"catalogue.files.ofds\.toml=x"], r"catalogue: set either files or existingConfigMap"),
    "a catalogue too large for pods": ([*TEST, *(rf"catalogue.files.{name}\.toml=" + "x" * 90_000 for name in ["ofds", "kkt_models", "fn_models"])], r"catalogue\.files: .*set catalogue\.existingConfigMap"),
    "managers who are nobody": (without(LIVE, "catalogue.existingConfigMap"), r"catalogue\.files: live mode needs your regional_managers\.toml: --set-file"),
    "copies of PostgreSQL": ([*LIVE, *COPIES], r"database\.sqlite\.backup\.enabled: PostgreSQL is backed up by its own means"),
    "copies by nobody": ([*TEST, *without(COPIES, "database.sqlite.backup.image")], r"database\.sqlite\.backup\.image: .*name one with sh and sqlite3"),
    "copies to nowhere": ([*TEST, *without(COPIES, "database.sqlite.backup.existingClaim")], r"database\.sqlite\.backup\.existingClaim: name a claim"),
    "copies beside it": ([*TEST, *COPIES, "database.sqlite.existingClaim=c"], r"database\.sqlite\.backup\.existingClaim: .*on another disk"),
    "no copy is kept": ([*TEST, *COPIES, "database.sqlite.backup.keep=0"], r"/database/sqlite/backup/keep.*"),
    "TLS without a certificate": (TLS, r"tls\.existingSecret: TLS needs a Secret .*or tls\.certManager\.enabled=true"),
    "two certificates": ([*TLS, "tls.existingSecret=s", "tls.certManager.enabled=true", "tls.certManager.issuerRef.name=i"], r"tls: set either existingSecret or"),
    "a certificate for nothing": ([*TEST, "tls.certManager.enabled=true", "tls.certManager.issuerRef.name=i"], r"tls\.enabled: a certificate of cert-manager .*set tls\.enabled=true"),
    "no issuer": ([*TLS, "tls.certManager.enabled=true"], r"tls\.certManager\.issuerRef\.name: name the issuer"),
    "callers' certificates without TLS": ([*TEST, "tls.clientCa.existingSecret=s"], r"tls\.enabled: certificates of callers .*set tls\.enabled=true"),
    "required from nobody": ([*TLS, "tls.existingSecret=s", "tls.clientCa.required=true", "tls.clientCa.probeSecret=p"], r"tls\.clientCa\.existingSecret: .*without their authorities"),
    "probes without certificates": ([*TLS, "tls.existingSecret=s", "tls.clientCa.required=true", "tls.clientCa.existingSecret=c"], r"tls\.clientCa\.probeSecret: probes must show a certificate"),
    "ranges without a balancer": ([*TEST, "service.loadBalancerSourceRanges[0]=10.0.0.0/8"], r"service\.loadBalancerSourceRanges: .*set service\.type=LoadBalancer"),
    "a node's port for nobody": ([*TEST, "service.nodePort=30051"], r"service\.nodePort: .*set service\.type=NodePort"),
    "an Ingress for nobody": ([*TEST, "ingress.enabled=true"], r"ingress\.hosts: name at least one host"),
    "a route from nowhere": ([*TEST, "grpcRoute.enabled=true"], r"grpcRoute\.parentRefs: name the gateway"),
    "a database behind a wall": ([*PG, "networkPolicy.enabled=true"], r"networkPolicy\.egress: name the database and the outer systems"),
    "outer systems behind a wall": ([*LIVE, "networkPolicy.enabled=true"], r"networkPolicy\.egress: name the database and the outer systems"),
    "nobody may call": ([*TEST, "serviceTokens.enabled=true"], r"serviceTokens\.subjects: say who may call"),
    "a test without tokens": ([*TEST, "tests.authenticated.enabled=true"], r"tests\.authenticated\.enabled: .*set serviceTokens\.enabled=true"),
    "a test where all are let in": ([*TEST, "tests.authenticated.enabled=true", "serviceTokens.enabled=true", "config.server.open_reflection=true"], r"tests\.authenticated\.enabled: .*set config\.server\.open_reflection=false"),
    "a secret from two places": ([*LIVE, "secrets.pageKeys.file=/f"], r"secrets\.pageKeys: set either existingSecret or file"),
    "counted twice": ([*TEST, "metrics.serviceMonitor.enabled=true", "metrics.podMonitor.enabled=true"], r"metrics: set either serviceMonitor or podMonitor"),
    "nothing to count": ([*TEST, "metrics.enabled=false", "metrics.podMonitor.enabled=true"], r"metrics\.enabled: .*set metrics\.enabled=true"),
    "more at least than at most": ([*LIVE, "autoscaling.enabled=true", "autoscaling.minReplicas=9"], r"autoscaling\.maxReplicas: must be at least minReplicas"),
    "percent of nothing": ([*LIVE, "autoscaling.enabled=true", "resources:={\"requests\":null}"], r"resources\.requests\.cpu: .*set it"),
    "a secret in the open": ([*TEST, "extraEnv[0].name=LITEBOX_ERASURE_KEY", "extraEnv[0].value=x"], r"extraEnv: LITEBOX_ERASURE_KEY is a secret: name it under secrets"),
    "a second mode": ([*TEST, "extraEnv[0].name=LITEBOX_MODE", "extraEnv[0].value=live"], r"extraEnv: LITEBOX_MODE is set by the chart"),
    "a second configuration": ([*TEST, r"podAnnotations.litebox-partner/config\.toml=x"], r"podAnnotations: litebox-partner/config\.toml is set by the chart"),
    # By the schema: names where it is.
    "an unknown value": ([*TEST, "replica=2"], r"additional properties 'replica' not allowed"),
    "an unknown setting": ([*TEST, "config.server.deadlines_ms=2"], r"/config/server.*additional properties 'deadlines_ms' not allowed"),
    "a secret as a setting": ([*TEST, "config.erasure.key=x"], r"additional properties '(key|erasure)' not allowed"),
    "a setting of another kind": ([*TEST, "config.server.deadline_ms=soon"], r"/config/server/deadline_ms.*want integer"),
    "no deadline": ([*TEST, "config.shutdown.drain_ms=null"], r"/config/shutdown.*missing property 'drain_ms'"),
    "DNS everywhere": ([*TEST, "networkPolicy.dns:=[]"], r"/networkPolicy/dns.*"),
    "a network that is none": ([*TEST, "service.type=LoadBalancer", "service.loadBalancerSourceRanges[0]=office"], r"/service/loadBalancerSourceRanges/0.*does not match pattern"),
    "another way to PostgreSQL": ([*TEST, "database.postgresql.sslMode=on"], r"/database/postgresql/sslMode.*must be one of"),
    "another mode": ([*TEST, "mode=prod"], r"/mode.*must be one of"),
}


@functools.cache
def said(*sets, **more):
    """What helm has to say, or None when it renders."""
    try:
        render(*sets, **more)
    except Refused as refused:
        return str(refused)


class Refusals(unittest.TestCase):
    def refused(self, sets, **more):
        text = said(*sets, **more)
        self.assertIsNotNone(text, sets)
        return text

    def test_what_is_enough_is_taken(self):
        for sets in [TEST, LIVE, PG]:
            self.assertTrue(render(*sets))

    def test_each_sentence_says_where_and_what_to_set(self):
        for name, (sets, sentence) in CASES.items():
            with self.subTest(name):
                text = self.refused(sets)
                self.assertRegex(re.sub(r"['\n]*\n\s*- at ", " - at ", text), sentence)

    def test_nothing_else_is_wrong_in_these_cases(self):
        for name, (sets, _) in CASES.items():
            with self.subTest(name):
                text = self.refused(sets)
                sentences = re.findall(r"^[a-zA-Z.]+: .+$|^ *- at .+$", text.split("\n\n", 1)[-1], flags=re.M)
                self.assertLessEqual(len(sentences), 3 if "outer" in name or "OFD" in name else 1, text)

    def test_all_that_is_wrong_is_said_at_once(self):
        text = self.refused(["replicas=1"])
        for key in ["image.repository: ", "mode: ", "database.kind: ", "config.gateways.fns.url: "]:
            self.assertIn(f"\n{key}", text)

    def test_every_sentence_of_the_chart_is_tried_here(self):
        template = (SOURCE / "templates/_check.tpl").read_text()
        sentences = re.findall(r'^- "((?:[^"\\]|\\.)*)"$', template, flags=re.M)
        self.assertGreater(len(sentences), 30)
        tried = [self.refused(sets) for sets, _ in CASES.values()]
        for sentence in sentences:
            sentence = sentence.replace("\\\\", "\\")
            start, end = re.split(r"\{\{", sentence)[0], re.split(r"\}\}", sentence)[-1]
            elsewhere = "lacks files/alerts.yaml" in sentence or sentence.startswith("Helm: ")
            self.assertTrue(elsewhere or any(start in text and end in text for text in tried), sentence)

    def test_a_second_value_of_what_the_chart_sets_is_refused(self):
        """It would win: `tls.clientCa.required` could be switched off, and nobody would see it."""
        for key in [*OWN, "jwt.issuers"]:
            name = "LITEBOX_" + key.replace(".", "_").upper()
            with self.subTest(name):
                text = self.refused([*TEST, f"extraEnv[0].name={name}", "extraEnv[0].value=x"])
                self.assertIn(f"extraEnv: {name} is set by the chart", text)

    def test_an_older_kubernetes_is_refused(self):
        self.assertRegex(self.refused(TEST, version="1.26.9"), r"requires kubeVersion: >=1\.27")

    def changed(self, change, *sets):
        """A copy of the chart that was changed, rendered."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "litebox-partner"
            shutil.copytree(SOURCE, copy)
            change(copy)
            return helm("template", "shop", copy, "--kube-version", NEWEST, *(part for one in [*TEST, *sets] for part in ("--set", one)))

    def test_rules_without_their_file_are_refused(self):
        with self.assertRaisesRegex(Refused, r"this copy of the chart lacks files/alerts\.yaml"):
            self.changed(lambda copy: (copy / "files/alerts.yaml").unlink(), "metrics.prometheusRule.enabled=true")

    def test_an_older_helm_is_refused(self):
        """No other is at hand: here this one is too old."""
        def future(copy):
            check = copy / "templates/_check.tpl"
            check.write_text(check.read_text().replace(">=3.14.0-0", ">=99.0.0-0"))

        with self.assertRaisesRegex(Refused, r"\nHelm: v\S+ is too old: use 3\.14 or newer"):
            self.changed(future)


if __name__ == "__main__":
    unittest.main()
