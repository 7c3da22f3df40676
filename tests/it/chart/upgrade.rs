//! `helm upgrade` of the chart for PostgreSQL, under load.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use litebox_partner::pb::kkt::ListRequest;
use litebox_partner::pb::kkt::kkt_service_client::KktServiceClient;
use litebox_partner::sandbox::{Options, Sandbox, start};
use litebox_partner::storage::Backend;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::kubelet::Ended;
use super::manifest::{KeyRef, Release, helm};
use super::place::Namespace;
use super::rollout::Rollouts;
use crate::chaos::balancer::Balancer;
use crate::chaos::checker::{Evidence, assert_clean};
use crate::chaos::fleet::{Fleet, Profile, possible};
use crate::chaos::kills::all_told;
use crate::chaos::load::Load;
use crate::chaos::load::watcher::Watcher;
use crate::chaos::rolling::{a_standard_retry_does, nothing_begun_went_unanswered};
use crate::chaos::standard::{Standard, policy};
use crate::support::app::{Wire, shown};
use crate::support::database::TestDb;

const MODE: &str = "test-postgresql-values.yaml";
/// Longest call.
const PATIENCE: Duration = Duration::from_secs(30);
/// Registrations at once: few, so that a busy machine answers in time, too.
const LOAD: usize = 2;
/// Between two calls of whoever does not repeat any.
const PAUSE: Duration = Duration::from_millis(200);
/// Callers without a pause, where it is to be noticed that pods are gone for moments.
const CROWD: usize = 4;

/// The chart's values for PostgreSQL with what is outside the cluster here. Deadlines and probes are the chart's own.
fn values(sandbox: &Sandbox) -> Value {
    let (http, grpc) = (sandbox.http_url(), json!({"url": sandbox.grpc_url(), "timeout_ms": 15_000}));
    json!({
        "image": {"tag": "first"},
        "secrets": {"taxpayersApiKey": {"existingSecret": "litebox"}},
        "serviceTokens": {"enabled": false},
        "tests": {"authenticated": {"enabled": false}},
        "config": {
            "traces": {"otlp_endpoint": ""},
            // A busy machine is none of what is tried here.
            "server": {"watch_poll_ms": 50, "deadline_ms": PATIENCE.as_millis()},
            "database": {"acquire_timeout_ms": 10_000, "statement_timeout_ms": 10_000, "lock_timeout_ms": 10_000},
            "gateways": {
                "taxpayers": {"base_url": http, "timeout_ms": 15_000}, "accounts": grpc, "fns": grpc, "ofd": grpc,
                "device": {"poll_interval_ms": 20, "timeout_ms": 15_000, "inquiry_timeout_ms": 15_000}, "breaker": {"rest_ms": 100},
            },
            // What waits for minutes outside waits for moments here; one partner makes the load of many.
            "limits": {"calls_per_second": 0, "lookups_per_hour": 1_000_000},
            "worker": {
                "idle_poll_ms": 50, "backoff_ms": 20, "backoff_limit_ms": 500, "fns_poll_ms": 20, "fns_poll_limit_ms": 500,
                "task_poll_ms": 20, "device_poll_ms": 50,
            },
            "log": {"filter": "info,sqlx=warn,litebox_partner::grpc::call=debug"},
        },
    })
}

/// What is installed, before the first partner.
struct Installed {
    sandbox: Sandbox,
    database: TestDb,
    pods: Rollouts,
    balancer: Balancer,
}

/// Installs a release on an empty database.
async fn install(sandbox: Sandbox, release: &Release) -> Installed {
    let database = TestDb::empty(Backend::Postgres).await;
    let secret = |key: &str| KeyRef { name: "litebox".to_owned(), key: key.to_owned() };
    let secrets = BTreeMap::from([
        (secret("database-url"), database.config.url.expose_secret().to_owned()),
        (secret("page-keys"), "a-key-of-the-tests-that-all-replicas-share".to_owned()),
        (secret("api-key"), "key-1".to_owned()),
    ]);
    let namespace = Arc::new(Namespace { secrets, ..Namespace::default() });
    let balancer = Balancer::over(namespace.ready.clone()).await;
    let mut pods = Rollouts::new(namespace);
    pods.apply(release).await;
    Installed { sandbox, database, pods, balancer }
}

async fn sandbox() -> Sandbox {
    start(Options { argon2: false, fsync: false, ..Options::default() }).await.unwrap()
}

/// A caller with a new connection for each call, who repeats none.
struct Impatient {
    told: CancellationToken,
    task: JoinHandle<(u64, Vec<String>)>,
}

impl Impatient {
    fn start(balancer: &Arc<Balancer>, token: &str, pause: Duration) -> Self {
        let (balancer, credentials, told) = (balancer.clone(), format!("Bearer {token}"), CancellationToken::new());
        let enough = told.clone();
        let task = tokio::spawn(async move {
            let (mut calls, mut failed) = (0, Vec::new());
            while !enough.is_cancelled() {
                calls += 1;
                failed.extend(call(&balancer, &credentials).await.err());
                tokio::time::sleep(pause).await;
            }
            (calls, failed)
        });
        Self { told, task }
    }

