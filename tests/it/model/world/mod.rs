//! The outside in memory: FNS, the operators, the hubs with their cash registers, the state register. Every answer and
//! every fault follows from a seed. It keeps books on what really happened and writes down each breach of a promise.

mod device;
mod fns;
mod ledger;
mod ofd;
mod register;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use litebox_partner::clock::Clock;
use litebox_partner::gateways::breaker::Breakers;
use litebox_partner::gateways::{Gateway, Gateways, Outcome, Setback, SetbackKind};
use tokio::sync::Notify;

use super::dice::Dice;
use crate::chaos::schedules::script::{Met, Point, Script};

pub use device::{Hub, Trouble};
pub use ledger::{Entry, Kind};

/// The outside. One a sequence; the gateways hold it.
pub struct World {
    state: Mutex<State>,
    /// The process dies here.
    pub dies: Notify,
    /// The worker stops here until it is woken.
    pub sleeps: Notify,
    /// Wakes it.
    pub wakes: Notify,
    clock: Clock,
    /// What goes wrong at which call, when that is written down; else chance decides.
    script: Option<Arc<Script>>,
}

/// All that is so outside.
pub struct State {
    pub dice: Dice,
    /// Faults happen.
    pub wild: bool,
    pub fns: fns::Fns,
    pub ofd: ofd::Ofd,
    /// By the name of the device.
    pub hubs: BTreeMap<String, Hub>,
    /// Promises that were broken.
    pub breaches: Vec<String>,
    /// How often each kind of fault happened, to prove that they do.
    pub faults: BTreeMap<&'static str, u64>,
    /// How many have fallen asleep in the middle of a call.
    pub asleep: u32,
    /// Mishaps that happen for certain, by name, and how often; whether faults happen or not.
    pub arranged: BTreeMap<&'static str, u32>,
    /// Every command before it is deduplicated, and what became of it, in order.
    pub ledger: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    NotSent,
    LostBefore,
    LostAfter,
    DiesBefore,
    DiesAfter,
    SleepsBefore,
    SleepsAfter,
}

impl World {
    /// A world in which everything is new, and in which chance decides what goes wrong.
    pub fn new(seed: u64, clock: Clock) -> Arc<Self> {
        Self::made(State::new(seed, true), clock, None)
    }

    /// A world in which everything is new, and in which nothing goes wrong but what stands in the script.
    pub fn scripted(script: Arc<Script>, clock: Clock) -> Arc<Self> {
        Self::made(State::new(0, false), clock, Some(script))
    }

    fn made(state: State, clock: Clock, script: Option<Arc<Script>>) -> Arc<Self> {
        let (dies, sleeps, wakes) = (Notify::new(), Notify::new(), Notify::new());
        Arc::new(Self { state: Mutex::new(state), dies, sleeps, wakes, clock, script })
    }

    /// The five gateways to it.
    pub fn gateways(self: &Arc<Self>) -> Gateways {
        Gateways {
            taxpayers: Arc::new(register::Register(Arc::clone(self))),
            accounts: Arc::new(register::NoAccounts),
            fns: Arc::new(fns::ToFns(Arc::clone(self))),
            ofd: Arc::new(ofd::ToOfd(Arc::clone(self))),
            device: Arc::new(device::ToDevice(Arc::clone(self))),
            breakers: Breakers::off(),
        }
    }

