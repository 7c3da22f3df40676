//! What calls do differently after a backup was restored: before they void or give up what a registration may have done,
//! they take over what its receivers know and this database has forgotten.

use super::calls::unanswered;
use super::effects::{Claim, Command, Effect, Standing};
use super::orders::Order;
use super::service::Service;
use crate::failure::Failure;
use crate::gateways::Told;
use crate::storage::StoreError;
use crate::values::EffectId;

/// How long a call may hold a registration between two writes, milliseconds.
const LEASE_MS: i64 = 60_000;
/// More generations of one step than any registration has.
pub(super) const MOST: u32 = 1_000;

/// The first generation to ask its receiver for.
pub(super) struct Look {
    pub(super) first: u32,
    /// It stands here as intended.
    pub(super) written: bool,
}

impl Look {
    const fn has_written(&self, generation: u32) -> bool {
        self.written && generation == self.first
    }
}

impl Service {
    /// Writes down the generations of a step that its receiver knows, up to the first one whose outcome is to be looked
    /// into; without an open recovery nothing.
    pub(super) async fn recollect<O: Order>(&self, claim: &Claim) -> Result<(), Failure> {
        let Some(look) = self.forgotten(claim, O::COMMAND).await? else { return Ok(()) };
        for generation in look.first..MOST {
            let id = claim.effect_id(O::COMMAND, generation);
            let told = O::tell(&self.gateways, id).await.map_err(unanswered)?;
            if !look.has_written(generation) {
                self.remember(claim, O::COMMAND, generation).await?;
            }
            match told {
                Some(Told::Refused(_)) => self.settled(claim, id, Standing::Refused).await?,
                Some(Told::Void) => self.settled(claim, id, Standing::Void).await?,
                Some(Told::Done(_) | Told::InProgress) | None => return Ok(()),
            }
        }
        Err(Failure::Conflict)
    }

    /// A registration whose application FNS has, and nobody here knows of it yet, is further than it looks: the worker takes
    /// over how far before it may be given up.
    pub(super) async fn caught_up(&self, claim: &Claim) -> Result<(), Failure> {
        let Some(look) = self.forgotten(claim, Command::SubmitApplication).await? else { return Ok(()) };
        for generation in look.first..MOST {
            let id = claim.effect_id(Command::SubmitApplication, generation);
            match self.gateways.fns.application_told(id).await.map_err(unanswered)? {
                Some(Told::Done(_) | Told::InProgress) => return Err(Failure::Conflict),
                Some(Told::Refused(_) | Told::Void) => {}
                None => return Ok(()),
            }
        }
        Err(Failure::Conflict)
    }

    /// Where to begin to look; `None` when nothing can have been forgotten. An effect that is intended here may have had its
    /// outcome since, and others after it.
    pub(super) async fn forgotten(&self, claim: &Claim, command: Command) -> Result<Option<Look>, Failure> {
        if !self.store.recovery().await?.is_some_and(|recovery| recovery.is_open()) {
            return Ok(None);
        }
        let look = |first, written| Some(Look { first, written });
        Ok(match self.store.effect(claim, command).await? {
            None => look(0, false),
            Some(Effect { standing: Standing::Refused | Standing::Void, generation, .. }) => {
                look(generation + 1, false)
            }
            Some(Effect { standing: Standing::Unsent, generation, .. }) => look(generation, false),
            Some(Effect { standing: Standing::Intended, generation, .. }) => look(generation, true),
            Some(Effect { standing: Standing::Done, .. }) => None,
        })
    }

    /// Whether FNS knows a report of the registration: then its drive is burnt, whatever is known here.
    pub(super) async fn is_reported(&self, claim: &Claim) -> Result<bool, Failure> {
        let Some(look) = self.forgotten(claim, Command::SubmitReport).await? else { return Ok(false) };
        let id = claim.effect_id(Command::SubmitReport, look.first);
        Ok(self.gateways.fns.report_told(id).await.map_err(unanswered)?.is_some())
    }

    pub(super) async fn remember(
        &self,
        claim: &Claim,
        command: Command,
        generation: u32,
    ) -> Result<EffectId, StoreError> {
        self.store.remember(claim, command, generation, self.clock.now_ms(), LEASE_MS).await
    }

    pub(super) async fn settled(&self, claim: &Claim, id: EffectId, to: Standing) -> Result<(), StoreError> {
        self.store.settle(claim, id, to, self.clock.now_ms()).await
    }
}
