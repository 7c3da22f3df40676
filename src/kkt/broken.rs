//! What would happen without the safeguards: the broken behaviours of [`crate::chaos`], for the tests that must notice
//! them.

use sea_orm::EntityTrait;

use super::drive::Verdict;
use super::effects::{Claim, Effect, Record, settle};
use super::orders::{Came, Order};
use super::state::Numbers;
use super::store::{At, Store, write};
use super::worker::Worker;
use crate::chaos::Broken;
use crate::gateways::device::{DeviceAddress, TaskResult};
use crate::storage::StoreError;
use crate::storage::documents;
use crate::storage::entity::kkt;

impl Worker {
    /// A command that may have been sent is done again, whatever became of it.
    pub(super) fn is_blind(&self) -> bool {
        matches!(self.store.db.broken(), Some(Broken::BlindResend | Broken::NewIdOnRetry))
    }

    /// Sends a command that may have been sent, under its id or under a new one.
    pub(super) async fn carry_out_again<O: Order>(
        &self,
        claim: &Claim,
        order: &O,
        effect: Effect,
    ) -> Result<Came<O::Done, O::Refusal>, StoreError> {
        let id = match self.store.db.broken() {
            Some(Broken::NewIdOnRetry) => self.intend(claim, order, effect.generation + 1).await?,
            _ => effect.id,
        };
        self.send(claim, order, id).await
    }

    /// Posts a task that may have been posted: under its id before anybody asks, or under a new one because the hub does
    /// not know it.
    pub(super) async fn burn_again(
        &self,
        claim: &Claim,
        numbers: &Numbers,
        at: &DeviceAddress,
        effect: Effect,
    ) -> Result<Verdict, StoreError> {
        if self.store.db.broken() == Some(Broken::NewIdOnRetry) {
            if let Ok(TaskResult::Forgotten) = self.gateways.device.result(at, effect.id).await {
                return self.begin(claim, numbers, at, effect.generation + 1).await;
            }
        } else if let Ok(task) = self.task(claim, numbers) {
            let _ = self.gateways.device.post(at, effect.id, &task).await;
        }
        self.follow(claim, numbers, at, effect).await
    }
}

impl Store {
    /// `advance` under no fence and no revision.
    pub(super) async fn advance_unchecked(&self, claim: &Claim, record: Record, now_ms: i64) -> Result<(), StoreError> {
        let Record { change, outcome, answers, goes_on } = record;
        let lease_ms = goes_on.map_or(0, |on| on.lease_ms);
        let (mut claim, db_now) = (claim.clone(), self.db.now_sql());
        self.db
            .unit(move |tx| {
                Box::pin(async move {
                    // The next number of the history: its key must not save the day.
                    let row = kkt::Entity::find_by_id(claim.kkt.id.uuid()).one(tx).await?;
                    claim.kkt.revision = row.map_or(claim.kkt.revision, |row| row.revision);
                    let at = At { now_ms, db_now, attempt: claim.attempt, lease_ms };
                    write(tx, claim.scope, &claim.kkt, &change, at, None).await?;
                    documents::keep(tx, claim.owner(), answers).await?;
                    if let Some((id, to)) = outcome {
                        // Settled by whoever took over: that does not stop it either.
                        let _ = settle(tx, claim.scope, id, to, now_ms).await;
                    }
                    Ok(())
                })
            })
            .await
    }
}
