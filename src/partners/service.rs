//! What operators do with partners, tokens and devices.

use serde_json::{Value, json};

use super::model::{Device, HubDevice, HubUrl, Label, Partner, Scope, Scopes, Theme, TokenRecord};
use super::store;
use super::token::{KeyId, Mode, Token};
use crate::clock::{Clock, Ids};
use crate::storage::audit::{Act, Deed, Desk, Record, Unsaid};
use crate::storage::{Db, StoreError};
use crate::values::{DeviceId, PartnerId, PartnerScope};

/// Why an operator's command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No partner has this id or name.
    #[error("there is no such partner")]
    NoPartner,
    /// Several partners have this name.
    #[error("several partners have this name: give the id")]
    Ambiguous,
    /// Another partner has this name.
    #[error("a partner of this name is there already: {0}")]
    NameTaken(PartnerId),
    /// No token has this key id.
    #[error("there is no token of this key id")]
    NoToken,
    /// A token that may do nothing is a mistake.
    #[error("a token needs at least one scope")]
    NoScope,
    /// The scope with which services name partners.
    #[error("PARTNERS_ACT is for services with a signed token, never for a partner")]
    ServiceScope,
    /// A token that lets nobody in any more is not replaced.
    #[error("this token is revoked or expired: issue a new one")]
    TokenEnded,
    /// An expiry that has passed is a mistake.
    #[error("the token would have expired already")]
    Expired,
    /// One device serves one partner.
    #[error("this device of this hub, or this device id, is assigned already")]
    DeviceTaken,
    /// Nobody said who acts, and why.
    #[error(transparent)]
    Unsaid(#[from] Unsaid),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it may do.
    pub scopes: Scopes,
    /// What it is for.
    pub note: Label,
    /// From this instant, Unix milliseconds, it lets nobody in.
    pub expires_ms: Option<i64>,
}

/// Where a device is.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// Chosen by the operator, or drawn.
    pub id: Option<DeviceId>,
    /// Where the hub answers.
    pub hub: HubUrl,
    /// Its name at the hub.
    pub hub_device: HubDevice,
    /// The operator's words.
    pub note: Label,
}

/// The operator's commands.
#[derive(Clone)]
pub struct Partners {
    db: Db,
    clock: Clock,
    ids: Ids,
    mode: Mode,
    act: Option<Act>,
}

impl Partners {
    /// Commands on this database; tokens are issued for `mode`. They only look until it is said who is [`acting`].
    ///
    /// [`acting`]: Self::acting
    pub const fn new(db: Db, clock: Clock, ids: Ids, mode: Mode) -> Self {
        Self { db, clock, ids, mode, act: None }
    }

    /// The same, on behalf of somebody with a reason: each change leaves a line in the audit log.
    #[must_use]
    pub fn acting(&self, act: Act) -> Self {
        Self { act: Some(act), ..self.clone() }
    }

    fn record(&self, action: &'static str, partner: Option<PartnerId>, subject: String) -> Result<Record, Refused> {
        self.line(action, partner, subject, Value::Null)
    }

    fn line(
        &self,
        action: &'static str,
        partner: Option<PartnerId>,
        subject: String,
        detail: Value,
    ) -> Result<Record, Refused> {
        let act = self.act.clone().ok_or(Unsaid::Reason)?;
        let deed = Deed { action, partner, subject, detail, ..Deed::default() };
        Ok(Desk::new(self.clock.clone(), self.ids.clone(), act).record(deed))
    }

    /// Adds a partner, enabled.
    ///
    /// # Errors
    /// [`Refused::NameTaken`]: operators tell partners apart by name.
    pub async fn add(&self, name: Label, theme: Theme) -> Result<Partner, Refused> {
        if let Some(other) = self.list().await?.into_iter().find(|p| p.name == name) {
            return Err(Refused::NameTaken(other.id));
        }
        let id = PartnerId::new(self.ids.uuid_v7(&self.clock));
        let partner = Partner { id, name, theme, enabled: true, created_ms: self.clock.now_ms() };
        let record = self.record("PARTNER_ADDED", Some(id), partner.name.to_string())?;
        store::add_partner(&self.db, &partner, record).await?;
        Ok(partner)
    }

    /// All partners, the oldest first.
    ///
    /// # Errors
    /// [`Refused::Store`].
    pub async fn list(&self) -> Result<Vec<Partner>, Refused> {
        Ok(store::partners(&self.db).await?)
    }

