//! The stores' functions, asked with the key of another partner: what no call through the front door can do, because an
//! earlier statement has refused it already. Each has to hold by itself, since the earlier one may change.

use std::sync::Arc;

use litebox_partner::catalogue::Catalogue;
use litebox_partner::clients::store::Store as Clients;
use litebox_partner::clock::{Clock, Ids};
use litebox_partner::fleet::service::{Fleets, Refused};
use litebox_partner::gateways::Gateway;
use litebox_partner::kkt::effects::{Claim, Command, GoesOn, Intent, Record, Standing};
use litebox_partner::kkt::policy::Failing;
use litebox_partner::kkt::store::{Change, Store};
use litebox_partner::partners::model::{HubDevice, HubUrl, Label, Theme};
use litebox_partner::partners::service::NewDevice;
use litebox_partner::progress::Count;
use litebox_partner::storage::audit::Desk;
use litebox_partner::storage::crossing;
use litebox_partner::storage::documents::{Direction, Owner, Paper};
use litebox_partner::storage::requests::{Accepted, Key};
use litebox_partner::storage::vault::Vault;
use litebox_partner::storage::{Backend, StoreError};
use litebox_partner::values::{ClientId, KktId, PartnerScope, RequestId};
use sea_orm::{ConnectionTrait, Statement};

use super::worlds::World;
use crate::clients::inn;
use crate::kkt::shop::register;
use crate::support::app::{TestApp, on_both_apps};
use crate::support::{act, fresh_id};

const NOW: i64 = 1_795_000_000_000;
/// 32 bytes.
const KEY: &str = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The owner's registration, seized by the owner, and the same claim in a stranger's name.
async fn claims(store: &Store, owner: PartnerScope, stranger: PartnerScope, id: KktId) -> (Claim, Claim) {
    assert!(store.seize(stranger, id).await.unwrap().is_none(), "a stranger seizes nothing");
    let claim = store.seize(owner, id).await.unwrap().unwrap();
    let forged = Claim { scope: stranger, ..claim.clone() };
    (claim, forged)
}

fn key(scope: PartnerScope, method: &'static str) -> (Key, Accepted) {
    let id = RequestId::parse(&fresh_id()).unwrap();
    (Key { scope, method, id }, Accepted { fingerprint: vec![1], resource: fresh_id().parse().unwrap() })
}

/// Everything of these tables as one text, to see that nothing has changed.
async fn rows(app: &TestApp) -> String {
    let mut all = String::new();
    for table in ["kkt", "effect", "kkt_history", "client", "request", "document"] {
        let sql = match app.db().backend() {
            Backend::Postgres => {
                format!("SELECT coalesce(string_agg(t::text, '|' ORDER BY t::text), '') AS x FROM {table} t")
            }
            Backend::Sqlite => {
                let columns = "SELECT group_concat('quote(\"' || name || '\")', ' || ') AS x FROM pragma_table_info";
                let row = text(app, format!("{columns}('{table}')")).await;
                format!(
                    "SELECT coalesce(group_concat(r, '|'), '') AS x FROM (SELECT {row} AS r FROM {table} ORDER BY 1)"
                )
            }
        };
        all.push_str(&text(app, sql).await);
    }
    all
}

async fn text(app: &TestApp, sql: String) -> String {
    let backend = app.db().direct().get_database_backend();
    let row = app.db().direct().query_one_raw(Statement::from_string(backend, sql)).await.unwrap().unwrap();
    row.try_get("", "x").unwrap()
}

#[tokio::test]
async fn a_claim_in_anothers_name_reads_and_writes_nothing() {
    on_both_apps(async |app| {
        let (me, other) = (World::new(app, "one", 1).await, World::new(app, "two", 11).await);
        let (owner, stranger) = (PartnerScope::new(me.partner.id), PartnerScope::new(other.partner.id));
        let store = Store::new(app.db().clone());
        let (claim, forged) = claims(&store, owner, stranger, KktId::parse(&me.ready.id).unwrap()).await;
        reads(&store, &claim, &forged).await;
        let before = rows(app).await;
        writes(&store, &forged).await;
        store.let_go(&forged).await.unwrap();
        store.postpone(&forged, 0, Failing::NOT).await.unwrap();
        store.rest(&forged).await.unwrap();
        assert_eq!(rows(app).await, before);
        // The claim was good: its owner can do with it what the stranger could not.
        let id = store.intend(&claim, intent(), NOW, 60_000).await.unwrap();
        lost(store.settle(&forged, id, Standing::Unsent, NOW).await);
        let again = store.intend(&claim, intent(), NOW, 60_000).await;
        assert!(matches!(again, Err(StoreError::Corrupt { table: "effect", .. })), "it may have been sent");
        store.settle(&claim, id, Standing::Unsent, NOW).await.unwrap();
        let again = store.intend(&claim, intent(), NOW, 60_000).await;
        assert_eq!(again, Ok(id), "certainly not sent: the same again");
        store.settle(&claim, id, Standing::Unsent, NOW).await.unwrap();
        store.let_go(&claim).await.unwrap();
    })
    .await;
}

