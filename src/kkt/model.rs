//! Registrations of cash registers (KKT): what was asked for and how it stands.

use serde::{Deserialize, Serialize};

pub use super::spec::*;
use super::state::{Name, State};
use crate::gateways::device::FiscalReport;
use crate::gateways::taxpayers::{RegisteredAddress, Taxpayer};
use crate::values::{
    ActivationCode, ClientId, DeviceId, EffectId, Email, FnSerial, Inn, KktId, KktSerial, RequestId, Rnm,
};

/// A QuickRegister call after parsing: every field is well-formed, rules between fields are not checked yet.
#[derive(Clone)]
pub struct QuickRegister {
    /// Makes the call repeatable.
    pub request_id: RequestId,
    /// The shop.
    pub client_id: ClientId,
    /// The partner's own key for the registration.
    pub external_ref: Option<String>,
    /// Check only, create nothing.
    pub validate_only: bool,
    /// Codes of warnings that the partner has read.
    pub acknowledged_warnings: Vec<String>,
    /// What to register.
    pub spec: Spec,
}

crate::values::discreet::discreet!(QuickRegister { request_id, client_id });

/// What the registers said when the registration was accepted; what is filed and burnt comes from here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The taxpayer.
    pub taxpayer: Taxpayer,
    /// The address of the place.
    pub address: RegisteredAddress,
    /// The register that is registered, sold or of the fleet.
    pub register: SoldRegister,
    /// E-mail in the report.
    pub sender_email: Email,
    /// When it was accepted, Unix milliseconds: the date of the application.
    pub accepted_ms: i64,
}

impl Facts {
    /// Tax office of the place: what the partner says, else what the address register says.
    pub fn tax_office<'a>(&'a self, spec: &'a Spec) -> Option<&'a str> {
        spec.place.tax_office.as_deref().or(self.address.tax_office.as_deref())
    }
}

/// A registration: as it is stored, or [as partners see it](super::view::View), with less of what was asked for and said.
#[derive(Clone, PartialEq)]
pub struct Kkt<S = Spec, F = Facts> {
    /// Id.
    pub id: KktId,
    /// The shop.
    pub client_id: ClientId,
    /// INN of the shop.
    pub inn: Inn,
    /// The QuickRegister call; effect ids derive from it.
    pub request_id: RequestId,
    /// The partner's own key.
    pub external_ref: Option<String>,
    /// What was asked for.
    pub spec: S,
    /// What the registers said.
    pub facts: F,
    /// State with its data.
    pub state: State,
    /// Why it does not go on by itself, or what it waits for.
    pub block: Option<Block>,
    /// Rises by one with every change.
    pub revision: i64,
    /// In this state since, Unix milliseconds.
    pub since_ms: i64,
    /// When the worker looks next; absent when it waits for a call.
    pub next_attempt_ms: Option<i64>,
    /// Created, Unix milliseconds.
    pub created_ms: i64,
    /// Changed, Unix milliseconds.
    pub updated_ms: i64,
    /// The trace in which it began, as `traceparent` of W3C.
    pub origin: Option<String>,
}

crate::values::discreet::discreet!(Kkt { id, revision });

impl Kkt {
    /// RNM, once assigned.
    pub fn rnm(&self) -> Option<&Rnm> {
        self.state.rnm()
    }

    /// Who must act now; absent while the service itself is at work and when all is done.
    pub fn waiting_for(&self) -> Option<WaitingFor> {
        WaitingFor::of(&self.state, self.block.as_ref(), self.spec.fiscalize_automatically)
    }

    /// Nothing happens to it in `state` before Fiscalize is called.
    pub const fn awaits_call(&self, state: &State) -> bool {
        state.awaits_call(self.spec.fiscalize_automatically)
    }
}

/// Why a registration waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Machine-readable: `DEVICE_OFFLINE`.
    pub reason: String,
    /// What to do, Russian.
    pub advice: String,
    /// Who must act.
    pub waiting_for: WaitingFor,
}

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WaitingFor {
    /// The tax service.
    Fns,
    /// The fiscal data operator.
    Ofd,
    /// The cash register: paper, cover, shift, connection.
    Device,
    /// The partner.
    Partner,
    /// The signer.
    Signer,
    /// An operator of this service.
    Operator,
}

