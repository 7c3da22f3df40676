//! Clients and what is asked about them.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failure::Violation;
use crate::gateways::accounts::AccountOrder;
use crate::gateways::taxpayers::{Taxpayer, TaxpayerStatus};
use crate::values::{Address, ClientId, EffectId, Email, Inn, Password, Phone, RequestId};

/// The section `clients` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientsConfig {
    /// Where administrators sign in.
    pub sign_in_address: String,
    /// Fewest characters of a password; LiteBox itself demands 6.
    pub password_min_length: usize,
    /// Statuses other than ACTIVE that may be registered; LIQUIDATED never is.
    pub accept_statuses: Vec<TaxpayerStatus>,
    /// After this time an unfinished registration is ended, minutes.
    pub pending_minutes: u32,
}

impl Default for ClientsConfig {
    fn default() -> Self {
        Self {
            sign_in_address: "https://in.litebox.ru".to_owned(),
            password_min_length: Password::MIN,
            accept_statuses: Vec::new(),
            pending_minutes: 24 * 60,
        }
    }
}

impl ClientsConfig {
    /// Whether a taxpayer of this status may become a client.
    pub fn accepts(&self, status: TaxpayerStatus) -> bool {
        match status {
            TaxpayerStatus::Active => true,
            TaxpayerStatus::Liquidated => false,
            other => self.accept_statuses.contains(&other),
        }
    }
}

/// A client. `Debug` tells its id and state only.
#[derive(Clone, PartialEq, Eq)]
pub struct Client {
    /// Its id, and the effect id of its account.
    pub id: ClientId,
    /// Tax number.
    pub inn: Inn,
    /// State.
    pub state: State,
    /// E-mail, which is also the login.
    pub email: Email,
    /// Telephone.
    pub phone: Phone,
    /// Names as the account shows them.
    pub names: Names,
    /// Address given at registration.
    pub address: Address,
    /// The partner's own number for it.
    pub external_ref: Option<String>,
    /// Version of the password that was sent last, or that is in force when ACTIVE.
    pub password_version: i64,
    /// Unix milliseconds.
    pub created_ms: i64,
    /// Unix milliseconds.
    pub updated_ms: i64,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({} {})", self.id, self.state.name().as_str())
    }
}

impl Client {
    /// The effect of making its account.
    pub const fn effect(&self) -> EffectId {
        EffectId::of_client(self.id)
    }

    /// What the account service is told.
    pub fn account_order(&self) -> AccountOrder {
        AccountOrder {
            effect: self.effect(),
            inn: self.inn.clone(),
            login: self.email.clone(),
            last_name: self.names.last.clone(),
            first_name: self.names.first.clone(),
            company: self.names.company.clone(),
            phone: self.phone.clone(),
        }
    }
}

/// State of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// No password has been acknowledged yet.
    AccountPending,
    /// The account exists and its password has been acknowledged.
    Active {
        /// Id in the LiteBox service.
        account_id: String,
    },
    /// There is no account and there will be none under this id.
    Abandoned,
}

/// Names of the states, the same in SQL and in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StateName {
    /// See [`State::AccountPending`].
    AccountPending,
    /// See [`State::Active`].
    Active,
    /// See [`State::Abandoned`].
    Abandoned,
}

impl State {
    /// Its name.
    pub const fn name(&self) -> StateName {
        match self {
            Self::AccountPending => StateName::AccountPending,
            Self::Active { .. } => StateName::Active,
            Self::Abandoned => StateName::Abandoned,
        }
    }
}

impl StateName {
    /// `ACCOUNT_PENDING`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountPending => "ACCOUNT_PENDING",
            Self::Active => "ACTIVE",
            Self::Abandoned => "ABANDONED",
        }
    }
}

/// Names as the LiteBox account shows them. `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Names {
    /// Фамилия of the administrator.
    pub last: String,
    /// Имя of the administrator.
    pub first: String,
    /// Отчество from the state register; empty when there is none.
    pub middle: String,
    /// Компания.
    pub company: String,
}

crate::values::discreet::discreet!(Names);

/// A Register call after parsing. Has no `Debug`: it carries the password.
#[derive(Clone)]
pub struct Register {
    /// Makes the call repeatable.
    pub request_id: RequestId,
    /// Tax number.
    pub inn: Inn,
    /// Address.
    pub address: Address,
    /// Telephone.
    pub phone: Phone,
    /// E-mail, which becomes the login.
    pub email: Email,
    /// First password; passed on and stored nowhere.
    pub password: Password,
    /// Фамилия instead of the register's.
    pub last_name: Option<String>,
    /// Имя instead of the register's.
    pub first_name: Option<String>,
    /// Компания instead of the register's.
    pub company: Option<String>,
    /// The partner's own number.
    pub external_ref: Option<String>,
    /// Check only, create nothing.
    pub validate_only: bool,
}