async fn reads(store: &Store, claim: &Claim, forged: &Claim) {
    let effect = store.effect(claim, Command::SubmitApplication).await.unwrap().unwrap();
    assert_eq!(store.effect(forged, Command::SubmitApplication).await.unwrap(), None);
    assert!(!store.history(claim.scope, claim.kkt.id).await.unwrap().is_empty());
    assert!(store.history(forged.scope, claim.kkt.id).await.unwrap().is_empty());
    // What a Watch of all registrations tells.
    let changed = async |scope| {
        let all = store.changed(scope, &[], 0, 100).await.unwrap();
        all.iter().any(|(_, kkt)| kkt.id == claim.kkt.id)
    };
    assert_eq!((changed(claim.scope).await, changed(forged.scope).await), (true, false));
    assert!(!store.commands(claim.scope, claim.kkt.id).await.unwrap().is_empty());
    assert!(store.commands(forged.scope, claim.kkt.id).await.unwrap().is_empty());
    store.found(forged, effect.id).await.unwrap();
    assert!(!store.was_found(claim).await.unwrap(), "a stranger marks nothing");
    store.found(claim, effect.id).await.unwrap();
    assert!(store.was_found(claim).await.unwrap() && !store.was_found(forged).await.unwrap());
    assert!(store.holder(claim.scope, &claim.kkt).await.unwrap().is_some());
    assert!(store.holder(forged.scope, &claim.kkt).await.unwrap().is_none());
}

const fn intent() -> Intent {
    Intent { command: Command::Burn, generation: 0, sent: None }
}

async fn writes(store: &Store, forged: &Claim) {
    lost(store.intend(forged, intent(), NOW, 60_000).await);
    lost(store.remember(forged, Command::Burn, 0, NOW, 60_000).await);
    let change = || Change::asked("test", forged.kkt.state.clone(), "a test");
    let goes_on = Some(GoesOn { lease_ms: 60_000, follows: Some(intent()) });
    let record = Record { change: change(), outcome: None, answers: Vec::new(), goes_on };
    lost(store.advance(forged, record, NOW).await);
    lost(store.conclude(key(forged.scope, "Cancel"), forged, change(), Vec::new(), NOW).await);
    let (key, accepted) = key(forged.scope, "Amend");
    lost(store.change(key, accepted, &forged.kkt, change(), NOW).await);
}

/// Refused for the condition, and not because a later write met a key of the schema.
fn lost<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert_eq!(result.map(drop), Err(StoreError::Contention));
}

