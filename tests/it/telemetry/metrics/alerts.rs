//! The alerts ask for what there is, and the runbook says what to do about each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;

use super::documented::{Document, document, known};

/// Labels that Prometheus gives to what it scrapes, and the one of buckets.
const GIVEN: [&str; 4] = ["job", "namespace", "instance", "le"];
/// Of kube-state-metrics, asked by its label `pod`.
const RESTARTS: [&str; 2] =
    ["kube_pod_container_status_restarts_total", "kube_pod_init_container_status_restarts_total"];

/// An entry of the rule file: the fields that stand one to a line, and the expression.
type Alert = BTreeMap<String, String>;

fn text(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

fn alerts() -> Vec<Alert> {
    let text = text("helm/litebox-partner/files/alerts.yaml");
    let folded = Regex::new(r"expr: >-\n +").unwrap().replace_all(&text, "expr: ").into_owned();
    let entries = folded.split("- alert: ").skip(1).map(|entry| format!("alert: {entry}"));
    let field = |line: &str| line.trim().split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned()));
    entries.map(|entry| entry.lines().filter_map(field).collect()).collect()
}

#[test]
fn every_alert_asks_for_metrics_labels_and_values_that_there_are() {
    let (document, alerts) = (document(), alerts());
    assert!(alerts.len() > 20, "the alerts were not read: {}", alerts.len());
    for alert in &alerts {
        assert_eq!(strange(&document, &alert["expr"]), Vec::<String>::new(), "{}", alert["alert"]);
    }
    for bad in [
        "litebox_reports_late > 0",
        "litebox_reports_overdue{gateway=\"fns\"} > 0",
        "sum by (gateway) (litebox_reports_overdue) > 0",
        "litebox_gateway_resting{gateway=~\"fns|fms\"} > 0",
        "rate(litebox_reports_overdue_total[5m]) > 0",
        "sum (litebox_reports_overdue > 0",
    ] {
        assert!(!strange(&document, bad).is_empty(), "{bad}");
    }
}

/// What an expression names that there is not.
fn strange(document: &Document, expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    let depth = |open, close| expression.matches(open).count() == expression.matches(close).count();
    if !(depth('(', ')') && depth('{', '}') && depth('[', ']') && expression.matches('"').count().is_multiple_of(2)) {
        found.push("its brackets do not close".to_owned());
    }
    let mut labels = BTreeSet::new();
    for asked in Regex::new(r"([a-z_]+)(?:\{([^}]*)\})?").unwrap().captures_iter(&bare(expression)) {
        if RESTARTS.contains(&&asked[1]) {
            continue;
        }
        let Some(name) = metric(document, &asked[1]) else {
            found.push(asked[1].to_owned());
            continue;
        };
        labels.extend(document.labels[&name].iter().cloned());
        found.extend(matchers(document, &name, asked.get(2).map_or("", |matched| matched.as_str())));
    }
    for group in Regex::new(r"\b(?:by|on) \(([^)]*)\)").unwrap().captures_iter(expression) {
        let named = group[1].split(", ").filter(|label| !GIVEN.contains(label) && !labels.contains(*label));
        found.extend(named.map(str::to_owned));
    }
    found
}

/// Without functions, groups, ranges, numbers and words of the language: metrics with their matchers are left.
fn bare(expression: &str) -> String {
    let words = r"\b(?:by|on) \([^)]*\)|\[[^\]]*\]|\boffset [0-9a-z]+|\b(?:and|or|unless|sum|min|max|avg|count|time|rate|increase|delta|changes|histogram_quantile|avg_over_time)\b";
    Regex::new(words).unwrap().replace_all(expression, " ").into_owned()
}

fn metric(document: &Document, asked: &str) -> Option<String> {
    let histogram = ["_bucket", "_count", "_sum"].iter().find_map(|end| asked.strip_suffix(end));
    let histogram = histogram.filter(|base| document.kinds.get(*base).is_some_and(|kind| kind == "histogram"));
    let whole = document.kinds.get(asked).filter(|kind| *kind != "histogram").map(|_| asked);
    whole.or(histogram).map(str::to_owned)
}

fn matchers(document: &Document, name: &str, text: &str) -> Vec<String> {
    let one = Regex::new("([a-z_]+)(?:=~|!~|!=|=)\"([^\"]*)\"").unwrap();
    let mut found = Vec::new();
    for matcher in one.captures_iter(text) {
        let (label, asked) = (&matcher[1], &matcher[2]);
        let Some(listed) = document.values.get(&(name.to_owned(), label.to_owned())) else {
            found.push(format!("{name}{{{label}}}"));
            continue;
        };
        let values = known(label).unwrap_or_else(|| listed.clone());
        let fits = |pattern: &str| {
            let whole = Regex::new(&format!("^(?:{pattern})$")).unwrap();
            values.iter().any(|value| whole.is_match(value))
        };
        found.extend(asked.split('|').filter(|pattern| !fits(pattern)).map(|pattern| format!("{label}={pattern}")));
    }
    found
}

#[test]
fn every_alert_has_its_place_in_the_runbook_and_every_place_its_alert() {
    let runbook = text("docs/runbook.md");
    let (_, chapter) = runbook.split_once("\n## Alerts\n").unwrap();
    let chapter = chapter.split("\n## ").next().unwrap();
    let places: Vec<&str> = chapter.split("\n### ").skip(1).collect();
    let alerts = alerts();
    let names: Vec<&str> = alerts.iter().map(|alert| alert["alert"].as_str()).collect();
    assert_eq!(places.iter().map(|place| place.lines().next().unwrap()).collect::<Vec<_>>(), names);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for (alert, place) in alerts.iter().zip(places) {
        let name = &alert["alert"];
        assert_eq!(alert["runbook_url"], format!("docs/runbook.md#{}", name.to_lowercase()));
        assert!(place.contains(&format!("```promql\n{}\n```", alert["expr"])), "{name}: another expression");
        assert!(place.contains(&format!("**{}**, {}.", alert["severity"], wait(&alert["for"]))), "{name}");
        assert!(["critical", "warning", "info"].contains(&alert["severity"].as_str()), "{name}");
        assert!(["**Means:** ", "**Do:** ", "**Look at:** "].iter().all(|part| place.contains(part)), "{name}");
    }
}

fn wait(time: &str) -> String {
    assert!(Regex::new("^[0-9]+[mh]$").unwrap().is_match(time), "{time}");
    if time == "0m" { "at once".to_owned() } else { format!("for {time}") }
}
