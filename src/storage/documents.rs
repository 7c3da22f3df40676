//! What was sent to outer systems and what they answered, encrypted beside the history of its registration.
//!
//! What is sent is written with its intent, so that it is known after a crash; answers are written with what came of them.
//! An answer that repeats the one before it is not kept again, and of answers only the newest are kept.

use std::fmt;

use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use uuid::Uuid;

use super::StoreError;
use super::entity::{document, kkt};
use super::vault::Vault;
use super::{Db, Tx, of_partner};
use crate::gateways::Gateway;
use crate::values::{EffectId, KktId, PartnerScope};

/// Of one registration so many numbers back answers are kept; what was sent is kept for ever.
const ANSWERS_KEPT: i64 = 400;
/// So many of the latest documents are looked through for the same one.
const LOOK_BACK: u64 = 24;
/// Bytes that encryption adds.
const TAG: usize = 16;

/// A document that is ready to be kept; its number is given when it is.
pub type Sealed = document::Model;

/// Number, gateway, operation, direction and mark of a document that is kept.
type Last = (i64, String, String, String, Vec<u8>);

/// Whose a document is.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// The partner.
    pub scope: PartnerScope,
    /// The registration.
    pub kkt: KktId,
}

/// A document as it went over the wire. `Debug` does not show its content.
#[derive(Clone, PartialEq, Eq)]
pub struct Paper {
    /// Whom it went to or came from.
    pub gateway: Gateway,
    /// What was asked for: `SUBMIT_APPLICATION`.
    pub operation: String,
    /// To them or from them.
    pub direction: Direction,
    /// The effect it belongs to.
    pub effect: Option<EffectId>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Paper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.len();
        write!(f, "Paper({} {} {}, {bytes} bytes)", self.gateway, self.operation, self.direction.name())
    }
}

/// What is kept, without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Id; asks for the content.
    pub id: Uuid,
    /// Number within the registration.
    pub seq: i64,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// With whom.
    pub gateway: String,
    /// What about.
    pub operation: String,
    /// `SENT`, `RECEIVED` or `FAILED`.
    pub direction: String,
    /// The command it belongs to.
    pub effect: Option<EffectId>,
    /// The key that opens it.
    pub key_id: String,
    /// Length of the content, bytes.
    pub bytes: usize,
}

impl Kept {
    /// Of a row.
    pub fn of(row: &Sealed) -> Self {
        Self {
            id: row.id,
            seq: row.seq,
            at_ms: row.at_ms,
            gateway: row.gateway.clone(),
            operation: row.operation.clone(),
            direction: row.direction.clone(),
            effect: row.effect_id.map(EffectId::new),
            key_id: row.key_id.clone(),
            bytes: row.cipher.len().saturating_sub(TAG),
        }
    }
}

/// Which way a document went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the outer system.
    Sent,
    /// From it.
    Received,
    /// From it: an error; or why nothing came.
    Failed,
}

impl Direction {
    /// Name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "SENT",
            Self::Received => "RECEIVED",
            Self::Failed => "FAILED",
        }
    }
}

/// Keeps documents of one registration, in the unit of work that holds its row. Those without news are left out.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn keep(tx: &Tx, owner: Owner, sealed: Vec<Sealed>) -> Result<(), StoreError> {
    if sealed.is_empty() {
        return Ok(());
    }
    let mut latest = latest(tx, owner).await?;
    let mut next = latest.first().map_or(0, |last| last.0) + 1;
    let mut rows = Vec::new();
    for mut row in sealed {
        row.seq = next;
        let last = (row.seq, row.gateway.clone(), row.operation.clone(), row.direction.clone(), row.mark.clone());
        if latest.iter().find(|old| same_kind(old, &last)).is_some_and(|old| old.4 == last.4) {
            continue;
        }
        next += 1;
        latest.insert(0, last);
        rows.push(row.into_active_model());
    }
    if rows.is_empty() {
        return Ok(());
    }
    document::Entity::insert_many(rows).exec_without_returning(tx).await?;
    if next > ANSWERS_KEPT { prune(tx, owner, next - ANSWERS_KEPT).await } else { Ok(()) }
}

impl Db {
    /// What is kept of a registration, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn documents(&self, scope: PartnerScope, kkt: KktId) -> Result<Vec<Kept>, StoreError> {
        let rows = of(Owner { scope, kkt }).order_by_asc(document::Column::Seq).all(self.direct()).await?;
        Ok(rows.iter().map(Kept::of).collect())
    }

    /// Keeps what a call to an outer system brought, in a unit of work of its own.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn keep_documents(&self, vault: &Vault, owner: Owner, papers: &[Paper]) -> Result<(), StoreError> {
        let sealed: Vec<_> = papers.iter().filter_map(|paper| vault.seal(owner, paper)).collect();
        if sealed.is_empty() {
            return Ok(());
        }
        self.unit(move |tx| {
            Box::pin(async move {
                // The numbers of a registration's documents are given under its row.
                let held = kkt::Entity::find_by_id(owner.kkt.uuid())
                    .filter(of_partner(kkt::Column::PartnerId, owner.scope))
                    .filter(kkt::Column::ErasedMs.is_null())
                    .lock_exclusive();
                if held.one(tx).await?.is_none() {
                    return Ok(());
                }
                keep(tx, owner, sealed).await
            })
        })
        .await
    }
}

/// The newest first, without their content.
async fn latest(tx: &Tx, owner: Owner) -> Result<Vec<Last>, StoreError> {
    use document::Column as C;
    let columns = [C::Seq, C::Gateway, C::Operation, C::Direction, C::Mark];
    let newest = of(owner).select_only().columns(columns).order_by_desc(C::Seq).limit(LOOK_BACK);
    Ok(newest.into_tuple().all(tx).await?)
}

async fn prune(tx: &Tx, owner: Owner, before: i64) -> Result<(), StoreError> {
    document::Entity::delete_many()
        .filter(of_partner(document::Column::PartnerId, owner.scope))
        .filter(document::Column::KktId.eq(owner.kkt.uuid()))
        .filter(document::Column::Direction.ne(Direction::Sent.name()))
        .filter(document::Column::Seq.lt(before))
        .exec(tx)
        .await?;
    Ok(())
}

fn same_kind(a: &Last, b: &Last) -> bool {
    (&a.1, &a.2, &a.3) == (&b.1, &b.2, &b.3)
}

fn of(owner: Owner) -> sea_orm::Select<document::Entity> {
    document::Entity::find()
        .filter(of_partner(document::Column::PartnerId, owner.scope))
        .filter(document::Column::KktId.eq(owner.kkt.uuid()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::somebodys::Somebodys;
    use super::*;

    #[tokio::test]
    async fn tenancy_a_strangers_key_prunes_nothing() {
        let s = Somebodys::new().await;
        let kkt = s.kkt;
        let left = async |scope| {
            let owner = Owner { scope, kkt };
            let pruned: Result<(), StoreError> = s.db.unit(move |tx| Box::pin(prune(tx, owner, 100))).await;
            pruned.unwrap();
            s.db.documents(s.owner, kkt).await.unwrap().len()
        };
        assert_eq!((left(s.stranger).await, left(s.owner).await), (1, 0));
    }
}
