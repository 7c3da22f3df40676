//! The queue of the hub: one runner a register, in order, blocked when it is unknown whether a document was made.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::kkt::Kkt;
use super::task::{self, DriverError, Outcome, Status};
use super::{Event, Job, burn};
use crate::sandbox::engine::{Broken, Call, Desk, Engine, Verdict};
use crate::sandbox::faults::Point;
use crate::sandbox::ledger::{Facts, Kind};
use crate::sandbox::world;

/// Keeps one runner a register.
#[derive(Default)]
pub struct Runners(Mutex<HashSet<String>>);

impl Runners {
    /// Starts a runner for a register that has none.
    pub fn wake(self: &Arc<Self>, engine: &Arc<Engine>, device: &str) {
        let (runners, engine, device) = (self.clone(), engine.clone(), device.to_owned());
        if !self.running().insert(device.clone()) {
            return;
        }
        tokio::spawn(async move {
            while let Some(job) = runners.next(&engine, &device) {
                // Without its ledger the sandbox is at its end: the same request would come again and again.
                if run(&engine, &job).await.is_err() {
                    return;
                }
            }
        });
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next request; without one the runner leaves, under the same lock under which others are started. The world is
    /// locked first: whoever takes a request has it already when a runner is woken.
    fn next(&self, engine: &Engine, device: &str) -> Option<Job> {
        engine.look(|world| {
            let mut running = self.running();
            let job = world.devices.next(device);
            if job.is_none() {
                running.remove(device);
            }
            job
        })
    }
}

/// What rules and tests look at in a request.
pub fn facts(engine: &Engine, device: &str, task: &Value) -> Facts {
    let mut facts = Facts::new();
    let mut put = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            facts.insert(key.to_owned(), value.to_owned());
        }
    };
    let kkt = engine.look(|world| world.devices.kkt(device));
    put("device", Some(device));
    put("serial", kkt.as_ref().map(|k| k.serial.as_str()));
    put("fn", kkt.as_ref().map(|k| k.fn_serial.as_str()));
    put("type", task["type"].as_str());
    put("inn", task["organization"]["vatin"].as_str());
    put("rnm", task["device"]["registrationNumber"].as_str());
    facts
}

async fn run(engine: &Engine, job: &Job) -> Result<(), Broken> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    bookkeep(engine, &job.uuid, Event::Started { uuid: job.uuid.clone() })?;
    for (index, body) in job.tasks.iter().enumerate() {
        let outcome = match outcomes.last().map(|last| last.status) {
            None | Some(Status::Ready) => attempt(engine, job, index, body).await,
            Some(Status::Blocked) => Outcome::pending(Status::Wait),
            Some(_) => Outcome::ended(Status::Interrupted, DriverError::new(502)),
        };
        outcomes.push(outcome);
    }
    bookkeep(engine, &job.uuid, Event::Settled { uuid: job.uuid.clone(), outcomes })?;
    let burns = job.tasks.iter().any(|task| task["type"] == "registration");
    if burns && engine.look(|world| world.devices.kkt(&job.device).is_some_and(|kkt| kkt.forgets)) {
        bookkeep(engine, &job.uuid, Event::Forgot { device: job.device.clone() })?;
    }
    let _ = engine.ledger.sync().await;
    Ok(())
}

fn bookkeep(engine: &Engine, uuid: &str, event: Event) -> Result<(), Broken> {
    let mut call = Call::command("device.queue", uuid);
    call.kind = Kind::State;
    engine.at_desk(&call, Verdict::default(), |desk| desk.commit(Kind::State, world::Event::Device(event)))
}

