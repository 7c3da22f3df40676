//! The order of the stop, as callers see it.

use std::time::Duration;

use litebox_partner::pb::client::ListRequest;
use litebox_partner::pb::kkt as pb;
use litebox_partner::storage::Backend;
use pb::watch_response::Event;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::patient;
use crate::edge::frames::{GOAWAY, Raw};
use crate::kkt::shop::{COMPANY, register};
use crate::support::app::until;
use crate::support::process::Server;
use crate::support::stage::Stage;

/// Against hangs only.
const PATIENCE: Duration = Duration::from_secs(20);

async fn says(server: &Server, service: &str) -> ServingStatus {
    let ask = HealthCheckRequest { service: service.into() };
    HealthClient::new(server.channel()).check(ask).await.unwrap().into_inner().status()
}

/// What a container's probe makes of it.
async fn healthy(server: &Server, options: &[&str]) -> bool {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_litebox-partner"));
    command.args(["healthcheck", "--address", &server.address().to_string()]).args(options).env_clear();
    command.output().await.unwrap().status.success()
}

#[tokio::test]
async fn readiness_goes_at_the_signal_and_everything_is_answered_until_the_delay_is_over() {
    let stage = Stage::new(Backend::Sqlite).await;
    // Nothing but the signal can move readiness once it has come.
    let server = patient(&stage, &[("shutdown.delay_ms", "4000"), ("health.probe_ms", "600000")]).await;
    until("it is ready", async || says(&server, "").await == ServingStatus::Serving).await;
    let ask = HealthCheckRequest::default();
    let mut watching = HealthClient::new(server.channel()).watch(ask).await.unwrap().into_inner();
    let status = |told: Option<HealthCheckResponse>| told.map(|told| told.status());
    assert_eq!(status(watching.message().await.unwrap()), Some(ServingStatus::Serving));

    server.terminate();
    let told = timeout(Duration::from_secs(2), watching.message()).await.expect("at once").unwrap();
    assert_eq!(status(told), Some(ServingStatus::NotServing));
    assert_eq!(says(&server, "").await, ServingStatus::NotServing);
    assert_eq!(says(&server, "litebox.kkt.v1.KktService").await, ServingStatus::NotServing);
    assert_eq!(says(&server, "liveness").await, ServingStatus::Serving);
    assert_eq!([healthy(&server, &[]).await, healthy(&server, &["--service", "liveness"]).await], [false, true]);
    let mut clients = server.clients(&stage.partner.token);
    clients.list(ListRequest::default()).await.expect("a connection that came after the signal is served");
    assert!(!server.log().contains("closing"), "all that was within the delay");
    assert_eq!(status(timeout(PATIENCE, watching.message()).await.unwrap().unwrap()), None, "then the stream ends");
    let (code, log) = server.ended().await;
    assert!(code == 0 && !log.contains("cut:"), "{log}");
}

/// Whoever is cut without a word repeats its calls, and nobody sees that nothing was said.
#[tokio::test]
async fn whoever_is_connected_is_told_to_go_before_the_connection_ends() {
    let stage = Stage::new(Backend::Sqlite).await;
    let server = patient(&stage, &[]).await;
    let mut raw = Raw::hello([127, 0, 0, 1].into(), server.address(), &[]).await.unwrap();
    assert!(raw.answers().await);
    server.terminate();
    timeout(PATIENCE, raw.until(GOAWAY)).await.expect("it is told");
    timeout(PATIENCE, raw.closed()).await.expect("and ended");
    let (code, log) = server.ended().await;
    assert!(code == 0 && !log.contains("cut:"), "{log}");
}

#[tokio::test]
async fn a_call_under_way_is_answered_a_stream_ends_with_a_token_and_nobody_new_is_let_in() {
    let stage = Stage::new(Backend::Sqlite).await;
    let server = patient(&stage, &[]).await;
    let mut kkts = server.kkts(&stage.partner.token);
    let mut stream = kkts.watch(pb::WatchRequest::default()).await.unwrap().into_inner();
    stage.sandbox.add_fault("accounts.EnsureAccount:hold,times=1").unwrap();
    let mut clients = server.clients(&stage.partner.token);
    let calling = tokio::spawn(async move { clients.register(register(COMPANY)).await });
    timeout(PATIENCE, stage.sandbox.wait_for_holds(|holds| !holds.is_empty())).await.unwrap();

    server.terminate();
    let first = timeout(PATIENCE, stream.message()).await.unwrap().unwrap().unwrap();
    assert!(matches!(first.event, Some(Event::Heartbeat(_))), "a stream begins with a sign of life: {first:?}");
    let last = timeout(PATIENCE, stream.message()).await.unwrap().unwrap().unwrap();
    assert!(matches!(last.event, Some(Event::End(pb::End {}))) && !last.resume_token.is_empty(), "{last:?}");
    assert!(stream.message().await.unwrap().is_none());
    let address = server.address();
    until("no connection is accepted", async || TcpStream::connect(address).await.is_err()).await;
    assert!(!calling.is_finished());
    stage.sandbox.release_holds();
    calling.await.unwrap().expect("it is answered");
    let (code, log) = server.ended().await;
    assert!(code == 0 && !log.contains("cut:"), "{log}");
}
