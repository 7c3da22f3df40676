//! The hub on the wire: ATOL Web Requests, API v2.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRef, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::queue::{Runners, facts};
use super::task::{self, DriverError, Outcome, Status};
use super::{Event, Job};
use crate::sandbox::engine::{Broken, Call, Desk, Engine};
use crate::sandbox::http::{Connection, broken};
use crate::sandbox::ledger::Kind;
use crate::sandbox::net::Cut;
use crate::sandbox::world;

/// Error codes of the hub: not taken from ATOL, which does not publish them.
const DUPLICATE: u32 = 504;
const NOT_CONNECTED: u32 = 505;
const TOO_LATE: u32 = 506;

/// What the HTTP handlers share.
#[derive(Clone)]
pub struct Hub {
    /// The engine.
    pub engine: Arc<Engine>,
    /// The runners of the registers' queues.
    pub runners: Arc<Runners>,
}

impl FromRef<Hub> for Arc<Engine> {
    fn from_ref(hub: &Hub) -> Self {
        hub.engine.clone()
    }
}

/// The routes of the hub.
pub fn routes() -> Router<Hub> {
    Router::new()
        .route("/api/v2/requests", post(queue))
        .route("/api/v2/requests/{uuid}", get(result).delete(withdraw))
        .route("/api/v2/getRequestsQueueStatus", get(queue_status))
        .route("/api/v2/serverInfo", get(server_info))
        .route("/api/v2/devices", get(devices))
        .route("/api/v2/devices/{id}", get(device))
        .route("/api/v2/operations/{operation}", post(query))
}

/// Which register a call is about.
#[derive(Debug, Deserialize)]
struct Which {
    #[serde(rename = "deviceID", default = "usual")]
    device: String,
}