async fn attempt(engine: &Engine, job: &Job, index: usize, body: &Value) -> Outcome {
    let kind = body["type"].as_str().unwrap_or_default();
    let Some(operation) = task::operation(kind) else { return Outcome::ended(Status::Error, DriverError::new(133)) };
    if let Some(burnt) = job.burnt.get(&index) {
        return Outcome::ready(report(&burnt.params));
    }
    let mut call = Call::command(operation, &job.uuid);
    call.facts.extend(facts(engine, &job.device, body));
    tokio::time::sleep(engine.delays.device).await;
    let verdict = match engine.strike(Point::BeforeEffect, &call).await {
        Ok(verdict) => verdict,
        Err(broken) => return misfire(kind, broken),
    };
    if let Some(code) = &verdict.refuse {
        return Outcome::ended(Status::Error, DriverError::new(code.parse().unwrap_or(133)));
    }
    let done = engine.at_desk(&call, verdict, |desk| execute(desk, job, index, body));
    let _ = engine.ledger.sync().await;
    match engine.strike(Point::AfterEffect, &call).await {
        Ok(_) => done.unwrap_or_else(|_| Outcome::ended(Status::Error, DriverError::new(2))),
        Err(broken) => misfire(kind, broken),
    }
}

/// A task that a rule broke. A fiscal task that lost its link blocks the queue: nobody knows what the FN did.
fn misfire(kind: &str, broken: Broken) -> Outcome {
    let error = match broken {
        Broken::Garbage => return Outcome::ready(json!({ "fiscalParams": "\u{fffd}", "deviceInfo": 7 })),
        Broken::Error(code) => DriverError::new(code.parse().unwrap_or(2)),
        _ => DriverError::new(2),
    };
    if kind == "registration" { failed(error) } else { Outcome::ended(Status::Error, error) }
}

fn report(params: &Value) -> Value {
    json!({ "fiscalParams": params, "warnings": { "notPrinted": false } })
}

fn execute(desk: &mut Desk<'_>, job: &Job, index: usize, body: &Value) -> Result<Outcome, Broken> {
    let kkt = desk.world.devices.kkt(&job.device).ok_or(Broken::NotFound("device"))?;
    let kind = body["type"].as_str().unwrap_or_default();
    if kind != "registration" {
        let told = kkt.tell(kind, body, desk.now_ms);
        return Ok(told.map_or_else(|error| Outcome::ended(Status::Error, error), Outcome::ready));
    }
    if let Some(code) = kkt.refuse_once.or(kkt.refuse) {
        let spent = Kkt { refuse_once: None, ..kkt };
        desk.commit(Kind::State, world::Event::Device(Event::Set(Box::new(spent))))?;
        return Ok(failed(DriverError::new(code)));
    }
    let made = match burn::registration(&kkt, body, desk.now_ms) {
        Ok(made) => made,
        Err(error) => return Ok(failed(error)),
    };
    let result = report(&made.params);
    let (device, uuid) = (job.device.clone(), job.uuid.clone());
    let event = Event::Burnt { device, uuid, index, registration: Box::new(made) };
    desk.commit(Kind::Effect, world::Event::Device(event))?;
    Ok(kkt.burn_error.map_or_else(|| Outcome::ready(result), |code| failed(DriverError::new(code))))
}

/// A registration that the driver did not report as made. Codes that break the link block the queue.
fn failed(error: DriverError) -> Outcome {
    Outcome::ended(if error.breaks_link() { Status::Blocked } else { Status::Error }, error)
}

/// The link is back: the hub compares the last document number and learns whether a blocked task was done.
///
/// # Errors
/// When the ledger cannot be written.
pub fn unblock(engine: &Engine, device: &str) -> Result<(), Broken> {
    let blocked: Vec<Job> = engine.look(|world| {
        let jobs = world.devices.jobs_of(device);
        jobs.into_iter().filter(|job| job.blocked()).cloned().collect()
    });
    for job in blocked {
        let outcomes = (0..job.outcomes.len()).map(|index| learn(&job, index)).collect();
        bookkeep(engine, &job.uuid, Event::Settled { uuid: job.uuid.clone(), outcomes })?;
    }
    Ok(())
}

fn learn(job: &Job, index: usize) -> Outcome {
    let before = &job.outcomes[index];
    match (before.status, job.burnt.get(&index)) {
        (Status::Blocked, Some(burnt)) => Outcome::ready(report(&burnt.params)),
        (Status::Blocked, None) => Outcome::ended(Status::Error, before.error.clone()),
        (Status::Wait, _) => Outcome::ended(Status::Interrupted, DriverError::new(502)),
        _ => before.clone(),
    }
}
