//! The client of the account contract.

use async_trait::async_trait;

use super::super::breaker::Breakers;
use super::super::config::RpcConfig;
use super::super::pb::accounts as pb;
use super::super::rpc::Line;
use super::super::traced::Traced;
use super::super::{Gateway, Mishap, Outcome, Setback, SetupError, Told, World};
use super::{Account, AccountOrder, AccountRefusal, Accounts, Known, PasswordRefusal};
use crate::values::{EffectId, Inn, Password};

type Stub = pb::accounts_service_client::AccountsServiceClient<Traced>;

/// The account service over gRPC.
pub struct AccountsClient {
    line: Line,
}

impl AccountsClient {
    /// Builds the client; it connects with the first call.
    ///
    /// # Errors
    /// An address that is not a URL.
    pub fn new(config: &RpcConfig, world: World) -> Result<Self, SetupError> {
        Ok(Self { line: Line::new(Gateway::Accounts, world, config)? })
    }

    /// The same, which leaves the other side alone while it does not answer.
    pub fn guarded(mut self, breakers: &Breakers) -> Self {
        self.line.guard(breakers);
        self
    }

    async fn stub(&self) -> Result<Stub, Mishap> {
        let mut stub = Stub::new(self.line.channel());
        let hello = self.line.request(pb::HandshakeRequest { environment: self.line.environment() });
        let told = async { Ok(self.line.answer(stub.handshake(hello)).await?.environment) };
        self.line.meet(told).await?;
        Ok(Stub::new(self.line.channel()))
    }

    async fn ensured(&self, order: &AccountOrder) -> Result<pb::EnsureAccountResponse, Mishap> {
        let request = self.line.request(pb::EnsureAccountRequest {
            effect_id: order.effect.to_string(),
            inn: order.inn.to_string(),
            login: order.login.to_string(),
            last_name: order.last_name.clone(),
            first_name: order.first_name.clone(),
            company: order.company.clone(),
            phone: order.phone.to_string(),
        });
        self.line.answer(self.stub().await?.ensure_account(request)).await
    }

    async fn password_set(
        &self,
        effect: EffectId,
        version: i64,
        password: &Password,
    ) -> Result<pb::SetInitialPasswordResponse, Mishap> {
        let request = self.line.request(pb::SetInitialPasswordRequest {
            effect_id: effect.to_string(),
            version,
            password: password.expose().to_owned(),
        });
        self.line.answer(self.stub().await?.set_initial_password(request)).await
    }
}

#[async_trait]
impl Accounts for AccountsClient {
    async fn find_by_inn(&self, inn: &Inn) -> Result<Known, Setback> {
        let request = self.line.request(pb::FindByInnRequest { inn: inn.to_string() });
        let told = self.line.answer(self.stub().await?.find_by_inn(request)).await?;
        let effect = || EffectId::parse(&told.account_effect_id).map_err(|_| self.line.garbled("account_effect_id"));
        let account = told.has_account.then(effect).transpose()?;
        Ok(Known { account, in_inventory: told.in_inventory })
    }

    async fn ensure_account(&self, order: &AccountOrder) -> Outcome<Account, AccountRefusal> {
        use pb::ensure_account_response::Outcome as Told;
        match self.ensured(order).await {
            Ok(pb::EnsureAccountResponse { outcome: Some(Told::Account(account)) }) => Outcome::Done(account.into()),
            Ok(pb::EnsureAccountResponse { outcome: Some(Told::Refused(why)) }) => {
                match account_refusal(why.reason()) {
                    Some(reason) => Outcome::Refused(reason),
                    None => Outcome::Unknown(self.line.garbled("refused.reason")),
                }
            }
            Ok(_) => Outcome::Unknown(self.line.garbled("outcome")),
            Err(mishap) => mishap.into(),
        }
    }

    async fn set_initial_password(
        &self,
        effect: EffectId,
        version: i64,
        password: &Password,
    ) -> Outcome<(), PasswordRefusal> {
        use pb::set_initial_password_response::Outcome as Told;
        match self.password_set(effect, version, password).await.map(|answer| answer.outcome) {
            Ok(Some(Told::Acknowledged(told))) if told.version == version => Outcome::Done(()),
            Ok(Some(Told::Acknowledged(_))) => Outcome::Unknown(self.line.garbled("acknowledged.version")),
            Ok(Some(Told::Refused(why))) => match password_refusal(why.reason()) {
                Some(reason) => Outcome::Refused(reason),
                None => Outcome::Unknown(self.line.garbled("refused.reason")),
            },
            Ok(None) => Outcome::Unknown(self.line.garbled("outcome")),
            Err(mishap) => mishap.into(),
        }
    }

    async fn report_or_void(&self, effect: EffectId) -> Result<Told<Account, AccountRefusal>, Setback> {
        use pb::report_or_void_response::Outcome as Said;
        let request = self.line.request(pb::ReportOrVoidRequest { effect_id: effect.to_string() });
        match self.line.answer(self.stub().await?.report_or_void(request)).await?.outcome {
            Some(Said::Done(account)) => Ok(Told::Done(account.into())),
            Some(Said::InProgress(_)) => Ok(Told::InProgress),
            Some(Said::Voided(_)) => Ok(Told::Void),
            None => Err(self.line.garbled("outcome")),
        }
    }
}

impl From<pb::Account> for Account {
    fn from(account: pb::Account) -> Self {
        Self { account_id: account.account_id, login: account.login, password_version: account.password_version }
    }
}

const fn account_refusal(reason: pb::AccountRefusalReason) -> Option<AccountRefusal> {
    use pb::AccountRefusalReason as Reason;
    match reason {
        Reason::Unspecified => None,
        Reason::LoginTaken => Some(AccountRefusal::LoginTaken),
        Reason::InnKnown => Some(AccountRefusal::InnKnown),
        Reason::Voided => Some(AccountRefusal::Voided),
        Reason::ContentDiffers => Some(AccountRefusal::ContentDiffers),
    }
}

const fn password_refusal(reason: pb::PasswordRefusalReason) -> Option<PasswordRefusal> {
    use pb::PasswordRefusalReason as Reason;
    match reason {
        Reason::Unspecified => None,
        Reason::StaleVersion => Some(PasswordRefusal::StaleVersion),
        Reason::OtherPassword => Some(PasswordRefusal::OtherPassword),
        Reason::InUse => Some(PasswordRefusal::InUse),
        Reason::NoAccount => Some(PasswordRefusal::NoAccount),
        Reason::Voided => Some(PasswordRefusal::Voided),
    }
}

#[cfg(test)]
mod tests;