fn usual() -> String {
    "default".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    uuid: String,
    request: Tasks,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Tasks {
    Many(Vec<Value>),
    One(Value),
}

impl Order {
    fn tasks(&self) -> &[Value] {
        match &self.request {
            Tasks::Many(tasks) => tasks,
            Tasks::One(task) => std::slice::from_ref(task),
        }
    }

    /// Names what is wrong with the order.
    fn check(&self) -> Result<(), Broken> {
        if self.uuid.is_empty() || self.tasks().is_empty() {
            return Err(Broken::Invalid("uuid and request must not be empty".into()));
        }
        self.tasks().iter().try_for_each(check_task)
    }
}

fn check_task(task: &Value) -> Result<(), Broken> {
    let kind = task["type"].as_str().unwrap_or_default();
    if task::operation(kind).is_none() {
        return Err(Broken::Invalid(format!("unknown task type {kind:?}")));
    }
    if kind == "registration" {
        task::Registration::read(task).map_err(Broken::Invalid)?;
    }
    Ok(())
}

type Answer = Result<(StatusCode, Value), Broken>;

fn reply(done: Answer, cut: &Cut) -> Response {
    match done {
        Ok((status, body)) => (status, Json(body)).into_response(),
        Err(failure) => broken(failure, cut, |status, text| error_body(u32::from(status.as_u16()), text)),
    }
}

fn error_body(code: u32, text: &str) -> Value {
    json!({ "error": { "code": code, "description": text } })
}

fn conflict(code: u32, text: &str) -> Answer {
    Ok((StatusCode::CONFLICT, error_body(code, text)))
}

async fn queue(State(hub): State<Hub>, which: Query<Which>, ConnectInfo(cut): Connection, body: Bytes) -> Response {
    let device = which.0.device;
    let order: Result<Order, String> = serde_json::from_slice(&body).map_err(|e| e.to_string());
    let mut call = Call::command("device.post", order.as_ref().map_or("", |o| &o.uuid));
    let first = order.as_ref().ok().and_then(|o| o.tasks().first().cloned()).unwrap_or_default();
    call.facts.extend(facts(&hub.engine, &device, &first));
    let waker = hub.clone();
    let done = hub.engine.perform(call, move |desk| {
        let order = order.map_err(Broken::Invalid)?;
        order.check()?;
        let answer = enqueue(desk, &device, &order);
        waker.runners.wake(&waker.engine, &device);
        answer
    });
    reply(done.await, &cut)
}

fn enqueue(desk: &mut Desk<'_>, device: &str, order: &Order) -> Answer {
    let kkt = desk.world.devices.kkt(device).filter(|kkt| kkt.driven).ok_or(Broken::NotFound("device"))?;
    if let Some(reason) = &desk.verdict.refuse {
        return conflict(reason.parse().unwrap_or(NOT_CONNECTED), "отказ по правилу песочницы");
    }
    if desk.world.devices.job(&order.uuid).is_some() {
        return conflict(DUPLICATE, "задание с таким uuid уже есть");
    }
    if !kkt.online {
        return conflict(NOT_CONNECTED, "ККТ не подключена");
    }
    let job = Job {
        uuid: order.uuid.clone(),
        device: device.to_owned(),
        number: desk.world.devices.next_number(),
        tasks: order.tasks().to_vec(),
        started: false,
        burnt: Default::default(),
        outcomes: Vec::new(),
    };
    let number = job.number;
    desk.commit(Kind::State, world::Event::Device(Event::Queued(job)))?;
    let mut answer = block_state(desk, device);
    answer["number"] = number.into();
    answer["uuid"] = order.uuid.clone().into();
    Ok((StatusCode::CREATED, answer))
}

fn block_state(desk: &Desk<'_>, device: &str) -> Value {
    let blocked = desk.world.devices.jobs_of(device).into_iter().find(|job| job.blocked()).map(|job| job.uuid.clone());
    json!({
        "isBlocked": blocked.is_some(),
        "blockReason": blocked.as_ref().map(|_| "connectionError"),
        "blockedUUID": blocked,
    })
}

async fn result(State(hub): State<Hub>, Path(uuid): Path<String>, ConnectInfo(cut): Connection) -> Response {
    let call = Call::question("device.result").fact("effect_id", &uuid);
    let done = hub.engine.perform(call, move |desk| {
        let job = desk.world.devices.job(&uuid).ok_or(Broken::NotFound("request"))?;
        Ok((StatusCode::OK, json!({ "results": results(job, desk.verdict.stale) })))
    });
    reply(done.await, &cut)
}

fn results(job: &Job, stale: bool) -> Vec<Outcome> {
    match () {
        () if stale => job.tasks.iter().map(|_| Outcome::pending(Status::Wait)).collect(),
        () if !job.outcomes.is_empty() => job.outcomes.clone(),
        () => {
            let status = if job.started { Status::InProgress } else { Status::Wait };
            job.tasks.iter().map(|_| Outcome::pending(status)).collect()
        }
    }
}

async fn withdraw(State(hub): State<Hub>, Path(uuid): Path<String>, ConnectInfo(cut): Connection) -> Response {
    let call = Call::command("device.withdraw", &uuid);
    let done = hub.engine.perform(call, move |desk| {
        let job = desk.world.devices.job(&uuid).ok_or(Broken::NotFound("request"))?;
        if !job.waiting() {
            return conflict(TOO_LATE, "задание уже выполняется или выполнено");
        }
        let canceled = |_: &Value| Outcome::ended(Status::Canceled, DriverError::new(503));
        let outcomes = job.tasks.iter().map(canceled).collect();
        desk.commit(Kind::Effect, world::Event::Device(Event::Settled { uuid, outcomes }))?;
        Ok((StatusCode::OK, json!({})))
    });
    reply(done.await, &cut)
}

async fn queue_status(State(hub): State<Hub>, which: Query<Which>, ConnectInfo(cut): Connection) -> Response {
    let device = which.0.device;
    let call = Call::question("device.queue").fact("device", &device);
    let done = hub.engine.perform(call, move |desk| {
        let mut answer = block_state(desk, &device);
        let jobs = desk.world.devices.jobs_of(&device);
        let count =
            |status: Status| jobs.iter().filter(|j| j.outcomes.first().is_some_and(|o| o.status == status)).count();
        answer["number"] = jobs.iter().filter(|job| job.outcomes.is_empty()).count().into();
        answer["ready"] = count(Status::Ready).into();
        answer["canceled"] = count(Status::Canceled).into();
        Ok((StatusCode::OK, answer))
    });
    reply(done.await, &cut)
}

async fn server_info(State(hub): State<Hub>, ConnectInfo(cut): Connection) -> Response {
    let call = Call::question("device.serverInfo");
    let info = json!({ "version": "1.0.4.0", "apiVersion": 2, "product": "litebox-partner sandbox" });
    reply(hub.engine.perform(call, move |_| Ok((StatusCode::OK, info))).await, &cut)
}

async fn devices(State(hub): State<Hub>, ConnectInfo(cut): Connection) -> Response {
    let call = Call::question("device.devices");
    let done = hub.engine.perform(call, move |desk| {
        let all: Vec<Value> = desk.world.devices.all().filter(|kkt| kkt.driven).map(listed).collect();
        Ok((StatusCode::OK, json!({ "devices": all })))
    });
    reply(done.await, &cut)
}

async fn device(State(hub): State<Hub>, Path(id): Path<String>, ConnectInfo(cut): Connection) -> Response {
    let call = Call::question("device.device").fact("device", &id);
    let done = hub.engine.perform(call, move |desk| {
        let kkt = desk.world.devices.kkt(&id).filter(|kkt| kkt.driven).ok_or(Broken::NotFound("device"))?;
        Ok((StatusCode::OK, listed(&kkt)))
    });
    reply(done.await, &cut)
}

fn listed(kkt: &super::kkt::Kkt) -> Value {
    json!({ "id": kkt.id, "name": kkt.model, "isActive": kkt.online })
}

async fn query(
    State(hub): State<Hub>,
    Path(operation): Path<String>,
    which: Query<Which>,
    ConnectInfo(cut): Connection,
) -> Response {
    let device = which.0.device;
    let call = Call::question("device.query").fact("device", &device).fact("type", &operation);
    let done = hub.engine.perform(call, move |desk| {
        let kkt = desk.world.devices.kkt(&device).filter(|kkt| kkt.driven).ok_or(Broken::NotFound("device"))?;
        let kind = operation.strip_prefix("query").map(|name| format!("get{name}"));
        let kind = kind.filter(|kind| task::operation(kind).is_some()).ok_or(Broken::NotFound("operation"))?;
        if !kkt.online {
            return conflict(NOT_CONNECTED, "ККТ не подключена");
        }
        Ok(match kkt.tell(&kind, &Value::Null, desk.now_ms) {
            Ok(told) => (StatusCode::OK, told),
            Err(error) => (StatusCode::CONFLICT, json!({ "error": error })),
        })
    });
    reply(done.await, &cut)
}
