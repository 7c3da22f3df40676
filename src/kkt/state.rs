//! The state machine of a registration. Pure: no time, no storage, no network.
//!
//! ```text
//! RESERVING -> SUBMITTING -> AWAITING_RNM -> CONNECTING_OFD -> READY_TO_FISCALIZE -> FISCALIZING -> REPORTING
//!           -> AWAITING_CARD -> REGISTERED
//! ```
//! An autonomous KKT goes from AWAITING_RNM to READY_TO_FISCALIZE. REJECTED and CANCELLED are the other ends.

use serde::{Deserialize, Serialize};

use crate::gateways::device::FiscalReport;
use crate::gateways::fns::{Card, FnsRefusal};
use crate::values::{EffectId, RequestId, Rnm};

/// How a registration stands, with what is known in that state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Holds the activation code (and the rental device) before anything is filed.
    Reserving,
    /// Files the application with FNS.
    Submitting {
        /// The effect that holds the code; absent in autonomous mode.
        held: Option<EffectId>,
    },
    /// FNS examines the application.
    AwaitingRnm {
        /// See `Submitting`.
        held: Option<EffectId>,
        /// Id of the application at FNS.
        application_id: String,
    },
    /// Connects the KKT to its operator.
    ConnectingOfd {
        /// The effect that holds the code.
        held: EffectId,
        /// What FNS gave.
        numbers: Numbers,
    },
    /// Everything is ready; the burn has not been asked for.
    ReadyToFiscalize {
        /// What FNS gave.
        numbers: Numbers,
    },
    /// The report is being made by the device.
    Fiscalizing {
        /// What FNS gave.
        numbers: Numbers,
        /// The call that asked for it.
        asked_by: RequestId,
    },
    /// Files the report with FNS.
    Reporting {
        /// What FNS gave.
        numbers: Numbers,
        /// The report.
        report: FiscalReport,
    },
    /// FNS makes the card.
    AwaitingCard {
        /// What FNS gave.
        numbers: Numbers,
        /// The report.
        report: FiscalReport,
    },
    /// Done.
    Registered {
        /// What FNS gave.
        numbers: Numbers,
        /// The report.
        report: FiscalReport,
        /// The card.
        card: Card,
    },
    /// FNS refused the application.
    Rejected {
        /// Why.
        refusal: FnsRefusal,
        /// The effect that still holds the code; absent once it is free.
        held: Option<EffectId>,
    },
    /// Cancelled while the FN was unburnt.
    Cancelled {
        /// Id of the application that FNS still keeps, when one was filed.
        application_id: Option<String>,
        /// The effect that still holds the code; absent once it is free, and when the operator has used it.
        held: Option<EffectId>,
    },
}

/// What FNS gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// Id of the application.
    pub application_id: String,
    /// Registration number, checked against INN and serial.
    pub rnm: Rnm,
    /// When it was assigned, Unix milliseconds.
    pub assigned_ms: i64,
    /// By when the report must be filed, Unix milliseconds.
    pub report_by_ms: i64,
}

/// What may happen to a registration.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// All that must be held is held; the effect that holds the code.
    Held(Option<EffectId>),
    /// FNS has the application.
    Filed {
        /// Its id there.
        application_id: String,
    },
    /// FNS assigned the number.
    RnmAssigned(Numbers),
    /// The operator has the KKT.
    Connected,
    /// Somebody asked for the burn.
    FiscalizeAsked(RequestId),
    /// The report was made: the FN is burnt.
    Burnt(FiscalReport),
    /// FNS has the report.
    ReportFiled,
    /// FNS issued the card.
    CardIssued(Card),
    /// FNS refused the application.
    Refused(FnsRefusal),
    /// The partner cancels. The caller has proven that the FN is unburnt.
    Cancelled,
    /// The code that an ended registration held is free.
    Released,
}

/// The event is not allowed in this state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not allowed in state {}", .0.as_str())]
pub struct NotAllowed(pub Name);

