//! The document and a running server say the same, and strangers cannot make series.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use litebox_partner::pb::METHOD_SCOPES;
use regex::Regex;
use tonic::client::Grpc;
use tonic::{Code, Request};

use super::{Exposition, lists, scrape};
use crate::support::database::backends;
use crate::support::process::Server;
use crate::support::raw::Raw;
use crate::support::stage::Stage;

/// Labels whose values come up as they happen, or of which one holds.
const AS_THEY_COME: [&str; 4] = ["rpc_status_code", "mode", "database", "pool"];

/// The tables of the document: kinds of metrics, and the values of their labels.
pub(super) struct Document {
    pub kinds: BTreeMap<String, String>,
    pub labels: BTreeMap<String, BTreeSet<String>>,
    pub values: BTreeMap<(String, String), BTreeSet<String>>,
}

pub(super) fn document() -> Document {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).unwrap();
    let words = |cell: &str| quoted(cell).into_iter().collect::<BTreeSet<_>>();
    let mut document = Document { kinds: BTreeMap::new(), labels: BTreeMap::new(), values: BTreeMap::new() };
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let name = quoted(cells[0]).remove(0);
        if cells.len() == 5 {
            assert!(document.kinds.insert(name.clone(), cells[1].to_owned()).is_none(), "{name} stands twice");
            document.labels.insert(name, words(cells[2]));
        } else {
            document.values.insert((name, quoted(cells[1]).remove(0)), words(cells[2]));
        }
    }
    document
}

fn quoted(cell: &str) -> Vec<String> {
    let quoted = Regex::new("`([^`]+)`").unwrap();
    quoted.captures_iter(cell).map(|found| found[1].to_owned()).collect()
}

/// The values that this label may have, where the table cannot list them.
pub(super) fn known(label: &str) -> Option<BTreeSet<String>> {
    let others = [
        "grpc.health.v1.Health/Check",
        "grpc.health.v1.Health/Watch",
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "_OTHER",
    ];
    let methods = METHOD_SCOPES.iter().map(|(path, _)| path.trim_start_matches('/')).chain(others);
    match label {
        "rpc_method" => Some(methods.map(str::to_owned).collect()),
        "version" => Some([env!("CARGO_PKG_VERSION").to_owned()].into()),
        "commit" => Some([option_env!("LITEBOX_COMMIT").unwrap_or_default().to_owned()].into()),
        _ => None,
    }
}

#[tokio::test]
async fn every_metric_and_every_value_of_a_label_is_documented_and_shown() {
    let document = document();
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let server = stage.server().await;
        stage.registered(&server, &stage.sell(&server, &stage.client(&server).await, 1).await).await;
        let shown = scrape(&server).await;
        let kinds = shown.families.iter().map(|(name, family)| (name.clone(), family.kind.clone()));
        assert_eq!(kinds.collect::<BTreeMap<_, _>>(), document.kinds);
        for (name, family) in &shown.families {
            let mut labels = family.labels();
            labels.remove("le");
            assert_eq!(labels.keys().cloned().collect::<BTreeSet<_>>(), document.labels[name], "{name}");
            for (label, values) in labels {
                let listed = &document.values[&(name.clone(), label.clone())];
                let allowed = known(&label).unwrap_or_else(|| listed.clone());
                assert!(values.is_subset(&allowed), "{name} {label}: {values:?}");
                let complete = known(&label).is_some() || AS_THEY_COME.contains(&label.as_str());
                assert!(complete || values == allowed, "{name} {label}: {:?} is not shown", &allowed - &values);
            }
        }
        nothing_personal(&shown);
    }
}

/// No id, no number of a shop or a device, no address.
fn nothing_personal(shown: &Exposition) {
    let strange = Regex::new(r"[0-9]{6}|[0-9a-f]{8}-|@|://|[^ -~]").unwrap();
    for value in shown.families.values().flat_map(|family| family.labels()).flat_map(|(_, values)| values) {
        assert!(!strange.is_match(&value), "{value}");
    }
}

#[tokio::test]
async fn strangers_make_no_series_whatever_they_call() {
    let stage = Stage::new(backends()[0]).await;
    let server = stage.server().await;
    assert_eq!(unknown(&server, "/x/first").await, Code::Unauthenticated);
    let before = scrape(&server).await;
    for n in 0..1_000 {
        let path = format!("/litebox.v{n}.Service{n}/7916{n:07}");
        assert_eq!(unknown(&server, &path).await, Code::Unauthenticated);
    }
    let after = scrape(&server).await;
    let other = [("rpc_method", "_OTHER"), ("rpc_status_code", "UNAUTHENTICATED")];
    let count = |shown: &Exposition| shown.get("rpc_server_call_duration_seconds_count", &other);
    assert_eq!((count(&after) - count(&before)) as u32, 1_000);
    assert_eq!(after.series(), before.series());
    assert!(after.series() < 2_000, "{}", after.series());
    assert_eq!(lists(&after, "OK"), 0.0);
}

async fn unknown(server: &Server, path: &str) -> Code {
    let mut wire = Grpc::new(server.channel());
    wire.ready().await.unwrap();
    let answer = wire.unary(Request::new(Vec::new()), path.parse().unwrap(), Raw).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn nothing_but_metrics_is_offered_on_the_port() {
    let stage = Stage::new(backends()[0]).await;
    let server = stage.server().await;
    let url = |path: &str| format!("http://{}{path}", server.metrics());
    for path in ["/", "/metrics/", "/debug/pprof", "/health"] {
        assert_eq!(reqwest::get(url(path)).await.unwrap().status(), 404, "{path}");
    }
    let posted = reqwest::Client::new().post(url("/metrics")).body("x").send().await.unwrap();
    assert_eq!(posted.status(), 405);
}
