//! The account of a client: intent committed, call, outcome committed. The effect id is the client's id in every
//! attempt; a new client, with a new id, is made only when the account service has voided the old one.

use super::model::{Client, Draft, Register};
use super::service::{ClientService, Repeat, is_active, unavailable};
use super::store::{Held, Intent};
use crate::failure::Failure;
use crate::gateways::accounts::{Account, AccountRefusal, PasswordRefusal};
use crate::gateways::{Gateway, Outcome, Told};
use crate::storage::requests::Key;
use crate::storage::{Constraint, StoreError};
use crate::values::{PartnerScope, Password};

/// Times a call starts over after somebody else was faster or an old client had to be cleared away.
const ATTEMPTS: usize = 4;
const MINUTE_MS: i64 = 60_000;

/// A client that is ACTIVE with the password of the call, or `None`: it came to nothing, and a new one may be made.
type Opened = Option<Client>;

impl ClientService {
    /// Brings a client to ACTIVE with the password of this call. `repeat`: the same call was accepted before. So was one
    /// that finds an account under the id that only this call makes, although a restored backup has forgotten it.
    pub(super) async fn open_account(
        &self,
        key: Key,
        order: &Register,
        draft: Draft,
        repeat: bool,
    ) -> Result<Client, Failure> {
        for _ in 0..ATTEMPTS {
            match self.hold(key, order, &draft).await? {
                None => {}
                Some(Held::Active(finished)) => return self.finished(key, order, &finished).await,
                Some(Held::Erased) => return Err(Failure::NotFound { what: "client" }),
                Some(Held::OtherLogin(stale)) => self.clear(key.scope, &stale).await?,
                Some(Held::Pending(client)) => {
                    let repeat = repeat || client.id.is_of(key.scope.partner(), key.id);
                    if let Some(client) = self.attempt(key.scope, &client, &order.password, repeat).await? {
                        return Ok(client);
                    }
                }
            }
        }
        Err(Failure::Conflict)
    }

