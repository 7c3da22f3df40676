//! Replicas are restarted one after the other under load, as a rollout does, while peers hold on to each; nobody who repeats
//! what is UNAVAILABLE notices.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tonic::Streaming;
use tonic::transport::Endpoint;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::amounts::{amount, report};
use super::balancer::{Balancer, Ready};
use super::checker::{Evidence, assert_clean};
use super::fleet::{Fleet, Profile, possible};
use super::kills::all_told;
use super::load::Load;
use super::load::book::Repeats;
use super::load::watcher::Watcher;
use super::standard::{Standard, policy};
use crate::edge::frames::{Raw, begin, call};
use crate::lifecycle::peers::dead;
use crate::support::app::until;
use crate::support::process::{Server, metric};

const DELAY: Duration = Duration::from_secs(1);
/// What a stop may take beyond its delay: what holds it up holds it for the whole drain, three times as long. Calls under way that
/// share a busy machine with other tests have taken more than three seconds.
const WELL_BEFORE: Duration = Duration::from_secs(10);
/// A lease would be seen: what is not handed back hangs.
const SETTINGS: [(&str, &str); 6] = [
    // A busy machine, whose disk keeps commits waiting, is none of what is tried here.
    ("database.acquire_timeout_ms", "10000"),
    ("shutdown.delay_ms", "1000"),
    ("shutdown.drain_ms", "30000"),
    ("worker.lease_ms", "120000"),
    ("connections.stall_ms", "1000"),
    // Tells of a call when it begins, too.
    ("log.filter", "info,sqlx=warn,litebox_partner::grpc::call=debug"),
];
/// Of the standard retry policy of gRPC.
const MOST_ATTEMPTS: u32 = 5;
/// How hyper's client tells of a request that no server has begun when its connection was told to go. Other clients of gRPC
/// send such a request again by themselves; tonic's calls it CANCELLED, which the standard policy does not repeat.
const NOT_SENT: &str = "Cancelled: operation was canceled";
/// The same when the GOAWAY came after the request had been sent: it names the last one that the server takes.
const NOT_TAKEN: &str = "Internal: h2 protocol error: http2 error";
const WATCH: &str = "/litebox.kkt.v1.KktService/Watch";
const LIST: &str = "/litebox.client.v1.ClientService/List";

/// Peers that do not go by themselves.
struct Held {
    _raw: Vec<Raw>,
    _health: Streaming<HealthCheckResponse>,
}

async fn hold_on(server: SocketAddr, token: &str) -> Held {
    let silent = Raw::open([127, 0, 0, 1].into(), server).await.unwrap();
    let idle = dead(server, 65_535, &[]).await;
    let watching = dead(server, 65_535, &call(1, WATCH, Some(token), &[])).await;
    let asking = dead(server, 65_535, &begin(1, LIST, Some(token))).await;
    let channel = Endpoint::from_shared(format!("http://{server}")).unwrap().connect_lazy();
    let ask = HealthCheckRequest::default();
    let health = HealthClient::new(channel).watch(ask).await.unwrap().into_inner();
    Held { _raw: vec![silent, idle, watching, asking], _health: health }
}

/// Restarts one replica; how long its stop took.
async fn restart(load: &Load, balancer: &Balancer, at: usize) -> Duration {
    let fleet = &load.fleet;
    until("the replica is ready", async || balancer.sends_to(at)).await;
    let (calls, metrics) = fleet.see(at, |server| (server.address(), server.metrics())).unwrap();
    let held = hold_on(calls, &fleet.partners[0].token).await;
    let taken_over = metric(metrics, "litebox_lease_takeovers_total").await;
    assert!(taken_over < 0.5, "leases are handed back, not left: {taken_over}");
    let began = Instant::now();
    fleet.see(at, Server::terminate);
    // It stays where the balancer sees it: what keeps callers away is what it says itself.
    until("it closes", async || fleet.see(at, |server| server.log().contains("closing")).unwrap()).await;
    let (code, log) = fleet.take(at).ended().await;
    let took = began.elapsed();
    assert_eq!(code, 0, "{log}");
    assert!(!log.contains("cut:"), "{log}");
    assert!((DELAY..DELAY + WELL_BEFORE).contains(&took), "the stop took {took:?}: {log}");
    fleet.keep(log);
    drop(held);
    fleet.restart(at).await;
    took
}

