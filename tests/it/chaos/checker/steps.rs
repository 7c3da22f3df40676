//! The one-way steps in their three spellings: in the database, as commands, as effects.

use std::collections::BTreeMap;

use litebox_partner::sandbox::ledger::{Entry, Kind};
use litebox_partner::storage::entity::effect;
use uuid::Uuid;

use super::Evidence;

/// A one-way step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// In the table `effect`.
    pub name: &'static str,
    /// How it is asked for.
    pub command: &'static str,
    /// How it happens.
    pub effect: &'static str,
}

const fn step(name: &'static str, command: &'static str) -> Step {
    Step { name, command, effect: command }
}

pub const RESERVE: Step = step("RESERVE_CODE", "ofd.ReserveCode");
pub const SUBMIT: Step = step("SUBMIT_APPLICATION", "fns.SubmitApplication");
pub const CONNECT: Step = step("CONNECT", "ofd.Connect");
pub const BURN: Step = Step { name: "BURN", command: "device.post", effect: "device.registration" };
pub const REPORT: Step = step("SUBMIT_REPORT", "fns.SubmitReport");

/// In the order of the path.
pub const STEPS: [Step; 5] = [RESERVE, SUBMIT, CONNECT, BURN, REPORT];

/// How many of [`STEPS`] have happened in a state; `None` where the state does not tell.
pub fn behind(state: &str) -> Option<usize> {
    Some(match state {
        "RESERVING" => 0,
        "SUBMITTING" => 1,
        "AWAITING_RNM" | "CONNECTING_OFD" => 2,
        "READY_TO_FISCALIZE" | "FISCALIZING" => 3,
        "REPORTING" => 4,
        "AWAITING_CARD" | "REGISTERED" => 5,
        _ => return None,
    })
}

impl Step {
    /// The step of this name.
    pub fn named(name: &str) -> Option<Self> {
        STEPS.into_iter().find(|step| step.name == name)
    }

    /// A hub's queue takes questions too; they burn nothing.
    pub fn is_command(self, entry: &Entry) -> bool {
        let asks = self == BURN && entry.facts.get("type").is_none_or(|kind| kind != "registration");
        entry.is(Kind::Command, self.command) && !asks
    }

    pub fn is_effect(self, entry: &Entry) -> bool {
        entry.is(Kind::Effect, self.effect)
    }
}

/// The effect id of an entry.
pub fn id(entry: &Entry) -> Option<Uuid> {
    entry.effect_id.as_deref().and_then(|id| id.parse().ok())
}

/// Effects of the database by registration and step, by rising generation.
pub fn generations(evidence: &Evidence) -> BTreeMap<(Uuid, &str), Vec<&effect::Model>> {
    let mut all: BTreeMap<(Uuid, &str), Vec<&effect::Model>> = BTreeMap::new();
    for row in &evidence.rows.effects {
        all.entry((row.kkt_id, row.step.as_str())).or_default().push(row);
    }
    all.values_mut().for_each(|rows| rows.sort_by_key(|row| row.generation));
    all
}
