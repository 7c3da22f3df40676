//! The LiteBox account service: `proto/litebox/gateway/accounts/v1`.

use std::fmt;

use async_trait::async_trait;

pub use client::AccountsClient;

use super::{Outcome, Setback, Told};
use crate::values::{EffectId, Email, Inn, Password, Phone};

mod client;

/// The account service, as this service uses it.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// What LiteBox and the inventory system know about a tax number.
    async fn find_by_inn(&self, inn: &Inn) -> Result<Known, Setback>;
    /// Creates the account; without a password.
    async fn ensure_account(&self, order: &AccountOrder) -> Outcome<Account, AccountRefusal>;
    /// Sets the first password. `version` rises with every call that carries another password.
    async fn set_initial_password(
        &self,
        effect: EffectId,
        version: i64,
        password: &Password,
    ) -> Outcome<(), PasswordRefusal>;
    /// What became of the account; voids it when no password has been acknowledged. Never tells `Refused`.
    async fn report_or_void(&self, effect: EffectId) -> Result<Told<Account, AccountRefusal>, Setback>;
}

/// What is known about a tax number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// The effect under which an account exists.
    pub account: Option<EffectId>,
    /// The inventory system knows the INN.
    pub in_inventory: bool,
}

/// Data of a new account. `Debug` tells the effect only.
#[derive(Clone)]
pub struct AccountOrder {
    /// Identifies the effect: the id of the client.
    pub effect: EffectId,
    /// INN of the shop.
    pub inn: Inn,
    /// Login.
    pub login: Email,
    /// Last name of the administrator; may be empty.
    pub last_name: String,
    /// First name of the administrator; may be empty.
    pub first_name: String,
    /// Company as the shop shows it.
    pub company: String,
    /// Telephone.
    pub phone: Phone,
}

impl fmt::Debug for AccountOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountOrder({})", self.effect)
    }
}

/// An account that exists. `Debug` does not tell the login.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Id in the LiteBox service.
    pub account_id: String,
    /// Login as stored there.
    pub login: String,
    /// Highest acknowledged password version; 0 when none.
    pub password_version: i64,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({}, password version {})", self.account_id, self.password_version)
    }
}

/// Why there is no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountRefusal {
    /// Another account has this login.
    LoginTaken,
    /// The INN is known to LiteBox or the inventory system.
    InnKnown,
    /// The effect id was voided.
    Voided,
    /// The effect id is known with other content.
    ContentDiffers,
}

/// Why the password was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordRefusal {
    /// A higher version is in force.
    StaleVersion,
    /// This version is in force with another password.
    OtherPassword,
    /// The account has been signed in to.
    InUse,
    /// No account under this effect id.
    NoAccount,
    /// The effect id was voided.
    Voided,
}