    /// Commits the intent. `None` when somebody else was faster and it is worth looking again.
    async fn hold(&self, key: Key, order: &Register, draft: &Draft) -> Result<Option<Held>, Failure> {
        let parts = &self.parts;
        let intent = Intent {
            key,
            fingerprint: order.fingerprint(),
            draft: draft.clone(),
            now_ms: parts.clock.now_ms(),
            due_in_ms: i64::from(parts.config.pending_minutes) * MINUTE_MS,
        };
        match parts.store.hold(intent).await {
            Ok(held) => Ok(Some(held)),
            Err(StoreError::Unique(Constraint::ClientInn)) => {
                let own = parts.store.open_by_inn(key.scope, &order.inn).await?;
                if own.is_some() { Ok(None) } else { Err(self.elsewhere(key.scope, &order.inn).await) }
            }
            Err(StoreError::Unique(Constraint::RequestKey) | StoreError::Contention) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    /// The INN has a finished client: either this very call was executed meanwhile, or it is a duplicate.
    async fn finished(&self, key: Key, order: &Register, finished: &Client) -> Result<Client, Failure> {
        match self.known(key, &order.fingerprint()).await? {
            Some(known) if known.client.id == finished.id => self.confirm(&known, &order.password).await,
            _ => Err(Failure::ClientAlreadyRegistered { client_id: finished.id }),
        }
    }

    async fn attempt(
        &self,
        scope: PartnerScope,
        client: &Client,
        password: &Password,
        repeat: bool,
    ) -> Result<Opened, Failure> {
        match self.parts.accounts.ensure_account(&client.account_order()).await {
            Outcome::Done(account) => self.set_password(scope, client, &account, password, repeat).await,
            Outcome::Refused(AccountRefusal::LoginTaken) => {
                self.give_up(scope, client).await?;
                Err(Failure::LoginTaken)
            }
            Outcome::Refused(AccountRefusal::InnKnown) => {
                self.give_up(scope, client).await?;
                Err(self.elsewhere(scope, &client.inn).await)
            }
            Outcome::Refused(AccountRefusal::Voided | AccountRefusal::ContentDiffers) => {
                self.clear(scope, client).await?;
                Ok(None)
            }
            Outcome::NotNow(setback) | Outcome::Unknown(setback) => Err(unavailable(setback)),
        }
    }

    async fn set_password(
        &self,
        scope: PartnerScope,
        client: &Client,
        account: &Account,
        password: &Password,
        repeat: bool,
    ) -> Result<Opened, Failure> {
        let version = client.password_version;
        match self.parts.accounts.set_initial_password(client.effect(), version, password).await {
            Outcome::Done(()) => Ok(Some(self.activate(scope, client, account, version).await?)),
            Outcome::Refused(PasswordRefusal::StaleVersion | PasswordRefusal::OtherPassword) => Err(Failure::Conflict),
            // Its user has signed in, so an earlier call had come through: the password of this one cannot be set.
            Outcome::Refused(PasswordRefusal::InUse) => {
                let client = self.activate(scope, client, account, account.password_version).await?;
                if repeat { Ok(Some(client)) } else { Err(duplicate(&client)) }
            }
            Outcome::Refused(PasswordRefusal::NoAccount | PasswordRefusal::Voided) => {
                self.clear(scope, client).await?;
                Ok(None)
            }
            Outcome::NotNow(setback) | Outcome::Unknown(setback) => Err(unavailable(setback)),
        }
    }

    /// Answers a repeated call for a finished client: its password must be the one in force, or belong to the user by now.
    pub(super) async fn confirm(&self, repeat: &Repeat, password: &Password) -> Result<Client, Failure> {
        let client = &repeat.client;
        if repeat.stopped {
            return Err(StoreError::Stopped(Gateway::Accounts).into());
        }
        let version = client.password_version;
        match self.parts.accounts.set_initial_password(client.effect(), version, password).await {
            Outcome::Done(()) | Outcome::Refused(PasswordRefusal::InUse) => Ok(client.clone()),
            Outcome::Refused(PasswordRefusal::OtherPassword) => Err(Failure::KeyReused),
            Outcome::Refused(PasswordRefusal::StaleVersion) => Err(Failure::Conflict),
            Outcome::Refused(PasswordRefusal::NoAccount | PasswordRefusal::Voided) => {
                Err(Failure::Internal { detail: format!("client {} is ACTIVE and has no account", client.id) })
            }
            Outcome::NotNow(setback) | Outcome::Unknown(setback) => Err(unavailable(setback)),
        }
    }

    async fn activate(
        &self,
        scope: PartnerScope,
        client: &Client,
        account: &Account,
        version: i64,
    ) -> Result<Client, Failure> {
        let now_ms = self.parts.clock.now_ms();
        match self.parts.store.activate(scope, client, &account.account_id, version, now_ms).await {
            // The reaper asks too: what it wrote is the same, unless another call's password came in between.
            Err(StoreError::Contention) => {
                let now = self.parts.store.get(scope, client.id).await?;
                now.filter(|c| is_active(c) && c.password_version == version).ok_or(Failure::Conflict)
            }
            other => Ok(other?),
        }
    }

    /// Makes sure that a pending client comes to nothing, so that another may take its place.
    async fn clear(&self, scope: PartnerScope, stale: &Client) -> Result<(), Failure> {
        match self.parts.accounts.report_or_void(stale.effect()).await.map_err(unavailable)? {
            Told::Done(account) => {
                let client = self.activate(scope, stale, &account, account.password_version).await?;
                Err(duplicate(&client))
            }
            Told::Void | Told::Refused(_) => self.abandon(scope, stale).await,
            Told::InProgress => Err(Failure::Conflict),
        }
    }

    /// After a refusal: an earlier attempt may still be on its way, so the effect is voided before the INN is set free.
    /// When that cannot be done now the client stays pending, and the next call or the reaper does it; the request id
    /// is free in any case.
    async fn give_up(&self, scope: PartnerScope, client: &Client) -> Result<(), Failure> {
        match self.parts.accounts.report_or_void(client.effect()).await {
            Ok(Told::Void | Told::Refused(_)) => self.abandon(scope, client).await,
            Ok(Told::Done(_) | Told::InProgress) | Err(_) => {
                Ok(self.parts.store.forget_requests(scope, client.id).await?)
            }
        }
    }

    /// Somebody else may have been faster with the same end, or with a new password: the next look tells.
    async fn abandon(&self, scope: PartnerScope, client: &Client) -> Result<(), Failure> {
        match self.parts.store.abandon(scope, client, self.parts.clock.now_ms()).await {
            Ok(()) | Err(StoreError::Contention) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }
}

const fn duplicate(client: &Client) -> Failure {
    Failure::ClientAlreadyRegistered { client_id: client.id }
}
