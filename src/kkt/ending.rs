//! Ending the burns of a registration: after it none of them runs any more, wherever it was posted.
//!
//! After a restore a burn may stand at another hub than that of the device which the database names: an Amend has named
//! another device since the backup, and is forgotten.

use std::collections::BTreeMap;

use futures::future::ready;
use futures::{StreamExt, TryStreamExt, stream};

use super::calls::unanswered;
use super::effects::{Claim, Command, Effect, Standing};
use super::recollect::MOST;
use super::seeing::{Ended, address, end_task};
use super::service::Service;
use crate::failure::Failure;
use crate::gateways::device::{DeviceAddress, FiscalReport, TaskResult};
use crate::partners;
use crate::storage::StoreError;
use crate::values::EffectId;

/// A hub drops old tasks before new ones: behind so many that it does not know, one that it knows is looked for.
const DROPPED: u32 = 16;
/// Hubs that are asked at a time.
const AT_ONCE: usize = 8;

/// What became of a burn.
pub(super) enum Burn {
    /// Nothing of ours will run, and nothing of ours made a report as far as the hubs know.
    Never,
    /// A hub has the report of our task.
    Made(EffectId, FiscalReport),
}

/// Where burns of a registration may stand.
pub(super) struct Hubs<'a> {
    /// That of its device.
    named: Option<&'a DeviceAddress>,
    /// Others that know its burns.
    others: Vec<DeviceAddress>,
}

impl<'a> Hubs<'a> {
    /// That of the device alone.
    pub(super) const fn of(device: &'a DeviceAddress) -> Self {
        Self { named: Some(device), others: Vec::new() }
    }

    fn iter(&self) -> impl Iterator<Item = &DeviceAddress> {
        self.named.into_iter().chain(&self.others)
    }
}

impl Service {
    /// Where burns of the registration may stand. While a recovery is open the partner's other hubs are asked, too, but
    /// not those of the devices that are `spared`: what stands there is found when it comes to the burn.
    ///
    /// # Errors
    /// `GatewayUnavailable` while one of them cannot tell.
    pub(super) async fn hubs<'a>(
        &self,
        claim: &Claim,
        named: Option<&'a DeviceAddress>,
        spared: Option<&DeviceAddress>,
    ) -> Result<Hubs<'a>, Failure> {
        let Some(look) = self.forgotten(claim, Command::Burn).await? else {
            return Ok(Hubs { named, others: Vec::new() });
        };
        let burns = look.first..look.first + DROPPED;
        let ids: Vec<EffectId> = burns.map(|generation| claim.effect_id(Command::Burn, generation)).collect();
        let mut hubs = self.hubs_to_spare(claim).await?;
        hubs.retain(|hub, _| !named.iter().chain(&spared).any(|at| at.hub == *hub));
        let asked = stream::iter(hubs.into_values().map(|at| self.holding(at, &ids))).buffer_unordered(AT_ONCE);
        Ok(Hubs { named, others: asked.try_filter_map(|at| ready(Ok(at))).try_collect().await? })
    }

    /// Each hub of the partner's devices, but not of those with which other registrations hold their registers: an Amend
    /// leads to another way to the same register, so to a device that no other one needs.
    async fn hubs_to_spare(&self, claim: &Claim) -> Result<BTreeMap<String, DeviceAddress>, StoreError> {
        let taken = self.store.devices_of_others(claim.scope, claim.kkt.id).await?;
        let devices = partners::store::devices_of(&self.store.db, claim.scope).await?;
        let spare = devices.iter().filter(|device| !taken.contains(&device.id));
        Ok(spare.map(|device| (device.hub.as_str().to_owned(), address(device))).collect())
    }

    /// The hub, when it knows a task of one of these ids.
    async fn holding(&self, at: DeviceAddress, ids: &[EffectId]) -> Result<Option<DeviceAddress>, Failure> {
        for id in ids {
            if !matches!(self.gateways.device.result(&at, *id).await.map_err(unanswered)?, TaskResult::Forgotten) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Sees to it that no burn of ours runs any more, or learns that one has. One that is known here is ended first; after a
    /// restore the hubs may hold others behind it.
    ///
    /// # Errors
    /// `GatewayUnavailable` when the hub cannot tell of a burn that is known here, or, after a restore, of one that may stand
    /// in its queue; `Conflict` while the device is at it.
    pub(super) async fn end_burns(&self, claim: &Claim, hubs: &Hubs<'_>) -> Result<Burn, Failure> {
        for _ in 0..MOST {
            let known = self.store.effect(claim, Command::Burn).await?;
            if let Some(effect) = known.filter(|e| e.standing == Standing::Intended) {
                let Some(at) = self.place_of(&effect, hubs).await? else { return Ok(Burn::Never) };
                let came = self.end_burn(claim, at, &effect).await?;
                if matches!(came, Burn::Made(..)) {
                    return Ok(came);
                }
            }
            if !Box::pin(self.recollect_burn(claim, hubs)).await? {
                return Ok(Burn::Never);
            }
        }
        Err(Failure::Conflict)
    }

    /// Where a burn stands that is known here. One that no hub knows can only have been meant for the device's.
    async fn place_of<'a>(&self, burn: &Effect, hubs: &'a Hubs<'_>) -> Result<Option<&'a DeviceAddress>, Failure> {
        if hubs.others.is_empty() {
            return Ok(hubs.named);
        }
        Ok(self.told_of(burn.id, hubs).await?.map(|(at, _)| at).or(hubs.named))
    }

    /// The first hub that knows a burn, and what it tells.
    async fn told_of<'a>(
        &self,
        burn: EffectId,
        hubs: &'a Hubs<'_>,
    ) -> Result<Option<(&'a DeviceAddress, TaskResult)>, Failure> {
        for at in hubs.iter() {
            let told = self.gateways.device.result(at, burn).await.map_err(unanswered)?;
            if !matches!(told, TaskResult::Forgotten) {
                return Ok(Some((at, told)));
            }
        }
        Ok(None)
    }

    async fn end_burn(&self, claim: &Claim, at: &DeviceAddress, effect: &Effect) -> Result<Burn, Failure> {
        let ended = end_task(&*self.gateways.device, at, effect.id).await.map_err(unanswered)?;
        let to = match ended {
            Ended::Made(report) => return Ok(Burn::Made(effect.id, report)),
            Ended::Running => return Err(Failure::Conflict),
            Ended::Over => Standing::Refused,
            Ended::Void => Standing::Void,
        };
        self.settled(claim, effect.id, to).await?;
        Ok(Burn::Never)
    }

    /// Writes down the burns that the hubs know and this database has forgotten, up to the first one that has to be ended;
    /// whether there is one.
    async fn recollect_burn(&self, claim: &Claim, hubs: &Hubs<'_>) -> Result<bool, Failure> {
        let Some(look) = self.forgotten(claim, Command::Burn).await? else { return Ok(false) };
        if look.written {
            return Ok(true);
        }
        let mut dropped = 0;
        for generation in look.first..MOST {
            let id = claim.effect_id(Command::Burn, generation);
            let Some((_, told)) = self.told_of(id, hubs).await? else {
                dropped += 1;
                // None in a hub's queue, and nobody is left who could still send one.
                if dropped == DROPPED {
                    return Ok(false);
                }
                continue;
            };
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
}
