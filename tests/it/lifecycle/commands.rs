//! Commands that go on when their caller has hung up.

use std::time::{Duration, Instant};

use litebox_partner::app::App;
use litebox_partner::clock::{Clock, Ids};
use litebox_partner::config::LimitsConfig;
use litebox_partner::pb::client::ListRequest;
use litebox_partner::pb::client::client_service_client::ClientServiceClient;
use litebox_partner::sandbox::Sandbox;
use litebox_partner::storage::Backend;
use litebox_partner::storage::entity::client;
use sea_orm::EntityTrait;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::transport::Endpoint;

use super::patient;
use crate::kkt::shop::{COMPANY, register};
use crate::support::app::{TestApp, Wire, settings, shown, until};
use crate::support::process::Server;
use crate::support::stage::Stage;

/// Against hangs only.
const PATIENCE: Duration = Duration::from_secs(20);

/// A Register that is on its way to the account service, and whose caller has hung up.
async fn abandoned(stage: &Stage, server: &Server) {
    // Its connection goes with it.
    hung_up(&stage.sandbox, server.clients(&stage.partner.token)).await;
}

async fn hung_up(sandbox: &Sandbox, mut clients: ClientServiceClient<Wire>) {
    sandbox.add_fault("accounts.EnsureAccount:hold,times=1").unwrap();
    let calling = tokio::spawn(async move { clients.register(register(COMPANY)).await });
    timeout(PATIENCE, sandbox.wait_for_holds(|holds| !holds.is_empty())).await.unwrap();
    calling.abort();
    assert!(calling.await.unwrap_err().is_cancelled());
}

async fn state(stage: &Stage) -> String {
    client::Entity::find().one(stage.database.db.direct()).await.unwrap().unwrap().state
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_waits_for_a_command_whose_caller_has_gone() {
    let stage = Stage::new(Backend::Sqlite).await;
    let server = patient(&stage, &[("gateways.accounts.timeout_ms", "20000")]).await;
    abandoned(&stage, &server).await;
    server.terminate();
    server.says("closing").await;
    stage.sandbox.release_holds();
    let (code, log) = server.ended().await;
    assert!(code == 0 && !log.contains("cut:"), "{log}");
    assert_eq!(state(&stage).await, "ACTIVE");
}

#[tokio::test]
async fn it_waits_no_longer_than_for_others() {
    let stage = Stage::new(Backend::Sqlite).await;
    let times = [("gateways.accounts.timeout_ms", "20000"), ("shutdown.drain_ms", "1500")];
    let server = patient(&stage, &times).await;
    abandoned(&stage, &server).await;
    let began = Instant::now();
    server.terminate();
    let (code, log) = server.ended().await;
    assert!(began.elapsed() < Duration::from_secs(10), "the command is held for twice as long");
    assert!(code == 0 && log.contains("\"what\":\"calls\"") && log.contains("cut:"), "{log}");
    stage.sandbox.release_holds();
}

#[tokio::test]
async fn a_database_on_which_something_may_still_be_at_work_is_given_to_no_other_server() {
    let stage = Stage::new(Backend::Sqlite).await;
    let mut config = settings(&stage.sandbox, &stage.database);
    (config.shutdown.drain_ms, config.gateways.accounts.timeout_ms) = (100, 20_000);
    for cut in [false, true] {
        let app =
            App::build(config.clone(), Clock::system(), Ids::system()).await.expect("the one before has let it go");
        let (address, stop) = (app.address().unwrap(), CancellationToken::new());
        let running = tokio::spawn(app.run(stop.clone()));
        if cut {
            let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
            let shown = shown(Some(&format!("Bearer {}", stage.partner.token)));
            let mut clients = ClientServiceClient::with_interceptor(channel, shown);
            stage.sandbox.add_fault("accounts.EnsureAccount:hold,times=1").unwrap();
            tokio::spawn(async move { clients.register(register(COMPANY)).await });
            timeout(PATIENCE, stage.sandbox.wait_for_holds(|holds| !holds.is_empty())).await.unwrap();
        }
        stop.cancel();
        timeout(PATIENCE, running).await.unwrap().unwrap().unwrap();
    }
    let refused = App::build(config, Clock::system(), Ids::system()).await.err().unwrap().to_string();
    assert!(refused.contains("another server runs on this SQLite database"), "{refused}");
    stage.sandbox.release_holds();
}

/// The partner's place, and the server's.
#[tokio::test]
async fn whoever_hangs_up_keeps_its_place_until_its_command_has_ended() {
    let one_of: [fn(&mut LimitsConfig); 2] = [|limits| limits.calls_under_way = 1, |limits| limits.in_flight = 1];
    for set in one_of {
        let app = TestApp::start_with(Backend::Sqlite, |config| {
            config.gateways.accounts.timeout_ms = 20_000;
            set(&mut config.limits);
        })
        .await;
        hung_up(&app.sandbox, app.clients()).await;
        let mut clients = app.clients();
        for _ in 0..20 {
            let refused = clients.list(ListRequest::default()).await.unwrap_err();
            assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
        }
        app.sandbox.release_holds();
        until("the place is free", async || clients.list(ListRequest::default()).await.is_ok()).await;
    }
}
