//! What the worker does differently after a backup was restored: the outside may be ahead of what is known here.
//!
//! Ids follow from the request, so what was done before the restore is found under the same id. No command is sent before
//! its receiver was asked, without voiding anything, whether it knows the id. A drive is burnt only for those who asked
//! for it after the restore: a Cancel may have been forgotten.

use super::advice;
use super::effects::{Claim, Effect, Standing};
use super::model::Block;
use super::orders::{Came, Order, not_moved};
use super::state::State;
use super::worker::Worker;
use crate::gateways::Told;
use crate::storage::StoreError;

impl Worker {
    /// Carries out a command whose receiver may know it although it is not known here.
    pub(super) async fn carry_on<O: Order>(
        &self,
        claim: &Claim,
        order: &O,
        known: Option<Effect>,
    ) -> Result<Came<O::Done, O::Refusal>, StoreError> {
        let mut generation = match known {
            None => 0,
            Some(Effect { standing: Standing::Unsent | Standing::Intended, generation, .. }) => generation,
            Some(Effect { standing: Standing::Refused | Standing::Void, generation, .. }) => generation + 1,
            Some(Effect { standing: Standing::Done, id, .. }) => return Err(not_moved(id)),
        };
        let mut id = match known {
            Some(Effect { standing: Standing::Intended, id, .. }) => id,
            _ => self.intend(claim, order, generation).await?,
        };
        loop {
            match O::tell(&self.gateways, id).await {
                // Never seen. One that is still on its way under this id is the same command.
                Ok(None) => {
                    self.store.allowed(O::COMMAND.gateway()).await?;
                    return self.send(claim, order, id).await;
                }
                Ok(Some(Told::Done(done))) => {
                    self.store.found(claim, id).await?;
                    return Ok(Came::Done(id, done));
                }
                Ok(Some(Told::Refused(refusal))) => return Ok(Came::Refused(id, refusal)),
                Ok(Some(Told::InProgress)) => return Ok(Came::UnderWay),
                Ok(Some(Told::Void)) => {}
                Err(setback) => return Ok(Came::Setback(setback)),
            }
            // Nothing is written before it is known whether the registration went on after that: this is asked anew
            // until it ends in one write.
            match O::tell(&self.gateways, claim.effect_id(O::COMMAND, generation + 1)).await {
                Ok(None) => return Ok(Came::Voided(id)),
                Ok(Some(_)) => {}
                Err(setback) => return Ok(Came::Setback(setback)),
            }
            self.store.settle(claim, id, Standing::Void, self.clock.now_ms()).await?;
            generation += 1;
            id = self.intend(claim, order, generation).await?;
        }
    }

    /// Why the drive is not burnt yet: whoever asked for it did so before the last restore.
    pub(super) async fn unconfirmed(&self, claim: &Claim) -> Result<Option<Block>, StoreError> {
        let Some(recovery) = self.store.recovery().await? else { return Ok(None) };
        let State::Fiscalizing { asked_by, .. } = &claim.kkt.state else { return Ok(None) };
        let asked_ms = self.store.asked_ms(claim.scope, *asked_by).await?;
        let after = asked_ms.is_some_and(|asked_ms| asked_ms > recovery.since_ms);
        // An order that was repeated, as it turned out, is no new wish: what followed it may have been a Cancel.
        let repeated = *asked_by == claim.kkt.request_id && self.store.was_found(claim).await?;
        Ok((!after || repeated).then(advice::restored_unconfirmed))
    }
}
