"""Prometheus evaluates every alert: what must fire it does, and what must not does not."""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml
from chart import CHART, NAME, TEST, one, render

RULES = CHART / "files/alerts.yaml"
CASES = yaml.safe_load(Path(__file__).with_name("alerts.yaml").read_text())
GIVEN = {"job": "litebox-partner", "namespace": "partners"}


def named(groups):
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def rules():
    return named(yaml.safe_load(RULES.read_text())["groups"])


def series(text):
    """With the labels that Prometheus gives to what it scrapes."""
    name, labels = re.fullmatch(r"(\w+)(?:\{(.*)\})?", text).groups()
    given = {"namespace": GIVEN["namespace"]} if name.startswith("kube_") else {**GIVEN, "instance": "a"}
    own = [labels] if labels else []
    added = [f'{key}="{value}"' for key, value in given.items() if f'{key}="' not in (labels or "")]
    return f"{name}{{{','.join(own + added)}}}"


def fired(rule, case):
    given = {"namespace": GIVEN["namespace"]} if "kube_" in rule["expr"] else GIVEN
    return {"exp_labels": {**given, **rule["labels"], **case.get("labels", {})}, "exp_annotations": rule["annotations"]}


def test(rule, case, fires):
    """A test as promtool reads it."""
    return {
        "name": f"{rule['alert']} {'fires' if fires else 'is quiet'} at {case['at']}",
        "interval": "1m",
        "input_series": [{"series": series(key), "values": str(values)} for key, values in case["series"].items()],
        "alert_rule_test": [
            {"eval_time": case["at"], "alertname": rule["alert"], "exp_alerts": [fired(rule, case)] if fires else []}
        ],
    }


def promtool(*args, cwd=None):
    done = subprocess.run(["promtool", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd)
    return done.returncode, done.stdout


def tried(rules, cases, turned=False):
    """What promtool says of every case, by its name; empty where it is as it should be. `turned`: what fires is told to be quiet,
    and what is quiet to fire. Each rule stands in a file of its own: promtool evaluates the whole file a sample at a time."""
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name, rule in rules.items():
            Path(folder, f"{name}.rules").write_text(yaml.safe_dump({"groups": [{"name": name, "rules": [rule]}]}))
            for kind in ["fires", "quiet"]:
                for number, case in enumerate(cases[name][kind]):
                    wanted = test(rule, case, (kind == "fires") != turned)
                    files[f"{name} {kind} {number}"] = {"rule_files": [f"{name}.rules"], "tests": [wanted]}
        for name, content in files.items():
            Path(folder, name).write_text(yaml.safe_dump(content))
        said = promtool("test", "rules", *files, cwd=folder)[1]
    parts = re.split(r"^Unit Testing:  (.*)$", said, flags=re.M)[1:]
    found = {name: "" if what.strip() == "SUCCESS" else what for name, what in zip(parts[::2], parts[1::2])}
    assert list(found) == list(files), said
    return found


class Alerts(unittest.TestCase):
    def test_the_rules_are_rules(self):
        status, said = promtool("check", "rules", RULES)
        self.assertEqual(status, 0, said)

    def test_every_alert_has_what_fires_it_and_what_must_not(self):
        self.assertEqual(list(CASES), list(rules()))
        for name, cases in CASES.items():
            self.assertTrue(cases["fires"] and cases["quiet"], name)

    def test_every_alert_fires_when_it_should_and_only_then(self):
        self.assertEqual("".join(tried(rules(), CASES).values()), "")

    def test_pods_of_another_name_are_asked_for_by_that_name(self):
        for sets, pod in [([], NAME), (["fullnameOverride=kassa"], "kassa"), (["nameOverride=kassa"], "shop-kassa")]:
            made = one(render(*TEST, "metrics.prometheusRule.enabled=true", *sets), "PrometheusRule")
            rule = {"LiteboxCrashLoop": named(made["spec"]["groups"])["LiteboxCrashLoop"]}
            cases = yaml.safe_load(yaml.safe_dump({name: CASES[name] for name in rule}).replace("shop-litebox-partner-", f"{pod}-"))
            # A neighbour whose name only holds that of these pods.
            cases["LiteboxCrashLoop"]["quiet"].append({"at": "10m", "series": {f'kube_pod_container_status_restarts_total{{pod="not-{pod}-1",container="server"}}': "0+1x20"}})
            self.assertEqual("".join(tried(rule, cases).values()), "", sets)

    def test_a_case_that_is_told_the_wrong_way_round_is_noticed(self):
        self.assertEqual([name for name, what in tried(rules(), CASES, turned=True).items() if "FAILED" not in what], [])


if __name__ == "__main__":
    unittest.main()
