//! One partner with very much to do does not keep the others waiting.

use std::collections::BTreeMap;

use litebox_partner::partners::model::{HubDevice, HubUrl, Label, Theme};
use litebox_partner::partners::service::NewDevice;
use litebox_partner::pb::kkt as pb;
use litebox_partner::pb::kkt::kkt_service_client::KktServiceClient;
use litebox_partner::sandbox::ledger::{Entry, Kind};
use litebox_partner::storage::crossing::work::Turn;
use litebox_partner::storage::{Backend, DatabaseConfig, Db};
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use crate::kkt::shop::{Shop, order, register, serial};
use crate::support::app::{TestApp, TestPartner, Wire, until};
use crate::support::database::{TestDb, backends, on_both_databases};

const STATES: [&str; 1] = ["RESERVING"];
const LEASE_MS: i64 = 60_000;

/// So many registrations of one partner, all due; rows without anything that a claim does not read.
async fn fill(db: &Db, partner: u128, rows: u32) {
    let backend = db.direct().get_database_backend();
    let (partner, client) = (Uuid::from_u128(partner), Uuid::from_u128(partner << 64));
    let sql = |text: &str| Statement::from_sql_and_values(backend, text, [partner.into(), client.into()]);
    let partner_row = "INSERT INTO partner (id, name, theme, enabled, created_ms) SELECT $1, 'p', 'LITEBOX', true, 1 \
                       FROM (SELECT $2 AS unused) u";
    let client_row = "INSERT INTO client (id, partner_id, inn, state, login, phone, company, last_name, first_name, middle_name, \
         address, taxpayer, search, password_version, created_ms, updated_ms, lease_until_ms, fence) \
         VALUES ($2, $1, $3, 'ACTIVE', '', '', '', '', '', '', '', '', '', 1, 1, 1, 0, 0)";
    let kkt_rows = |first: u32, last: u32| {
        format!(
            "INSERT INTO kkt (id, partner_id, client_id, request_id, inn, model, serial, serial_key, fn_serial, spec, facts, \
         state, state_data, held, fn_held, revision, since_ms, created_ms, updated_ms, changed_ms, due_ms, \
         lease_until_ms, fence, attempts, failures) \
         SELECT id, $1, $2, id, '', 'm', '', '', '', '', '', 'RESERVING', '', false, false, 1, 1, 1, 1, 1, n, 0, 0, 0, 0 \
         FROM ({}) numbers",
            numbers(db.backend(), first, last)
        )
    };
    db.direct().execute_raw(sql(partner_row)).await.unwrap();
    let inn = partner.to_string();
    let client_row = Statement::from_sql_and_values(backend, client_row, [partner.into(), client.into(), inn.into()]);
    db.direct().execute_raw(client_row).await.unwrap();
    for first in (1..=rows).step_by(AT_ONCE as usize) {
        let rows = kkt_rows(first, rows.min(first + AT_ONCE - 1));
        db.direct().execute_raw(sql(&rows)).await.unwrap();
    }
}

/// A statement may take 3 s.
const AT_ONCE: u32 = 5_000;

fn numbers(backend: Backend, first: u32, last: u32) -> String {
    match backend {
        Backend::Postgres => format!("SELECT n, gen_random_uuid() AS id FROM generate_series({first}, {last}) n"),
        Backend::Sqlite => format!(
            "SELECT n, randomblob(16) AS id FROM (WITH RECURSIVE s(n) AS \
             (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last}) SELECT n FROM s)"
        ),
    }
}

/// How many of each partner one claim takes.
async fn claimed(db: &Db, limit: u32, turn: &mut Turn) -> BTreeMap<u128, usize> {
    let rows = db.claim_due_kkt(&STATES, limit, LEASE_MS, turn).await.unwrap();
    assert!(rows.len() <= limit as usize);
    let mut counts = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row.partner_id.as_u128()).or_default() += 1);
    counts
}

#[tokio::test]
async fn a_claim_takes_the_same_share_of_every_partner_that_waits() {
    on_both_databases(|test| async move {
        fill(&test.db, 1, 100_000).await;
        fill(&test.db, 2, 1).await;
        fill(&test.db, 3, 50).await;
        let mut turn = Turn::default();
        assert_eq!(claimed(&test.db, 9, &mut turn).await, BTreeMap::from([(1, 3), (2, 1), (3, 3)]));
        assert_eq!(claimed(&test.db, 9, &mut turn).await, BTreeMap::from([(1, 4), (3, 4)]));
    })
    .await;
}

/// With fewer places than partners everybody has a turn, round and round.
#[tokio::test]
async fn partners_take_turns_when_there_are_more_of_them_than_places() {
    on_both_databases(|test| async move {
        for partner in 1..=5 {
            fill(&test.db, partner, 20).await;
        }
        let (mut turn, mut counts) = (Turn::default(), BTreeMap::new());
        for _ in 0..10 {
            for (partner, count) in claimed(&test.db, 2, &mut turn).await {
                *counts.entry(partner).or_insert(0) += count;
            }
        }
        assert_eq!(counts, (1..=5).map(|partner| (partner, 4)).collect());
    })
    .await;
}

