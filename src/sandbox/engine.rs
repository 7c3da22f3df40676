//! What every emulated call goes through: receipt, ledger, faults, the effect, durability, the answer.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Environment;
use super::faults::{Action, Faults, Point};
use super::holds::Holds;
use super::ledger::{Entry, Facts, Kind, Ledger};
use super::world::{Event, World};
use crate::clock::{Clock, Ids};

tokio::task_local! {
    static TRACE: String;
}

/// Does work for a caller that tells this trace context, `traceparent` of W3C; empty for none.
pub fn within<F: Future>(traceparent: String, work: F) -> impl Future<Output = F::Output> {
    TRACE.scope(traceparent, work)
}

/// A call as the engine sees it.
#[derive(Debug, Clone)]
pub struct Call {
    /// `protocol.Operation`.
    pub operation: &'static str,
    /// Command or question.
    pub kind: Kind,
    /// Effect id of a command.
    pub effect_id: Option<String>,
    /// What rules and tests look at.
    pub facts: Facts,
}

impl Call {
    /// A command under this effect id.
    pub fn command(operation: &'static str, effect_id: &str) -> Self {
        let call = Self { operation, kind: Kind::Command, effect_id: Some(effect_id.to_owned()), facts: Facts::new() };
        call.fact("effect_id", effect_id)
    }

    /// A question.
    pub fn question(operation: &'static str) -> Self {
        Self { operation, kind: Kind::Question, effect_id: None, facts: Facts::new() }
    }

    /// The same call, as a question when it changes nothing.
    pub fn asking(self, only: bool) -> Self {
        Self { kind: if only { Kind::Question } else { self.kind }, ..self }
    }

    /// The same call with one more fact; empty ones are left out.
    pub fn fact(mut self, key: &str, value: &str) -> Self {
        if !value.is_empty() {
            self.facts.insert(key.to_owned(), value.to_owned());
        }
        self
    }
}

/// Why a call got no proper answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// A rule's error: a gRPC code by name, an HTTP status or a driver code.
    Error(String),
    /// A rule cut the connection.
    Cut,
    /// A rule lost the answer.
    LostReply,
    /// A rule answers nonsense.
    Garbage,
    /// The call does not fit the contract.
    Invalid(String),
    /// What the call asks about does not exist.
    NotFound(&'static str),
}

/// What rules said about a call that goes on.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Refuse with this reason.
    pub refuse: Option<String>,
    /// Answer an older state.
    pub stale: bool,
}

/// How long the emulated authorities take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delays {
    /// From the filing of an application to its RNM or refusal.
    pub rnm: Duration,
    /// From the filing of a report to the card or the refusal of the report.
    pub card: Duration,
    /// How long a device works on a task.
    pub device: Duration,
}

/// The shared heart of the five emulators.
pub struct Engine {
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub ids: Ids,
    /// The ledger.
    pub ledger: Ledger,
    /// Fault rules.
    pub faults: Faults,
    /// Parked calls.
    pub holds: Arc<Holds>,
    /// How long things take.
    pub delays: Delays,
    /// The world that the sandbox says it belongs to.
    pub environment: Environment,
    /// Whether passwords are hashed with argon2id.
    pub argon2: bool,
    world: Mutex<World>,
    flying: Mutex<HashMap<(&'static str, String), usize>>,
}

/// The place where one call reads and changes the world, alone.
pub struct Desk<'a> {
    /// The world as it stands.
    pub world: MutexGuard<'a, World>,
    /// What rules said.
    pub verdict: Verdict,
    /// Now, Unix milliseconds.
    pub now_ms: i64,
    engine: &'a Engine,
    call: &'a Call,
}

impl Desk<'_> {
    /// Writes the event into the ledger and lets it happen.
    ///
    /// # Errors
    /// When the ledger cannot be written; then nothing happened.
    pub fn commit(&mut self, kind: Kind, event: Event) -> Result<(), Broken> {
        let entry = entry(self.call, kind, self.now_ms, Some(event.clone()));
        self.engine.ledger.append(entry).map_err(unavailable)?;
        self.world.apply(&event);
        Ok(())
    }

    /// True while another command under this effect id of this protocol has not come to its effect.
    pub fn in_progress(&self, effect_id: &str) -> bool {
        let key = (protocol(self.call.operation), effect_id.to_owned());
        self.engine.flying().contains_key(&key)
    }

    /// How long things take.
    pub fn delays(&self) -> Delays {
        self.engine.delays
    }

    /// How often this operation was called before with the same value of a fact.
    pub fn asked_before(&self, fact: &str) -> usize {
        let (protocol, operation) = self.call.operation.split_once('.').unwrap_or_default();
        let same = |entry: &&Entry| {
            (entry.protocol.as_str(), entry.operation.as_str(), entry.kind) == (protocol, operation, self.call.kind)
                && entry.facts.get(fact) == self.call.facts.get(fact)
        };
        self.engine.ledger.read(|entries| entries.iter().filter(same).count()).saturating_sub(1)
    }
}

