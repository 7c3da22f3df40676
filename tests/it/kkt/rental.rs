//! Registers of the fleet: chosen by what fits, given to one client at a time, never twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use litebox_partner::catalogue::Catalogue;
use litebox_partner::clock::{Clock, Ids};
use litebox_partner::config::Config;
use litebox_partner::fleet::model::{FleetDevice, State};
use litebox_partner::fleet::service::Fleets;
use litebox_partner::partners::model::Theme;
use litebox_partner::pb::kkt as pb;
use litebox_partner::progress::Count;
use litebox_partner::storage::Backend;
use litebox_partner::storage::audit::Desk;
use litebox_partner::storage::entity::{kkt, kkt_history, request};
use litebox_partner::values::PartnerId;
use pb::kkt_service_client::KktServiceClient;
use sea_orm::{EntityTrait, PaginatorTrait};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::shop::{COMPANY, ENTREPRENEUR, Shop, register, serial};
use crate::support::app::{Replica, TestApp, Wire, on_both_apps};
use crate::support::database::backends;
use crate::support::{act, fresh_id};

fn fleets(app: &TestApp) -> Fleets {
    let catalogue = Arc::new(Catalogue::embedded().unwrap());
    Fleets { db: app.db().clone(), catalogue, clock: Clock::system(), ids: Ids::system(), progress: Count::default() }
}

/// Imports lines without their head.
async fn import(app: &TestApp, partner: PartnerId, lines: &[String]) {
    let file = format!("model,serial,fn,device_id,state\n{}\n", lines.join("\n"));
    let desk = Desk::new(Clock::system(), Ids::system(), act());
    fleets(app).import(&desk, partner, file.as_bytes(), false).await.unwrap();
}

/// The sandbox's register number `n`.
fn line(n: u32, device: &str) -> String {
    format!("АТОЛ 30Ф,{},9999078902{n:06},{device},", serial(n))
}

async fn fleet(app: &TestApp) -> Vec<FleetDevice> {
    fleets(app).list(None, None).await.unwrap()
}

/// An order for a register of the fleet, burnt when somebody says so.
fn rental(client_id: &str) -> pb::QuickRegisterRequest {
    let hired = pb::RentalEquipment { model: "атол 30ф".into(), months: 6 };
    pb::QuickRegisterRequest {
        equipment: Some(pb::Equipment { kind: Some(pb::equipment::Kind::Rental(hired)) }),
        fiscalize_automatically: false,
        ..super::shop::order(client_id, "", 1)
    }
}

fn again(order: &pb::QuickRegisterRequest) -> pb::QuickRegisterRequest {
    pb::QuickRegisterRequest { request_id: fresh_id(), ..order.clone() }
}

fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

async fn refusal(shop: &Shop<'_>, order: pb::QuickRegisterRequest) -> (Code, String) {
    reason(&shop.kkts.clone().quick_register(order).await.unwrap_err())
}

#[tokio::test]
async fn a_hired_register_goes_the_whole_way_and_stays_with_its_client() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        import(app, app.partner.id, &[line(7, &shop.device(7).await)]).await;
        let order = pb::QuickRegisterRequest { fiscalize_automatically: true, ..rental(&shop.client_id) };
        let id = shop.quick_register(order.clone()).await.id;
        assert_eq!(shop.quick_register(order.clone()).await.id, id, "a repeat answers the same registration");
        let kkt = shop.state(&id, pb::KktState::Registered).await;
        let equipment = kkt.equipment.unwrap();
        assert_eq!((equipment.kind(), equipment.rental_months), (pb::EquipmentKind::Rental, 6));
        assert_eq!((equipment.model.as_str(), equipment.serial), ("АТОЛ 30Ф", serial(7)));
        for (operation, count) in shop.effects(&serial(7)) {
            assert_eq!(count, 1, "{operation}");
        }
        assert_eq!(fleet(app).await[0].state.kkt().map(|kkt| kkt.to_string()), Some(id));
        assert_eq!(refusal(&shop, again(&order)).await, (Code::ResourceExhausted, "NO_RENTAL_DEVICE".into()));
    })
    .await;
}

