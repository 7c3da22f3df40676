//! One schedule: a registration along its path on the real service and the real worker, with what the script lets go
//! wrong, until it has ended and nobody sleeps any more.

use std::sync::Arc;

use litebox_partner::chaos::Broken;
use litebox_partner::clock::Clock;
use litebox_partner::kkt::model::{Kkt, Step};
use litebox_partner::kkt::policy::WorkerConfig;
use litebox_partner::kkt::service::Service;
use litebox_partner::values::{FnSerial, KktSerial};

use super::people::People;
use super::scenario::Scenario;
use super::script::{Fault, Pause, Plan, Point, Script, Until};
use crate::model::process::Process;
use crate::model::run::{START_MS, Work};
use crate::model::stage::Stage;
use crate::model::world::{Hub, World};

/// After so many looks of the worker a registration that goes on has no end.
const ROUNDS: usize = 80;
/// Looks of others before a sleeper wakes.
const SLEEP: usize = 2;

/// A schedule that has been played, with all that the checks need.
pub struct Played<'a> {
    pub stage: &'a Stage,
    pub scenario: &'a Scenario,
    pub world: Arc<World>,
    pub people: People,
    pub kkt: Option<Kkt>,
    pub history: Vec<Step>,
    /// Reasons for which it waited for an operator.
    pub operator: Vec<String>,
    /// It ended, and nothing is left to do.
    pub quiet: bool,
    pub reached: Vec<Point>,
    pub fired: Vec<(usize, Fault)>,
    pub trace: Vec<String>,
}

impl Played<'_> {
    /// The service, where nothing goes wrong any more.
    pub fn quiet_service(&self) -> Service {
        let (world, clock) =
            (World::scripted(Script::new(Plan::new()), Clock::fixed(START_MS)), Clock::fixed(START_MS));
        Process::start(self.stage, self.stage.db.clone(), &world, &clock, patient()).service
    }
}

struct Sleeper {
    work: Work,
    pause: Pause,
    wakes_at: usize,
}

struct Play<'a> {
    stage: &'a Stage,
    script: Arc<Script>,
    world: Arc<World>,
    clock: Clock,
    process: Process,
    people: People,
    sleepers: Vec<Sleeper>,
    round: usize,
    /// As it was seen last.
    kkt: Option<Kkt>,
    operator: Vec<String>,
    trace: Vec<String>,
}

/// Plays it; `broken` breaks a guarantee on purpose.
pub async fn play<'a>(stage: &'a Stage, scenario: &'a Scenario, plan: Plan, broken: Option<Broken>) -> Played<'a> {
    stage.forget().await;
    let mut play = Play::new(stage, scenario, plan, broken).await;
    let quiet = play.goes_its_way().await;
    let history = match &play.kkt {
        Some(kkt) => play.process.service.get_with_history(stage.scope, kkt.id).await.unwrap().1,
        None => Vec::new(),
    };
    let Play { script, world, people, kkt, operator, trace, .. } = play;
    let (reached, fired) = (script.reached(), script.fired());
    Played { stage, scenario, world, people, kkt, history, operator, quiet, reached, fired, trace }
}

impl<'a> Play<'a> {
    async fn new(stage: &'a Stage, scenario: &'a Scenario, plan: Plan, broken: Option<Broken>) -> Self {
        let (clock, script) = (Clock::fixed(START_MS), Script::new(plan));
        let world = World::scripted(Arc::clone(&script), clock.clone());
        let number = stage.number();
        let serial = KktSerial::parse(&format!("00106100{number:06}")).unwrap();
        let fn_serial = FnSerial::parse(&format!("9999078900{number:06}")).unwrap();
        {
            let mut state = world.lock();
            state.arranged.extend(scenario.arranged.iter().copied());
            for name in ["left", "right"] {
                state.hubs.insert(name.into(), Hub::new(serial.clone(), fn_serial.clone()));
            }
            state.hubs.get_mut("left").unwrap().trouble = scenario.trouble;
        }
        let db = stage.db.clone().failing_at(script.hook());
        let db = broken.map_or(db.clone(), |broken| db.breaking(broken));
        let people = People::new(stage, scenario, &serial, &fn_serial).await;
        let process = Process::start(stage, db, &world, &clock, patient());
        let (sleepers, operator, trace) = (Vec::new(), Vec::new(), Vec::new());
        Self { stage, script, world, clock, process, people, sleepers, round: 0, kkt: None, operator, trace }
    }

