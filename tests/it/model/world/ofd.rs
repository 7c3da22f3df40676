//! The operators: codes that are held, used, expired, unknown.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use litebox_partner::gateways::ofd::{
    CodeOrder, CodeStanding, ConnectOrder, Contract, Ofd as Gate, OfdRefusal, OfdRefusalReason as Reason, Reserved,
};
use litebox_partner::gateways::{Gateway, Outcome, Setback, Told};
use litebox_partner::values::{ActivationCode, EffectId, Inn};

use super::ledger::Kind;
use super::{State, World};

const RESERVE: &str = "RESERVE_CODE";
const CONNECT: &str = "CONNECT";

/// What became of an effect id.
#[derive(Clone, PartialEq)]
enum Entry {
    Done,
    Refused(Reason),
    Void,
}

/// How a code stands.
#[derive(Clone, PartialEq)]
pub enum Code {
    Held(EffectId),
    Used(EffectId),
}

#[derive(Default)]
pub struct Ofd {
    effects: BTreeMap<String, Entry>,
    pub codes: BTreeMap<String, Code>,
    /// Codes that the operator does not take, decided when they are first seen.
    bad: BTreeMap<String, Option<Reason>>,
}

pub struct ToOfd(pub Arc<World>);

fn refusal(reason: Reason) -> OfdRefusal {
    OfdRefusal { reason, text: "Отказ".into() }
}

fn told<T>(state: &mut State, step: &'static str, effect: EffectId, done: T) -> Told<T, OfdRefusal> {
    if !state.ofd.effects.contains_key(&effect.to_string()) {
        state.book(Kind::Voided, step, effect);
    }
    match state.ofd.effects.entry(effect.to_string()).or_insert(Entry::Void) {
        Entry::Done => Told::Done(done),
        Entry::Refused(reason) => Told::Refused(refusal(*reason)),
        Entry::Void => Told::Void,
    }
}

fn known<T>(state: &State, effect: EffectId, done: T) -> Option<Outcome<T, OfdRefusal>> {
    Some(match state.ofd.effects.get(&effect.to_string())? {
        Entry::Done => Outcome::Done(done),
        Entry::Refused(reason) => Outcome::Refused(refusal(*reason)),
        Entry::Void => Outcome::Refused(refusal(Reason::Voided)),
    })
}

/// Without voiding anything.
fn seen<T>(state: &mut State, step: &'static str, effect: EffectId, done: T) -> Option<Told<T, OfdRefusal>> {
    state.ofd.effects.contains_key(&effect.to_string()).then(|| told(state, step, effect, done))
}

fn settle<T>(
    state: &mut State,
    step: &'static str,
    effect: EffectId,
    refused: Option<Reason>,
    done: T,
) -> Outcome<T, OfdRefusal> {
    state.book(if refused.is_some() { Kind::Refused } else { Kind::Happened }, step, effect);
    let entry = refused.map_or(Entry::Done, Entry::Refused);
    state.ofd.effects.insert(effect.to_string(), entry);
    refused.map_or(Outcome::Done(done), |reason| Outcome::Refused(refusal(reason)))
}

impl State {
    fn reserve(&mut self, effect: EffectId, code: &str) -> Outcome<Reserved, OfdRefusal> {
        self.book(Kind::Received, RESERVE, effect);
        if let Some(answer) = known(self, effect, Reserved) {
            return answer;
        }
        let odd = self.mishap(8, "a code that the operator does not take");
        let reason = odd.then(|| self.dice.pick(&[Reason::CodeUnknown, Reason::CodeExpired, Reason::OfdUnknown]));
        let bad = *self.ofd.bad.entry(code.to_owned()).or_insert(reason);
        let taken = self.ofd.codes.contains_key(code).then_some(Reason::CodeUsed);
        let refused = bad.or(taken);
        if refused.is_none() {
            self.ofd.codes.insert(code.to_owned(), Code::Held(effect));
        }
        settle(self, RESERVE, effect, refused, Reserved)
    }

    fn connect(&mut self, effect: EffectId, order: &ConnectOrder) -> Outcome<Contract, OfdRefusal> {
        let contract = || Contract { number: "1".into() };
        self.book(Kind::Received, CONNECT, effect);
        if let Some(answer) = known(self, effect, contract()) {
            return answer;
        }
        let code = order.code.as_str().to_owned();
        let held = self.ofd.codes.get(&code) == Some(&Code::Held(order.reservation));
        let refused = match (held, self.mishap(6, "a code that expired before it was used")) {
            (false, _) => Some(Reason::NotReserved),
            (true, true) => Some(Reason::CodeExpired),
            (true, false) => None,
        };
        if refused.is_none() {
            self.ofd.codes.insert(code, Code::Used(effect));
        }
        settle(self, CONNECT, effect, refused, contract())
    }

    fn release(&mut self, reservation: EffectId) {
        if self.held_by(reservation) {
            self.book(Kind::Undone, RESERVE, reservation);
        }
        self.ofd.codes.retain(|_, code| *code != Code::Held(reservation));
    }

    /// The code that an effect still holds.
    pub fn held_by(&self, reservation: EffectId) -> bool {
        self.ofd.codes.values().any(|code| *code == Code::Held(reservation))
    }
}

#[async_trait]
impl Gate for ToOfd {
    async fn reserve(&self, effect: EffectId, order: &CodeOrder) -> Outcome<Reserved, OfdRefusal> {
        self.0.command(Gateway::Ofd, "ofd.reserve", |state| state.reserve(effect, order.code.as_str())).await
    }

    async fn connect(&self, effect: EffectId, order: &ConnectOrder) -> Outcome<Contract, OfdRefusal> {
        self.0.command(Gateway::Ofd, "ofd.connect", |state| state.connect(effect, order)).await
    }

    async fn release(&self, reservation: EffectId) -> Outcome<(), OfdRefusal> {
        self.0
            .command(Gateway::Ofd, "ofd.release", |state| {
                state.release(reservation);
                Outcome::Done(())
            })
            .await
    }

    async fn code(&self, _: &Inn, code: &ActivationCode) -> Result<Option<CodeStanding>, Setback> {
        self.0
            .question(Gateway::Ofd, "ofd.code", |state| {
                Some(match state.ofd.codes.get(code.as_str()) {
                    None => CodeStanding::Free,
                    Some(Code::Held(effect)) => CodeStanding::Reserved(*effect),
                    Some(Code::Used(effect)) => CodeStanding::Used(*effect),
                })
            })
            .await
    }

    async fn reservation_told(&self, effect: EffectId) -> Result<Option<Told<Reserved, OfdRefusal>>, Setback> {
        self.0.question(Gateway::Ofd, "ofd.reservation_told", |state| seen(state, RESERVE, effect, Reserved)).await
    }

    async fn connection_told(&self, effect: EffectId) -> Result<Option<Told<Contract, OfdRefusal>>, Setback> {
        let contract = Contract { number: "1".into() };
        self.0.question(Gateway::Ofd, "ofd.connection_told", |state| seen(state, CONNECT, effect, contract)).await
    }

    async fn reservation_or_void(&self, effect: EffectId) -> Result<Told<Reserved, OfdRefusal>, Setback> {
        self.0.question(Gateway::Ofd, "ofd.reservation_or_void", |state| told(state, RESERVE, effect, Reserved)).await
    }

    async fn connection_or_void(&self, effect: EffectId) -> Result<Told<Contract, OfdRefusal>, Setback> {
        self.0
            .question(Gateway::Ofd, "ofd.connection_or_void", |state| {
                told(state, CONNECT, effect, Contract { number: "1".into() })
            })
            .await
    }
}
