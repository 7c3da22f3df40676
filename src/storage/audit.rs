//! The audit log: who changed what outside the API, and why. A line is written in the transaction of the change, or there
//! is no change.

use sea_orm::{ActiveModelTrait, ConnectionTrait, IntoActiveModel};
use serde::Serialize;
use serde_json::Value;

use super::StoreError;
use super::entity::audit;
use crate::clock::{Clock, Ids};
use crate::values::{ClientId, KktId, PartnerId};

/// Most characters of a name and of a reason.
const MOST: usize = 500;

/// Who acts, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    actor: String,
    reason: String,
}

/// What an operator did not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsaid {
    /// Nobody is named.
    #[error("say who you are: --actor NAME, or the variable LITEBOX_ACTOR")]
    Actor,
    /// No reason, or one that is no line of text.
    #[error("a reason is one line of 3 to 500 characters, without personal data")]
    Reason,
}

impl Act {
    /// `actor` does it because of `reason`.
    ///
    /// # Errors
    /// [`Unsaid`] when either is no line of text.
    pub fn new(actor: &str, reason: &str) -> Result<Self, Unsaid> {
        let (actor, reason) = (actor.trim(), reason.trim());
        let line = |text: &str| text.chars().count() <= MOST && !text.chars().any(char::is_control);
        if actor.is_empty() || !line(actor) {
            return Err(Unsaid::Actor);
        }
        if reason.chars().count() < 3 || !line(reason) {
            return Err(Unsaid::Reason);
        }
        Ok(Self { actor: actor.to_owned(), reason: reason.to_owned() })
    }

    /// Who.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// Why.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// What was done to what. No personal data.
#[derive(Debug, Clone, Default)]
pub struct Deed {
    /// `KKT_RETRIED`
    pub action: &'static str,
    /// Whose.
    pub partner: Option<PartnerId>,
    /// The registration.
    pub kkt: Option<KktId>,
    /// The client.
    pub client: Option<ClientId>,
    /// What it is about, in words or as an id.
    pub subject: String,
    /// More about it.
    pub detail: Value,
}

/// A line that is ready to be written.
#[derive(Clone)]
pub struct Record(audit::Model);

impl Record {
    /// Writes the line.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn write<C: ConnectionTrait>(self, on: &C) -> Result<(), StoreError> {
        self.0.into_active_model().insert(on).await?;
        Ok(())
    }
}

/// A line of the audit log.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// Whose.
    pub partner: Option<PartnerId>,
    /// The registration.
    pub kkt: Option<KktId>,
    /// The client.
    pub client: Option<ClientId>,
    /// What it is about.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// More about it.
    pub detail: Value,
}

/// The line in a row.
///
/// # Errors
/// [`StoreError::Corrupt`] with its id.
pub fn read(row: audit::Model) -> Result<Line, StoreError> {
    let corrupt = |_| StoreError::Corrupt { table: "audit", what: format!("detail of {}", row.id) };
    Ok(Line {
        at_ms: row.at_ms,
        actor: row.actor,
        action: row.action,
        partner: row.partner_id.map(PartnerId::new),
        kkt: row.kkt_id.map(KktId::new),
        client: row.client_id.map(ClientId::new),
        subject: row.subject,
        reason: row.reason,
        detail: serde_json::from_str(&row.detail).map_err(corrupt)?,
    })
}

/// Where an operator works: makes the lines of what is done there.
#[derive(Clone)]
pub struct Desk {
    clock: Clock,
    ids: Ids,
    act: Act,
}

impl Desk {
    /// The desk of somebody who acts.
    pub const fn new(clock: Clock, ids: Ids, act: Act) -> Self {
        Self { clock, ids, act }
    }

    /// Who acts, and why.
    pub const fn act(&self) -> &Act {
        &self.act
    }

    /// The line about a deed, now.
    pub fn record(&self, deed: Deed) -> Record {
        Record(audit::Model {
            id: self.ids.uuid_v7(&self.clock),
            at_ms: self.clock.now_ms(),
            actor: self.act.actor.clone(),
            action: deed.action.to_owned(),
            partner_id: deed.partner.map(PartnerId::uuid),
            kkt_id: deed.kkt.map(KktId::uuid),
            client_id: deed.client.map(ClientId::uuid),
            subject: deed.subject,
            reason: self.act.reason.clone(),
            detail: deed.detail.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_acts_without_a_name_and_a_reason() {
        assert_eq!(Act::new(" ", "ticket 1"), Err(Unsaid::Actor));
        assert_eq!(Act::new("anna", "  x "), Err(Unsaid::Reason));
        assert_eq!(Act::new("anna", "two\nlines"), Err(Unsaid::Reason));
        assert_eq!(Act::new("anna", &"x".repeat(501)), Err(Unsaid::Reason));
        assert_eq!(Act::new(" anna ", " ticket 1 ").unwrap().reason(), "ticket 1");
    }
}
