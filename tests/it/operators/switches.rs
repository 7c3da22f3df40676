//! Stop switches: nothing reaches the outer system while it is stopped, and everything goes on afterwards.

use std::sync::Arc;

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::gateways::Gateway;
use litebox_partner::pb::client as cl;
use litebox_partner::pb::kkt as pb;
use litebox_partner::sandbox::ledger::Kind;
use litebox_partner::storage::audit::Desk;
use litebox_partner::storage::{Backend, StoreError};
use litebox_partner::support::switches;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic_types::StatusExt;

use crate::kkt::shop::{COMPANY, ENTREPRENEUR, ONE_WAY, Shop, register, serial};
use crate::support::act;
use crate::support::app::{TestApp, on_both_apps, until};
use crate::support::database::backends;

fn desk() -> Desk {
    Desk::new(Clock::system(), Ids::system(), act())
}

async fn stop(app: &TestApp, gateway: Gateway) -> bool {
    switches::stop(app.db(), &desk(), &Clock::system(), gateway).await.unwrap()
}

async fn start(app: &TestApp, gateway: Gateway) -> bool {
    switches::start(app.db(), &desk(), gateway).await.unwrap()
}

/// How many one-way commands about this register have arrived at an outer system.
fn commands(app: &TestApp, gateway: Gateway, serial: &str) -> usize {
    let drive = format!("9999078902{}", &serial[8..]);
    let entries = app.sandbox.entries();
    let about = entries.iter().filter(|e| e.kind == Kind::Command && e.protocol == gateway.name());
    let ours = about.filter(|e| e.facts.values().any(|v| v == serial || *v == drive));
    // A question to a register is a task at its hub too.
    ours.filter(|e| e.facts.get("type").is_none_or(|t| t == "registration")).count()
}

async fn count(app: &TestApp, sql: &str) -> i64 {
    let backend = app.db().direct().get_database_backend();
    let row = app.db().direct().query_one_raw(Statement::from_string(backend, sql.to_owned())).await.unwrap();
    row.unwrap().try_get("", "n").unwrap()
}

fn blocked(kkt: &pb::Kkt) -> Option<&str> {
    kkt.blocked.as_ref().map(|b| b.reason.as_str())
}

#[tokio::test]
async fn a_stopped_gateway_gets_no_command_and_goes_on_after_the_start() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        for (gateway, n) in [(Gateway::Ofd, 1), (Gateway::Fns, 2), (Gateway::Device, 3)] {
            assert!(stop(app, gateway).await);
            assert!(!stop(app, gateway).await, "it is stopped already");
            let id = shop.quick_register(shop.order(n).await).await.id;
            let waits =
                shop.reach(&id, "it waits for the operator", |kkt| blocked(kkt) == Some("GATEWAY_STOPPED")).await;
            let block = waits.blocked.unwrap();
            assert_eq!(block.waiting_for(), pb::WaitingFor::Operator);
            assert!(block.advice.contains("остановлен"), "{}", block.advice);
            assert_eq!(commands(app, gateway, &serial(n)), 0, "{gateway}");
            assert!(start(app, gateway).await);
            assert!(!start(app, gateway).await, "it works already");
            shop.state(&id, pb::KktState::Registered).await;
            for (operation, times) in shop.effects(&serial(n)) {
                assert_eq!(times, 1, "{operation}");
            }
        }
        let lines =
            count(app, "SELECT count(*) AS n FROM audit WHERE action LIKE 'GATEWAY_%' AND actor = 'test'").await;
        assert_eq!(lines, 6, "each change once, and nothing that changed nothing");
    })
    .await;
}

#[tokio::test]
async fn the_other_gateways_go_on_while_one_is_stopped() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        stop(app, Gateway::Device).await;
        let order = pb::QuickRegisterRequest { fiscalize_automatically: false, ..shop.order(1).await };
        let id = shop.quick_register(order).await.id;
        shop.state(&id, pb::KktState::ReadyToFiscalize).await;
        assert!(commands(app, Gateway::Fns, &serial(1)) > 0 && commands(app, Gateway::Ofd, &serial(1)) > 0);
    })
    .await;
}

