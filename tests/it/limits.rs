//! How much a partner may have, through the front door.

use std::time::{Duration, Instant};

use litebox_partner::partners::model::{Label, Scope, Scopes, Theme};
use litebox_partner::partners::service::NewToken;
use litebox_partner::pb::{client as cl, kkt as pb};
use litebox_partner::storage::Backend;
use secrecy::ExposeSecret;
use sqlx::{Connection, Executor, PgConnection};
use tokio::time::timeout;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus::Serving;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use crate::edge::frames::{HEADERS, INITIAL_WINDOW, Raw, WINDOW_UPDATE, call, frame};
use crate::edge::limits::{PATIENCE, alive};
use crate::kkt::shop::{COMPANY, register};
use crate::support::app::{TestApp, until};
use crate::support::database::backends;
use crate::support::stage::Stage;

const LIST: &str = "/litebox.client.v1.ClientService/List";
const WATCH: &str = "/litebox.kkt.v1.KktService/Watch";

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// The limit that an answer names; it must tell when to come again.
fn limit(status: &Status) -> String {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "RATE_LIMITED");
    info.metadata["limit"].clone()
}

#[tokio::test]
async fn a_partner_that_calls_too_fast_slows_down_nobody_else() {
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        config.limits.calls_per_second = 1;
        config.limits.calls_at_once = 3;
    })
    .await;
    let mut first = app.clients();
    let mut refused = Vec::new();
    for _ in 0..40 {
        if let Err(status) = first.list(cl::ListRequest::default()).await {
            refused.push(limit(&status));
        }
    }
    assert!(refused.len() >= 30, "{}", refused.len());
    assert!(refused.iter().all(|limit| limit == "CALLS_PER_SECOND"));
    let other = app.other_partner("Другой", Theme::LiteBox).await;
    app.clients_as(Some(&bearer(&other.token))).list(cl::ListRequest::default()).await.unwrap();
    HealthClient::new(app.channel()).check(HealthCheckRequest::default()).await.unwrap();
    // Without good credentials nothing is counted, and nothing is told of a limit.
    let nobody = app.clients_as(None).list(cl::ListRequest::default()).await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
}

/// The only place is a call's that waits outside.
#[tokio::test]
async fn health_is_answered_while_calls_are_shed() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.limits.in_flight = 1).await;
    let mut health = HealthClient::new(app.channel());
    let mut watching = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    until("it is ready", async || watching.message().await.unwrap().unwrap().status() == Serving).await;
    app.sandbox.add_fault("taxpayers.party:hold,times=1").unwrap();
    let mut clients = app.clients();
    let look = cl::LookupTaxpayerRequest { inn: COMPANY.into() };
    let waits = tokio::spawn(async move { clients.lookup_taxpayer(look).await });
    app.sandbox.wait_for_holds(|holds| !holds.is_empty()).await;
    let shed = async || {
        let shed = app.kkts().list(pb::ListRequest::default()).await.unwrap_err();
        assert_eq!(shed.code(), Code::ResourceExhausted);
        assert_eq!(shed.get_details_error_info().unwrap().reason, "SERVER_OVERLOADED");
        assert!(shed.get_details_retry_info().unwrap().retry_delay.is_some());
    };
    shed().await;
    for service in ["", "liveness", "litebox.kkt.v1.KktService"] {
        let asked = HealthCheckRequest { service: service.into() };
        assert_eq!(health.check(asked.clone()).await.unwrap().into_inner().status(), Serving, "{service}");
        let mut watch = health.watch(asked).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), Serving, "{service}");
    }
    shed().await;
    app.sandbox.release_holds();
    waits.await.unwrap().unwrap();
}

