//! One transaction: what stands in the way, the erasure, its record and its line in the audit log.

use serde_json::json;

use super::key::Key;
use super::obstacle::{Obstacle, obstacles};
use super::record::{Fact, Record};
use crate::storage::audit::{Deed, Desk};
use crate::storage::crossing::erasure::{self, Held};
use crate::storage::{Db, StoreError, Tx};
use crate::values::{ClientId, PartnerId};

/// Who erases which client, and with what it is recorded.
#[derive(Clone)]
pub struct Order {
    /// Which.
    pub client: ClientId,
    /// The operator says that its account has been removed.
    pub removed: bool,
    /// Signs the record.
    pub key: Key,
    /// Who and why.
    pub desk: Desk,
    /// Id of the record.
    pub id: uuid::Uuid,
    /// Now, Unix milliseconds.
    pub at_ms: i64,
}

/// What an order came to.
pub enum Came {
    /// Erased now.
    Erased(Box<Record>),
    /// Erased before; the record of that, if it is still there.
    Before(Option<Box<Record>>),
    /// Refused; nothing has changed.
    Refused(Vec<Obstacle>),
    /// There is no such client.
    Missing,
}

/// Erases the client, or says why not.
///
/// # Errors
/// [`StoreError`] when the database does not answer; `Contention` when somebody is at work on the client.
pub async fn erase(db: &Db, order: Order) -> Result<Came, StoreError> {
    db.unit(move |tx| Box::pin(async move { erase_in(tx, &order).await })).await
}

async fn erase_in(tx: &Tx, order: &Order) -> Result<Came, StoreError> {
    let Some(held) = erasure::hold(tx, order.client.uuid()).await? else { return Ok(Came::Missing) };
    if held.client.erased_ms.is_some() {
        let record = erasure::of_client(tx, held.client.id).await?;
        return Ok(Came::Before(record.map(|row| Box::new(Record(row)))));
    }
    let found = obstacles(&held, order.removed);
    if !found.is_empty() {
        return Ok(Came::Refused(found));
    }
    let record = recorded(tx, order, &held).await?;
    Ok(Came::Erased(Box::new(record)))
}

async fn recorded(tx: &Tx, order: &Order, held: &Held) -> Result<Record, StoreError> {
    let counts = erasure::empty(tx, held, order.at_ms).await?;
    let fact = Fact {
        id: order.id,
        at_ms: order.at_ms,
        actor: order.desk.act().actor().to_owned(),
        reason: order.desk.act().reason().to_owned(),
        partner: held.client.partner_id,
        client: held.client.id,
        inn_hash: order.key.hash(&held.client.inn),
        counts,
    };
    let last = erasure::last(tx).await?.map(Record);
    let record = Record::sign(fact, last.as_ref(), &order.key);
    erasure::add(tx, record.0.clone()).await?;
    let detail = json!({
        "record": order.id, "state": held.client.state, "registrations": counts.registrations,
        "documents": counts.documents, "requests": counts.requests,
    });
    let deed = Deed {
        action: "CLIENT_ERASED",
        partner: Some(PartnerId::new(held.client.partner_id)),
        client: Some(order.client),
        subject: order.client.to_string(),
        detail,
        ..Deed::default()
    };
    order.desk.record(deed).write(tx).await?;
    Ok(record)
}
