//! What a connection must show, how many a peer may have, and what calls beyond the limits are told.

use std::net::Ipv4Addr;
use std::time::Duration;

use litebox_partner::pb::client::ListRequest;
use litebox_partner::storage::Backend;
use tokio::time::timeout;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use super::frames::{GOAWAY, PREFACE, Raw};
use crate::support::app::{TestApp, until};

/// Against hangs only.
const PATIENCE: Duration = Duration::from_secs(20);

fn source(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 77, n)
}

/// Whether a connection from there is served.
async fn served(app: &TestApp, from: u8) -> Option<Raw> {
    let mut raw = Raw::open(source(from), app.address()).await.ok()?;
    // The server may have closed already.
    let _ = raw.send(&[PREFACE, &super::frames::settings(&[])].concat()).await;
    timeout(PATIENCE, raw.answers()).await.unwrap().then_some(raw)
}

#[tokio::test]
async fn a_peer_has_its_share_and_what_is_too_much_is_closed_at_once() {
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        (config.connections.total, config.connections.per_peer) = (5, 2);
        config.connections.trusted_peers = vec!["127.0.77.9/32".parse().unwrap()];
    })
    .await;
    let mut held = vec![served(&app, 1).await.unwrap(), served(&app, 1).await.unwrap()];
    assert!(served(&app, 1).await.is_none(), "a third of one peer");
    for _ in 0..3 {
        held.push(served(&app, 9).await.expect("a trusted peer"));
    }
    assert!(served(&app, 2).await.is_none(), "a sixth of all");
    drop(held);
    until("the places are free again", async || served(&app, 1).await.is_some()).await;
}

#[tokio::test]
async fn a_connection_that_does_not_say_what_it_speaks_is_closed() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.connections.preface_ms = 100).await;
    for said in [&b""[..], b"PRI * HT", b"GET / HTTP/1.1\r\n\r\n", &[0x16, 3, 1, 0, 200]] {
        let mut raw = Raw::open(source(3), app.address()).await.unwrap();
        raw.send(said).await.unwrap();
        timeout(PATIENCE, raw.closed()).await.expect("it is closed");
    }
    app.clients().list(ListRequest::default()).await.unwrap();
}

#[tokio::test]
async fn an_old_connection_is_told_to_go() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.connections.age_ms = 200).await;
    let mut raw = served(&app, 4).await.unwrap();
    timeout(PATIENCE, raw.until(GOAWAY)).await.expect("it is told");
    app.clients().list(ListRequest::default()).await.unwrap();
}

#[tokio::test]
async fn health_is_watched_by_so_many_and_asked_by_everybody() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.connections.standing_streams = 2).await;
    let request = HealthCheckRequest { service: "liveness".into() };
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(HealthClient::new(app.channel()).watch(request.clone()).await.unwrap());
    }
    let refused = HealthClient::new(app.channel()).watch(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "SERVER_OVERLOADED");
    HealthClient::new(app.channel()).check(request.clone()).await.unwrap();
    drop(held);
    until("a place is free again", async || HealthClient::new(app.channel()).watch(request.clone()).await.is_ok())
        .await;
}
