//! An outer system that is down is left alone: hardly a call reaches it, nobody waits for it, and all go on when it is back.

use std::time::Duration;

use litebox_partner::config::Config;
use litebox_partner::pb::kkt::{KktState, WaitingFor};
use litebox_partner::sandbox::ledger::{Entry, Kind};
use litebox_partner::storage::Backend;
use tonic::Code;
use tonic_types::StatusExt;

use crate::kkt::shop::{COMPANY, ENTREPRENEUR, Shop, register, serial};
use crate::support::app::{TestApp, until};

/// Tries again soon, so that the test need not wait.
fn eager(config: &mut Config) {
    config.gateways.breaker.failures = 5;
    config.gateways.breaker.rest_ms = 200;
    config.gateways.breaker.rest_limit_ms = 400;
}

fn received(entries: &[Entry], operation: &str) -> usize {
    entries.iter().filter(|entry| entry.is(Kind::Command, operation)).count()
}

#[tokio::test]
async fn a_gateway_that_is_down_is_left_alone_and_everything_goes_on_when_it_is_back() {
    let app = TestApp::start_with(Backend::Sqlite, eager).await;
    let shop = Shop::open(&app, COMPANY).await;
    for operation in ["ReserveCode", "ReportOrVoid"] {
        app.sandbox.add_fault(&format!("ofd.{operation}:error=UNAVAILABLE")).unwrap();
    }
    let mut ids = Vec::new();
    for n in 1..=30 {
        ids.push(shop.quick_register(shop.order(n).await).await.id);
    }
    until("the operator rests", async || struck(&app) >= 5).await;
    let (before, asked) = (struck(&app), std::time::Instant::now());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let tries = struck(&app) - before;
    let rests = usize::try_from(asked.elapsed().as_millis() / 200).unwrap();
    assert!(tries <= rests + 1, "{tries} calls in {rests} rests: one may try after each");
    app.sandbox.clear_faults();
    for id in &ids {
        shop.state(id, KktState::Registered).await;
    }
    let entries = app.sandbox.entries();
    for n in 1..=30 {
        let own: Vec<_> = entries.iter().filter(|e| e.facts.values().any(|v| *v == serial(n))).cloned().collect();
        assert_eq!(received(&own, "fns.SubmitApplication"), 1, "{n}");
    }
}

/// Calls that reached the operators, commands and questions.
fn struck(app: &TestApp) -> usize {
    let entries = app.sandbox.entries();
    entries.iter().filter(|entry| entry.protocol == "ofd" && entry.operation != "Handshake").count()
}

#[tokio::test]
async fn a_caller_learns_at_once_that_a_system_is_down_and_when_to_come_back() {
    let slow = |config: &mut Config| {
        config.gateways.breaker.failures = 5;
        config.gateways.breaker.rest_ms = 30_000;
    };
    let app = TestApp::start_with(Backend::Sqlite, slow).await;
    app.sandbox.add_fault("accounts.FindByInn:error=UNAVAILABLE").unwrap();
    for n in 0..8 {
        let status = app.clients().register(register(COMPANY)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{n}");
        assert_eq!(status.get_details_error_info().unwrap().reason, "ACCOUNTS_UNAVAILABLE");
        let again = status.get_details_retry_info().unwrap().retry_delay.unwrap();
        assert!(n < 5 || again > Duration::from_secs(20), "{n}: {again:?} tells how long the rest is");
    }
    let asked = app.sandbox.entries().into_iter().filter(|e| e.protocol == "accounts" && e.operation != "Handshake");
    assert_eq!(asked.count(), 5, "the others were answered without asking");
}

/// What denies us is not left alone, it answers; but a person is called, for no time mends that.
#[tokio::test]
async fn a_gateway_that_denies_us_waits_for_an_operator() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.gateways.breaker.failures = 5).await;
    let shop = Shop::open(&app, ENTREPRENEUR).await;
    let denied = app.sandbox.add_fault("fns.SubmitApplication:error=PERMISSION_DENIED,at=before_receipt").unwrap();
    let id = shop.quick_register(shop.order(1).await).await.id;
    let told = |kkt: &litebox_partner::pb::kkt::Kkt| {
        let block = kkt.blocked.as_ref();
        block.is_some_and(|b| b.reason == "GATEWAY_NEEDS_SUPPORT" && b.waiting_for() == WaitingFor::Operator)
    };
    shop.reach(&id, "an operator is called", told).await;
    app.sandbox.engine().faults.clear(Some(denied));
    shop.state(&id, KktState::Registered).await;
    assert!(shop.effects(&serial(1)).iter().all(|(_, times)| *times == 1));
}
