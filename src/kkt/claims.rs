//! Claims of calls: a call that has to find out or undo something outside first takes the registration away from whoever
//! drives it, so that nothing new is sent meanwhile.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::effects::{Claim, Standing, settle};
use super::rows;
use super::store::{At, Change, Store, write};
#[cfg(feature = "chaos")]
use crate::chaos::Side;
use crate::storage::entity::kkt;
use crate::storage::requests::{self, Accepted, Key};
use crate::storage::{StoreError, in_ms, of_partner};
use crate::values::{EffectId, KktId, PartnerScope};

/// How long a call may hold a registration, milliseconds. Whoever comes later may take it all the same.
const LEASE_MS: i64 = 60_000;

impl Store {
    /// Takes the registration, whoever drives it: nothing that they write from now on is accepted. What they may still
    /// send is under an intent that stands already.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or the row is corrupt.
    pub async fn seize(&self, scope: PartnerScope, id: KktId) -> Result<Option<Claim>, StoreError> {
        let db_now = self.db.now_sql();
        let row = self
            .db
            .unit(move |tx| {
                Box::pin(async move {
                    let mine = || {
                        of_partner(kkt::Column::PartnerId, scope)
                            .and(kkt::Column::Id.eq(id.uuid()))
                            .and(kkt::Column::ErasedMs.is_null())
                    };
                    kkt::Entity::update_many()
                        .col_expr(kkt::Column::Fence, Expr::col(kkt::Column::Fence).add(1))
                        .col_expr(kkt::Column::LeaseUntilMs, in_ms(db_now, LEASE_MS))
                        .filter(mine())
                        .exec(tx)
                        .await?;
                    Ok::<_, StoreError>(kkt::Entity::find().filter(mine()).one(tx).await?)
                })
            })
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (fence, failing) = (row.fence, rows::failing(&row));
        Ok(Some(Claim { scope, kkt: rows::read(row)?, fence, attempt: 0, failing, intended: None }))
    }

    /// Gives a seized registration back as it was. The worker goes on from where it stood.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer; the claim ends by itself then.
    pub async fn let_go(&self, claim: &Claim) -> Result<(), StoreError> {
        #[cfg(feature = "chaos")]
        self.db.reach("let_go", Side::Before).await?;
        kkt::Entity::update_many()
            .col_expr(kkt::Column::LeaseUntilMs, Expr::val(0_i64))
            .filter(of_partner(kkt::Column::PartnerId, claim.scope))
            .filter(kkt::Column::Id.eq(claim.kkt.id.uuid()))
            .filter(kkt::Column::Fence.eq(claim.fence))
            .exec(self.db.direct())
            .await?;
        #[cfg(feature = "chaos")]
        self.db.reach("let_go", Side::After).await?;
        Ok(())
    }

    /// Commits what a call came to: the request, the change, and what became of the effects that it looked into.
    ///
    /// # Errors
    /// [`StoreError::Contention`] when the claim has been lost; `Unique` of `RequestKey` when the same call was accepted
    /// meanwhile. Nothing is changed then.
    pub async fn conclude(
        &self,
        (key, accepted): (Key, Accepted),
        claim: &Claim,
        change: Change,
        outcomes: Vec<(EffectId, Standing)>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let (claim, db_now) = (claim.clone(), self.db.now_sql());
        self.db
            .unit(move |tx| {
                Box::pin(async move {
                    requests::insert(tx, key, &accepted, now_ms).await?;
                    let at = At::call(now_ms, db_now);
                    write(tx, claim.scope, &claim.kkt, &change, at, Some(claim.fence)).await?;
                    for (id, to) in outcomes {
                        settle(tx, claim.scope, id, to, now_ms).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
