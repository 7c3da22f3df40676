//! What an operator has learned outside, and what it makes of a registration. Pure.

use serde_json::{Value, json};

use crate::catalogue::Catalogue;
use crate::gateways::device::FiscalReport;
use crate::gateways::fns::{Card, FnsRefusal, FnsRefusalReason};
use crate::kkt::deadlines;
use crate::kkt::desk::{Ruling, Sent};
use crate::kkt::effects::{Command, Standing};
use crate::kkt::model::Kkt;
use crate::kkt::state::{DriveFate, Ending, Event, NotAllowed, Numbers, State};
use crate::values::{EffectId, FiscalSign, Rnm, RnmCheck};

/// What an operator has learned.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// The operator holds the activation code for us.
    Reserved,
    /// FNS has the application.
    Filed {
        /// Its id there.
        application_id: String,
    },
    /// FNS has assigned the number.
    Rnm {
        /// The number.
        rnm: Rnm,
        /// When, Unix milliseconds.
        assigned_ms: i64,
    },
    /// The operator has the register.
    Connected,
    /// The fiscal drive holds our registration report.
    Burnt {
        /// Number of the fiscal document.
        fd_number: u32,
        /// As printed: `2026-11-23T13:12:00`.
        local_time: String,
        /// Fiscal sign.
        fiscal_sign: FiscalSign,
    },
    /// FNS has the report.
    ReportFiled,
    /// FNS has issued the card.
    Card {
        /// Its number.
        number: String,
        /// When, Unix milliseconds.
        issued_ms: i64,
    },
    /// FNS has refused the application.
    Rejected,
    /// The report that a person typed was never made.
    NotBurnt,
}

/// Why a finding is not taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It belongs to another state.
    #[error("this cannot have happened: {0}")]
    State(#[from] NotAllowed),
    /// A wrong number would be burnt.
    #[error("the check digits of this RNM do not fit the INN and the serial number: look at it again")]
    Rnm,
    /// Not a time.
    #[error("the local time must be as printed, without a zone: 2026-11-23T13:12:00")]
    LocalTime,
    /// Nothing was ever asked of the operator.
    #[error("no reservation of the code is open, so the operator cannot hold it for us")]
    NoReservation,
    /// Nothing was filed before FNS gave the number.
    #[error("the registration has no application or no number yet")]
    NoNumbers,
    /// Freeing a burnt drive would lose the next registration.
    #[error("its fiscal drive is in doubt: look at it, then say --drive-is-unburnt")]
    DriveInDoubt,
    /// A task of ours may still run at the hub.
    #[error("its burn may still be in the queue of the hub: take the task out there first, then `kkt resolve` or wait")]
    BurnOpen,
    /// Nothing more is held.
    #[error("this registration has not ended, or holds nothing any more")]
    HoldsNothing,
}

impl Finding {
    /// Name in the history.
    pub const fn detail(&self) -> &'static str {
        match self {
            Self::Reserved => "OPERATOR_CODE_RESERVED",
            Self::Filed { .. } => "OPERATOR_FILED",
            Self::Rnm { .. } => "OPERATOR_RNM_ASSIGNED",
            Self::Connected => "OPERATOR_CONNECTED",
            Self::Burnt { .. } => "OPERATOR_BURNT",
            Self::ReportFiled => "OPERATOR_REPORT_FILED",
            Self::Card { .. } => "OPERATOR_CARD_ISSUED",
            Self::Rejected => "OPERATOR_REJECTED",
            Self::NotBurnt => "OPERATOR_NOT_BURNT",
        }
    }

    /// What the operator entered, for the audit: numbers that are filed or burnt later, no personal data.
    pub fn told(&self) -> Value {
        match self {
            Self::Filed { application_id } => json!({ "application_id": application_id }),
            Self::Rnm { rnm, assigned_ms } => json!({ "rnm": rnm.as_str(), "assigned_ms": assigned_ms }),
            Self::Burnt { fd_number, local_time, fiscal_sign } => {
                json!({ "fd_number": fd_number, "local_time": local_time, "fiscal_sign": fiscal_sign.as_str() })
            }
            Self::Card { number, issued_ms } => json!({ "number": number, "issued_ms": issued_ms }),
            Self::Reserved | Self::Connected | Self::ReportFiled | Self::Rejected | Self::NotBurnt => json!({}),
        }
    }

    /// The command whose outcome it is.
    const fn command(&self) -> Option<(Command, Standing)> {
        Some(match self {
            Self::Reserved => (Command::ReserveCode, Standing::Done),
            Self::Filed { .. } => (Command::SubmitApplication, Standing::Done),
            Self::Connected => (Command::Connect, Standing::Done),
            Self::Burnt { .. } => (Command::Burn, Standing::Done),
            Self::ReportFiled => (Command::SubmitReport, Standing::Done),
            Self::Rejected => (Command::SubmitApplication, Standing::Refused),
            Self::Rnm { .. } | Self::Card { .. } | Self::NotBurnt => return None,
        })
    }
}

