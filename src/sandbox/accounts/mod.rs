//! The LiteBox account service and the inventory system: what they hold.

pub mod password;
pub mod rpc;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

/// Something that happened to accounts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An account was created, without a password.
    Created(Account),
    /// A first password was set.
    PasswordSet {
        /// Whose.
        effect_id: String,
        /// Its version.
        version: i64,
        /// Its hash.
        hash: String,
    },
    /// The effect id is void for ever; an unfinished account under it is gone.
    Voided {
        /// Which.
        effect_id: String,
    },
    /// Somebody signed in.
    SignedIn {
        /// To which account.
        effect_id: String,
    },
    /// The inventory system knows a tax number.
    InventoryKnows {
        /// Which.
        inn: String,
    },
}

/// An administrator account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The effect that created it.
    pub effect_id: String,
    /// Id in the account service.
    pub account_id: String,
    /// Tax number of the shop.
    pub inn: String,
    /// Login as given.
    pub login: String,
    /// Version of the first password; 0 when none was set.
    #[serde(default)]
    pub password_version: i64,
    /// Hash of the first password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// Somebody has signed in.
    #[serde(default)]
    pub in_use: bool,
}

/// Logins are compared without regard to case.
fn login_key(login: &str) -> String {
    login.to_lowercase()
}

/// All accounts, and the tax numbers that the inventory system knows.
#[derive(Default)]
pub struct Accounts {
    accounts: BTreeMap<String, Account>,
    by_inn: HashMap<String, String>,
    by_login: HashMap<String, String>,
    voided: BTreeSet<String>,
    inventory: BTreeSet<String>,
    created: u64,
}

impl Accounts {
    /// Lets an event happen.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Created(account) => self.create(account),
            Event::Voided { effect_id } => self.void(effect_id),
            Event::InventoryKnows { inn } => drop(self.inventory.insert(inn.clone())),
            Event::PasswordSet { effect_id, version, hash } => {
                if let Some(account) = self.accounts.get_mut(effect_id) {
                    account.password_version = *version;
                    account.password_hash = Some(hash.clone());
                }
            }
            Event::SignedIn { effect_id } => {
                if let Some(account) = self.accounts.get_mut(effect_id) {
                    account.in_use = true;
                }
            }
        }
    }

    fn create(&mut self, account: &Account) {
        self.created += 1;
        self.by_inn.insert(account.inn.clone(), account.effect_id.clone());
        self.by_login.insert(login_key(&account.login), account.effect_id.clone());
        self.accounts.insert(account.effect_id.clone(), account.clone());
    }

    fn void(&mut self, effect_id: &str) {
        self.voided.insert(effect_id.to_owned());
        if let Some(account) = self.accounts.remove(effect_id) {
            self.by_inn.remove(&account.inn);
            self.by_login.remove(&login_key(&account.login));
        }
    }

    /// All accounts that were not voided.
    pub fn all(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// The account under an effect id.
    pub fn by_effect(&self, effect_id: &str) -> Option<&Account> {
        self.accounts.get(effect_id)
    }

    /// The account of a tax number.
    pub fn by_inn(&self, inn: &str) -> Option<&Account> {
        self.by_inn.get(inn).and_then(|id| self.accounts.get(id))
    }

    /// The account with a login.
    pub fn by_login(&self, login: &str) -> Option<&Account> {
        self.by_login.get(&login_key(login)).and_then(|id| self.accounts.get(id))
    }

    /// True when the effect id is void.
    pub fn is_void(&self, effect_id: &str) -> bool {
        self.voided.contains(effect_id)
    }

    /// True when the inventory system knows the tax number, by the control interface or by magic.
    pub fn in_inventory(&self, inn: &str) -> bool {
        self.inventory.contains(inn) || super::taxpayers::register::magic(inn) == Some(7)
    }

    fn next_id(&self) -> String {
        format!("acc-{:06}", self.created + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(effect_id: &str) -> Account {
        Account {
            effect_id: effect_id.into(),
            account_id: "acc-000001".into(),
            inn: "7707083893".into(),
            login: "Shop@example.ru".into(),
            password_version: 0,
            password_hash: None,
            in_use: false,
        }
    }

    #[test]
    fn a_voided_account_frees_its_login_and_tax_number() {
        let mut accounts = Accounts::default();
        accounts.apply(&Event::Created(account("a")));
        assert!(accounts.by_login("sHOP@example.ru").is_some() && accounts.by_inn("7707083893").is_some());
        accounts.apply(&Event::Voided { effect_id: "a".into() });
        assert!(accounts.by_login("shop@example.ru").is_none() && accounts.by_inn("7707083893").is_none());
        assert!(accounts.is_void("a"));
        accounts.apply(&Event::Created(account("b")));
        assert_eq!(accounts.all().count(), 1);
    }
}