impl WaitingFor {
    /// Who must act in this state; `automatically`: it is burnt without a Fiscalize call.
    pub fn of(state: &State, block: Option<&Block>, automatically: bool) -> Option<Self> {
        if let Some(block) = block {
            return Some(block.waiting_for);
        }
        match state {
            State::AwaitingRnm { .. } | State::AwaitingCard { .. } => Some(Self::Fns),
            State::Fiscalizing { .. } => Some(Self::Device),
            state => state.awaits_call(automatically).then_some(Self::Partner),
        }
    }

    /// All of them.
    pub const ALL: [Self; 6] = [Self::Fns, Self::Ofd, Self::Device, Self::Partner, Self::Signer, Self::Operator];

    /// Name in the contract and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fns => "FNS",
            Self::Ofd => "OFD",
            Self::Device => "DEVICE",
            Self::Partner => "PARTNER",
            Self::Signer => "SIGNER",
            Self::Operator => "OPERATOR",
        }
    }

    /// The one of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|who| who.name() == text)
    }
}

/// A line of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Revision that it made.
    pub revision: i64,
    /// State before; absent for the first line.
    pub from: Option<Name>,
    /// State after.
    pub to: Name,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// Which attempt of the worker in that state, from 1; 0 for a call.
    pub attempt: i32,
    /// Who: `partner`, `worker`, `operator`.
    pub actor: String,
    /// The outer effect, when there was one.
    pub effect: Option<EffectId>,
    /// What happened, machine-readable, without personal data: `FILED`, `DEVICE_OFFLINE`.
    pub detail: String,
}

/// A Fiscalize call after parsing.
#[derive(Debug, Clone)]
pub struct Fiscalize {
    /// Makes the call repeatable.
    pub request_id: RequestId,
    /// The registration.
    pub kkt_id: KktId,
    /// How.
    pub method: Method,
}

/// An Amend call after parsing.
#[derive(Debug, Clone)]
pub struct Amend {
    /// Makes the call repeatable.
    pub request_id: RequestId,
    /// The registration.
    pub kkt_id: KktId,
    /// What changes.
    pub amendment: Amendment,
}

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Amendment {
    /// Another activation code of the same operator.
    Code(ActivationCode),
    /// Another device id under which the same KKT answers.
    Device(DeviceId),
    /// The corrected report, after FNS refused the one before.
    Report(FiscalReport),
}

/// A Cancel call after parsing.
#[derive(Debug, Clone, Copy)]
pub struct Cancel {
    /// Makes the call repeatable.
    pub request_id: RequestId,
    /// The registration.
    pub kkt_id: KktId,
}

/// How the report comes about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Method {
    /// This service drives the device.
    Automatic,
    /// A person did it and reads the values off the printed report.
    Manual(FiscalReport),
}

/// Which registrations to list. All conditions must hold; absent ones do.
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
pub struct Filter {
    /// Of this shop.
    pub client_id: Option<ClientId>,
    /// In one of these states; empty for any.
    pub states: Vec<Name>,
    /// With this factory serial number.
    pub serial: Option<KktSerial>,
    /// With this FN.
    pub fn_serial: Option<FnSerial>,
    /// With this RNM.
    pub rnm: Option<Rnm>,
    /// With this INN.
    pub inn: Option<Inn>,
    /// Waiting for this party.
    pub waiting_for: Option<WaitingFor>,
    /// With this number of the partner's own.
    pub external_ref: Option<String>,
    /// Only those whose report is overdue, or only those whose is not.
    pub overdue: Option<bool>,
}

crate::values::discreet::discreet!(Filter);

/// A question for a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Which ones.
    pub filter: Filter,
    /// How many at most; see `page::size`.
    pub page_size: u32,
    /// Where to go on.
    pub page_token: Option<String>,
}
