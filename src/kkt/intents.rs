//! Intents: what is written before a command is sent, with the move that leads to it or by itself, and after a restore of what may have been
//! sent before.

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::effects::{Claim, Command, Intent, Standing, hold};
use super::store::Store;
use crate::storage::entity::effect;
use crate::storage::{StoreError, Tx, documents, of_partner, recovery, switches};
use crate::values::{EffectId, PartnerScope};

/// The detail of an effect that was found outside after a restore.
const FOUND: &str = "FOUND";

impl Store {
    /// Commits the intent to send a command: the effect of `generation`, new or unsent so far, together with what will be
    /// `sent`. Extends the lease.
    ///
    /// # Errors
    /// [`StoreError::Contention`] when the claim has been lost, `Stopped` when an operator has stopped the gateway, `Corrupt` when
    /// the command may have been sent already: nothing may be sent then.
    pub async fn intend(
        &self,
        claim: &Claim,
        intent: Intent,
        now_ms: i64,
        lease_ms: i64,
    ) -> Result<EffectId, StoreError> {
        self.write_intent(claim, intent, now_ms, lease_ms, true).await
    }

    /// Writes down a command that may have been sent before a backup was restored. Nothing is sent, so no switch holds it
    /// back.
    ///
    /// # Errors
    /// [`StoreError::Contention`] when the claim has been lost.
    pub async fn remember(
        &self,
        claim: &Claim,
        command: Command,
        generation: u32,
        now_ms: i64,
        lease_ms: i64,
    ) -> Result<EffectId, StoreError> {
        self.write_intent(claim, Intent { command, generation, sent: None }, now_ms, lease_ms, false).await
    }

    async fn write_intent(
        &self,
        claim: &Claim,
        intent: Intent,
        now_ms: i64,
        lease_ms: i64,
        switched: bool,
    ) -> Result<EffectId, StoreError> {
        let Intent { command, generation, sent } = intent;
        let id = claim.effect_id(command, generation);
        let (row, held, db_now) = (planned(claim, command, id, generation, now_ms)?, claim.clone(), self.db.now_sql());
        self.db
            .unit(move |tx| {
                Box::pin(async move {
                    hold(tx, &held, db_now, lease_ms).await?;
                    if switched {
                        switches::pass(tx, command.gateway()).await?;
                    }
                    documents::keep(tx, held.owner(), sent.into_iter().collect()).await?;
                    match is_new(tx, row).await? || reopen(tx, held.scope, id).await? {
                        true => Ok(()),
                        // Under the claim nobody else writes: whoever intends it again has overlooked it.
                        false => {
                            Err(StoreError::Corrupt { table: "effect", what: format!("{id} was to be sent again") })
                        }
                    }
                })
            })
            .await
            .map(|()| id)
    }

    /// Notes that an effect was found outside after a restore: it had happened before anybody here knew of it.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn found(&self, claim: &Claim, id: EffectId) -> Result<(), StoreError> {
        effect::Entity::update_many()
            .col_expr(effect::Column::Detail, Expr::val(FOUND))
            .filter(of_partner(effect::Column::PartnerId, claim.scope))
            .filter(effect::Column::Id.eq(id.uuid()))
            .exec(self.db.direct())
            .await?;
        Ok(())
    }

    /// Whether any effect of this registration was found outside after a restore.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn was_found(&self, claim: &Claim) -> Result<bool, StoreError> {
        let found = effect::Entity::find()
            .filter(of_partner(effect::Column::PartnerId, claim.scope))
            .filter(effect::Column::KktId.eq(claim.kkt.id.uuid()))
            .filter(effect::Column::Detail.eq(FOUND))
            .one(self.db.direct())
            .await?;
        Ok(found.is_some())
    }
}

/// Writes the intent of a command right after the move that leads to it. Absent when something is in the way: its gateway is
/// stopped or being stopped, a recovery is open, or there was such a step before. The step itself finds out then what to do.
pub(super) async fn follow(
    tx: &Tx,
    claim: &Claim,
    intent: Intent,
    now_ms: i64,
) -> Result<Option<EffectId>, StoreError> {
    let Intent { command, generation, sent } = intent;
    if !switches::passes(tx, command.gateway()).await? || recovery::is_open(tx).await? {
        return Ok(None);
    }
    let id = claim.effect_id(command, generation);
    if !is_new(tx, planned(claim, command, id, generation, now_ms)?).await? {
        return Ok(None);
    }
    documents::keep(tx, claim.owner(), sent.into_iter().collect()).await?;
    Ok(Some(id))
}

/// Writes down an effect, unless it is there.
async fn is_new(tx: &Tx, row: effect::ActiveModel) -> Result<bool, StoreError> {
    let there = OnConflict::column(effect::Column::Id).do_nothing().to_owned();
    Ok(effect::Entity::insert(row).on_conflict(there).exec_without_returning(tx).await? == 1)
}

/// Makes an unsent effect an intended one; tells whether there was one.
pub(super) async fn reopen(tx: &Tx, scope: PartnerScope, id: EffectId) -> Result<bool, StoreError> {
    let update = effect::Entity::update_many()
        .col_expr(effect::Column::State, Expr::val(Standing::Intended.name()))
        .filter(of_partner(effect::Column::PartnerId, scope))
        .filter(effect::Column::Id.eq(id.uuid()))
        .filter(effect::Column::State.eq(Standing::Unsent.name()));
    Ok(update.exec(tx).await?.rows_affected == 1)
}

fn planned(
    claim: &Claim,
    command: Command,
    id: EffectId,
    generation: u32,
    now_ms: i64,
) -> Result<effect::ActiveModel, StoreError> {
    Ok(effect::ActiveModel {
        id: Set(id.uuid()),
        partner_id: Set(claim.scope.partner().uuid()),
        kkt_id: Set(claim.kkt.id.uuid()),
        step: Set(command.name().to_owned()),
        generation: Set(i32::try_from(generation).map_err(|_| StoreError::Other("too many generations".into()))?),
        state: Set(Standing::Intended.name().to_owned()),
        detail: Set(String::new()),
        created_ms: Set(now_ms),
        settled_ms: Set(None),
    })
}
