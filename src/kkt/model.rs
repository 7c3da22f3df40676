//! Registrations of cash registers (KKT): what was asked for and how it stands.

use serde::{Deserialize, Serialize};

use super::state::{Name, State};
use crate::gateways::fns::Card;
use crate::gateways::taxpayers::{PersonName, RegisteredAddress, Taxpayer};
use crate::values::{
    ActivationCode, Address, ClientId, DeviceId, EffectId, Email, FnSerial, Inn, KktId, KktSerial, Kpp, RequestId, Rnm,
};

/// A QuickRegister call after parsing: every field is well-formed, rules between fields are not checked yet.
#[derive(Debug, Clone)]
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

/// What to register: the content of a QuickRegister call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The cash register.
    pub equipment: Equipment,
    /// Who signs the application.
    pub signer: Signer,
    /// Where the register stands.
    pub place: Place,
    /// Modes of use.
    pub modes: Modes,
    /// Kinds of agents the shop acts as; at most once each.
    pub agents: Vec<Agent>,
    /// The automatic device that the register is part of, when it is.
    pub automatic_device: Option<AutomaticDevice>,
    /// Tax systems in use.
    pub tax_systems: Vec<TaxSystem>,
    /// The one that receipts carry when nothing else is said.
    pub default_tax_system: TaxSystem,
    /// Version of the formats of fiscal documents.
    pub ffd: Ffd,
    /// Operator and activation code; absent exactly in autonomous mode.
    pub ofd: Option<OfdChoice>,
    /// Who works the device while it is fiscalized; the signer when absent.
    pub operator: Option<Operator>,
    /// E-mail in the report as the sender of receipts; the client's when absent.
    pub sender_email: Option<Email>,
    /// Burn as soon as everything is ready, without a Fiscalize call.
    pub fiscalize_automatically: bool,
}

/// The cash register.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Equipment {
    /// Sold to the shop.
    Sale(SoldRegister),
    /// Of the partner's fleet.
    Rental {
        /// Model as in the registry.
        model: String,
        /// Term, months.
        months: u32,
    },
}

/// A sold register.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoldRegister {
    /// Model as in the registry: `АТОЛ 30Ф`.
    pub model: String,
    /// Factory serial number.
    pub serial: KktSerial,
    /// Fiscal drive inside.
    pub fn_serial: FnSerial,
    /// Device assigned to the partner through which the register is driven; needed for automatic fiscalization.
    pub device_id: Option<DeviceId>,
}

/// Who signs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signer {
    /// In what capacity.
    pub capacity: Capacity,
    /// Name.
    pub name: PersonName,
    /// Position; may be empty for an entrepreneur.
    pub position: Option<String>,
    /// Certificate in the FNS gateway's key storage.
    pub certificate_id: String,
}

/// Capacity of the signer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Capacity {
    /// The head, or the entrepreneur.
    Head,
    /// A representative with a document.
    Representative {
        /// Name and number of the document.
        document: String,
    },
}

/// Where the register stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Name of the place, such as the shop's: printed on every receipt (tag 1187).
    pub name: String,
    /// Where it is.
    pub address: PlaceAddress,
    /// Tax office of the place, 4 digits; the address register's when absent.
    pub tax_office: Option<String>,
    /// KPP of the branch; the head office's when absent.
    pub kpp: Option<Kpp>,
    /// Sites, for settlements on the Internet.
    pub site_urls: Vec<String>,
}

/// The address of the place, as given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PlaceAddress {
    /// In parts.
    Parts(Address),
    /// By its id in the address register (GUID).
    Fias(String),
}

/// Modes of use, as in the application and the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the form is a list of flags")]
#[expect(missing_docs, reason = "the contract explains each")]
pub struct Modes {
    pub autonomous: bool,
    pub bso: bool,
    pub internet: bool,
    pub delivery: bool,
    pub services: bool,
    pub excise: bool,
    pub marking: bool,
    pub gambling: bool,
    pub lottery: bool,
    pub casino: bool,
    pub pawnshop: bool,
    pub insurance: bool,
    pub catering: bool,
    pub wholesale: bool,
    pub vending: bool,
    pub encryption: bool,
    pub bank_payment_agent: bool,
    pub payment_agent: bool,
}

/// Kinds of agents, tag 1057.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract explains each")]
pub enum Agent {
    BankPayingAgent,
    BankPayingSubagent,
    PayingAgent,
    PayingSubagent,
    Attorney,
    CommissionAgent,
    Another,
}

/// Tax systems, tag 1062.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract explains each")]
pub enum TaxSystem {
    Osn,
    UsnIncome,
    UsnIncomeOutcome,
    Esn,
    Patent,
}

/// Version of the formats of fiscal documents, tag 1209.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ffd {
    /// 1.05
    V1_05,
    /// 1.1
    V1_1,
    /// 1.2
    V1_2,
}

/// An automatic device, such as a vending machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutomaticDevice {
    /// Its numbers, at least one.
    pub numbers: Vec<String>,
    /// The printer is part of it.
    pub printer: bool,
}

/// Operator and code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfdChoice {
    /// INN of the operator.
    pub inn: Inn,
    /// Activation code.
    pub code: ActivationCode,
}

/// Who works the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operator {
    /// Name as printed.
    pub name: String,
    /// INN of the person.
    pub inn: Option<Inn>,
}

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

/// A registration.
#[derive(Debug, Clone)]
pub struct Kkt {
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
    pub spec: Spec,
    /// What the registers said.
    pub facts: Facts,
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
}

impl Kkt {
    /// RNM, once assigned.
    pub fn rnm(&self) -> Option<&Rnm> {
        self.state.numbers().map(|n| &n.rnm)
    }

    /// The card, once issued.
    pub fn card(&self) -> Option<&Card> {
        match &self.state {
            State::Registered { card, .. } => Some(card),
            _ => None,
        }
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

/// How the report comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// This service drives the device.
    Automatic,
    /// A person did it and reads the values off the printed report.
    Manual(crate::gateways::device::FiscalReport),
}

/// Which registrations to list. All conditions must hold; absent ones do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
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
    /// Only those whose report is overdue, or only those whose is not.
    pub overdue: Option<bool>,
}

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
