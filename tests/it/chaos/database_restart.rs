//! The database stops at once and starts again, over and over, under callers and workers of two replicas.

use super::amounts::{amount, report};
use super::replicas::Replicas;
use crate::support::cluster::{Cluster, Node};
use crate::support::postgres;

/// A round: at work, away, back, and everything as it must be.
async fn round(replicas: &mut Replicas, cluster: &mut Cluster, node: Node) {
    let load = replicas.load().await;
    let before = replicas.ledger.away();
    cluster.crash(node).await;
    replicas.noticed(before).await;
    // And once more: by now connections are refused, and each call waits for one.
    replicas.noticed(replicas.ledger.away()).await;
    cluster.start(node).await;
    replicas.some_answers("callers go on by themselves").await;
    load.end().await;
    replicas.check(cluster, node).await;
}

/// A database that answers before it has written down what it answers: the check above must notice what is lost.
async fn loses(replicas: &Replicas, cluster: &mut Cluster, node: Node) -> usize {
    cluster.set(node, "synchronous_commit", "off").await;
    cluster.stop_writing(node).await;
    let load = replicas.load().await;
    cluster.crash(node).await;
    load.abandon().await;
    cluster.start(node).await;
    replicas.missing(cluster, node).await.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stops_at_once_under_load_loses_nothing_and_no_server_needs_help() {
    if postgres::server().is_err() {
        return;
    }
    let rounds = amount("DATABASE_RESTARTS", 2, 20);
    let (mut cluster, node) = Cluster::new().await;
    let url = cluster.url(node, "postgres");
    let mut replicas = Replicas::new(&url, &url, 40 * (rounds + 1)).await;
    for n in 1..=rounds {
        round(&mut replicas, &mut cluster, node).await;
        println!("restart {n}: {} registrations so far", replicas.ledger.kept().len());
    }
    report("immediate stop and start of PostgreSQL under two replicas", rounds, &outcome(&replicas));
    let lost = loses(&replicas, &mut cluster, node).await;
    assert!(lost > 0, "a database that loses what it has answered is noticed");
    report("the same with synchronous_commit = off, to see that a loss is noticed", 1, &format!("{lost} lost"));
}

/// What came out, in one line.
pub fn outcome(replicas: &Replicas) -> String {
    let missed = replicas.ledger.missed();
    let slowest = missed.iter().map(|missed| missed.after).max().unwrap_or_default();
    format!(
        "{} registrations, {} answers, 0 lost, 0 twice; {} answers to repeat, the slowest after {} ms",
        replicas.ledger.kept().len(),
        replicas.ledger.answered(),
        missed.len(),
        slowest.as_millis()
    )
}
