//! Names of the states.

use serde::{Deserialize, Serialize};

/// Names of the states: the same in the contract, the database and the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "see State")]
pub enum Name {
    Reserving,
    Submitting,
    AwaitingRnm,
    ConnectingOfd,
    ReadyToFiscalize,
    Fiscalizing,
    Reporting,
    AwaitingCard,
    Registered,
    Rejected,
    Cancelled,
}

impl Name {
    /// All, in the order of the path.
    pub const ALL: [Self; 11] = [
        Self::Reserving,
        Self::Submitting,
        Self::AwaitingRnm,
        Self::ConnectingOfd,
        Self::ReadyToFiscalize,
        Self::Fiscalizing,
        Self::Reporting,
        Self::AwaitingCard,
        Self::Registered,
        Self::Rejected,
        Self::Cancelled,
    ];

    /// As in the database and, with the prefix `KKT_STATE_`, in the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserving => "RESERVING",
            Self::Submitting => "SUBMITTING",
            Self::AwaitingRnm => "AWAITING_RNM",
            Self::ConnectingOfd => "CONNECTING_OFD",
            Self::ReadyToFiscalize => "READY_TO_FISCALIZE",
            Self::Fiscalizing => "FISCALIZING",
            Self::Reporting => "REPORTING",
            Self::AwaitingCard => "AWAITING_CARD",
            Self::Registered => "REGISTERED",
            Self::Rejected => "REJECTED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The end of the path.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Registered | Self::Rejected | Self::Cancelled)
    }

    /// The state of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }
}