    /// How many calls it made, and why calls failed.
    async fn end(self) -> (u64, Vec<String>) {
        self.told.cancel();
        self.task.await.unwrap()
    }
}

async fn call(balancer: &Balancer, credentials: &str) -> Result<(), String> {
    let mut kkts = KktServiceClient::new(Wire::new(balancer.channel(), shown(Some(credentials))));
    let answer = timeout(PATIENCE, kkts.list(ListRequest::default())).await;
    answer.map_err(|_| "no answer".to_owned())?.map(drop).map_err(|status| format!("{status:?}"))
}

/// Nothing was cut, nobody had to be killed, and the grace period is no close thing.
fn ended_well(ends: &[Ended]) {
    for Ended { code, log, took, grace } in ends {
        assert_eq!(*code, 0, "{log}");
        assert!(!log.contains("cut:"), "{log}");
        assert!(*took < *grace - Duration::from_secs(10), "a stop took {took:?} of {grace:?}");
    }
}

/// A release whose pods are others: another image, another setting, and health asked in the other way.
fn next(helm: &Path, mut values: Value) -> Release {
    values["image"]["tag"] = "next".into();
    values["probes"] = json!({"exec": true});
    values["config"]["server"]["stream_ms"] = 200_000.into();
    Release::render(helm, MODE, &values)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_of_the_chart_under_load_fails_no_call_loses_nothing_and_does_nothing_twice() {
    let Some(helm) = helm().filter(|_| possible()) else { return };
    let sandbox = sandbox().await;
    let values = values(&sandbox);
    let (first, next) = (Release::render(&helm, MODE, &values), next(&helm, values));
    assert_ne!(first.deployment.template, next.deployment.template, "the upgrade makes new pods");
    let Installed { sandbox, database, mut pods, balancer } = install(sandbox, &first).await;
    let (balancer, mut fleet) = (Arc::new(balancer), Fleet::on(database, sandbox, Profile::of(3)).await);
    fleet.patience = PATIENCE;
    let load = Load::new(fleet);
    load.fleet.route((0..3).map(|_| balancer.channel()).collect());
    let watchers: Vec<Watcher> = (0..3).map(|partner| Watcher::start(load.caller(partner))).collect();
    let impatient = Impatient::start(&balancer, &load.fleet.partners[0].token, PAUSE);
    let standard = Standard::start(balancer.address(), &load.fleet.partners[2].token, &policy());
    let enough = CancellationToken::new();
    let (running, told) = (load.clone(), enough.clone());
    let work = tokio::spawn(async move { running.run(LOAD, u64::MAX, 1, told).await });

    pods.apply(&next).await;
    assert_eq!(pods.fewest, next.deployment.replicas, "there were always as many ready pods as there must be");
    pods.apply(&first).await;
    assert_eq!(pods.fewest, first.deployment.replicas, "and in the rollback");

    assert!(!work.is_finished(), "the load has ended early");
    enough.cancel();
    let ends = work.await.unwrap();
    let seen = standard.map(|standard| standard.end().all_answered(&load.caller(2))).unwrap_or_default();
    all_told(&load, &watchers).await;
    let (calls, failed) = impatient.end().await;
    assert_eq!(failed, Vec::<String>::new(), "of {calls} calls that nobody repeats");
    assert_eq!(balancer.refused(), 0, "connections came to pods that had gone");
    let evidence = Evidence::gather(&load).await;
    let stops = pods.end().await;
    ended_well(&stops);
    stops.iter().for_each(|stop| load.fleet.keep(stop.log.clone()));
    assert_clean(&Evidence { logs: load.fleet.logs(), ..evidence });
    let repeats = load.book.repeats();
    nothing_begun_went_unanswered(&load, &repeats);
    a_standard_retry_does(&repeats);
    println!(
        "{} pods; {calls} calls on connections of their own, 0 failed; {seen}; {}; {repeats:?}",
        stops.len(),
        ends.summary()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_of_pods_that_do_not_wait_for_the_service_is_noticed() {
    let Some(helm) = helm().filter(|_| possible()) else { return };
    let sandbox = sandbox().await;
    let mut values = values(&sandbox);
    values["config"]["shutdown"] = json!({"delay_ms": 0});
    let (hasty, next) = (Release::render(&helm, MODE, &values), next(&helm, values));
    let Installed { sandbox, database, mut pods, balancer } = install(sandbox, &hasty).await;
    let (balancer, fleet) = (Arc::new(balancer), Fleet::on(database, sandbox, Profile::of(1)).await);
    let impatient = || Impatient::start(&balancer, &fleet.partners[0].token, Duration::ZERO);
    let crowd: Vec<_> = (0..CROWD).map(|_| impatient()).collect();
    pods.apply(&next).await;
    let ends = pods.end().await;
    let told = join_all(crowd.into_iter().map(Impatient::end)).await;
    let (calls, failed) =
        (told.iter().map(|(calls, _)| calls).sum::<u64>(), told.iter().flat_map(|(_, failed)| failed));
    let failed: Vec<_> = failed.collect();
    assert!(balancer.refused() > 0 && !failed.is_empty(), "{calls} calls, and none came too late");
    assert!(ends.iter().all(|end| end.code == 0), "a hasty stop is still one");
}
