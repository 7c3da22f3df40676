//! What the outside received and what became of it, in order: the truth that stored states are held against.

use super::State;

/// What happened to an effect id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A command arrived; noted before it is deduplicated.
    Received,
    /// Its effect happened.
    Happened,
    /// It was refused for good, and left no effect.
    Refused,
    /// The id was made void before a command arrived.
    Voided,
    /// What had happened was taken back: a code given back, an application or a report refused after review.
    Undone,
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub kind: Kind,
    /// The step, by its name in the database.
    pub step: &'static str,
    pub effect: String,
}

impl State {
    /// Writes a line.
    pub fn book(&mut self, kind: Kind, step: &'static str, effect: impl ToString) {
        self.ledger.push(Entry { kind, step, effect: effect.to_string() });
    }
}
