//! The control interface: faults, holds, ledger, registers, applications, accounts. JSON over HTTP, for tests and people.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts::{self, password};
use super::device::http::Hub;
use super::device::kkt::Kkt;
use super::device::{self, queue};
use super::engine::{Broken, Call, Engine, Verdict};
use super::faults::Rule;
use super::ledger::{Entry, Kind};
use super::world::Event;
use super::{fns, taxpayers};

/// The routes of the control interface.
pub fn routes() -> Router<Hub> {
    Router::new()
        .route("/sandbox/faults", post(add_fault).get(list_faults).delete(clear_faults))
        .route("/sandbox/faults/{id}", delete(clear_fault))
        .route("/sandbox/ledger", get(ledger))
        .route("/sandbox/devices", post(add_device).get(list_devices))
        .route("/sandbox/devices/{id}", patch(change_device).get(show_device))
        .route("/sandbox/applications", get(list_applications))
        .route("/sandbox/applications/{id}", patch(move_application))
        .route("/sandbox/sign-in", post(sign_in))
        .route("/sandbox/accounts", get(list_accounts))
        .route("/sandbox/inventory", post(add_inventory))
        .route("/sandbox/taxpayers", post(change_taxpayer))
        .route("/sandbox/holds", get(holds))
        .route("/sandbox/holds/release", post(release_holds))
}

type Reply = Result<Response, (StatusCode, Json<Value>)>;

fn no(status: StatusCode, why: impl ToString) -> (StatusCode, Json<Value>) {
    (status, Json(json!({ "error": why.to_string() })))
}

fn yes(body: Value) -> Reply {
    Ok(Json(body).into_response())
}

/// Changes the world on behalf of the control interface.
pub fn change(engine: &Engine, operation: &'static str, event: Event) -> Result<(), Broken> {
    let mut call = Call::question(operation);
    call.kind = Kind::State;
    engine.at_desk(&call, Verdict::default(), |desk| desk.commit(Kind::State, event))
}

async fn make(engine: &Engine, operation: &'static str, event: Event) -> Result<(), (StatusCode, Json<Value>)> {
    let failed = || no(StatusCode::INTERNAL_SERVER_ERROR, "the ledger cannot be written");
    change(engine, operation, event).map_err(|_| failed())?;
    engine.ledger.sync().await.map_err(|_| failed())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRule {
    rule: String,
}

async fn add_fault(State(hub): State<Hub>, Json(new): Json<NewRule>) -> Reply {
    let rule: Rule = new.rule.parse().map_err(|why| no(StatusCode::BAD_REQUEST, why))?;
    let text = rule.to_string();
    yes(json!({ "id": hub.engine.faults.add(rule), "rule": text }))
}

async fn list_faults(State(hub): State<Hub>) -> Reply {
    let rules = hub.engine.faults.list();
    let rules: Vec<Value> = rules.iter().map(|(id, rule)| json!({ "id": id, "rule": rule.to_string() })).collect();
    yes(json!({ "faults": rules }))
}

async fn clear_faults(State(hub): State<Hub>) -> Reply {
    hub.engine.faults.clear(None);
    yes(json!({}))
}

async fn clear_fault(State(hub): State<Hub>, Path(id): Path<u64>) -> Reply {
    hub.engine.faults.clear(Some(id));
    yes(json!({}))
}

/// Which entries to show, and how many to wait for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    kind: Option<Kind>,
    protocol: Option<String>,
    operation: Option<String>,
    effect_id: Option<String>,
    inn: Option<String>,
    serial: Option<String>,
    after: Option<u64>,
    /// Wait until there are so many, 1 when only `wait` is given.
    count: Option<usize>,
    /// At most so long, in milliseconds.
    wait: Option<u64>,
}

impl Filter {
    fn shows(&self, entry: &Entry) -> bool {
        let same = |wanted: &Option<String>, is: Option<&str>| wanted.is_none() || wanted.as_deref() == is;
        let fact = |key: &str| entry.facts.get(key).map(String::as_str);
        self.kind.is_none_or(|kind| kind == entry.kind)
            && same(&self.protocol, Some(&entry.protocol))
            && same(&self.operation, Some(&entry.operation))
            && same(&self.effect_id, entry.effect_id.as_deref())
            && same(&self.inn, fact("inn"))
            && same(&self.serial, fact("serial"))
            && self.after.is_none_or(|after| entry.seq > after)
    }
}

async fn ledger(State(hub): State<Hub>, Query(filter): Query<Filter>) -> Reply {
    let ledger = &hub.engine.ledger;
    if let Some(wait) = filter.wait {
        let enough =
            |entries: &[Entry]| entries.iter().filter(|e| filter.shows(e)).count() >= filter.count.unwrap_or(1);
        // When the time is over, what is there is shown.
        let _ = tokio::time::timeout(Duration::from_millis(wait), ledger.wait_until(enough)).await;
    }
    let shown: Vec<Entry> = ledger.read(|entries| entries.iter().filter(|e| filter.shows(e)).cloned().collect());
    yes(json!({ "entries": shown }))
}

async fn add_device(State(hub): State<Hub>, Json(body): Json<Value>) -> Reply {
    let kkt: Kkt = serde_json::from_value(body).map_err(|why| no(StatusCode::BAD_REQUEST, why))?;
    let shown = json!(kkt);
    make(&hub.engine, "control.device", Event::Device(device::Event::Set(Box::new(kkt)))).await?;
    yes(shown)
}