#[tokio::test]
async fn the_oldest_register_that_fits_the_order_is_given() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let real = format!("АТОЛ 30Ф,{},7281440500000001,,", serial(1));
        let odd = "АТОЛ 30Ф,X1,9999078902000002,,".to_owned();
        let out = format!("АТОЛ 30Ф,{},9999078902000003,,OUT", serial(3));
        import(app, app.partner.id, &[real, odd, out]).await;
        // A real drive is never taken in test mode, a strange number only when that is acknowledged.
        let order = rental(&shop.client_id);
        assert_eq!(refusal(&shop, order.clone()).await, (Code::FailedPrecondition, "WARNINGS_NOT_ACKNOWLEDGED".into()));
        import(app, app.partner.id, &[line(4, ""), line(5, &shop.device(5).await)]).await;
        let driven = pb::QuickRegisterRequest { fiscalize_automatically: true, ..again(&order) };
        assert_eq!(shop.quick_register(driven).await.equipment.unwrap().serial, serial(5), "it has a device");
        assert_eq!(shop.quick_register(again(&order)).await.equipment.unwrap().serial, serial(4));
        let mut careless = again(&order);
        careless.acknowledged_warnings.push("SERIAL_PATTERN".into());
        assert_eq!(shop.quick_register(careless).await.equipment.unwrap().serial, "X1");
        let mut wrong = again(&order);
        wrong.ofd = None;
        assert_eq!(refusal(&shop, wrong).await, (Code::FailedPrecondition, "KKT_REQUIREMENTS_NOT_MET".into()));
        assert_eq!(refusal(&shop, again(&order)).await, (Code::ResourceExhausted, "NO_RENTAL_DEVICE".into()));
    })
    .await;
}

#[tokio::test]
async fn a_register_is_not_both_sold_and_hired_out() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let sale = |n| pb::QuickRegisterRequest {
            fiscalize_automatically: false,
            ..super::shop::order(&shop.client_id, "", n)
        };
        // Sold before it came into the fleet: passed over.
        shop.quick_register(sale(1)).await;
        let renamed = format!("АТОЛ 30Ф,{},9999078902000011,,OUT", serial(1));
        import(app, app.partner.id, &[renamed, line(2, "")]).await;
        assert_eq!(refusal(&shop, sale(2)).await, (Code::FailedPrecondition, "KKT_REQUIREMENTS_NOT_MET".into()));
        let id = shop.quick_register(rental(&shop.client_id)).await.id;
        let status = shop.kkts.clone().quick_register(sale(2)).await.unwrap_err();
        assert_eq!(reason(&status), (Code::AlreadyExists, "KKT_ALREADY_REGISTERED".into()));
        assert_eq!(status.get_details_error_info().unwrap().metadata["kkt_id"], id);

        let stranger = app.other_partner("Чужой", Theme::LiteBox).await;
        import(app, stranger.id, &[line(3, "")]).await;
        assert_eq!(refusal(&shop, sale(3)).await, (Code::AlreadyExists, "SERIAL_OR_FN_IN_USE".into()));
        assert_eq!(refusal(&shop, again(&rental(&shop.client_id))).await.1, "NO_RENTAL_DEVICE", "a stranger's fleet");
        let credentials = format!("Bearer {}", stranger.token);
        let client = app.clients_as(Some(&credentials)).register(register(ENTREPRENEUR)).await.unwrap().into_inner();
        let theirs = rental(&client.client.unwrap().id);
        assert!(app.kkts_as(Some(&credentials)).quick_register(theirs).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_rental_frees_its_register() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        // Register 9700 stays in review at FNS.
        import(app, app.partner.id, &[line(9700, "")]).await;
        let id = shop.quick_register(rental(&shop.client_id)).await.id;
        shop.state(&id, pb::KktState::AwaitingRnm).await;
        let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: id.clone() };
        shop.kkts.clone().cancel(cancel).await.unwrap();
        assert_eq!(fleet(app).await[0].state, State::Free);
        assert_ne!(shop.quick_register(rental(&shop.client_id)).await.id, id, "it is given again");
    })
    .await;
}

#[tokio::test]
async fn a_register_whose_drive_is_in_doubt_is_not_hired_out_by_importing_its_file_again() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        // Without a device nobody can say after the number that the drive is unburnt.
        let (doubtful, good) = (line(20, ""), line(21, ""));
        import(app, app.partner.id, std::slice::from_ref(&doubtful)).await;
        let id = shop.quick_register(rental(&shop.client_id)).await.id;
        shop.state(&id, pb::KktState::ReadyToFiscalize).await;
        let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: id };
        shop.kkts.clone().cancel(cancel).await.unwrap();
        assert_eq!(fleet(app).await[0].state, State::Out);
        let file = format!("model,serial,fn,device_id,state\n{doubtful}\n");
        let desk = Desk::new(Clock::system(), Ids::system(), act());
        let again = fleets(app).import(&desk, app.partner.id, file.as_bytes(), false).await;
        assert!(again.is_err(), "its drive is held by the cancelled registration");
        assert_eq!(fleet(app).await[0].state, State::Out);
        import(app, app.partner.id, &[good]).await;
        let mut order = rental(&shop.client_id);
        order.ofd.as_mut().unwrap().activation_code = "FD13MM500021".into();
        let kkt = shop.quick_register(order).await;
        assert_eq!(kkt.equipment.unwrap().serial, serial(21));
    })
    .await;
}

/// Registers and calls of the race.
const REGISTERS: u32 = 100;
const CALLS: usize = 1_000;
/// Calls on one connection; a server takes 64 at a time.
const A_CONNECTION: usize = 50;

