//! The primary is gone for good, its synchronous standby takes over behind the same address.

use std::time::Duration;

use super::amounts::{amount, report};
use super::database_restart::outcome;
use super::replicas::Replicas;
use crate::support::cluster::{Cluster, Node};
use crate::support::postgres;
use crate::support::slow_proxy::Line;

/// How a primary goes.
#[derive(Debug, Clone, Copy)]
enum Goes {
    /// Its connections break.
    Breaks,
    /// Nothing is heard of it any more: its machine has no power.
    FallsSilent,
}

/// A round: at work, the primary away for ever, the standby promoted, and everything as it must be. The new primary.
async fn round(replicas: &mut Replicas, cluster: &mut Cluster, line: &Line, primary: Node, goes: Goes) -> Node {
    let standby = cluster.standby(primary).await;
    let load = replicas.load().await;
    let before = replicas.ledger.away();
    // Early, as an address may be switched: the standby takes no writes yet, and nobody may be told anything else.
    match goes {
        Goes::Breaks => {
            cluster.crash(primary).await;
            line.switch(cluster.socket(standby));
        }
        Goes::FallsSilent => {
            line.fall_silent(cluster.socket(standby));
            cluster.crash(primary).await;
        }
    }
    replicas.noticed(before).await;
    cluster.promote(standby).await;
    replicas.some_answers("callers go on by themselves").await;
    load.end().await;
    replicas.check(cluster, standby).await;
    cluster.forget(primary).await;
    standby
}

/// A standby that the primary does not wait for, and that lags: what was answered meanwhile is lost, and that is noticed.
async fn loses(replicas: &Replicas, cluster: &mut Cluster, primary: Node) -> usize {
    let standby = cluster.copy(primary).await;
    cluster.crash(standby).await;
    let load = replicas.load().await;
    cluster.crash(primary).await;
    load.abandon().await;
    cluster.start(standby).await;
    cluster.promote(standby).await;
    replicas.missing(cluster, standby).await.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_has_everything_that_was_acknowledged() {
    if postgres::server().is_err() {
        return;
    }
    let rounds = amount("DATABASE_PROMOTIONS", 2, 5);
    let (mut cluster, mut primary) = Cluster::new().await;
    let line = Line::to(cluster.socket(primary), Duration::ZERO).await;
    let direct = cluster.url(primary, "postgres");
    let mut replicas = Replicas::new(&line.url("postgres"), &direct, 40 * (rounds + 1)).await;
    for n in 1..=rounds {
        let goes = if n % 2 == 1 { Goes::Breaks } else { Goes::FallsSilent };
        primary = round(&mut replicas, &mut cluster, &line, primary, goes).await;
        println!("promotion {n}, the former primary {goes:?}: {} registrations", replicas.ledger.kept().len());
    }
    report("primary killed for good, synchronous standby promoted under load", rounds, &outcome(&replicas));
    let lost = loses(&replicas, &mut cluster, primary).await;
    assert!(lost > 0, "a standby that lacks what was answered is noticed");
    report("the same with a standby that lags, to see that a loss is noticed", 1, &format!("{lost} lost"));
}