    /// The partner of this id or name.
    ///
    /// # Errors
    /// [`Refused::NoPartner`], [`Refused::Ambiguous`].
    pub async fn find(&self, id_or_name: &str) -> Result<Partner, Refused> {
        let id = PartnerId::parse(id_or_name).ok();
        let all = self.list().await?.into_iter();
        let mut found = all.filter(|p| Some(p.id) == id || p.name.as_str() == id_or_name.trim());
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(Refused::NoPartner),
            (Some(_), Some(_)) => Err(Refused::Ambiguous),
        }
    }

    /// Lets the partner's tokens in, or not. Works everywhere within seconds.
    ///
    /// # Errors
    /// [`Refused::NoPartner`].
    pub async fn set_enabled(&self, id: PartnerId, enabled: bool) -> Result<(), Refused> {
        let action = if enabled { "PARTNER_ENABLED" } else { "PARTNER_DISABLED" };
        let record = self.record(action, Some(id), id.to_string())?;
        let done = store::set_enabled(&self.db, id, enabled, record).await?;
        if done { Ok(()) } else { Err(Refused::NoPartner) }
    }

    /// Issues a token. Its secret is shown here and never again; several may live at once, so that one can be replaced.
    ///
    /// # Errors
    /// [`Refused::NoScope`], [`Refused::Expired`].
    pub async fn issue(&self, partner: PartnerId, new: NewToken) -> Result<(Token, TokenRecord), Refused> {
        let now = self.clock.now_ms();
        if new.scopes.is_empty() {
            return Err(Refused::NoScope);
        }
        if new.scopes.hold(Scope::PartnersAct) {
            return Err(Refused::ServiceScope);
        }
        if new.expires_ms.is_some_and(|end| end <= now) {
            return Err(Refused::Expired);
        }
        let token = Token::issue(self.mode, &self.ids);
        let record = TokenRecord {
            key_id: token.key_id().clone(),
            partner,
            digest: token.digest(),
            mode: self.mode,
            scopes: new.scopes,
            note: new.note,
            created_ms: now,
            expires_ms: new.expires_ms,
            revoked_ms: None,
            last_used_ms: None,
        };
        let line = self.record("TOKEN_ISSUED", Some(partner), record.key_id.as_str().to_owned())?;
        store::add_token(&self.db, PartnerScope::new(partner), &record, line).await?;
        Ok((token, record))
    }

    /// All tokens, without their secrets, the oldest first; of one partner when one is named.
    ///
    /// # Errors
    /// [`Refused::Store`].
    pub async fn tokens(&self, partner: Option<PartnerId>) -> Result<Vec<TokenRecord>, Refused> {
        let all = store::tokens(&self.db).await?;
        Ok(all.into_iter().filter(|t| partner.is_none_or(|p| t.partner == p)).collect())
    }

    /// Revokes a token for ever.
    ///
    /// # Errors
    /// [`Refused::NoToken`].
    pub async fn revoke(&self, key_id: &KeyId) -> Result<(), Refused> {
        let record = self.record("TOKEN_REVOKED", None, key_id.as_str().to_owned())?;
        let done = store::revoke(&self.db, key_id, self.clock.now_ms(), record).await?;
        if done { Ok(()) } else { Err(Refused::NoToken) }
    }

    /// Issues a token in the place of this one: same partner, scopes, note and, where it had one, term. The old one ends
    /// after the overlap, and never later than it would have anyway.
    ///
    /// # Errors
    /// [`Refused::NoToken`], [`Refused::TokenEnded`].
    pub async fn rotate(&self, key_id: &KeyId, overlap_ms: i64) -> Result<(Token, TokenRecord), Refused> {
        let now = self.clock.now_ms();
        let old = self.tokens(None).await?.into_iter().find(|t| t.key_id == *key_id).ok_or(Refused::NoToken)?;
        let token = Token::issue(old.mode, &self.ids);
        let record = TokenRecord {
            key_id: token.key_id().clone(),
            digest: token.digest(),
            created_ms: now,
            expires_ms: old.expires_ms.map(|end| now.saturating_add(end.saturating_sub(old.created_ms))),
            last_used_ms: None,
            ..old.clone()
        };
        let until = now.saturating_add(overlap_ms);
        let subject = key_id.as_str().to_owned();
        let line = self.line("TOKEN_ROTATED", Some(old.partner), subject, json!({ "new": record.key_id.as_str() }))?;
        let done = store::replace_token(&self.db, key_id, until, &record, line).await?;
        if done { Ok((token, record)) } else { Err(Refused::TokenEnded) }
    }

    /// Puts a device at a partner's disposal.
    ///
    /// # Errors
    /// [`Refused::DeviceTaken`].
    pub async fn assign(&self, partner: PartnerId, new: NewDevice) -> Result<Device, Refused> {
        let id = new.id.unwrap_or_else(|| DeviceId::new(self.ids.uuid_v7(&self.clock)));
        let created_ms = self.clock.now_ms();
        let device = Device { id, partner, hub: new.hub, hub_device: new.hub_device, note: new.note, created_ms };
        let record = self.record("DEVICE_ASSIGNED", Some(partner), id.to_string())?;
        match store::add_device(&self.db, PartnerScope::new(partner), &device, record).await {
            Err(StoreError::Unique(_)) => Err(Refused::DeviceTaken),
            done => Ok(done.map(|()| device)?),
        }
    }

    /// All devices, the oldest first; of one partner when one is named.
    ///
    /// # Errors
    /// [`Refused::Store`].
    pub async fn devices(&self, partner: Option<PartnerId>) -> Result<Vec<Device>, Refused> {
        let all = store::devices(&self.db).await?;
        Ok(all.into_iter().filter(|d| partner.is_none_or(|p| d.partner == p)).collect())
    }
}
