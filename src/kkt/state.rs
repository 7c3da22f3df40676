//! The state machine of a registration. Pure: no time, no storage, no network.
//!
//! ```text
//! RESERVING -> SUBMITTING -> AWAITING_RNM -> CONNECTING_OFD -> READY_TO_FISCALIZE -> FISCALIZING -> REPORTING
//!           -> AWAITING_CARD -> REGISTERED
//! ```
//! An autonomous KKT goes from AWAITING_RNM to READY_TO_FISCALIZE. REJECTED and CANCELLED are the other ends. A report
//! made by hand leads from READY_TO_FISCALIZE or FISCALIZING to REPORTING, a corrected one from AWAITING_CARD back to it.

use serde::{Deserialize, Serialize};

pub use name::Name;

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
        /// The effect that holds the code; absent after another code was given, until that one is held.
        held: Option<EffectId>,
        /// The effect that holds the code given before; it is freed first.
        #[serde(default)]
        stale: Option<EffectId>,
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
        report: Report,
    },
    /// FNS makes the card.
    AwaitingCard {
        /// What FNS gave.
        numbers: Numbers,
        /// The report.
        report: Report,
    },
    /// Done.
    Registered {
        /// What FNS gave.
        numbers: Numbers,
        /// The report.
        report: Report,
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
    /// Cancelled before this service, or anybody with these numbers, burnt the FN.
    Cancelled(Ending),
}

/// What a cancelled registration leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Id of the application that FNS still keeps, when one was filed.
    pub application_id: Option<String>,
    /// The RNM that FNS still keeps, when it was assigned.
    #[serde(default)]
    pub rnm: Option<Rnm>,
    /// The effect that still holds the code; absent once it is free, and when the operator has used it.
    pub held: Option<EffectId>,
    /// The operator has the KKT: the contract with it stays.
    #[serde(default)]
    pub connected: bool,
    /// What became of the fiscal drive.
    #[serde(default)]
    pub drive: DriveFate,
}

/// What is known of the fiscal drive of a cancelled registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DriveFate {
    /// Proven unburnt: free for another registration.
    #[default]
    Unburnt,
    /// The RNM was known and the drive could not be asked: taken until an operator frees it.
    InDoubt,
    /// Unusable, or burnt with other data: never free again.
    Lost,
}

/// A registration report, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What it says.
    #[serde(flatten)]
    pub values: FiscalReport,
    /// Who read it.
    #[serde(default)]
    pub source: Source,
}

