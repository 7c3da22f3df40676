"""Alerts and the dashboard name only metrics and labels of docs/metrics.md."""

import json
import re
import unittest

import yaml
from chart import CHART, NAME, ROOT, TEST, one, render

WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset"}
# Given by Prometheus, not by the service.
OUTSIDE = {"le", "job", "instance", "namespace", "pod"}
# Of kube-state-metrics.
KUBERNETES = {"kube_pod_container_status_restarts_total", "kube_pod_init_container_status_restarts_total"}

# How the file asks for the service's pods, whose names it does not know.
PODS = ".*litebox-partner.*"


def documented():
    """Names of metrics with their labels, as Prometheus has them."""
    rows = re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \|([^|]*)\|", (ROOT / "docs/metrics.md").read_text(), re.M)
    found = {}
    for name, kind, labels in rows:
        for full in [f"{name}_{end}" for end in ["bucket", "sum", "count"]] if kind == "histogram" else [name]:
            found[full] = set(re.findall(r"`(\w+)`", labels))
    return found


def used(expression):
    """Metrics and labels that an expression names."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"\"", bare))
    for group in re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", bare):
        labels |= set(re.findall(r"\w+", group))
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    names = re.findall(r"\b([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)
    return {n for n in names if n not in WORDS and not re.fullmatch(r"(\d+[smhdwy])+|[eE]\d+", n)}, labels


def rules():
    for group in yaml.safe_load((CHART / "files/alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule.get("alert", rule.get("record")), rule["expr"], rule


def panels():
    for panel in json.loads((CHART / "files/dashboard.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def variables():
    """The dashboard's own, which ask Prometheus: name to (metric, label) of `label_values`."""
    for one in json.loads((CHART / "files/dashboard.json").read_text())["templating"]["list"]:
        if one["type"] == "query":
            yield one["name"], re.fullmatch(r"label_values\((\w+), (\w+)\)", one["query"]).groups()


class Metrics(unittest.TestCase):
    def check(self, where, expression, recorded=()):
        known = documented()
        names, labels = used(str(expression))
        self.assertTrue(names, where)
        self.assertLessEqual(names, set(known) | set(recorded), where)
        self.assertLessEqual(labels, OUTSIDE.union(*(known.get(name, set()) for name in names)), where)

    def test_the_documents_were_read(self):
        known = documented()
        self.assertGreater(len(known), 20)
        self.assertEqual(known["litebox_gateway_calls_total"], {"gateway", "outcome"})

    def test_expressions_are_read(self):
        names, labels = used('sum by (a) (rate(x_total{b="c", d!~"e"}[5m])) / on (f) y > 1e3 and z offset 5m')
        self.assertEqual((names, labels), ({"x_total", "y", "z"}, {"a", "b", "d", "f"}))

    def test_the_dashboard_names_what_exists(self):
        seen = [self.check(where, expression) for where, expression in panels()]
        self.assertGreater(len(seen), 15)

    def test_the_dashboards_variables_are_labels_that_their_metric_has_and_panels_use_them(self):
        known, asked = documented(), " ".join(expression for _, expression in panels())
        found = dict(variables())
        self.assertIn("job", found)
        for name, (metric, label) in found.items():
            self.assertIn(metric, known, name)
            self.assertIn(label, known[metric] | OUTSIDE - {"le"}, name)
            self.assertRegex(asked, rf'\b{label}=~"\${name}"', name)

    def test_every_panel_asks_only_for_variables_that_there_are(self):
        given = {"__rate_interval", "datasource", *dict(variables())}
        for where, expression in panels():
            self.assertLessEqual(set(re.findall(r"\$\{?(\w+)", expression)), given, where)

    def test_the_dashboard_shows_every_metric_that_tells_of_trouble(self):
        shown = set().union(*(used(expression)[0] for _, expression in panels()))
        silent = {"litebox_start_time_seconds", "litebox_jwt_issuers_without_keys"}
        families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
        wanted = {re.sub(r"_(bucket|sum|count)$", "", name) for name in documented()}
        self.assertEqual(wanted - families, silent)

    def test_the_alerts_name_what_exists(self):
        recorded = KUBERNETES.union(rule["record"] for _, _, rule in rules() if "record" in rule)
        for where, expression, _ in rules():
            self.check(where, expression, recorded)

    def test_the_rule_holds_the_alerts_as_they_are_written(self):
        for sets, pods in [([], f"{NAME}-.*"), (["fullnameOverride=kassa"], "kassa-.*")]:
            made = one(render(*TEST, "metrics.prometheusRule.enabled=true", *sets), "PrometheusRule")
            written = (CHART / "files/alerts.yaml").read_text()
            self.assertIn(PODS, written)
            self.assertEqual(made["spec"]["groups"], yaml.safe_load(written.replace(PODS, pods))["groups"])

    def test_the_runbook_is_found_where_it_is_said_to_stand(self):
        base = "https://wiki.example/litebox/"
        sets = ["metrics.prometheusRule.enabled=true", f"metrics.prometheusRule.runbookBase={base}"]
        made = one(render(*TEST, *sets), "PrometheusRule")
        told = {rule["alert"]: rule["annotations"].pop("runbook_url") for rule in made["spec"]["groups"][0]["rules"]}
        self.assertEqual(told, {name: f"{base}docs/runbook.md#{name.lower()}" for name, _, _ in rules()})
        written = yaml.safe_load((CHART / "files/alerts.yaml").read_text().replace(PODS, f"{NAME}-.*"))["groups"]
        for rule in written[0]["rules"]:
            rule["annotations"].pop("runbook_url")
        self.assertEqual(made["spec"]["groups"], written)


if __name__ == "__main__":
    unittest.main()