/// Whoever is refused at no cost fills no log either.
#[tokio::test]
async fn calls_of_a_partner_that_are_too_many_are_summed_up_in_the_log() {
    let stage = Stage::new(Backend::Sqlite).await;
    let limits = [("limits.calls_per_second", "1".to_owned()), ("limits.calls_at_once", "3".to_owned())];
    let server = stage.server_with(&limits).await;
    let mut clients = server.clients(&stage.partner.token);
    let mut refused = 0;
    for _ in 0..300 {
        refused += u64::from(clients.list(cl::ListRequest::default()).await.is_err());
    }
    server.says("not logged one by one").await;
    let lines = server.log();
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let (sums, others): (Vec<_>, Vec<_>) =
        lines.partition(|line| line["message"].as_str().unwrap().contains("one by one"));
    let told = others.iter().filter(|line| line["reason"] == "RATE_LIMITED").count() as u64;
    // Twenty in each while that has ended, and in the one that has not.
    assert!(refused > 250 && told <= 20 * (sums.len() as u64 + 1), "{told} of {refused}");
    let id = stage.partner.id.to_string();
    assert!(sums.iter().all(|sum| sum["partner"] == id.as_str() && sum["kind"] == "RATE_LIMITED"), "{sums:?}");
    assert!(!sums[0]["message"].as_str().unwrap().contains("stranger"));
}

#[tokio::test]
async fn a_partner_that_asks_for_what_it_may_not_is_counted_too() {
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        config.limits.calls_per_second = 1;
        config.limits.calls_at_once = 3;
    })
    .await;
    let scopes = Scopes::from_iter([Scope::KktRead]);
    let new = NewToken { scopes, note: Label::default(), expires_ms: None };
    let token = app.partners.issue(app.partner.id, new).await.unwrap().0;
    let mut reader = app.clients_as(Some(&bearer(&token.reveal())));
    let mut reasons = Vec::new();
    for _ in 0..20 {
        let refused = reader.list(cl::ListRequest::default()).await.unwrap_err();
        reasons.push(refused.get_details_error_info().unwrap().reason);
    }
    assert_eq!(reasons[..3], ["SCOPE_MISSING"; 3]);
    let over = reasons.iter().filter(|reason| *reason == "RATE_LIMITED").count();
    assert!(over >= 10, "{reasons:?}");
}

#[tokio::test]
async fn a_partner_has_so_many_streams_and_gets_them_back_when_they_end() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.limits.watch_streams = 2).await;
    let watch = pb::WatchRequest::default;
    let one = app.kkts().watch(watch()).await.unwrap();
    let _two = app.kkts().watch(watch()).await.unwrap();
    assert_eq!(limit(&app.kkts().watch(watch()).await.unwrap_err()), "WATCH_STREAMS");
    let other = app.other_partner("Другой", Theme::LiteBox).await;
    app.kkts_as(Some(&bearer(&other.token))).watch(watch()).await.unwrap();
    app.kkts().list(pb::ListRequest::default()).await.unwrap();
    drop(one);
    until("the place is free again", async || app.kkts().watch(watch()).await.is_ok()).await;
}

#[tokio::test]
async fn a_refused_stream_takes_no_place() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.limits.watch_streams = 1).await;
    let missing = pb::WatchRequest { kkt_ids: vec![crate::support::fresh_id()], ..pb::WatchRequest::default() };
    for _ in 0..3 {
        assert_eq!(app.kkts().watch(missing.clone()).await.unwrap_err().code(), Code::NotFound);
    }
    app.kkts().watch(pb::WatchRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_partner_whose_calls_do_not_end_keeps_nobody_out() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.limits.calls_under_way = 1).await;
    app.sandbox.add_fault("taxpayers.party:delay=20s,times=1").unwrap();
    let look_up = || cl::LookupTaxpayerRequest { inn: COMPANY.into() };
    let mut slow = app.clients();
    let waiting = tokio::spawn(async move { slow.lookup_taxpayer(look_up()).await });
    until("the slow call is under way", async || app.sandbox.entries().iter().any(|e| e.operation.contains("party")))
        .await;
    assert_eq!(limit(&app.clients().list(cl::ListRequest::default()).await.unwrap_err()), "CALLS_UNDER_WAY");
    let other = app.other_partner("Другой", Theme::LiteBox).await;
    app.clients_as(Some(&bearer(&other.token))).list(cl::ListRequest::default()).await.unwrap();
    waiting.abort();
    until("the place is free again", async || app.clients().list(cl::ListRequest::default()).await.is_ok()).await;
}

