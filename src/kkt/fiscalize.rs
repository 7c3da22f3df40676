//! Fiscalize: starts the burn, or takes over a report that a person made.

use super::advice::{RESTORED_UNCONFIRMED, TASK_WITHDRAWN};
use super::calls::{Burn, Conclusion, after};
use super::effects::{Claim, Standing};
use super::model::{Block, Fiscalize, Kkt, Method};
use super::preflight;
use super::report;
use super::seeing::{Seen, see};
use super::service::{Service, fingerprint};
use super::state::{Event, State};
use super::store::Change;
use crate::failure::Failure;
use crate::gateways::device::FiscalReport;
use crate::storage::requests::{Accepted, Key};
use crate::values::{EffectId, PartnerScope, Rnm};

impl Service {
    /// Starts the burn, or takes over the report that a person read off the paper.
    ///
    /// # Errors
    /// `NotFound`, `WrongKktState`, `AutomaticUnsupported`, `RequirementsNotMet` (no device; a report that does not fit,
    /// or that the device contradicts), `KeyReused`, `Conflict`; nothing is changed then.
    pub async fn fiscalize(&self, scope: PartnerScope, call: Fiscalize) -> Result<Kkt, Failure> {
        let key = Key { scope, method: "Fiscalize", id: call.request_id };
        let fingerprint = fingerprint(&(call.kkt_id, &call.method))?;
        let work = Box::pin(self.burnt_as_asked(key, fingerprint.clone(), call));
        self.once(key, &fingerprint, work).await
    }

    async fn burnt_as_asked(&self, key: Key, fingerprint: Vec<u8>, call: Fiscalize) -> Result<Kkt, Failure> {
        let scope = key.scope;
        let kkt = self.get(scope, call.kkt_id).await?;
        match call.method {
            Method::Automatic => self.start_burn(key, fingerprint, &kkt).await,
            Method::Manual(report) => {
                after(&kkt, Event::MadeByHand(report.clone()))?;
                let claim = self.seize(scope, kkt.id).await?;
                let came = self.papers.keeping(claim.owner(), Box::pin(self.made_by_hand(&claim, report))).await;
                self.conclude(key, fingerprint, &claim, came).await
            }
        }
    }

    async fn start_burn(&self, key: Key, fingerprint: Vec<u8>, kkt: &Kkt) -> Result<Kkt, Failure> {
        let under_way = matches!(kkt.state, State::Fiscalizing { .. });
        let again = |block: &Block| [TASK_WITHDRAWN, RESTORED_UNCONFIRMED].contains(&block.reason.as_str());
        if under_way && !kkt.block.as_ref().is_some_and(again) {
            return Err(Failure::WrongKktState { state: kkt.state.name().as_str() });
        }
        let state = after(kkt, Event::FiscalizeAsked(key.id))?;
        self.drivable(&kkt.facts.register)?;
        if kkt.facts.register.device_id.is_none() {
            return Err(Failure::RequirementsNotMet(vec![preflight::device_required("kkt_id")]));
        }
        let accepted = Accepted { fingerprint, resource: kkt.id.uuid() };
        let change = Change::asked("partner", state, "FISCALIZE_ASKED");
        self.store.change(key, accepted, kkt, change, self.clock.now_ms()).await?;
        self.signal.raise();
        self.get(key.scope, kkt.id).await
    }

    /// A queued burn of ours is ended first. Then the device is asked, where it answers; where it does not, the report
    /// is taken as the person says: nothing else is known, and the drive can be burnt only once.
    async fn made_by_hand(&self, claim: &Claim, report: FiscalReport) -> Result<Conclusion, Failure> {
        let state = after(&claim.kkt, Event::MadeByHand(report.clone()))?;
        let Some(numbers) = claim.kkt.state.numbers() else {
            return Err(Failure::WrongKktState { state: claim.kkt.state.name().as_str() });
        };
        report::fits(&claim.kkt, numbers, &report, self.clock.now_ms())?;
        let outcomes = self.compared(claim, &numbers.rnm, &report).await?;
        Ok(Conclusion { change: Change::asked("partner", state, "REPORTED_BY_HAND"), outcomes })
    }

    /// Compares a report with what hub and drive hold; what became of a burn of ours.
    pub(super) async fn compared(
        &self,
        claim: &Claim,
        rnm: &Rnm,
        report: &FiscalReport,
    ) -> Result<Vec<(EffectId, Standing)>, Failure> {
        let Some(at) = self.address_of(claim.scope, &claim.kkt.facts.register).await? else { return Ok(Vec::new()) };
        match self.end_burns(claim, &at).await {
            Ok(Burn::Never) => {}
            Ok(Burn::Made(id, made)) => {
                report::same(&made, report)?;
                return Ok(vec![(id, Standing::Done)]);
            }
            // A task that may still run finds the drive burnt, or burns the very same numbers.
            Err(Failure::GatewayUnavailable { .. }) => return Ok(Vec::new()),
            Err(other) => return Err(other),
        }
        match see(&*self.gateways.device, &at, &claim.kkt, rnm).await {
            Seen::Ours(Some(made)) => report::same(&made, report)?,
            Seen::Unburnt(_) => return Err(report::not_made()),
            Seen::Others => return Err(report::others()),
            Seen::Ours(None) | Seen::Spent | Seen::Unready | Seen::Mismatch(_) | Seen::Silent(_) => {}
        }
        Ok(Vec::new())
    }
}