#[tokio::test]
async fn documents_and_requests_are_their_partners_alone() {
    on_both_apps(async |app| {
        let (me, other) = (World::new(app, "one", 1).await, World::new(app, "two", 11).await);
        let (owner, stranger) = (PartnerScope::new(me.partner.id), PartnerScope::new(other.partner.id));
        let kkt = KktId::parse(&me.kkt.id).unwrap();
        let vault = Vault::new([KEY].into_iter(), Clock::system(), Ids::system()).unwrap();
        let paper = |bytes: &[u8]| Paper {
            gateway: Gateway::Fns,
            operation: "SUBMIT_APPLICATION".into(),
            direction: Direction::Sent,
            effect: None,
            bytes: bytes.to_vec(),
        };
        let db = app.db();
        db.keep_documents(&vault, Owner { scope: owner, kkt }, &[paper(b"mine")]).await.unwrap();
        let kept = db.documents(owner, kkt).await.unwrap().len();
        assert!(kept > 0 && db.documents(stranger, kkt).await.unwrap().is_empty());
        db.keep_documents(&vault, Owner { scope: stranger, kkt }, &[paper(b"theirs")]).await.unwrap();
        assert_eq!(db.documents(owner, kkt).await.unwrap().len(), kept);

        let store = Store::new(db.clone());
        let (_, burn) = &me.requests[2];
        let burn = RequestId::parse(burn).unwrap();
        assert!(store.asked_ms(owner, burn).await.unwrap().is_some());
        assert_eq!(store.asked_ms(stranger, burn).await.unwrap(), None);
        let clients = Clients::new(db.clone());
        let client = ClientId::parse(&me.client).unwrap();
        let (_, registered) = &me.requests[0];
        let registered = Key { scope: owner, method: "Register", id: RequestId::parse(registered).unwrap() };
        clients.forget_requests(stranger, client).await.unwrap();
        assert!(clients.known(registered).await.unwrap().is_some(), "a stranger makes nothing forgotten");
        assert!(clients.known(Key { scope: stranger, ..registered }).await.unwrap().is_none());
        clients.forget_requests(owner, client).await.unwrap();
        assert!(clients.known(registered).await.unwrap().is_none());
    })
    .await;
}

fn fleets(app: &TestApp) -> Fleets {
    let (catalogue, progress) = (Arc::new(Catalogue::embedded().unwrap()), Count::default());
    Fleets { db: app.db().clone(), catalogue, clock: Clock::system(), ids: Ids::system(), progress }
}

#[tokio::test]
async fn a_fleet_has_its_partners_devices_alone() {
    on_both_apps(async |app| {
        let (me, other) = (app.partner.clone(), app.other_partner("two", Theme::LiteBox).await);
        let hub = HubUrl::parse(&app.sandbox.http_url()).unwrap();
        let hub_device = HubDevice::parse("kkt-1").unwrap();
        let new = NewDevice { id: None, hub, hub_device, note: Label::default() };
        let device = app.partners.assign(me.id, new).await.unwrap().id;
        let file = format!("model,serial,fn,device_id,state\nАТОЛ 30Ф,00106100000001,9999078902000001,{device},\n");
        let desk = Desk::new(Clock::system(), Ids::system(), act());
        let import = async |partner| fleets(app).import(&desk, partner, file.as_bytes(), false).await;
        match import(other.id).await {
            Err(Refused::Lines(problems)) => {
                assert_eq!(problems.iter().map(|problem| problem.field).collect::<Vec<_>>(), ["device_id"]);
            }
            came => panic!("{came:?}"),
        }
        assert_eq!(import(me.id).await.unwrap().added, 1);
    })
    .await;
}

#[tokio::test]
async fn registers_to_hire_and_unfinished_clients_are_their_partners_alone() {
    on_both_apps(async |app| {
        let (me, other) = (app.partner.clone(), app.other_partner("two", Theme::LiteBox).await);
        let (owner, stranger) = (PartnerScope::new(me.id), PartnerScope::new(other.id));
        let fleets = fleets(app);
        let file = "model,serial,fn,device_id,state\nАТОЛ 30Ф,00106100000001,9999078902000001,,\n";
        let desk = Desk::new(Clock::system(), Ids::system(), act());
        fleets.import(&desk, me.id, file.as_bytes(), false).await.unwrap();
        let model = crossing::fleet::all(app.db().direct()).await.unwrap()[0].model_key.clone();
        let to_hire = async |scope| crossing::fleet::to_hire(app.db().direct(), scope, &model, None, 9).await.unwrap();
        assert_eq!((to_hire(owner).await.len(), to_hire(stranger).await.len()), (1, 0));

        let order = register(inn(773_605_000).as_str());
        let id = app.clients().register(order).await.unwrap().into_inner().client.unwrap().id;
        pending(app).await;
        let clients = Clients::new(app.db().clone());
        let seen = clients.get(owner, ClientId::parse(&id).unwrap()).await.unwrap().unwrap();
        lost(clients.abandon(stranger, &seen, NOW).await);
        lost(clients.activate(stranger, &seen, "account", 1, NOW).await);
        clients.abandon(owner, &seen, NOW).await.unwrap();
    })
    .await;
}

/// As if no client had been finished.
async fn pending(app: &TestApp) {
    let sql = "UPDATE client SET state = 'ACCOUNT_PENDING', account_id = NULL";
    app.db().direct().execute_unprepared(sql).await.unwrap();
}
