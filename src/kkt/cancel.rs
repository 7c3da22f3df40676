//! Cancel: gives a registration up, once it is certain that this service will not burn its FN any more.
//!
//! Commands whose outcome is unclear are voided at their receivers first, so that one sent late has no effect. What has
//! happened all the same (an application filed, a code used) is kept in the ending.

use super::calls::{Burn, Conclusion, Fate, after, unanswered};
use super::effects::{Claim, Standing};
use super::model::{Cancel, Kkt};
use super::seeing::{Seen, see};
use super::service::{Service, fingerprint};
use super::state::{DriveFate, Ending, Event, Numbers, State};
use super::store::Change;
use crate::failure::{Failure, Requirement};
use crate::gateways::device::DeviceAddress;
use crate::gateways::fns::SignedDocument;
use crate::gateways::ofd::{CodeOrder, ConnectOrder};
use crate::gateways::{Gateway, Outcome};
use crate::storage::requests::Key;
use crate::values::{EffectId, KktId, PartnerScope, Rnm};

type Outcomes = Vec<(EffectId, Standing)>;

impl Service {
    /// Cancels a registration and frees what it holds: the KKT, the activation code, a rental device, and the FN when it
    /// is proven unburnt.
    ///
    /// # Errors
    /// `NotFound`, `WrongKktState` (also when the FN turns out to be burnt), `KeyReused`, `Conflict`; `GatewayUnavailable`
    /// while an outer system cannot tell what became of a command. The registration stays as it was then.
    pub async fn cancel(&self, scope: PartnerScope, call: Cancel) -> Result<Kkt, Failure> {
        let key = Key { scope, method: "Cancel", id: call.request_id };
        let fingerprint = fingerprint(&call.kkt_id)?;
        let work = Box::pin(self.give_up(key, fingerprint.clone(), call.kkt_id));
        self.once(key, &fingerprint, work).await
    }

    async fn give_up(&self, key: Key, fingerprint: Vec<u8>, id: KktId) -> Result<Kkt, Failure> {
        may_end(&self.get(key.scope, id).await?)?;
        let claim = self.seize(key.scope, id).await?;
        let came = self.papers.keeping(claim.owner(), Box::pin(self.ending(&claim))).await;
        self.conclude(key, fingerprint, &claim, came).await
    }

    async fn ending(&self, claim: &Claim) -> Result<Conclusion, Failure> {
        may_end(&claim.kkt)?;
        if matches!(claim.kkt.state, State::Reserving | State::Submitting { .. }) {
            self.caught_up(claim).await?;
        }
        let mut outcomes = Outcomes::new();
        let ending = match &claim.kkt.state {
            State::Reserving => self.reserving(claim, &mut outcomes).await?,
            State::Submitting { held } => self.submitting(claim, *held, &mut outcomes).await?,
            State::ConnectingOfd { held, stale, numbers } => {
                let ending = self.connecting(claim, *held, *stale, numbers, &mut outcomes).await?;
                Ending { drive: self.drive_fate(claim, &numbers.rnm).await?, ..ending }
            }
            State::AwaitingRnm { application_id, .. } => self.awaiting(claim, application_id).await?,
            State::ReadyToFiscalize { numbers } | State::Fiscalizing { numbers, .. } => {
                let connected = claim.kkt.spec.ofd.is_some();
                Ending { connected, drive: self.drive_fate(claim, &numbers.rnm).await?, ..filed(numbers) }
            }
            other => left_behind(other),
        };
        let due = ending.held.map(|_| 0);
        let state = after(&claim.kkt, Event::Cancelled(ending))?;
        let change = Change { due_in_ms: due, ..Change::asked("partner", state, "CANCELLED") };
        Ok(Conclusion { change, outcomes })
    }

    async fn reserving(&self, claim: &Claim, outcomes: &mut Outcomes) -> Result<Ending, Failure> {
        let code = self.fate::<CodeOrder>(claim).await?;
        outcomes.extend(code.outcome());
        Ok(Ending { held: code.id(), ..left_behind(&claim.kkt.state) })
    }

    async fn submitting(
        &self,
        claim: &Claim,
        held: Option<EffectId>,
        outcomes: &mut Outcomes,
    ) -> Result<Ending, Failure> {
        let application = self.fate::<SignedDocument>(claim).await?;
        outcomes.extend(application.outcome());
        let application_id = match application {
            Fate::Learned(_, filed) => Some(filed.application_id),
            Fate::Known(_) | Fate::None => None,
        };
        Ok(Ending { application_id, held, ..left_behind(&claim.kkt.state) })
    }