impl State {
    /// The state after `event`.
    ///
    /// # Errors
    /// [`NotAllowed`] when the event has no place in this state; nothing changes.
    pub fn after(&self, event: Event) -> Result<Self, NotAllowed> {
        Ok(match (self.clone(), event) {
            (Self::Reserving, Event::Held(held)) => Self::Submitting { held },
            (Self::Submitting { held }, Event::Filed { application_id }) => Self::AwaitingRnm { held, application_id },
            (Self::AwaitingRnm { held: Some(held), .. }, Event::RnmAssigned(numbers)) => {
                Self::ConnectingOfd { held, numbers }
            }
            (Self::AwaitingRnm { held: None, .. }, Event::RnmAssigned(numbers))
            | (Self::ConnectingOfd { numbers, .. }, Event::Connected) => Self::ReadyToFiscalize { numbers },
            (Self::ReadyToFiscalize { numbers }, Event::FiscalizeAsked(asked_by)) => {
                Self::Fiscalizing { numbers, asked_by }
            }
            (Self::Fiscalizing { numbers, .. }, Event::Burnt(report)) => Self::Reporting { numbers, report },
            (Self::Reporting { numbers, report }, Event::ReportFiled) => Self::AwaitingCard { numbers, report },
            (Self::AwaitingCard { numbers, report }, Event::CardIssued(card)) => {
                Self::Registered { numbers, report, card }
            }
            (Self::Submitting { held } | Self::AwaitingRnm { held, .. }, Event::Refused(refusal)) => {
                Self::Rejected { refusal, held }
            }
            (Self::Rejected { refusal, held: Some(_) }, Event::Released) => Self::Rejected { refusal, held: None },
            (Self::Cancelled { application_id, held: Some(_) }, Event::Released) => {
                Self::Cancelled { application_id, held: None }
            }
            (state, Event::Cancelled) if state.may_be_unburnt() => {
                Self::Cancelled { application_id: state.application_id().map(str::to_owned), held: state.held() }
            }
            (state, _) => return Err(NotAllowed(state.name())),
        })
    }

    /// Nothing has been burnt as far as this state tells, and the registration is open.
    fn may_be_unburnt(&self) -> bool {
        matches!(
            self,
            Self::Reserving
                | Self::Submitting { .. }
                | Self::AwaitingRnm { .. }
                | Self::ConnectingOfd { .. }
                | Self::ReadyToFiscalize { .. }
                | Self::Fiscalizing { .. }
        )
    }

    /// The effect that holds an activation code which has not been used.
    pub const fn held(&self) -> Option<EffectId> {
        match self {
            Self::Submitting { held }
            | Self::AwaitingRnm { held, .. }
            | Self::Rejected { held, .. }
            | Self::Cancelled { held, .. } => *held,
            Self::ConnectingOfd { held, .. } => Some(*held),
            _ => None,
        }
    }

    /// What FNS gave, from the RNM on.
    pub fn numbers(&self) -> Option<&Numbers> {
        match self {
            Self::ConnectingOfd { numbers, .. }
            | Self::ReadyToFiscalize { numbers }
            | Self::Fiscalizing { numbers, .. }
            | Self::Reporting { numbers, .. }
            | Self::AwaitingCard { numbers, .. }
            | Self::Registered { numbers, .. } => Some(numbers),
            Self::Reserving
            | Self::Submitting { .. }
            | Self::AwaitingRnm { .. }
            | Self::Rejected { .. }
            | Self::Cancelled { .. } => None,
        }
    }

    /// The report, once the FN is burnt.
    pub fn report(&self) -> Option<&FiscalReport> {
        match self {
            Self::Reporting { report, .. } | Self::AwaitingCard { report, .. } | Self::Registered { report, .. } => {
                Some(report)
            }
            _ => None,
        }
    }

    /// Id of the application, once filed.
    pub fn application_id(&self) -> Option<&str> {
        match self {
            Self::AwaitingRnm { application_id, .. } => Some(application_id),
            Self::Cancelled { application_id, .. } => application_id.as_deref(),
            other => other.numbers().map(|n| n.application_id.as_str()),
        }
    }

    /// The end of the path. All that may still happen is that a held code is freed.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Registered { .. } | Self::Rejected { .. } | Self::Cancelled { .. })
    }

    /// The KKT and the FN are taken by this registration.
    pub const fn holds_register(&self) -> bool {
        !matches!(self, Self::Rejected { .. } | Self::Cancelled { .. })
    }

    /// Name without data.
    pub const fn name(&self) -> Name {
        match self {
            Self::Reserving => Name::Reserving,
            Self::Submitting { .. } => Name::Submitting,
            Self::AwaitingRnm { .. } => Name::AwaitingRnm,
            Self::ConnectingOfd { .. } => Name::ConnectingOfd,
            Self::ReadyToFiscalize { .. } => Name::ReadyToFiscalize,
            Self::Fiscalizing { .. } => Name::Fiscalizing,
            Self::Reporting { .. } => Name::Reporting,
            Self::AwaitingCard { .. } => Name::AwaitingCard,
            Self::Registered { .. } => Name::Registered,
            Self::Rejected { .. } => Name::Rejected,
            Self::Cancelled { .. } => Name::Cancelled,
        }
    }
}

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

    /// The state of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }
}

#[cfg(test)]
mod tests;