fn protocol(operation: &'static str) -> &'static str {
    operation.split_once('.').map_or(operation, |(protocol, _)| protocol)
}

fn unavailable(_: io::Error) -> Broken {
    Broken::Error("UNAVAILABLE".into())
}

fn entry(call: &Call, kind: Kind, time_ms: i64, event: Option<Event>) -> Entry {
    let (protocol, operation) = call.operation.split_once('.').unwrap_or((call.operation, ""));
    Entry {
        seq: 0,
        time_ms,
        kind,
        protocol: protocol.to_owned(),
        operation: operation.to_owned(),
        effect_id: call.effect_id.clone(),
        facts: call.facts.clone(),
        event,
    }
}

/// A command on its way to its effect.
struct Flight<'a>(&'a Engine, Option<(&'static str, String)>);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let Some(key) = self.1.take() else { return };
        let mut flying = self.0.flying();
        if let Some(count) = flying.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                flying.remove(&key);
            }
        }
    }
}

impl Engine {
    /// An engine whose world is what the ledger tells.
    pub fn new(ledger: Ledger, clock: Clock, ids: Ids, delays: Delays) -> Self {
        let world = ledger.read(World::replay);
        Self {
            clock,
            ids,
            ledger,
            faults: Faults::default(),
            holds: Arc::default(),
            delays,
            environment: Environment::Sandbox,
            argon2: true,
            world: Mutex::new(world),
            flying: Mutex::default(),
        }
    }

    fn flying(&self) -> MutexGuard<'_, HashMap<(&'static str, String), usize>> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a call through all its stations. From the ledger on it runs on a task of its own: like a real receiver,
    /// it goes on when the caller is gone.
    ///
    /// # Errors
    /// What a rule or the work made of it.
    pub async fn perform<A, W>(self: &Arc<Self>, call: Call, work: W) -> Result<A, Broken>
    where
        A: Send + 'static,
        W: FnOnce(&mut Desk<'_>) -> Result<A, Broken> + Send + 'static,
    {
        let call = call.fact("traceparent", &TRACE.try_with(Clone::clone).unwrap_or_default());
        self.strike(Point::BeforeReceipt, &call).await?;
        let engine = self.clone();
        let run = tokio::spawn(async move { engine.receive(&call, work).await });
        run.await.unwrap_or_else(|_| Err(Broken::Error("INTERNAL".into())))
    }

    async fn receive<A, W>(&self, call: &Call, work: W) -> Result<A, Broken>
    where
        W: FnOnce(&mut Desk<'_>) -> Result<A, Broken>,
    {
        self.ledger.append(entry(call, call.kind, self.clock.now_ms(), None)).map_err(unavailable)?;
        let flight = self.take_off(call);
        let verdict = self.strike(Point::BeforeEffect, call).await?;
        let done = self.at_desk(call, verdict, work);
        drop(flight);
        self.ledger.sync().await.map_err(unavailable)?;
        let answer = done?;
        self.strike(Point::AfterEffect, call).await?;
        Ok(answer)
    }

    fn take_off(&self, call: &Call) -> Flight<'_> {
        let asks = call.operation.ends_with(".ReportOrVoid");
        let key = call.effect_id.clone().filter(|_| call.kind == Kind::Command && !asks);
        let key = key.map(|id| (protocol(call.operation), id));
        if let Some(key) = &key {
            *self.flying().entry(key.clone()).or_default() += 1;
        }
        Flight(self, key)
    }

    /// Does work on the world, alone.
    ///
    /// # Errors
    /// Those of the work.
    pub fn at_desk<A>(
        &self,
        call: &Call,
        verdict: Verdict,
        work: impl FnOnce(&mut Desk<'_>) -> Result<A, Broken>,
    ) -> Result<A, Broken> {
        let world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut Desk { world, verdict, now_ms: self.clock.now_ms(), engine: self, call })
    }

    /// Reads the world.
    pub fn look<A>(&self, look: impl FnOnce(&World) -> A) -> A {
        look(&self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets the rules strike a call at a point: waits as they say, and tells what remains to be done.
    ///
    /// # Errors
    /// The error, cut, loss or nonsense that a rule demands.
    pub async fn strike(&self, point: Point, call: &Call) -> Result<Verdict, Broken> {
        let mut verdict = Verdict::default();
        for action in self.faults.strike(call.operation, point, &call.facts) {
            match action {
                Action::Delay(time) => tokio::time::sleep(time).await,
                Action::Hold => self.holds.park(call.operation, point, call.effect_id.as_deref(), &call.facts).await,
                Action::Error(code) => return Err(Broken::Error(code)),
                Action::Drop => return Err(Broken::Cut),
                Action::LostReply => return Err(Broken::LostReply),
                Action::Garbage => return Err(Broken::Garbage),
                Action::Refuse(reason) => verdict.refuse = Some(reason),
                Action::Stale => verdict.stale = true,
            }
        }
        Ok(verdict)
    }
}