    /// FNS may have given the number since it was last asked, and then the drive may have been burnt by hand.
    async fn awaiting(&self, claim: &Claim, application_id: &str) -> Result<Ending, Failure> {
        let ending = left_behind(&claim.kkt.state);
        match self.gateways.fns.number(application_id).await.map_err(unanswered)? {
            Some((rnm, _)) => {
                let drive = self.drive_fate(claim, &rnm).await?;
                Ok(Ending { rnm: Some(rnm), drive, ..ending })
            }
            None => Ok(ending),
        }
    }

    async fn connecting(
        &self,
        claim: &Claim,
        held: Option<EffectId>,
        stale: Option<EffectId>,
        numbers: &Numbers,
        outcomes: &mut Outcomes,
    ) -> Result<Ending, Failure> {
        let contract = self.fate::<ConnectOrder>(claim).await?;
        outcomes.extend(contract.outcome());
        if contract.id().is_some() {
            return Ok(Ending { connected: true, ..filed(numbers) });
        }
        if let Some(stale) = stale {
            self.store.allowed(Gateway::Ofd).await?;
            // One that cannot be freed has been used or has expired: nothing is lost by it.
            match self.gateways.ofd.release(stale).await {
                Outcome::Done(()) | Outcome::Refused(_) => {}
                Outcome::NotNow(setback) | Outcome::Unknown(setback) => return Err(unanswered(setback)),
            }
            return Ok(Ending { held, ..filed(numbers) });
        }
        if held.is_some() {
            return Ok(Ending { held, ..filed(numbers) });
        }
        let code = self.fate::<CodeOrder>(claim).await?;
        outcomes.extend(code.outcome());
        Ok(Ending { held: code.id(), ..filed(numbers) })
    }

    /// What is known of the drive once no burn of ours can run any more. From the RNM on it may have been burnt by hand.
    async fn drive_fate(&self, claim: &Claim, rnm: &Rnm) -> Result<DriveFate, Failure> {
        let at = self.address_of(claim.scope, &claim.kkt.facts.register).await?;
        if self.is_reported(claim).await? || self.was_burnt(claim, at.as_ref()).await? {
            return Err(burnt());
        }
        let Some(at) = at else { return Ok(DriveFate::InDoubt) };
        match see(&*self.gateways.device, &at, &claim.kkt, rnm).await {
            Seen::Unburnt(_) => Ok(DriveFate::Unburnt),
            Seen::Ours(_) => Err(burnt()),
            Seen::Others | Seen::Spent => Ok(DriveFate::Lost),
            Seen::Unready | Seen::Mismatch(_) | Seen::Silent(_) => Ok(DriveFate::InDoubt),
        }
    }

    /// Whether one of our burns made its report; after this none runs any more.
    async fn was_burnt(&self, claim: &Claim, at: Option<&DeviceAddress>) -> Result<bool, Failure> {
        if let Some(at) = at
            && matches!(self.end_burns(claim, at).await?, Burn::Made(..))
        {
            return Ok(true);
        }
        self.sweep(claim, at, None).await
    }
}

/// Cancelling is allowed in this state at all.
fn may_end(kkt: &Kkt) -> Result<(), Failure> {
    if kkt.state.may_be_unburnt() { Ok(()) } else { Err(Failure::WrongKktState { state: kkt.state.name().as_str() }) }
}

/// The ending as the state alone tells it.
fn left_behind(state: &State) -> Ending {
    Ending {
        application_id: state.application_id().map(str::to_owned),
        rnm: None,
        held: state.held(),
        connected: false,
        drive: DriveFate::Unburnt,
    }
}

fn filed(numbers: &Numbers) -> Ending {
    Ending {
        application_id: Some(numbers.application_id.clone()),
        rnm: Some(numbers.rnm.clone()),
        held: None,
        connected: false,
        drive: DriveFate::InDoubt,
    }
}

fn burnt() -> Failure {
    Failure::RequirementsNotMet(vec![Requirement {
        code: "FN_IS_BURNT",
        subject: "kkt_id".into(),
        text: "the report has been made: the registration goes on to its card and cannot be cancelled; call Fiscalize if it rests".into(),
        russian: "Отчёт о регистрации уже сформирован: отменить нельзя, регистрация будет завершена; если она стоит, запустите фискализацию".into(),
    }])
}
