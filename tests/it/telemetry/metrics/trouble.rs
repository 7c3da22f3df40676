//! Outer systems that fail, replicas that die, a database that hangs, a port that is taken.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use futures::future::join_all;
use litebox_partner::config::variable;
use litebox_partner::pb::client::ListRequest;
use litebox_partner::storage::Backend;
use sea_orm::ConnectionTrait;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

use super::{Exposition, list, scrape, shows};
use crate::kkt::shop::{COMPANY, register};
use crate::support::app::until;
use crate::support::database::{TestDb, backends};
use crate::support::postgres;
use crate::support::process::Server;
use crate::support::slow_proxy::{Line, name_of};
use crate::support::stage::Stage;

#[tokio::test]
async fn an_outer_system_that_fails_is_counted_and_seen_to_rest_until_it_is_back() {
    let stage = Stage::new(Backend::Sqlite).await;
    let server = stage.server().await;
    let client = stage.client(&server).await;
    for operation in ["SubmitApplication", "ReportOrVoid"] {
        stage.sandbox.add_fault(&format!("fns.{operation}:error=UNAVAILABLE")).unwrap();
    }
    let id = stage.sell(&server, &client, 1).await;
    let rests = async || shows(&server, "litebox_gateway_resting", &[("gateway", "fns")]).await == 1.0;
    until("FNS rests", rests).await;
    let shown = scrape(&server).await;
    let calls =
        |gateway, outcome| shown.get("litebox_gateway_calls_total", &[("gateway", gateway), ("outcome", outcome)]);
    assert!(calls("fns", "failed") >= 5.0 && calls("ofd", "failed") == 0.0);
    assert!(calls("ofd", "answered") >= 1.0 && calls("taxpayers", "answered") >= 1.0);
    assert!(shown.get("litebox_gateway_call_duration_seconds_count", &[("gateway", "fns")]) >= 5.0);
    assert_eq!(shown.get("litebox_gateway_resting", &[("gateway", "ofd")]), 0.0);
    stage.sandbox.clear_faults();
    stage.registered(&server, &id).await;
    assert_eq!(shows(&server, "litebox_gateway_resting", &[("gateway", "fns")]).await, 0.0);
}

#[tokio::test]
async fn what_calls_of_outer_systems_come_to_is_counted_by_how_it_went_wrong() {
    let stage = Stage::new(Backend::Sqlite).await;
    let times = [("gateways.accounts.timeout_ms", "300"), ("gateways.breaker.failures", "0")];
    let server = stage.server_with(&times.map(|(key, value)| (key, value.to_owned()))).await;
    let counted = async |outcome| {
        shows(&server, "litebox_gateway_calls_total", &[("gateway", "accounts"), ("outcome", outcome)]).await
    };
    for (fault, outcome) in [
        ("error=UNAVAILABLE", "failed"),
        ("error=RESOURCE_EXHAUSTED", "overloaded"),
        ("error=PERMISSION_DENIED", "denied"),
        ("delay=5s", "timed_out"),
    ] {
        let before = counted(outcome).await;
        stage.sandbox.add_fault(&format!("accounts.FindByInn:{fault}")).unwrap();
        server.clients(&stage.partner.token).register(register(COMPANY)).await.unwrap_err();
        stage.sandbox.clear_faults();
        assert!(counted(outcome).await > before, "{fault}");
    }
}

#[tokio::test]
async fn a_registration_of_a_replica_that_was_killed_counts_as_taken_over_once() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let first = stage.server().await;
        let client = stage.client(&first).await;
        stage.registered(&first, &stage.sell(&first, &client, 1).await).await;
        stage.sandbox.add_fault("fns.SubmitApplication:hold,times=1").unwrap();
        let id = stage.sell(&first, &client, 2).await;
        stage.sandbox.wait_for_holds(|holds| !holds.is_empty()).await;
        assert_eq!(
            shows(&first, "litebox_lease_takeovers_total", &[]).await,
            0.0,
            "what is given back is no take-over"
        );
        let second = match backend {
            Backend::Postgres => {
                let second = stage.server().await;
                first.kill();
                second
            }
            // One server at a time.
            Backend::Sqlite => {
                first.kill();
                stage.server().await
            }
        };
        stage.sandbox.release_holds();
        stage.registered(&second, &id).await;
        assert_eq!(shows(&second, "litebox_lease_takeovers_total", &[]).await, 1.0);
    }
}