/// What a server has begun it answers: whatever else a caller was told about a call, no log knows of that call.
pub fn nothing_begun_went_unanswered(load: &Load, repeats: &Repeats) {
    let logs = load.fleet.logs();
    let begun = |call: &str| logs.iter().any(|log| log.contains(call));
    assert!(begun(repeats.answered.as_deref().unwrap()), "the logs tell of calls");
    let lost: Vec<_> = repeats.unanswered.iter().filter(|(call, _)| begun(call)).collect();
    assert!(lost.is_empty(), "begun by a server, and not answered: {lost:?}");
}

/// Every call was answered within the attempts, and for the reasons, of a standard retry.
pub fn a_standard_retry_does(repeats: &Repeats) {
    let known =
        |why: &&String| why.starts_with("Unavailable: ") || [NOT_SENT, NOT_TAKEN, "CONFLICT"].contains(&why.as_str());
    let strange: Vec<_> = repeats.why.keys().filter(|why| !known(why)).collect();
    assert!(strange.is_empty() && repeats.most < MOST_ATTEMPTS, "a standard retry would have failed: {repeats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rolling_restarts_under_load_fail_no_call_lose_nothing_and_do_nothing_twice() {
    if !possible() {
        return;
    }
    let (restarts, seed) = (amount("RESTARTS", 3, 50), amount("SEED", 1, 1));
    let load = Load::new(Fleet::start(Profile::pair(4, &SETTINGS)).await);
    let balancer = Balancer::start(load.fleet.clone()).await;
    load.fleet.route((0..load.fleet.size()).map(|_| balancer.channel()).collect());
    until("both are ready", async || balancer.sends_to(0) && balancer.sends_to(1)).await;
    let watchers: Vec<Watcher> = (0..4).map(|partner| Watcher::start(load.caller(partner))).collect();
    let standard = Standard::start(balancer.address(), &load.fleet.partners[3].token, &policy());
    let enough = CancellationToken::new();
    let (running, told) = (load.clone(), enough.clone());
    let work = tokio::spawn(async move { running.run(6, u64::MAX, seed, told).await });
    let mut longest = Duration::ZERO;
    for n in 0..restarts {
        longest = longest.max(restart(&load, &balancer, usize::try_from(n % 2).unwrap()).await);
        assert!(!work.is_finished(), "the load has ended early");
    }
    enough.cancel();
    let ends = work.await.unwrap();
    let seen = standard.map(|standard| standard.end().all_answered(&load.caller(3)));
    all_told(&load, &watchers).await;
    assert_clean(&Evidence::gather(&load).await);
    let repeats = load.book.repeats();
    println!("{repeats:?}");
    nothing_begun_went_unanswered(&load, &repeats);
    a_standard_retry_does(&repeats);
    let unsent: u64 = [NOT_SENT, NOT_TAKEN].iter().filter_map(|why| repeats.why.get(*why)).sum();
    let calls = repeats.why.values().sum::<u64>() - unsent;
    let outcome = format!(
        "0 calls failed, {calls} attempts repeated, {unsent} begun by no server and sent again; longest stop {} ms with a delay of 1000 ms; {}; {}",
        longest.as_millis(),
        seen.unwrap_or_default(),
        ends.summary()
    );
    report("rolling restarts under load", restarts, &outcome);
}

/// What the one above rests upon: the caller tells of a call that fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_repeats_nothing_notices_a_replica_that_is_killed() {
    if !possible() {
        return;
    }
    let fleet = Fleet::start(Profile::pair(1, &[])).await;
    let ready = Ready::default();
    let balancer = Balancer::over(ready.clone()).await;
    (0..2).for_each(|at| ready.set(at, fleet.see(at, Server::address)));
    let nothing = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(nothing.path(), "{}").unwrap();
    let Some(caller) = Standard::start(balancer.address(), &fleet.partners[0].token, nothing.path()) else { return };
    let calls = |at| fleet.see(at, |server| server.log().matches("ClientService/List").count()).unwrap();
    until("it calls both", async || (0..2).all(|at| calls(at) > 0)).await;
    // What it calls the first for waits there: a kill between two calls is none that it could notice.
    let paused = fleet.pause(0).await;
    let before = calls(1);
    until("it calls the other on", async || calls(1) > before + 60).await;
    ready.set(0, None);
    paused.kill();
    let failed = caller.end().failed;
    assert!(
        !failed.is_empty() && failed.iter().all(|call| call["why"].to_string().contains("Unavailable")),
        "{failed:?}"
    );
}