    async fn goes_its_way(&mut self) -> bool {
        while self.round < ROUNDS {
            self.round += 1;
            self.clock.advance(60_000);
            self.stage.pass().await;
            self.people_act().await;
            self.tick().await;
            self.wake(|sleeper, round| sleeper.wakes_at <= round).await;
            self.look().await;
            if !self.is_quiet() {
                continue;
            }
            if self.sleepers.is_empty() {
                return true;
            }
            self.wake(|_, _| true).await;
        }
        false
    }

    fn note(&mut self, what: impl Into<String>) {
        self.trace.push(format!("{:2} {}", self.round, what.into()));
    }

    async fn see(&self) -> Option<Kkt> {
        let id = match &self.kkt {
            Some(kkt) => kkt.id,
            None => *self.stage.made_by(self.people.order()).await.first()?,
        };
        self.process.service.get(self.stage.scope, id).await.ok()
    }

    async fn tick(&mut self) {
        let worker = self.process.worker.clone();
        self.work(
            "worker",
            Box::pin(async move {
                worker.tick().await;
            }),
        )
        .await;
    }

    async fn people_act(&mut self) {
        for call in self.people.act(self.kkt.as_ref(), &self.world) {
            let what = call.what();
            let work = call.send(self.process.service.clone(), self.stage.scope);
            self.work(what, work).await;
        }
    }

    /// Works until it is done, its process dies, or it sleeps beyond its lease.
    async fn work(&mut self, who: &'static str, mut work: Work) {
        loop {
            let script = Arc::clone(&self.script);
            tokio::select! {
                biased;
                () = script.dies.notified() => return self.replace(&format!("{who} dies")),
                () = script.pauses.notified() => {}
                () = &mut work => return,
            }
            let pause = self.script.paused();
            if pause.until != Until::OthersHaveLooked {
                self.replace(&format!("{who} falls asleep"));
                self.sleepers.push(Sleeper { work, pause, wakes_at: self.round + SLEEP });
                return;
            }
            self.note(format!("{who} is slow at {}", self.latest_point()));
            Box::pin(self.tick()).await;
            pause.wake.notify_one();
        }
    }

    /// The process is dead or sleeps as a whole; another one is started.
    fn replace(&mut self, why: &str) {
        self.note(format!("{why} at {}", self.latest_point()));
        let db = self.process.db.clone();
        self.process = Process::start(self.stage, db, &self.world, &self.clock, patient());
    }

    async fn wake(&mut self, due: impl Fn(&Sleeper, usize) -> bool) {
        let round = self.round;
        let (awake, asleep) = std::mem::take(&mut self.sleepers).into_iter().partition(|s| due(s, round));
        self.sleepers = asleep;
        for Sleeper { work, pause, .. } in awake {
            self.note("a sleeper wakes");
            pause.wake.notify_one();
            self.work("who slept", work).await;
        }
    }

    fn latest_point(&self) -> String {
        let reached = self.script.reached();
        reached.last().map_or_else(String::new, |point| format!("{point} ({})", reached.len() - 1))
    }

    /// Writes down what is to be seen from outside after each round.
    async fn look(&mut self) {
        self.kkt = self.see().await;
        let Some(kkt) = self.kkt.clone() else { return };
        let reason = kkt.block.as_ref().map_or("", |block| block.reason.as_str());
        self.note(format!("{} {reason}, revision {}", kkt.state.name().as_str(), kkt.revision));
        if kkt.block.as_ref().is_some_and(|block| block.waiting_for.name() == "OPERATOR") {
            self.operator.push(reason.to_owned());
        }
        let mut world = self.world.lock();
        world.hubs.values_mut().for_each(|hub| hub.closed = !kkt.state.holds_register());
    }

    fn is_quiet(&self) -> bool {
        let ended = self.kkt.as_ref().is_some_and(|kkt| kkt.state.is_final() && kkt.next_attempt_ms.is_none());
        ended && self.people.all_answered()
    }
}

/// Waits that no slow machine cuts short: time passes when the play says so.
fn patient() -> WorkerConfig {
    const HOUR_MS: i64 = 3_600_000;
    WorkerConfig {
        lease_ms: HOUR_MS,
        backoff_ms: HOUR_MS,
        backoff_limit_ms: HOUR_MS,
        fns_poll_ms: HOUR_MS,
        fns_poll_limit_ms: HOUR_MS,
        task_poll_ms: HOUR_MS,
        device_poll_ms: HOUR_MS,
        ..WorkerConfig::default()
    }
}