impl Register {
    /// SHA-256 over the content, each part with its length before it. The password is not part of it in any form, nor
    /// is `validate_only`, which creates nothing that could be repeated.
    pub fn fingerprint(&self) -> Vec<u8> {
        let address = &self.address;
        let parts = [
            Some("litebox-partner register 1"),
            Some(self.inn.as_str()),
            Some(&address.postal_code),
            Some(&address.region),
            address.city.as_deref(),
            address.settlement.as_deref(),
            address.street.as_deref(),
            Some(&address.house),
            address.building.as_deref(),
            address.flat.as_deref(),
            Some(self.phone.as_str()),
            Some(self.email.as_str()),
            self.last_name.as_deref(),
            self.first_name.as_deref(),
            self.company.as_deref(),
            self.external_ref.as_deref(),
        ];
        let mut hash = Sha256::new();
        for part in parts.map(Option::unwrap_or_default) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().to_vec()
    }

    /// What the client will be, with the register's names where the call has none.
    ///
    /// # Errors
    /// A violation for each name that neither the call nor the register has.
    pub fn draft(&self, taxpayer: Taxpayer) -> Result<Draft, Vec<Violation>> {
        let person = taxpayer.person();
        let last = self.last_name.clone().or_else(|| person.map(|p| p.last.clone()));
        let first = self.first_name.clone().or_else(|| person.map(|p| p.first.clone()));
        let (Some(last), Some(first)) = (&last, &first) else {
            let missing = [("last_name", last.is_none()), ("first_name", first.is_none())];
            return Err(missing.into_iter().filter(|(_, missing)| *missing).map(|(field, _)| no_name(field)).collect());
        };
        let names = Names {
            last: last.clone(),
            first: first.clone(),
            middle: person.and_then(|p| p.middle.clone()).unwrap_or_default(),
            company: self.company.clone().unwrap_or_else(|| taxpayer.company()),
        };
        Ok(Draft {
            inn: self.inn.clone(),
            email: self.email.clone(),
            phone: self.phone.clone(),
            names,
            address: self.address.clone(),
            taxpayer,
            external_ref: self.external_ref.clone(),
        })
    }
}

fn no_name(field: &str) -> Violation {
    Violation {
        field: field.to_owned(),
        reason: "NAME_NOT_IN_REGISTER",
        text: "the state register does not tell the name: give it".to_owned(),
        russian: "В государственном реестре нет имени руководителя: укажите фамилию и имя".to_owned(),
    }
}

/// The data of a client that is to be created or continued.
#[derive(Clone)]
pub struct Draft {
    /// See [`Client::inn`].
    pub inn: Inn,
    /// See [`Client::email`].
    pub email: Email,
    /// See [`Client::phone`].
    pub phone: Phone,
    /// See [`Client::names`].
    pub names: Names,
    /// See [`Client::address`].
    pub address: Address,
    /// What the state register had then, for the file: what is told to FNS comes from a fresh look-up.
    pub taxpayer: Taxpayer,
    /// See [`Client::external_ref`].
    pub external_ref: Option<String>,
}

impl Draft {
    /// What a search looks through.
    pub fn search(&self) -> String {
        let digits: String = self.phone.as_str().chars().filter(char::is_ascii_digit).collect();
        let names = [&self.names.company, &self.names.last, &self.names.first].map(String::as_str);
        let rest = [self.phone.as_str(), &digits, self.email.as_str()];
        // A searched text is one line, so it never matches across two of these.
        fold([names, rest].concat().join("\n").as_str())
    }
}

/// Text in which case and the dots of Ё do not count.
pub fn fold(text: &str) -> String {
    text.to_lowercase().replace('ё', "е")
}

/// Conditions of a list; all given ones must hold. Has no `Debug`: people search by names and phones.
#[derive(Clone, Default, Serialize)]
pub struct Filter {
    /// This tax number.
    pub inn: Option<Inn>,
    /// Part of company, name, phone or e-mail, in any case.
    pub text: Option<String>,
    /// Exactly this number of the partner's own.
    pub external_ref: Option<String>,
    /// One of these states; empty for all.
    pub states: Vec<StateName>,
    /// Created then or later, Unix milliseconds.
    pub created_from_ms: Option<i64>,
    /// Created before, Unix milliseconds.
    pub created_before_ms: Option<i64>,
}

/// Order of a list; equal ones are ordered by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Order {
    /// Newest first.
    #[default]
    Newest,
    /// Oldest first.
    Oldest,
    /// By company, as the database compares texts.
    Company,
}

/// A List call after parsing.
#[derive(Clone)]
pub struct ListQuery {
    /// Which clients.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
    /// How many at most.
    pub size: u32,
    /// Where the page before ended.
    pub token: Option<String>,
}