    /// Looks at it, or changes it from outside.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn fault(&self) -> Fault {
        use Fault::{DiesAfter, DiesBefore, LostAfter, LostBefore, NotSent, SleepsAfter, SleepsBefore};
        let mut state = self.lock();
        if !state.wild || !state.dice.percent(18) {
            return Fault::None;
        }
        let kinds = [
            (NotSent, "not sent"),
            (LostBefore, "lost before the effect"),
            (LostAfter, "lost after the effect"),
            (DiesBefore, "died before the effect"),
            (DiesAfter, "died after the effect"),
            (SleepsBefore, "slept before the effect"),
            (SleepsAfter, "slept after the effect"),
        ];
        let (fault, name) = state.dice.pick(&kinds);
        *state.faults.entry(name).or_default() += 1;
        fault
    }

    /// A command that may get lost on its way there or back, and before or after which the worker may die or sleep.
    async fn command<T: Send, R: Send>(
        &self,
        to: Gateway,
        name: &'static str,
        effect: impl FnOnce(&mut State) -> Outcome<T, R> + Send,
    ) -> Outcome<T, R> {
        if let Some(script) = &self.script {
            return self.by_script(script, to, name, effect).await;
        }
        match self.fault() {
            Fault::None => effect(&mut self.lock()),
            Fault::NotSent => Outcome::NotNow(setback(to)),
            Fault::LostBefore => Outcome::Unknown(setback(to)),
            Fault::LostAfter => {
                effect(&mut self.lock());
                Outcome::Unknown(setback(to))
            }
            Fault::DiesBefore => self.die().await,
            Fault::DiesAfter => {
                effect(&mut self.lock());
                self.die().await
            }
            Fault::SleepsBefore => {
                self.sleep().await;
                effect(&mut self.lock())
            }
            Fault::SleepsAfter => {
                let outcome = effect(&mut self.lock());
                self.sleep().await;
                outcome
            }
        }
    }

    /// A command for which it is written down what goes wrong on its way there and back.
    async fn by_script<T: Send, R: Send>(
        &self,
        script: &Script,
        to: Gateway,
        name: &'static str,
        effect: impl FnOnce(&mut State) -> Outcome<T, R> + Send,
    ) -> Outcome<T, R> {
        match script.reach(Point::before_call(name)).await {
            Met::Nothing => {}
            Met::Fails => return Outcome::NotNow(setback(to)),
            Met::Lost => return Outcome::Unknown(setback(to)),
            Met::OutlivesItsSender => {
                effect(&mut self.lock());
                return script.die().await;
            }
        }
        let outcome = effect(&mut self.lock());
        match script.reach(Point::after_call(name)).await {
            Met::Nothing => outcome,
            _ => Outcome::Unknown(setback(to)),
        }
    }

    /// A question; it may have an effect too, such as voiding an id.
    async fn question<T: Send>(
        &self,
        to: Gateway,
        name: &'static str,
        answer: impl FnOnce(&mut State) -> T + Send,
    ) -> Result<T, Setback> {
        let outcome: Outcome<T, ()> = self.command(to, name, |state| Outcome::Done(answer(state))).await;
        match outcome {
            Outcome::Done(answer) => Ok(answer),
            Outcome::NotNow(setback) | Outcome::Unknown(setback) => Err(setback),
            Outcome::Refused(()) => unreachable!("a question is not refused"),
        }
    }

    async fn die<T>(&self) -> T {
        self.dies.notify_one();
        std::future::pending().await
    }

    async fn sleep(&self) {
        self.lock().asleep += 1;
        self.sleeps.notify_one();
        self.wakes.notified().await;
        self.lock().asleep -= 1;
    }
}

impl State {
    fn new(seed: u64, wild: bool) -> Self {
        Self {
            dice: Dice::new(seed),
            wild,
            fns: fns::Fns::default(),
            ofd: ofd::Ofd::default(),
            hubs: BTreeMap::new(),
            breaches: Vec::new(),
            faults: BTreeMap::new(),
            asleep: 0,
            arranged: BTreeMap::new(),
            ledger: Vec::new(),
        }
    }

    fn breach(&mut self, what: String) {
        self.breaches.push(what);
    }

    /// True as often as it was arranged.
    fn arranged(&mut self, name: &'static str) -> bool {
        let left = self.arranged.get_mut(name).filter(|left| **left > 0);
        left.map(|left| *left -= 1).is_some()
    }

    /// True in so many cases of a hundred while faults happen, and when it was arranged; never else.
    fn mishap(&mut self, of_hundred: u64, name: &'static str) -> bool {
        let happens = self.arranged(name) || self.wild && self.dice.percent(of_hundred);
        if happens {
            *self.faults.entry(name).or_default() += 1;
        }
        happens
    }
}

fn setback(gateway: Gateway) -> Setback {
    Setback { gateway, kind: SetbackKind::TimedOut, detail: "the model says so".into(), retry_after: None }
}