/// Where a report comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Source {
    /// This service drove the device, or read the drive.
    #[default]
    Automatic,
    /// A person read it off the printed report.
    Manual,
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
    /// Another activation code was given.
    CodeChanged,
    /// Somebody asked for the burn; once more while it goes on, after the task was taken out of the hub's queue.
    FiscalizeAsked(RequestId),
    /// The device made the report: the FN is burnt.
    Burnt(FiscalReport),
    /// A person made the report.
    MadeByHand(FiscalReport),
    /// FNS refused the report, and a person sent a corrected one.
    ReportCorrected(FiscalReport),
    /// An operator has learned that no report was made: the task can never run, or the typed report never was.
    Disproved(Ending),
    /// FNS has the report.
    ReportFiled,
    /// FNS issued the card.
    CardIssued(Card),
    /// FNS refused the application.
    Refused(FnsRefusal),
    /// The partner cancels. The caller has proven that this service has not burnt the FN and will not.
    Cancelled(Ending),
    /// The code that an ended registration held, or that another one has replaced, is free.
    Released,
    /// An operator knows that the FN of a cancelled registration is unburnt.
    DriveFreed,
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
            (Self::Reserving, Event::CodeChanged) => Self::Reserving,
            (Self::Submitting { held }, Event::Filed { application_id }) => Self::AwaitingRnm { held, application_id },
            (Self::AwaitingRnm { held: held @ Some(_), .. }, Event::RnmAssigned(numbers)) => {
                Self::ConnectingOfd { held, stale: None, numbers }
            }
            (Self::ConnectingOfd { held, stale, numbers }, Event::CodeChanged) => {
                Self::ConnectingOfd { held: None, stale: stale.or(held), numbers }
            }
            (Self::ConnectingOfd { held, stale: Some(_), numbers }, Event::Released) => {
                Self::ConnectingOfd { held, stale: None, numbers }
            }
            (Self::ConnectingOfd { held: None, stale, numbers }, Event::Held(held @ Some(_))) => {
                Self::ConnectingOfd { held, stale, numbers }
            }
            (Self::AwaitingRnm { held: None, .. }, Event::RnmAssigned(numbers))
            | (Self::ConnectingOfd { held: Some(_), numbers, .. }, Event::Connected) => {
                Self::ReadyToFiscalize { numbers }
            }
            (
                Self::ReadyToFiscalize { numbers } | Self::Fiscalizing { numbers, .. },
                Event::FiscalizeAsked(asked_by),
            ) => Self::Fiscalizing { numbers, asked_by },
            (Self::Fiscalizing { numbers, .. }, Event::Burnt(values)) => {
                Self::Reporting { numbers, report: Report { values, source: Source::Automatic } }
            }
            (Self::ReadyToFiscalize { numbers } | Self::Fiscalizing { numbers, .. }, Event::MadeByHand(values))
            | (Self::Reporting { numbers, .. } | Self::AwaitingCard { numbers, .. }, Event::ReportCorrected(values)) => {
                Self::Reporting { numbers, report: Report { values, source: Source::Manual } }
            }
            (Self::Reporting { numbers, report }, Event::ReportFiled) => Self::AwaitingCard { numbers, report },
            (Self::AwaitingCard { numbers, report }, Event::CardIssued(card)) => {
                Self::Registered { numbers, report, card }
            }
            (Self::Submitting { held } | Self::AwaitingRnm { held, .. }, Event::Refused(refusal)) => {
                Self::Rejected { refusal, held }
            }
            (Self::Rejected { refusal, held: Some(_) }, Event::Released) => Self::Rejected { refusal, held: None },
            (Self::Cancelled(ending @ Ending { held: Some(_), .. }), Event::Released) => {
                Self::Cancelled(Ending { held: None, ..ending })
            }
            (Self::Cancelled(ending), Event::DriveFreed) if ending.drive != DriveFate::Unburnt => {
                Self::Cancelled(Ending { drive: DriveFate::Unburnt, ..ending })
            }
            (Self::Fiscalizing { .. }, Event::Disproved(ending)) => Self::Cancelled(ending),
            (Self::Reporting { report, .. } | Self::AwaitingCard { report, .. }, Event::Disproved(ending))
                if report.source == Source::Manual =>
            {
                Self::Cancelled(ending)
            }
            (state, Event::Cancelled(ending)) if state.may_be_unburnt() => Self::Cancelled(ending),
            (state, _) => return Err(NotAllowed(state.name())),
        })
    }

    /// Nothing has been burnt as far as this state tells, and the registration is open.
    pub const fn may_be_unburnt(&self) -> bool {
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
            | Self::ConnectingOfd { held, .. }
            | Self::Rejected { held, .. }
            | Self::Cancelled(Ending { held, .. }) => *held,
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
            | Self::Cancelled(_) => None,
        }
    }

    /// RNM, once assigned; a cancelled registration keeps it.
    pub fn rnm(&self) -> Option<&Rnm> {
        match self {
            Self::Cancelled(ending) => ending.rnm.as_ref(),
            other => other.numbers().map(|n| &n.rnm),
        }
    }

    /// The report, once the FN is burnt.
    pub const fn report(&self) -> Option<&Report> {
        match self {
            Self::Reporting { report, .. } | Self::AwaitingCard { report, .. } | Self::Registered { report, .. } => {
                Some(report)
            }
            _ => None,
        }
    }

    /// The card, once issued.
    pub const fn card(&self) -> Option<&Card> {
        match self {
            Self::Registered { card, .. } => Some(card),
            _ => None,
        }
    }

    /// Nothing happens before Fiscalize is called, unless it is burnt `automatically`.
    pub const fn awaits_call(&self, automatically: bool) -> bool {
        matches!(self, Self::ReadyToFiscalize { .. }) && !automatically
    }

    /// Id of the application, once filed.
    pub fn application_id(&self) -> Option<&str> {
        match self {
            Self::AwaitingRnm { application_id, .. } => Some(application_id),
            Self::Cancelled(ending) => ending.application_id.as_deref(),
            other => other.numbers().map(|n| n.application_id.as_str()),
        }
    }

    /// The end of the path. All that may still happen is that a held code is freed.
    pub const fn is_final(&self) -> bool {
        self.name().is_final()
    }

    /// The KKT is taken by this registration.
    pub const fn holds_register(&self) -> bool {
        !matches!(self, Self::Rejected { .. } | Self::Cancelled(_))
    }

    /// The FN is taken by this registration: for ever once it is burnt, lost or in doubt.
    pub const fn holds_drive(&self) -> bool {
        match self {
            Self::Rejected { .. } => false,
            Self::Cancelled(ending) => !matches!(ending.drive, DriveFate::Unburnt),
            _ => true,
        }
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
            Self::Cancelled(_) => Name::Cancelled,
        }
    }
}

mod name;
#[cfg(test)]
mod tests;
