//! The state register, which fails only when that is written down, and the account service, which nobody asks.

use std::sync::Arc;

use async_trait::async_trait;
use litebox_partner::gateways::accounts::{Account, AccountOrder, AccountRefusal, Accounts, Known, PasswordRefusal};
use litebox_partner::gateways::taxpayers::{RegisteredAddress, Taxpayer, Taxpayers};
use litebox_partner::gateways::{Gateway, Outcome, Setback, Told};
use litebox_partner::values::{EffectId, Inn, Password};

use super::World;
use crate::documents::known;

pub struct Register(pub Arc<World>);

impl Register {
    async fn answer<T: Send>(&self, name: &'static str, answer: T) -> Result<T, Setback> {
        match self.0.script {
            Some(_) => self.0.question(Gateway::Taxpayers, name, |_| answer).await,
            None => Ok(answer),
        }
    }
}

#[async_trait]
impl Taxpayers for Register {
    async fn find(&self, _: &Inn) -> Result<Option<Taxpayer>, Setback> {
        self.answer("taxpayers.find", Some(known::company().taxpayer)).await
    }

    async fn find_fresh(&self, inn: &Inn) -> Result<Option<Taxpayer>, Setback> {
        self.find(inn).await
    }

    async fn addresses(&self, _: &str) -> Result<Vec<RegisteredAddress>, Setback> {
        self.answer("taxpayers.addresses", vec![known::company().address]).await
    }

    async fn address_by_id(&self, _: &str) -> Result<Option<RegisteredAddress>, Setback> {
        self.answer("taxpayers.address_by_id", Some(known::company().address)).await
    }
}

pub struct NoAccounts;

#[async_trait]
impl Accounts for NoAccounts {
    async fn find_by_inn(&self, _: &Inn) -> Result<Known, Setback> {
        Ok(Known::default())
    }

    async fn ensure_account(&self, _: &AccountOrder) -> Outcome<Account, AccountRefusal> {
        Outcome::Refused(AccountRefusal::Voided)
    }

    async fn set_initial_password(&self, _: EffectId, _: i64, _: &Password) -> Outcome<(), PasswordRefusal> {
        Outcome::Refused(PasswordRefusal::NoAccount)
    }

    async fn report_or_void(&self, _: EffectId) -> Result<Told<Account, AccountRefusal>, Setback> {
        Ok(Told::Void)
    }
}
