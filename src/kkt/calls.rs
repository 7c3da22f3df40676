//! What the calls that change a registration share: they take it away from the worker, find out what became of commands
//! whose outcome is unclear, and commit what they came to.

use std::future::Future;
use std::time::Instant;

use super::effects::{Claim, Command, Effect, Standing};
use super::model::{Kkt, SoldRegister};
use super::orders::Order;
use super::recollect::MOST;
use super::seeing::{Ended, address, end_task};
use super::service::Service;
use super::state::{Event, State};
use super::store::Change;
use crate::budget;
use crate::failure::Failure;
use crate::gateways::device::{DeviceAddress, FiscalReport};
use crate::gateways::{Setback, Told};
use crate::partners;
use crate::storage::requests::{Accepted, Key};
use crate::storage::{Constraint, StoreError};
use crate::telemetry::traces;
use crate::values::{EffectId, KktId, PartnerScope};

/// What became of the latest command of a step.
pub(super) enum Fate<T> {
    /// No effect, and there will be none.
    None,
    /// The effect happened, and that is known here.
    Known(EffectId),
    /// The effect happened, and the receiver has just told so.
    Learned(EffectId, T),
}

impl<T> Fate<T> {
    /// The effect that happened.
    pub(super) const fn id(&self) -> Option<EffectId> {
        match self {
            Self::None => None,
            Self::Known(id) | Self::Learned(id, _) => Some(*id),
        }
    }

    /// What to write of an effect that the receiver has just told of.
    pub(super) fn outcome(&self) -> Option<(EffectId, Standing)> {
        matches!(self, Self::Learned(..)).then(|| self.id().map(|id| (id, Standing::Done))).flatten()
    }
}

/// What became of a burn.
pub(super) enum Burn {
    /// Nothing of ours will run, and nothing of ours made a report as far as the hub knows.
    Never,
    /// The hub has the report of our task.
    Made(EffectId, FiscalReport),
}

/// What a call came to, ready to be written.
pub(super) struct Conclusion {
    /// The change.
    pub change: Change,
    /// Effects that were looked into.
    pub outcomes: Vec<(EffectId, Standing)>,
}

impl Service {
    /// Answers a call that was accepted before as it was; otherwise does its work. A call sent twice at once may find the
    /// registration changed by its own twin: what looks like a refusal then is an answer that has been given.
    /// The work comes boxed: it is deep, and moving it costs as much of the stack.
    pub(super) async fn once(
        &self,
        key: Key,
        fingerprint: &[u8],
        work: impl Future<Output = Result<Kkt, Failure>> + Send,
    ) -> Result<Kkt, Failure> {
        if let Some(kkt) = self.repeated(key, fingerprint).await? {
            return Ok(kkt);
        }
        match work.await {
            Ok(kkt) => Ok(kkt),
            Err(refused) => self.repeated(key, fingerprint).await?.ok_or(refused),
        }
    }

    /// Takes the registration away from whoever drives it.
    pub(super) async fn seize(&self, scope: PartnerScope, id: KktId) -> Result<Claim, Failure> {
        let claim = self.store.seize(scope, id).await?.ok_or(Failure::NotFound { what: "kkt" })?;
        traces::link(claim.kkt.origin.as_deref());
        Ok(claim)
    }

    /// Writes what a call came to and answers the registration after it. Otherwise, and when its deadline has passed, gives
    /// it back as it was.
    pub(super) async fn conclude(
        &self,
        key: Key,
        fingerprint: Vec<u8>,
        claim: &Claim,
        came: Result<Conclusion, Failure>,
    ) -> Result<Kkt, Failure> {
        // After the deadline nothing is asked outside any more. A device that was not asked would count as one that is silent.
        let in_time = |conclusion| match budget::is_over(Instant::now()) {
            true => Err(Failure::DeadlinePassed),
            false => Ok(conclusion),
        };
        let Conclusion { change, outcomes } = match came.and_then(in_time) {
            Ok(conclusion) => conclusion,
            Err(failure) => {
                self.let_go(claim).await;
                return Err(failure);
            }
        };
        let accepted = Accepted { fingerprint: fingerprint.clone(), resource: claim.kkt.id.uuid() };
        match self.store.conclude((key, accepted), claim, change, outcomes, self.clock.now_ms()).await {
            Ok(()) => {
                self.signal.raise();
                self.get(key.scope, claim.kkt.id).await
            }
            Err(StoreError::Unique(Constraint::RequestKey)) => {
                self.let_go(claim).await;
                self.repeated(key, &fingerprint).await?.ok_or(Failure::Conflict)
            }
            Err(error) => {
                self.let_go(claim).await;
                Err(error.into())
            }
        }
    }