/// Two workers at once never take the same, and together they take all.
#[tokio::test]
async fn workers_that_claim_at_once_share_what_is_due() {
    on_both_databases(|test| async move {
        fill(&test.db, 1, 300).await;
        fill(&test.db, 2, 100).await;
        let workers = (0..4).map(|_| {
            let db = test.db.clone();
            tokio::spawn(async move {
                let (mut turn, mut taken) = (Turn::default(), Vec::new());
                loop {
                    let rows = db.claim_due_kkt(&STATES, 7, LEASE_MS, &mut turn).await.unwrap();
                    if rows.is_empty() {
                        return taken;
                    }
                    taken.extend(rows.into_iter().map(|row| row.id));
                }
            })
        });
        let mut all = Vec::new();
        for worker in workers.collect::<Vec<_>>() {
            all.extend(worker.await.unwrap());
        }
        all.sort_unstable();
        all.dedup();
        assert!(all.len() <= 400);
        // What was locked at the moment in which the others found nothing more is still there.
        let left = test.db.claim_due_kkt(&STATES, 400, LEASE_MS, &mut Turn::default()).await.unwrap();
        assert_eq!(all.len() + left.len(), 400);
    })
    .await;
}

/// A hundred thousand that wait for FNS and are not due cost a claim nothing: the database is asked what it has read.
#[tokio::test]
async fn what_is_not_due_is_not_read() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let test = TestDb::new(Backend::Postgres).await;
    let config = DatabaseConfig { pool_size: 1, statement_timeout_ms: 0, ..test.config.clone() };
    let db = Db::connect(&config).await.unwrap();
    fill(&db, 1, 100_000).await;
    db.direct().execute_unprepared("UPDATE kkt SET due_ms = 9000000000000000").await.unwrap();
    db.direct().execute_unprepared("VACUUM ANALYZE kkt").await.unwrap();
    fill(&db, 2, 3).await;
    let before = read(&db).await;
    assert_eq!(claimed(&db, 9, &mut Turn::default()).await, BTreeMap::from([(2, 3)]));
    let rows = read(&db).await - before;
    assert!(rows < 1_000, "{rows} rows were read");
}

/// Rows of registrations that the server has read so far, as it counts them.
async fn read(db: &Db) -> i64 {
    let backend = db.direct().get_database_backend();
    db.direct().execute_unprepared("SELECT pg_stat_force_next_flush()").await.unwrap();
    let sql = "SELECT seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_user_tables WHERE relname = 'kkt'";
    let row = db.direct().query_one_raw(Statement::from_string(backend, sql)).await.unwrap().unwrap();
    row.try_get("", "rows").unwrap()
}

/// Sells register `n` to the shop of a partner.
async fn sell(app: &TestApp, kkts: &KktServiceClient<Wire>, partner: &TestPartner, client: &str, n: u32) -> String {
    let (hub, name) = (HubUrl::parse(&app.sandbox.http_url()).unwrap(), format!("kkt-{n}"));
    let new = NewDevice { id: None, hub, hub_device: HubDevice::parse(&name).unwrap(), note: Label::default() };
    let device = app.partners.assign(partner.id, new).await.unwrap().id.to_string();
    kkts.clone().quick_register(order(client, &device, n)).await.unwrap().into_inner().kkt.unwrap().id
}

fn commands(entries: &[Entry], from: usize) -> usize {
    entries[from..].iter().filter(|entry| entry.kind == Kind::Command).count()
}

/// Through the front door: while sixty of one partner are at work in a process with two places, a single one of another
/// partner is done long before them.
#[tokio::test]
async fn a_single_registration_passes_a_crowd_of_another_partners() {
    for backend in backends() {
        let narrow = |config: &mut litebox_partner::config::Config| {
            config.worker.concurrency = 2;
            config.worker.turn_ms = 0;
        };
        let app = TestApp::start_with(backend, narrow).await;
        app.sandbox.add_fault("ofd.ReserveCode:hold").unwrap();
        let crowd = Shop::open(&app, crate::kkt::shop::COMPANY).await;
        for n in 1..=60 {
            sell(&app, &crowd.kkts, &app.partner, &crowd.client_id, n).await;
        }
        let other = app.other_partner("Другой", Theme::LiteBox).await;
        let credentials = format!("Bearer {}", other.token);
        let mut clients = app.clients_as(Some(&credentials));
        let client =
            clients.register(register(crate::kkt::shop::ENTREPRENEUR)).await.unwrap().into_inner().client.unwrap().id;
        let kkts = app.kkts_as(Some(&credentials));
        let id = sell(&app, &kkts, &other, &client, 61).await;
        let from = app.sandbox.entries().len();
        app.sandbox.clear_faults();
        app.sandbox.release_holds();
        until("REGISTERED", async || {
            let request = pb::GetRequest { kkt_id: id.clone() };
            kkts.clone().get(request).await.unwrap().into_inner().kkt.unwrap().state() == pb::KktState::Registered
        })
        .await;
        let entries = app.sandbox.entries();
        let own = commands(
            &entries[from..].iter().filter(|e| e.facts.values().any(|v| *v == serial(61))).cloned().collect::<Vec<_>>(),
            0,
        );
        let all = commands(&entries, from);
        // Two places, two partners: about every second step is the single one's. Served in the order of their age the
        // sixty would have come first, with five commands each.
        assert!(own >= 4 && all < 120, "{backend:?}: {own} of {all} commands were the single one's");
    }
}