#[tokio::test]
async fn a_database_that_hangs_leaves_the_last_figures_and_holds_up_no_scrape() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let stage = Stage::new(Backend::Postgres).await;
    let socket = postgres::server().unwrap().socket();
    let line = Line::to(socket.clone(), Duration::ZERO).await;
    let url = line.url(name_of(&stage.database));
    let server = Server::start_on(&stage.sandbox, &url, &[("metrics.poll_ms", "100")]).await;
    stage.sandbox.add_fault("accounts.EnsureAccount:error=UNAVAILABLE").unwrap();
    server.clients(&stage.partner.token).register(register(COMPANY)).await.unwrap_err();
    let pending = |shown: &Exposition| shown.find("litebox_clients_pending", &[]) == Some(1.0);
    let age = |shown: &Exposition| shown.get("litebox_figures_age_seconds", &[]);
    let fresh = async || {
        let shown = scrape(&server).await;
        pending(&shown) && age(&shown) < 0.5
    };
    until("figures are read", fresh).await;

    line.fall_silent(PathBuf::from("/nowhere"));
    let callers: Vec<_> = (0..8).map(|_| server.clients(&stage.partner.token)).collect();
    let calls = callers.into_iter().map(|mut one| async move { one.list(ListRequest::default()).await.is_ok() });
    let calls = tokio::spawn(join_all(calls));
    let in_use = async || {
        shows(&server, "litebox_db_pool_connections", &[("pool", "statements"), ("state", "in_use")]).await >= 1.0
    };
    until("connections hang", in_use).await;
    // Longer than a question to a silent server is waited for: some have failed by then.
    until("the age grows", async || age(&scrape(&server).await) > 8.0).await;
    assert!(pending(&scrape(&server).await), "the last figures stay");
    assert!(calls.await.unwrap().iter().all(|ok| !ok));

    line.switch(socket);
    until("it is back", async || list(&server, &stage.partner.token).await.is_ok()).await;
    until("figures are fresh", fresh).await;
}

#[tokio::test]
async fn figures_that_cannot_be_read_stay_as_they_were_and_grow_old() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let server = stage.server_with(&[("metrics.poll_ms", "50".to_owned())]).await;
        stage.sandbox.add_fault("accounts.EnsureAccount:error=UNAVAILABLE").unwrap();
        server.clients(&stage.partner.token).register(register(COMPANY)).await.unwrap_err();
        let pending = async || scrape(&server).await.find("litebox_clients_pending", &[]) == Some(1.0);
        until("figures are read", pending).await;
        let sql = async |sql: &str| stage.database.db.direct().execute_unprepared(sql).await.unwrap();
        sql("ALTER TABLE stop_switch RENAME TO stop_switch_away").await;
        until("a reading has failed", async || server.log().contains("figures for operators cannot be read")).await;
        until("it has failed again and again", async || shows(&server, "litebox_figures_age_seconds", &[]).await > 0.5)
            .await;
        assert!(pending().await, "the last figures stay");
        sql("ALTER TABLE stop_switch_away RENAME TO stop_switch").await;
        let fresh = async || shows(&server, "litebox_figures_age_seconds", &[]).await < 0.5;
        until("figures are fresh again", fresh).await;
    }
}

#[tokio::test]
async fn a_port_that_is_taken_stops_the_start_and_is_named_by_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let database = TestDb::new(Backend::Sqlite).await;
    let mut serve = Command::new(env!("CARGO_BIN_EXE_litebox-partner"));
    serve.arg("serve").env_clear().kill_on_drop(true).stdin(Stdio::null());
    for (key, value) in [
        ("server.listen", "127.0.0.1:0"),
        ("metrics.listen", &taken.local_addr().unwrap().to_string()),
        ("database.url", database.config.url.expose_secret()),
    ] {
        serve.env(variable(key), value);
    }
    let ended = timeout(Duration::from_secs(60), serve.output()).await.unwrap().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(!ended.status.success() && said.contains("metrics.listen: "), "{said}");
}
