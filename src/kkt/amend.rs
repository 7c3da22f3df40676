//! Amend: another activation code, another device, a corrected report.

use super::advice::REPORT_REFUSED;
use super::calls::{Conclusion, Fate, after};
use super::effects::{Claim, Command, Standing};
use super::model::{Amend, Amendment, Equipment, Facts, Kkt, SoldRegister, Spec};
use super::report;
use super::service::{Service, fingerprint};
use super::state::{Event, State};
use super::store::Change;
use crate::failure::{Failure, Requirement};
use crate::gateways::device::FiscalReport;
use crate::gateways::ofd::{CodeOrder, ConnectOrder};
use crate::storage::requests::Key;
use crate::values::{ActivationCode, DeviceId, PartnerScope};

impl Service {
    /// Corrects what holds a registration up; it goes on at once.
    ///
    /// # Errors
    /// `NotFound` (the registration, or the device), `WrongKktState`, `RequirementsNotMet`, `KeyReused`, `Conflict`;
    /// `GatewayUnavailable` while an outer system cannot tell what became of a command. Nothing is changed then.
    pub async fn amend(&self, scope: PartnerScope, call: Amend) -> Result<Kkt, Failure> {
        let key = Key { scope, method: "Amend", id: call.request_id };
        let fingerprint = fingerprint(&(call.kkt_id, &call.amendment))?;
        let work = Box::pin(self.correct(key, fingerprint.clone(), call));
        self.once(key, &fingerprint, work).await
    }

    async fn correct(&self, key: Key, fingerprint: Vec<u8>, call: Amend) -> Result<Kkt, Failure> {
        let scope = key.scope;
        allowed(&self.get(scope, call.kkt_id).await?, &call.amendment)?;
        if let Amendment::Device(id) = &call.amendment {
            self.check_device(scope, Some(*id)).await?;
        }
        let claim = self.seize(scope, call.kkt_id).await?;
        let came = self.papers.keeping(claim.owner(), Box::pin(self.amended(&claim, call.amendment))).await;
        self.conclude(key, fingerprint, &claim, came).await
    }

    async fn amended(&self, claim: &Claim, amendment: Amendment) -> Result<Conclusion, Failure> {
        allowed(&claim.kkt, &amendment)?;
        match amendment {
            Amendment::Code(code) => self.other_code(claim, code).await,
            Amendment::Device(id) => self.other_device(claim, id).await,
            Amendment::Report(report) => self.corrected_report(claim, report).await,
        }
    }

    /// A command under way with the code before is voided first. When it has been carried out after all, nothing needs
    /// to be amended.
    async fn other_code(&self, claim: &Claim, code: ActivationCode) -> Result<Conclusion, Failure> {
        let carried_out = match &claim.kkt.state {
            State::ConnectingOfd { held: Some(_), .. } => self.fate::<ConnectOrder>(claim).await?.id().is_some(),
            State::ConnectingOfd { stale: Some(_), .. } => false,
            _ => matches!(self.fate::<CodeOrder>(claim).await?, Fate::Known(_) | Fate::Learned(..)),
        };
        if carried_out {
            return Err(Failure::Conflict);
        }
        let (mut spec, facts) = (claim.kkt.spec.clone(), claim.kkt.facts.clone());
        let Some(ofd) = &mut spec.ofd else { return Err(autonomous()) };
        ofd.code = code;
        let state = after(&claim.kkt, Event::CodeChanged)?;
        Ok(corrected(state, "CODE_AMENDED", spec, facts))
    }

    /// Under another device id the same KKT answers. A burn that was posted at the device before is ended there first:
    /// a hub that comes back later would find it in its queue.
    async fn other_device(&self, claim: &Claim, id: DeviceId) -> Result<Conclusion, Failure> {
        let (mut spec, mut facts) = (claim.kkt.spec.clone(), claim.kkt.facts.clone());
        facts.register.device_id = Some(id);
        if let Equipment::Sale(register) = &mut spec.equipment {
            register.device_id = Some(id);
        }
        self.leave_device(claim, &facts.register).await?;
        Ok(corrected(claim.kkt.state.clone(), "DEVICE_AMENDED", spec, facts))
    }

    async fn leave_device(&self, claim: &Claim, after: &SoldRegister) -> Result<(), Failure> {
        let old = self.address_of(claim.scope, &claim.kkt.facts.register).await?;
        let new = self.address_of(claim.scope, after).await?;
        if let Some(old) = &old {
            self.end_burns(claim, old).await?;
        }
        // What has made its report there, the drive or FNS tells.
        self.sweep(claim, old.as_ref(), new.as_ref()).await.map(drop)
    }

    async fn corrected_report(&self, claim: &Claim, report: FiscalReport) -> Result<Conclusion, Failure> {
        let state = after(&claim.kkt, Event::ReportCorrected(report.clone()))?;
        let Some(numbers) = claim.kkt.state.numbers() else {
            return Err(Failure::WrongKktState { state: claim.kkt.state.name().as_str() });
        };
        report::fits(&claim.kkt, numbers, &report, self.clock.now_ms())?;
        let mut outcomes = self.compared(claim, &numbers.rnm, &report).await?;
        // A report that FNS took and refused after review makes room for the next generation.
        let filed = self.store.effect(claim, Command::SubmitReport).await?;
        outcomes.extend(filed.filter(|e| e.standing == Standing::Done).map(|e| (e.id, Standing::Refused)));
        Ok(Conclusion { change: Change::asked("partner", state, "REPORT_AMENDED"), outcomes })
    }
}

fn corrected(state: State, detail: &str, spec: Spec, facts: Facts) -> Conclusion {
    let change = Change { corrected: Some((spec, facts)), ..Change::asked("partner", state, detail) };
    Conclusion { change, outcomes: Vec::new() }
}

/// Where each amendment has a place: a code until the operator has the KKT, a device until the report is made, a report
/// once FNS has refused the one before.
fn allowed(kkt: &Kkt, amendment: &Amendment) -> Result<(), Failure> {
    let refused = kkt.block.as_ref().is_some_and(|block| block.reason == REPORT_REFUSED);
    let fits = match amendment {
        Amendment::Code(_) if kkt.spec.ofd.is_none() => return Err(autonomous()),
        Amendment::Code(_) => matches!(kkt.state, State::Reserving | State::ConnectingOfd { .. }),
        Amendment::Device(_) => kkt.state.may_be_unburnt(),
        Amendment::Report(_) => refused && matches!(kkt.state, State::Reporting { .. } | State::AwaitingCard { .. }),
    };
    if fits { Ok(()) } else { Err(Failure::WrongKktState { state: kkt.state.name().as_str() }) }
}

fn autonomous() -> Failure {
    Failure::RequirementsNotMet(vec![Requirement {
        code: "OFD_IN_AUTONOMOUS_MODE",
        subject: "activation_code".into(),
        text: "the KKT is autonomous: there is no operator and no code".into(),
        russian: "Касса работает в автономном режиме: код активации ей не нужен".into(),
    }])
}
