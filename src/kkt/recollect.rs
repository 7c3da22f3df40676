//! What calls do differently after a backup was restored: before they void or give up what a registration may have done,
//! they take over what its receivers know and this database has forgotten.

use super::calls::unanswered;
use super::effects::{Claim, Command, Effect, Standing};
use super::orders::Order;
use super::service::Service;
use crate::failure::Failure;
use crate::gateways::Told;
use crate::gateways::device::{DeviceAddress, TaskResult};
use crate::gateways::fns::{ReportToFile, SignedDocument};
use crate::storage::StoreError;
use crate::values::EffectId;

/// How long a call may hold a registration between two writes, milliseconds.
const LEASE_MS: i64 = 60_000;
/// More generations of one step than any registration has.
pub(super) const MOST: u32 = 1_000;
/// A hub drops old tasks before new ones: behind so many that it does not know, one that it knows is looked for.
pub(super) const DROPPED: u32 = 16;

/// The first generation to ask its receiver for.
struct Look {
    first: u32,
    /// It stands here as intended.
    written: bool,
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

    /// The same for the burn, whose receiver is the hub; tells whether one stands that has to be ended.
    pub(super) async fn recollect_burn(&self, claim: &Claim, at: &DeviceAddress) -> Result<bool, Failure> {
        let Some(look) = self.forgotten(claim, Command::Burn).await? else { return Ok(false) };
        if look.written {
            return Ok(true);
        }
        let mut dropped = 0;
        for generation in look.first..MOST {
            let id = claim.effect_id(Command::Burn, generation);
            let told = self.gateways.device.result(at, id).await.map_err(unanswered)?;
            if matches!(told, TaskResult::Forgotten) {
                dropped += 1;
                // None in the hub's queue, and nobody is left who could still send one.
                if dropped == DROPPED {
                    return Ok(false);
                }
                continue;
            }
            dropped = 0;
            self.remember(claim, Command::Burn, generation).await?;
            match told {
                TaskResult::Voided => self.settled(claim, id, Standing::Void).await?,
                TaskResult::Failed(_) | TaskResult::Cancelled => self.settled(claim, id, Standing::Refused).await?,
                TaskResult::Ready(_) | TaskResult::Pending | TaskResult::Blocked(_) | TaskResult::Forgotten => {
                    return Ok(true);
                }
            }
        }
        Err(Failure::Conflict)
    }

    /// A registration whose application FNS has, and nobody here knows of it yet, is further than it looks: the worker takes
    /// over how far before it may be given up.
    pub(super) async fn caught_up(&self, claim: &Claim) -> Result<(), Failure> {
        if self.has_come_to_pass::<SignedDocument>(claim).await? { Err(Failure::Conflict) } else { Ok(()) }
    }

    /// Whether FNS has a report of the registration: then its drive is burnt, whatever is known here.
    pub(super) async fn is_reported(&self, claim: &Claim) -> Result<bool, Failure> {
        self.has_come_to_pass::<ReportToFile>(claim).await
    }

    /// Whether the receiver of a step has it, and nobody here knows of it yet.
    async fn has_come_to_pass<O: Order>(&self, claim: &Claim) -> Result<bool, Failure> {
        let Some(look) = self.forgotten(claim, O::COMMAND).await? else { return Ok(false) };
        for generation in look.first..MOST {
            match O::tell(&self.gateways, claim.effect_id(O::COMMAND, generation)).await.map_err(unanswered)? {
                Some(Told::Done(_) | Told::InProgress) => return Ok(true),
                Some(Told::Refused(_) | Told::Void) => {}
                None => return Ok(false),
            }
        }
        Err(Failure::Conflict)
    }

    /// Where to begin to look; `None` when nothing can have been forgotten. An effect that is intended here may have had its
    /// outcome since, and others after it.
    async fn forgotten(&self, claim: &Claim, command: Command) -> Result<Option<Look>, Failure> {
        if !self.store.recovers().await? {
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

    async fn remember(&self, claim: &Claim, command: Command, generation: u32) -> Result<EffectId, StoreError> {
        self.store.remember(claim, command, generation, self.clock.now_ms(), LEASE_MS).await
    }

    async fn settled(&self, claim: &Claim, id: EffectId, to: Standing) -> Result<(), StoreError> {
        self.store.settle(claim, id, to, self.clock.now_ms()).await
    }
}