#[tokio::test]
async fn no_intent_is_committed_once_a_gateway_has_been_stopped() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let mut ids = Vec::new();
        let mut orders = Vec::new();
        for n in 1..=16 {
            orders.push(shop.order(n).await);
        }
        // The switch falls while the worker is in the middle of them.
        for order in orders {
            ids.push(shop.quick_register(order).await.id);
        }
        until("some are filed", async || count(app, INTENTS).await > 0).await;
        stop(app, Gateway::Fns).await;
        let at_the_stop = count(app, INTENTS).await;
        for id in &ids {
            let rests =
                |kkt: &pb::Kkt| blocked(kkt) == Some("GATEWAY_STOPPED") || kkt.state() == pb::KktState::Registered;
            shop.reach(id, "it waits", rests).await;
        }
        assert_eq!(count(app, INTENTS).await, at_the_stop);
        start(app, Gateway::Fns).await;
        for (id, n) in ids.iter().zip(1..) {
            shop.state(id, pb::KktState::Registered).await;
            assert_eq!(shop.effects(&serial(n)), ONE_WAY.map(|operation| (operation.to_owned(), 1)));
        }
    })
    .await;
}

/// The lock that whoever stops FNS waits for and holds: see the switches of the store. SQLite has no such lock.
const STOPPING_FNS: i32 = 0x0073_746f;

#[tokio::test]
async fn a_move_is_not_undone_by_whoever_stops_the_gateway_of_the_next_command() {
    let Some(backend) = backends().into_iter().find(|backend| *backend == Backend::Postgres) else { return };
    let app = TestApp::start(backend).await;
    let (stopping, stopped) = (Arc::new(Notify::new()), CancellationToken::new());
    let (db, holds, until_stopped) = (app.db().clone(), stopping.clone(), stopped.clone());
    let stop = tokio::spawn(async move {
        db.unit::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let sql = format!("SELECT pg_advisory_xact_lock({STOPPING_FNS}, {})", Gateway::Fns as i32);
                tx.execute_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
                holds.notify_one();
                until_stopped.cancelled().await;
                Ok(())
            })
        })
        .await
    });
    stopping.notified().await;
    let shop = Shop::open(&app, COMPANY).await;
    let id = shop.quick_register(shop.order(1).await).await.id;
    let kkt = shop.state(&id, pb::KktState::Submitting).await;
    assert_eq!(commands(&app, Gateway::Fns, &serial(1)), 0);
    assert_eq!(kkt.history.len(), 2, "the code is held, and that is known");
    stopped.cancel();
    stop.await.unwrap().unwrap();
    shop.state(&id, pb::KktState::Registered).await;
    assert_eq!(shop.effects(&serial(1)), ONE_WAY.map(|operation| (operation.to_owned(), 1)));
}

const INTENTS: &str = "SELECT count(*) AS n FROM effect WHERE step IN ('SUBMIT_APPLICATION', 'SUBMIT_REPORT')";

#[tokio::test]
async fn with_the_account_service_stopped_nothing_of_a_client_is_created() {
    on_both_apps(async |app| {
        stop(app, Gateway::Accounts).await;
        let call = register(ENTREPRENEUR);
        let refused = app.clients().register(call.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        assert_eq!(refused.get_details_error_info().unwrap().reason, "ACCOUNTS_UNAVAILABLE");
        assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
        assert_eq!(count(app, "SELECT count(*) AS n FROM client").await, 0);
        assert!(app.sandbox.entries().iter().all(|e| !e.is(Kind::Command, "accounts.EnsureAccount")));
        start(app, Gateway::Accounts).await;
        let client = app.clients().register(call.clone()).await.unwrap().into_inner().client.unwrap();
        assert_eq!(client.state(), cl::ClientState::Active);
        stop(app, Gateway::Accounts).await;
        let repeated = app.clients().register(call).await.unwrap_err();
        assert_eq!(repeated.code(), Code::Unavailable, "confirming a password is a command as well");
    })
    .await;
}

#[tokio::test]
async fn with_the_register_stopped_nobody_is_looked_up() {
    on_both_apps(async |app| {
        let lookup = || cl::LookupTaxpayerRequest { inn: COMPANY.into() };
        app.clients().lookup_taxpayer(lookup()).await.unwrap();
        stop(app, Gateway::Taxpayers).await;
        let refused = app.clients().lookup_taxpayer(lookup()).await.unwrap_err();
        assert_eq!(refused.get_details_error_info().unwrap().reason, "TAXPAYERS_UNAVAILABLE", "not even from memory");
        start(app, Gateway::Taxpayers).await;
        app.clients().lookup_taxpayer(lookup()).await.unwrap();
    })
    .await;
}