/// What a finding makes of a registration with these commands.
///
/// # Errors
/// [`Unfit`] when it does not belong to the state or breaks a rule; nothing may be written then.
pub fn ruling(kkt: &Kkt, sent: &[Sent], finding: Finding, catalogue: &Catalogue) -> Result<Ruling, Unfit> {
    let (detail, command) = (finding.detail(), finding.command());
    let state = kkt.state.after(event(kkt, sent, finding, catalogue)?)?;
    let settles = command.and_then(|(command, standing)| open(sent, command).map(|id| (id, standing)));
    Ok(Ruling { state, detail, settles })
}

/// What an ended registration becomes when it lets go of its code, and of a drive in doubt of which the operator has seen
/// that it is unburnt.
///
/// # Errors
/// [`Unfit::DriveInDoubt`] when nobody has seen that, [`Unfit::HoldsNothing`].
pub fn released(kkt: &Kkt, drive_is_unburnt: bool) -> Result<Ruling, Unfit> {
    if !kkt.state.is_final() {
        return Err(Unfit::HoldsNothing);
    }
    let code = kkt.state.after(Event::Released).ok();
    let doubt = matches!(&kkt.state, State::Cancelled(Ending { drive: DriveFate::InDoubt, .. }));
    let state = match (code, doubt, drive_is_unburnt) {
        (Some(state), false, _) => state,
        (code, true, true) => code.as_ref().unwrap_or(&kkt.state).after(Event::DriveFreed)?,
        (_, true, false) => return Err(Unfit::DriveInDoubt),
        (None, false, _) => return Err(Unfit::HoldsNothing),
    };
    Ok(Ruling { state, detail: "OPERATOR_RELEASED", settles: None })
}

/// A drive may not be given to another registration while a burn of this one may still run at a hub.
///
/// # Errors
/// [`Unfit::BurnOpen`].
pub fn nothing_burns(kkt: &Kkt, sent: &[Sent], drive_is_unburnt: bool) -> Result<(), Unfit> {
    let in_doubt = matches!(&kkt.state, State::Cancelled(Ending { drive: DriveFate::InDoubt, .. }));
    let free = drive_is_unburnt && in_doubt && open(sent, Command::Burn).is_some();
    if free { Err(Unfit::BurnOpen) } else { Ok(()) }
}

fn event(kkt: &Kkt, sent: &[Sent], finding: Finding, catalogue: &Catalogue) -> Result<Event, Unfit> {
    Ok(match finding {
        Finding::Reserved => Event::Held(Some(open(sent, Command::ReserveCode).ok_or(Unfit::NoReservation)?)),
        Finding::Filed { application_id } => Event::Filed { application_id },
        Finding::Rnm { rnm, assigned_ms } => Event::RnmAssigned(numbers(kkt, rnm, assigned_ms, catalogue)?),
        Finding::Connected => Event::Connected,
        Finding::Burnt { fd_number, local_time, fiscal_sign } => {
            deadlines::parse_local(&local_time).ok_or(Unfit::LocalTime)?;
            let rnm = kkt.rnm().cloned().ok_or(Unfit::NoNumbers)?;
            let fn_serial = kkt.facts.register.fn_serial.clone();
            Event::MadeByHand(FiscalReport { rnm, fn_serial, fd_number, local_time, fiscal_sign })
        }
        Finding::ReportFiled => Event::ReportFiled,
        Finding::Card { number, issued_ms } => Event::CardIssued(Card { number, issued_ms }),
        Finding::Rejected => {
            let text = "Отказ ФНС внесён поддержкой LiteBox".to_owned();
            Event::Refused(FnsRefusal { reason: FnsRefusalReason::Other, text })
        }
        Finding::NotBurnt => Event::Disproved(Ending {
            application_id: kkt.state.application_id().map(str::to_owned),
            rnm: kkt.rnm().cloned(),
            held: None,
            connected: kkt.spec.ofd.is_some(),
            drive: DriveFate::InDoubt,
        }),
    })
}

fn numbers(kkt: &Kkt, rnm: Rnm, assigned_ms: i64, catalogue: &Catalogue) -> Result<Numbers, Unfit> {
    if rnm.check(&kkt.inn, &kkt.facts.register.serial) == RnmCheck::Differs {
        return Err(Unfit::Rnm);
    }
    let State::AwaitingRnm { application_id, .. } = &kkt.state else {
        return Err(NotAllowed(kkt.state.name()).into());
    };
    let report_by_ms = deadlines::report_by(assigned_ms, &kkt.facts, catalogue);
    Ok(Numbers { application_id: application_id.clone(), rnm, assigned_ms, report_by_ms })
}

fn latest(sent: &[Sent], command: Command) -> Option<EffectId> {
    let of = sent.iter().filter(|s| s.command == Some(command));
    of.max_by_key(|s| s.effect.generation).map(|s| s.effect.id)
}

/// The latest command of a step, while its outcome is open.
fn open(sent: &[Sent], command: Command) -> Option<EffectId> {
    let id = latest(sent, command)?;
    let unclear = |s: &&Sent| matches!(s.effect.standing, Standing::Intended | Standing::Unsent);
    sent.iter().find(|s| s.effect.id == id).filter(unclear).map(|s| s.effect.id)
}

#[cfg(test)]
mod tests;