/// Peers with no room for what they ask for.
#[tokio::test]
async fn what_a_partner_does_not_take_keeps_its_place_and_cuts_nobody_off() {
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        config.limits.calls_under_way = 1;
        config.limits.watch_streams = 1;
        config.server.stream_ms = 50;
    })
    .await;
    let token = Some(app.partner.token.as_str());
    let mut raw = Raw::hello([127, 0, 0, 60].into(), app.address(), &[(INITIAL_WINDOW, 0)]).await.unwrap();
    raw.send(&call(1, LIST, token, &[])).await.unwrap();
    raw.until(HEADERS).await;
    let list = async || app.clients().list(cl::ListRequest::default()).await;
    until("its place is taken", async || list().await.is_err()).await;
    assert_eq!(limit(&list().await.unwrap_err()), "CALLS_UNDER_WAY");
    raw.send(&frame(WINDOW_UPDATE, 0, 1, &1_000_u32.to_be_bytes())).await.unwrap();
    until("it has taken its answer", async || list().await.is_ok()).await;

    raw.send(&call(3, WATCH, token, &[])).await.unwrap();
    raw.until(HEADERS).await;
    let watch = async || app.kkts().watch(pb::WatchRequest::default()).await;
    until("its place is taken", async || watch().await.is_err()).await;
    // Its time is over, and what it has said is not taken.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        assert_eq!(limit(&watch().await.unwrap_err()), "WATCH_STREAMS");
    }
    assert!(timeout(PATIENCE, alive(&mut raw)).await.unwrap(), "the connection stands");
    raw.send(&frame(WINDOW_UPDATE, 0, 3, &10_000_u32.to_be_bytes())).await.unwrap();
    until("it has taken what was said", async || watch().await.is_ok()).await;
}

#[tokio::test]
async fn register_tells_nothing_of_taxpayers_to_whom_no_look_ups_are_left() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.limits.lookups_per_hour = 2).await;
    // Not in the register, and not in business: each is a look-up.
    for inn in ["7799000012", "7799000020"] {
        assert_eq!(app.clients().register(register(inn)).await.unwrap_err().code(), Code::FailedPrecondition);
    }
    let asked = app.sandbox.entries().len();
    assert_eq!(limit(&app.clients().register(register(COMPANY)).await.unwrap_err()), "LOOKUPS_PER_HOUR");
    assert_eq!(app.sandbox.entries().len(), asked, "nobody outside was asked");
}

/// What was begun while there were look-ups left is finished when there are none.
#[tokio::test]
async fn a_register_that_has_begun_is_finished_without_look_ups() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.limits.lookups_per_hour = 1).await;
    app.sandbox.add_fault("accounts.EnsureAccount:drop=before_effect,times=1").unwrap();
    let begun = register(COMPANY);
    assert_eq!(app.clients().register(begun.clone()).await.unwrap_err().code(), Code::Unavailable);
    app.clients().lookup_taxpayer(cl::LookupTaxpayerRequest { inn: COMPANY.into() }).await.unwrap();
    assert_eq!(limit(&app.clients().register(register("7799000012")).await.unwrap_err()), "LOOKUPS_PER_HOUR");
    app.clients().register(begun).await.unwrap();
}

/// A caller that hangs up ends its stream; the question to the database that was asked for it goes on.
#[tokio::test]
async fn a_stream_keeps_its_place_while_it_is_worked_for_whoever_has_gone() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let app = TestApp::start_with(Backend::Postgres, |config| {
        config.limits.watch_streams = 1;
        (config.database.lock_timeout_ms, config.database.statement_timeout_ms) = (60_000, 60_000);
    })
    .await;
    let mut stream = app.kkts().watch(pb::WatchRequest::default()).await.unwrap().into_inner();
    stream.message().await.unwrap();
    let connect = async || PgConnection::connect(app.database.config.url.expose_secret()).await.unwrap();
    // Within one transaction the system tells the same of others all the while.
    let (mut other, mut onlooker) = (connect().await, connect().await);
    other.execute("BEGIN; LOCK TABLE kkt").await.unwrap();
    let looks = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
        AND query LIKE 'SELECT \"kkt\".\"id\"%'";
    until("it waits for the database", async || {
        sqlx::query_scalar::<_, i64>(looks).fetch_one(&mut onlooker).await.unwrap() >= 1
    })
    .await;
    drop(stream);
    for _ in 0..20 {
        assert_eq!(limit(&app.kkts().watch(pb::WatchRequest::default()).await.unwrap_err()), "WATCH_STREAMS");
    }
    other.close().await.unwrap();
    until("the place is free again", async || app.kkts().watch(pb::WatchRequest::default()).await.is_ok()).await;
}