async fn list_devices(State(hub): State<Hub>) -> Reply {
    yes(hub.engine.look(|world| json!({ "devices": world.devices.all().collect::<Vec<_>>() })))
}

async fn show_device(State(hub): State<Hub>, Path(id): Path<String>) -> Reply {
    let kkt = hub.engine.look(|world| world.devices.kkt(&id)).ok_or(no(StatusCode::NOT_FOUND, "no such device"))?;
    yes(json!(kkt))
}

/// A patch of a register; `forget` and `unblock` are orders to the hub.
async fn change_device(State(hub): State<Hub>, Path(id): Path<String>, Json(patch): Json<Value>) -> Reply {
    let changed = apply_patch(&hub, &id, patch).map_err(|(status, why)| no(status, why))?;
    hub.engine.ledger.sync().await.map_err(|why| no(StatusCode::INTERNAL_SERVER_ERROR, why))?;
    yes(json!(changed))
}

/// Changes a register and lets its queue go on.
///
/// # Errors
/// When there is no such register, the patch has an unknown field, or the ledger cannot be written.
pub fn apply_patch(hub: &Hub, id: &str, mut patch: Value) -> Result<Kkt, (StatusCode, String)> {
    let engine = &hub.engine;
    let lost = |_| (StatusCode::INTERNAL_SERVER_ERROR, "the ledger cannot be written".to_owned());
    let found = engine.look(|world| world.devices.kkt(id));
    let kkt = found.ok_or((StatusCode::NOT_FOUND, "no such device".to_owned()))?;
    let mut order = |key: &str| patch.as_object_mut().and_then(|fields| fields.remove(key)) == Some(Value::Bool(true));
    let (forget, unblock) = (order("forget"), order("unblock"));
    let changed = kkt.patched(&patch).map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    if changed != kkt {
        change(engine, "control.device", Event::Device(device::Event::Set(Box::new(changed.clone())))).map_err(lost)?;
    }
    if forget {
        change(engine, "control.forget", Event::Device(device::Event::Forgot { device: id.into() })).map_err(lost)?;
    }
    if unblock || (changed.online && !kkt.online) {
        queue::unblock(engine, id).map_err(lost)?;
    }
    hub.runners.wake(engine, id);
    Ok(changed)
}

async fn list_applications(State(hub): State<Hub>) -> Reply {
    yes(hub.engine.look(|world| json!({ "applications": world.fns.all().collect::<Vec<_>>() })))
}

async fn move_application(State(hub): State<Hub>, Path(id): Path<String>, Json(step): Json<fns::Step>) -> Reply {
    if hub.engine.look(|world| world.fns.application(&id).is_none()) {
        return Err(no(StatusCode::NOT_FOUND, "no such application"));
    }
    let event = fns::Event::Moved { application_id: id, step, time_ms: hub.engine.clock.now_ms() };
    make(&hub.engine, "control.application", Event::Fns(event)).await?;
    yes(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    login: String,
    password: String,
}

async fn sign_in(State(hub): State<Hub>, Json(who): Json<SignIn>) -> Reply {
    let account = hub.engine.look(|world| world.accounts.by_login(&who.login).cloned());
    let hash = account.as_ref().and_then(|a| a.password_hash.clone()).unwrap_or_default();
    let right = tokio::task::spawn_blocking(move || password::verify(&who.password, &hash)).await.unwrap_or(false);
    let account = account.filter(|_| right).ok_or(no(StatusCode::UNAUTHORIZED, "wrong login or password"))?;
    if !account.in_use {
        let event = accounts::Event::SignedIn { effect_id: account.effect_id.clone() };
        make(&hub.engine, "control.sign_in", Event::Accounts(event)).await?;
    }
    yes(json!({ "account_id": account.account_id, "inn": account.inn }))
}

async fn list_accounts(State(hub): State<Hub>) -> Reply {
    let shown = |a: &accounts::Account| {
        json!({ "account_id": a.account_id, "effect_id": a.effect_id, "inn": a.inn, "login": a.login,
            "password_version": a.password_version, "in_use": a.in_use })
    };
    yes(hub.engine.look(|world| json!({ "accounts": world.accounts.all().map(shown).collect::<Vec<_>>() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    inn: String,
}

async fn add_inventory(State(hub): State<Hub>, Json(known): Json<Known>) -> Reply {
    if !super::checks::inn(&known.inn) {
        return Err(no(StatusCode::BAD_REQUEST, "inn is malformed"));
    }
    make(&hub.engine, "control.inventory", Event::Accounts(accounts::Event::InventoryKnows { inn: known.inn })).await?;
    yes(json!({}))
}

async fn change_taxpayer(State(hub): State<Hub>, Json(change): Json<taxpayers::Event>) -> Reply {
    if !super::checks::inn(&change.inn) {
        return Err(no(StatusCode::BAD_REQUEST, "inn is malformed"));
    }
    make(&hub.engine, "control.taxpayer", Event::Taxpayers(change)).await?;
    yes(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    wait: Option<u64>,
}

async fn holds(State(hub): State<Hub>, Query(query): Query<Wait>) -> Reply {
    let holds = &hub.engine.holds;
    if let Some(wait) = query.wait {
        let _ = tokio::time::timeout(Duration::from_millis(wait), holds.wait_until(|h| !h.is_empty())).await;
    }
    yes(json!({ "holds": holds.list() }))
}

async fn release_holds(State(hub): State<Hub>, Query(which): Query<BTreeMap<String, u64>>) -> Reply {
    yes(json!({ "released": hub.engine.holds.release(which.get("id").copied()) }))
}
