//! Health while the database is away: the process lives, is not ready, says so to whoever watches, and refuses calls at once.

use std::path::PathBuf;
use std::time::Duration;

use litebox_partner::pb::client::ListRequest;
use tokio::time::timeout;
use tonic::{Code, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::support::app::until;
use crate::support::postgres;
use crate::support::process::Server;
use crate::support::slow_proxy::{behind_a_line, name_of};

/// A call that is held up by a database that is not there waits a minute here.
const AT_ONCE: Duration = Duration::from_secs(10);

async fn says(server: &Server, service: &str) -> ServingStatus {
    let ask = HealthCheckRequest { service: service.into() };
    HealthClient::new(server.channel()).check(ask).await.unwrap().into_inner().status()
}

async fn next(stream: &mut Streaming<HealthCheckResponse>) -> ServingStatus {
    stream.message().await.unwrap().unwrap().status()
}

#[tokio::test]
async fn readiness_goes_with_the_database_and_comes_back_and_liveness_stays() {
    let Some((stage, line)) = behind_a_line().await else { return };
    // Nobody waits for a connection as long as that.
    let others = [("health.probe_ms", "50"), ("health.failures", "2"), ("database.acquire_timeout_ms", "60000")];
    let server = Server::start_on(&stage.sandbox, &line.url(name_of(&stage.database)), &others).await;
    until("it is ready", async || says(&server, "").await == ServingStatus::Serving).await;
    let ask = HealthCheckRequest::default();
    let mut watching = HealthClient::new(server.channel()).watch(ask).await.unwrap().into_inner();
    assert_eq!(next(&mut watching).await, ServingStatus::Serving);
    let mut clients = server.clients(&stage.partner.token);
    clients.list(ListRequest::default()).await.unwrap();

    line.switch(PathBuf::from("/nowhere"));
    assert_eq!(next(&mut watching).await, ServingStatus::NotServing, "whoever watches is told");
    assert_eq!(says(&server, "").await, ServingStatus::NotServing);
    assert_eq!(says(&server, "litebox.kkt.v1.KktService").await, ServingStatus::NotServing);
    assert_eq!(says(&server, "liveness").await, ServingStatus::Serving);
    for _ in 0..20 {
        let told = timeout(AT_ONCE, clients.list(ListRequest::default())).await.expect("at once");
        assert_eq!(told.unwrap_err().code(), Code::Unavailable);
    }

    line.switch(postgres::server().unwrap().socket());
    assert_eq!(next(&mut watching).await, ServingStatus::Serving, "and when it is back");
    until("calls are served", async || clients.list(ListRequest::default()).await.is_ok()).await;
    let log = server.kill();
    assert!(log.contains(r#""message":"ready""#) && log.contains("not ready: the database"), "{log}");
}

/// A machine without power: whoever is connected waits for its own limits.
#[tokio::test]
async fn readiness_goes_when_the_database_says_nothing_any_more_and_liveness_stays() {
    let Some((stage, line)) = behind_a_line().await else { return };
    let others = [("health.probe_ms", "50"), ("health.failures", "1"), ("database.statement_timeout_ms", "500")];
    let server = Server::start_on(&stage.sandbox, &line.url(name_of(&stage.database)), &others).await;
    until("it is ready", async || says(&server, "").await == ServingStatus::Serving).await;
    line.fall_silent(PathBuf::from("/nowhere"));
    until("it is not ready", async || says(&server, "").await == ServingStatus::NotServing).await;
    assert_eq!(says(&server, "liveness").await, ServingStatus::Serving);
}
