//! Joins three ledgers and says what does not fit: what the outer systems received and did, what partners asked and were
//! answered, and what stands in the database.

mod answers;
mod commands;
mod effects;
mod gather;
mod history;
pub mod made;
mod rest;
pub mod steps;
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use litebox_partner::sandbox::faults::Strike;
use litebox_partner::sandbox::ledger::Entry;
use litebox_partner::storage::entity::{client, document, effect, kkt, kkt_history, request};

use super::load::book::{Answer, Asked};

/// Everything that is known at the end of a run.
#[derive(Default)]
pub struct Evidence {
    /// The partners' ledger.
    pub calls: Vec<(Asked, Vec<Answer>)>,
    /// The ledger of the outer systems, oldest first.
    pub entries: Vec<Entry>,
    /// Calls that a fault rule has struck.
    pub strikes: Vec<Strike>,
    pub rows: Rows,
    pub rest: Rest,
    /// What the servers have logged.
    pub logs: Vec<String>,
    /// Replicas were stopped in the middle of their work: a command that was posted by its successor may arrive once more.
    pub late: bool,
}

/// What stands in the database.
#[derive(Default)]
pub struct Rows {
    pub clients: Vec<client::Model>,
    pub kkts: Vec<kkt::Model>,
    pub history: Vec<kkt_history::Model>,
    pub effects: Vec<effect::Model>,
    pub documents: Vec<document::Model>,
    pub requests: Vec<request::Model>,
}

/// What should be nothing when nobody works.
#[derive(Debug, Default)]
pub struct Rest {
    /// Registrations and clients that are due or held by somebody.
    pub busy: Vec<String>,
    /// Sessions of servers that are at work or inside a transaction.
    pub sessions: Vec<String>,
}

/// What does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    AnswerNotStored,
    TwoAnswers,
    NeverAnswered,
    NotAskedFor,
    RefusedAndStored,
    EffectTwice,
    EffectMissing,
    EffectNotIntended,
    DoneWithoutEffect,
    StillHeld,
    BurntAndCancelled,
    AccountTwice,
    AccountMissing,
    PasswordVersionTwice,
    SentAgain,
    NewIdTooEarly,
    HistoryGap,
    HistoryBroken,
    IllegalMove,
    StateDiffers,
    ForeignChild,
    OperatorCalled,
    LeaseHeld,
    InTransaction,
    ErrorLogged,
}

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub name: Name,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.name, self.what)
    }
}

fn violation(name: Name, what: impl Into<String>) -> Violation {
    Violation { name, what: what.into() }
}

/// Everything that does not fit.
pub fn check(evidence: &Evidence) -> Vec<Violation> {
    let checks = [answers::check, effects::check, effects::accounts, commands::check, history::check, rest::check];
    checks.iter().flat_map(|check| check(evidence)).collect()
}

/// The names of what does not fit.
pub fn names(found: &[Violation]) -> BTreeSet<Name> {
    found.iter().map(|violation| violation.name).collect()
}

/// For a run in which nothing may be amiss.
pub fn assert_clean(evidence: &Evidence) {
    let found: Vec<String> = check(evidence).iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}
