//! What is asked for: the content of a QuickRegister call.

use serde::{Deserialize, Serialize};

use crate::gateways::taxpayers::PersonName;
use crate::values::{ActivationCode, Address, DeviceId, Email, FnSerial, Inn, KktSerial, Kpp};

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
#[derive(Clone, PartialEq, Serialize, Deserialize)]
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

crate::values::discreet::discreet!(Signer);

/// Capacity of the signer.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum Capacity {
    /// The head, or the entrepreneur.
    Head,
    /// A representative with a document.
    Representative {
        /// Name and number of the document.
        document: String,
    },
}

crate::values::discreet::discreet!(Capacity);

/// Where the register stands.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
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

crate::values::discreet::discreet!(Place);

/// The address of the place, as given.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum PlaceAddress {
    /// In parts.
    Parts(Address),
    /// By its id in the address register (GUID).
    Fias(String),
}

crate::values::discreet::discreet!(PlaceAddress);

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
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Operator {
    /// Name as printed.
    pub name: String,
    /// INN of the person.
    pub inn: Option<Inn>,
}

crate::values::discreet::discreet!(Operator);
