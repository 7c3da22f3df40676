//! Steps of the worker when its server is told to stop.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use litebox_partner::pb::kkt as pb;
use litebox_partner::storage::Backend;
use litebox_partner::storage::entity::kkt;
use sea_orm::EntityTrait;
use tokio::time::timeout;

use super::{AT_ONCE, patient};
use crate::killed::{REGISTRATION, Record};
use crate::kkt::shop::serial;
use crate::support::app::until;
use crate::support::database::backends;
use crate::support::process::Server;
use crate::support::stage::Stage;

const TAKE_OVERS: &str = "litebox_lease_takeovers_total";
const FILING: &str = "fns.SubmitApplication";
/// Against hangs only.
const PATIENCE: Duration = Duration::from_secs(20);

/// A registration whose application is on its way to FNS, and stays on it; its id.
async fn filing(stage: &Stage, server: &Server) -> String {
    let client = stage.client(server).await;
    stage.sandbox.add_fault(&format!("{FILING}:hold,times=1")).unwrap();
    let id = stage.sell(server, &client, 1).await;
    timeout(PATIENCE, stage.sandbox.wait_for_holds(|holds| !holds.is_empty())).await.unwrap();
    id
}

async fn row(stage: &Stage, id: &str) -> kkt::Model {
    let id = uuid::Uuid::parse_str(id).unwrap();
    kkt::Entity::find_by_id(id).one(stage.database.db.direct()).await.unwrap().unwrap()
}

/// What was done twice, or not at all.
fn breaches(stage: &Stage) -> Vec<String> {
    let facts = [serial(1), format!("9999078902{:06}", 1)];
    Record::about(stage.sandbox.entries(), &facts).breaches(&REGISTRATION)
}

#[tokio::test]
async fn a_step_under_way_ends_and_its_registration_is_handed_back_at_once() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let server = patient(&stage, &[("worker.lease_ms", "60000"), ("gateways.fns.timeout_ms", "20000")]).await;
        let id = filing(&stage, &server).await;
        server.terminate();
        server.says("closing").await;
        assert!(row(&stage, &id).await.lease_until_ms > 0, "the step is under way");
        assert!(server.metric(TAKE_OVERS).await < 0.5, "metrics are shown to the end");
        stage.sandbox.release_holds();
        let (code, log) = server.ended().await;
        assert!(code == 0 && !log.contains("cut:"), "{log}");
        let left = row(&stage, &id).await;
        assert_eq!((left.state.as_str(), left.lease_until_ms), ("AWAITING_RNM", 0), "one step, and handed back");

        let next = patient(&stage, &[("worker.lease_ms", "60000")]).await;
        stage.registered(&next, &id).await;
        assert!(next.metric(TAKE_OVERS).await < 0.5, "what was handed back is not taken over");
        assert_eq!(breaches(&stage), [""; 0]);
    }
}

#[tokio::test]
async fn a_step_that_does_not_end_in_time_keeps_its_lease_and_is_taken_over_when_that_ends() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let stage = Stage::new(Backend::Postgres).await;
    let times = [("worker.lease_ms", "4000"), ("gateways.fns.timeout_ms", "20000"), ("shutdown.drain_ms", "500")];
    let server = patient(&stage, &times).await;
    let id = filing(&stage, &server).await;
    let held = row(&stage, &id).await;
    server.terminate();
    let (code, log) = server.ended().await;
    assert!(code == 0 && log.contains("\"what\":\"steps\"") && log.contains("cut:"), "{log}");
    let left = row(&stage, &id).await;
    assert_eq!((left.lease_until_ms, left.fence), (held.lease_until_ms, held.fence), "its command may be under way");

    stage.sandbox.release_holds();
    let next = patient(&stage, &[]).await;
    stage.registered(&next, &id).await;
    assert!(next.metric(TAKE_OVERS).await > 0.5);
    assert_eq!(breaches(&stage), [""; 0]);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once_and_is_told_by_the_exit_code() {
    let stage = Stage::new(Backend::Sqlite).await;
    for impatient in [Server::terminate, Server::interrupt] {
        // Takes connections and never answers: the last spans could not be sent.
        let collector = TcpListener::bind("127.0.0.1:0").unwrap();
        let traces = format!("http://{}", collector.local_addr().unwrap());
        let traced = [("traces.otlp_endpoint", traces.as_str()), ("traces.sample_ratio", "1")];
        let server = patient(&stage, &[&traced[..], &[("gateways.fns.timeout_ms", "20000")]].concat()).await;
        let mut kkts = server.kkts(&stage.partner.token);
        stage.sandbox.add_fault("accounts.EnsureAccount:hold,times=1").unwrap();
        let calling = tokio::spawn({
            let mut clients = server.clients(&stage.partner.token);
            async move { clients.register(crate::kkt::shop::register(crate::kkt::shop::COMPANY)).await }
        });
        timeout(PATIENCE, stage.sandbox.wait_for_holds(|holds| !holds.is_empty())).await.unwrap();
        server.terminate();
        server.says("closing").await;
        until("nothing new begins", async || kkts.list(pb::ListRequest::default()).await.is_err()).await;
        let began = Instant::now();
        impatient(&server);
        let (code, log) = server.ended().await;
        assert!(code == 1 && log.contains("error: told twice"), "{log}");
        assert!(began.elapsed() < AT_ONCE);
        assert!(calling.await.unwrap().is_err());
        stage.sandbox.release_holds();
    }
}