    async fn let_go(&self, claim: &Claim) {
        if let Err(error) = self.store.let_go(claim).await {
            tracing::warn!(kkt = %claim.kkt.id, %error, "cannot give a registration back; its lease ends by itself");
        }
        self.signal.raise();
    }

    /// Finds out what became of the latest command of a step. One whose outcome is unclear is voided, or it is learned
    /// that it happened.
    ///
    /// # Errors
    /// `GatewayUnavailable` when the receiver does not answer, `Conflict` while it is still at it.
    pub(super) async fn fate<O: Order>(&self, claim: &Claim) -> Result<Fate<O::Done>, Failure> {
        Box::pin(self.recollect::<O>(claim)).await?;
        let Some(effect) = self.store.effect(claim, O::COMMAND).await? else { return Ok(Fate::None) };
        match effect.standing {
            Standing::Unsent | Standing::Refused | Standing::Void => return Ok(Fate::None),
            Standing::Done => return Ok(Fate::Known(effect.id)),
            Standing::Intended => {}
        }
        let to = match O::ask(&self.gateways, effect.id).await.map_err(unanswered)? {
            Told::Done(done) => return Ok(Fate::Learned(effect.id, done)),
            Told::InProgress => return Err(Failure::Conflict),
            Told::Refused(_) => Standing::Refused,
            Told::Void => Standing::Void,
        };
        self.store.settle(claim, effect.id, to, self.clock.now_ms()).await?;
        Ok(Fate::None)
    }

    /// Sees to it that no burn of ours runs any more, or learns that one has. One that is known here is ended first; after a
    /// restore the hub may hold others behind it.
    ///
    /// # Errors
    /// `GatewayUnavailable` when the hub cannot tell of a burn that is known here, or, after a restore, of one that may stand
    /// in its queue; `Conflict` while the device is at it.
    pub(super) async fn end_burns(&self, claim: &Claim, at: &DeviceAddress) -> Result<Burn, Failure> {
        for _ in 0..MOST {
            let known = self.store.effect(claim, Command::Burn).await?;
            if let Some(effect) = known.filter(|e| e.standing == Standing::Intended) {
                let came = self.end_burn(claim, at, &effect).await?;
                if matches!(came, Burn::Made(..)) {
                    return Ok(came);
                }
            }
            if !Box::pin(self.recollect_burn(claim, at)).await? {
                return Ok(Burn::Never);
            }
        }
        Err(Failure::Conflict)
    }

    async fn end_burn(&self, claim: &Claim, at: &DeviceAddress, effect: &Effect) -> Result<Burn, Failure> {
        let ended = end_task(&*self.gateways.device, at, effect.id).await.map_err(unanswered)?;
        let to = match ended {
            Ended::Made(report) => return Ok(Burn::Made(effect.id, report)),
            Ended::Running => return Err(Failure::Conflict),
            Ended::Over => Standing::Refused,
            Ended::Void => Standing::Void,
        };
        self.store.settle(claim, effect.id, to, self.clock.now_ms()).await?;
        Ok(Burn::Never)
    }

    /// Where the device of a registration answers; absent when it has none.
    pub(super) async fn address_of(
        &self,
        scope: PartnerScope,
        register: &SoldRegister,
    ) -> Result<Option<DeviceAddress>, Failure> {
        let Some(id) = register.device_id else { return Ok(None) };
        let device = partners::store::device(&self.store.db, scope, id).await?;
        Ok(device.as_ref().map(address))
    }
}

/// The state after an event, or the answer that it is not allowed now.
pub(super) fn after(kkt: &Kkt, event: Event) -> Result<State, Failure> {
    kkt.state.after(event).map_err(|refused| Failure::WrongKktState { state: refused.0.as_str() })
}

/// The outer system that a call needs does not answer.
pub(super) fn unanswered(setback: Setback) -> Failure {
    tracing::warn!(%setback, "a call could not find out what it needs");
    setback.into()
}
