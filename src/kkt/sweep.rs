//! After a restore a burn may stand at another hub than that of the device which the database names: an Amend has named
//! another device since the backup, and is forgotten.
//!
//! What is known here of a burn is about the hub it was meant for, and says nothing of another one. So the hubs are asked
//! for all of them, from the first on, and what stands there is ended there.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};

use super::calls::unanswered;
use super::effects::{Claim, Command};
use super::recollect::DROPPED;
use super::seeing::{Ended, address, end_task};
use super::service::Service;
use crate::failure::Failure;
use crate::gateways::device::{DeviceAddress, TaskResult};
use crate::gateways::transcript;
use crate::partners;
use crate::storage::StoreError;

/// Hubs that are asked at a time.
const AT_ONCE: usize = 32;

impl Service {
    /// Ends the burns of a registration at every hub that an Amend could have led to, and at that of its device; whether
    /// one has made its report. Without an open recovery no hub is asked. A hub that is `spared` is asked when it comes
    /// to the burn.
    ///
    /// # Errors
    /// `GatewayUnavailable` while one of the hubs cannot tell, `Conflict` while a device is at it.
    pub(super) async fn sweep(
        &self,
        claim: &Claim,
        named: Option<&DeviceAddress>,
        spared: Option<&DeviceAddress>,
    ) -> Result<bool, Failure> {
        if !self.store.recovers().await? {
            return Ok(false);
        }
        let mut hubs = self.hubs_to_spare(claim).await?;
        hubs.extend(named.map(|at| (at.hub.clone(), at.clone())));
        hubs.retain(|hub, _| spared.is_none_or(|at| at.hub != *hub));
        let latest = self.store.effect(claim, Command::Burn).await?.map_or(0, |effect| effect.generation);
        let swept = stream::iter(hubs.into_values()).map(|at| self.sweep_hub(claim, at, latest));
        swept.buffer_unordered(AT_ONCE).try_fold(false, async |made, here| Ok(made || here)).await
    }

    /// Each hub of the partner's devices, but not of those with which other registrations hold their registers: an Amend
    /// leads to another way to the same register, so to a device that no other one needs. Nor those that an operator has given
    /// up.
    async fn hubs_to_spare(&self, claim: &Claim) -> Result<BTreeMap<String, DeviceAddress>, StoreError> {
        let taken = self.store.devices_of_others(claim.scope, claim.kkt.id).await?;
        let gone = self.store.db.gone_hubs().await?;
        let devices = partners::store::devices_of(&self.store.db, claim.scope).await?;
        let spare = devices.iter().filter(|device| !taken.contains(&device.id) && !gone.contains(device.hub.as_str()));
        Ok(spare.map(|device| (device.hub.as_str().to_owned(), address(device))).collect())
    }

    /// The same at one hub. It drops old tasks before new ones, so it is asked for some more behind the last that is known.
    async fn sweep_hub(&self, claim: &Claim, at: DeviceAddress, latest: u32) -> Result<bool, Failure> {
        let (mut made, mut last, mut generation) = (false, latest, 0);
        while generation <= last + DROPPED {
            if let Some(here) = self.sweep_burn(claim, &at, generation).await? {
                made |= here;
                last = last.max(generation);
            }
            generation += 1;
        }
        Ok(made)
    }

    /// Whether a burn has made its report, once it is over; `None` when the hub does not know it.
    async fn sweep_burn(&self, claim: &Claim, at: &DeviceAddress, generation: u32) -> Result<Option<bool>, Failure> {
        let id = claim.effect_id(Command::Burn, generation);
        // That a hub knows nothing is nothing to keep for the operator.
        let (told, _) = transcript::record(self.gateways.device.result(at, id)).await;
        match told.map_err(unanswered)? {
            TaskResult::Forgotten => return Ok(None),
            TaskResult::Voided | TaskResult::Failed(_) | TaskResult::Cancelled => return Ok(Some(false)),
            TaskResult::Ready(_) | TaskResult::Pending | TaskResult::Blocked(_) => {}
        }
        match end_task(&*self.gateways.device, at, id).await.map_err(unanswered)? {
            Ended::Made(_) => Ok(Some(true)),
            Ended::Over | Ended::Void => Ok(Some(false)),
            Ended::Running => Err(Failure::Conflict),
        }
    }
}