/// Nothing but the choice is tried here: patient with a slow machine, and the work after it stands still.
fn patient(config: &mut Config) {
    config.server.deadline_ms = 120_000;
    config.database.acquire_timeout_ms = 60_000;
    config.database.lock_timeout_ms = 10_000;
    config.database.statement_timeout_ms = 30_000;
    config.worker.concurrency = 1;
    config.limits.calls_per_second = 0;
    config.limits.calls_under_way = 2_000;
    config.limits.in_flight = 2_000;
}

/// Sends every order `times` times at once; what was answered to each id.
async fn race(
    orders: &[pb::QuickRegisterRequest],
    times: usize,
    connect: impl Fn(usize) -> KktServiceClient<Wire>,
) -> BTreeMap<String, BTreeSet<Result<(String, String), String>>> {
    let mut calls = tokio::task::JoinSet::new();
    for (n, batch) in orders.chunks(A_CONNECTION).enumerate() {
        for kkts in (0..times).map(|time| connect(n + time)) {
            for order in batch.iter().cloned() {
                let mut kkts = kkts.clone();
                calls.spawn(async move {
                    let id = order.request_id.clone();
                    match kkts.quick_register(order).await {
                        Ok(answer) => {
                            let kkt = answer.into_inner().kkt.unwrap();
                            (id, Ok((kkt.id, kkt.equipment.unwrap().serial)))
                        }
                        Err(status) => (id, Err(reason(&status).1)),
                    }
                });
            }
        }
    }
    let mut told: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    while let Some(call) = calls.join_next().await {
        let (id, answer) = call.unwrap();
        told.entry(id).or_default().insert(answer);
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_orders_at_once_for_a_hundred_registers_take_each_once() {
    for backend in backends() {
        let app = TestApp::start_with(backend, patient).await;
        // SQLite is for one replica.
        let beside = if backend == Backend::Postgres { Some(app.replica(patient).await) } else { None };
        app.sandbox.add_fault("ofd.*:delay=60s").unwrap();
        let shop = Shop::open(&app, COMPANY).await;
        import(&app, app.partner.id, &(1..=REGISTERS).map(|n| line(n, "")).collect::<Vec<_>>()).await;
        let connect = |n: usize| beside.as_ref().filter(|_| n % 2 == 1).map_or_else(|| app.kkts(), Replica::kkts);
        let orders: Vec<_> = (0..CALLS).map(|_| rental(&shop.client_id)).collect();

        let start = std::time::Instant::now();
        let first = race(&orders, 1, connect).await;
        println!("{backend:?}: {CALLS} calls in {:?}", start.elapsed());
        let taken: Vec<_> = first.values().flatten().filter_map(|answer| answer.as_ref().ok()).collect();
        let refused: BTreeMap<_, usize> = first.values().flatten().filter_map(|answer| answer.as_ref().err()).fold(
            BTreeMap::new(),
            |mut counts, reason| {
                *counts.entry(reason.as_str()).or_default() += 1;
                counts
            },
        );
        assert_eq!(refused, BTreeMap::from([("NO_RENTAL_DEVICE", CALLS - REGISTERS as usize)]));
        let serials: BTreeSet<_> = taken.iter().map(|(_, serial)| serial.clone()).collect();
        assert_eq!((taken.len(), serials.len()), (REGISTERS as usize, REGISTERS as usize), "each register once");
        whole(&app, &taken).await;

        let start = std::time::Instant::now();
        let won = |order: &&pb::QuickRegisterRequest| first[&order.request_id].iter().all(Result::is_ok);
        let (winners, losers): (Vec<_>, Vec<_>) = orders.iter().partition(won);
        let some: Vec<_> = winners.into_iter().chain(losers.into_iter().take(100)).cloned().collect();
        let again = race(&some, 2, connect).await;
        assert!(again.iter().all(|(id, answers)| first[id] == *answers), "an id answers the same, also twice at once");
        println!("{backend:?}: 200 ids again, each twice at once, in {:?}", start.elapsed());
        whole(&app, &taken).await;
    }
}

/// Every registration has its register, its request and its history, and there is nothing beside.
async fn whole(app: &TestApp, taken: &[&(String, String)]) {
    let holders: BTreeMap<_, _> = fleet(app)
        .await
        .into_iter()
        .map(|device| (device.state.kkt().map(|id| id.to_string()), device.register.serial.to_string()))
        .collect();
    let expected = taken.iter().map(|(id, serial)| (Some(id.clone()), serial.clone())).collect();
    assert_eq!(holders, expected);
    let db = app.db().direct();
    let rows = kkt::Entity::find().count(db).await.unwrap();
    let requests = request::Entity::find().all(db).await.unwrap().into_iter().filter(|r| r.method == "QuickRegister");
    let first_lines = kkt_history::Entity::find().all(db).await.unwrap().into_iter().filter(|line| line.revision == 1);
    assert_eq!((rows as usize, requests.count(), first_lines.count()), (taken.len(), taken.len(), taken.len()));
}
