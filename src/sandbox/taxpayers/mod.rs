//! The state register of taxpayers and the address register, as DaData serves them over HTTP.

pub mod address;
pub mod http;
pub mod party;
pub mod regions;
pub mod register;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use register::Taxpayer;

/// Somebody changed the register by the control interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Whose entry.
    pub inn: String,
    /// Its status from now on.
    pub status: Status,
}

/// What an entry can be changed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the words of DaData, and of its absence")]
pub enum Status {
    Active,
    Liquidating,
    Liquidated,
    Bankrupt,
    Reorganizing,
    NotFound,
}

impl Status {
    /// As DaData words it; `None` for an entry that is gone.
    fn word(self) -> Option<&'static str> {
        Some(match self {
            Self::Active => "ACTIVE",
            Self::Liquidating => "LIQUIDATING",
            Self::Liquidated => "LIQUIDATED",
            Self::Bankrupt => "BANKRUPT",
            Self::Reorganizing => "REORGANIZING",
            Self::NotFound => return None,
        })
    }
}

/// The register as it was changed; everybody else stands as their number says.
#[derive(Default)]
pub struct Changes(BTreeMap<String, Status>);

impl Changes {
    /// Lets a change happen.
    pub fn apply(&mut self, event: &Event) {
        self.0.insert(event.inn.clone(), event.status);
    }

    /// The taxpayer with this number now.
    pub fn find(&self, inn: &str) -> Option<Taxpayer> {
        let found = register::find(inn);
        match self.0.get(inn) {
            None => found,
            Some(status) => Some(Taxpayer { status: status.word()?, ..found? }),
        }
    }
}

/// The number of the magic INNs that are active at the first question and liquidated afterwards.
pub const LIQUIDATED_MEANWHILE: u8 = 10;
