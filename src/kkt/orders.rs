//! Commands to FNS and the operator, carried out once: intent committed, then the call; what is unclear is asked, never
//! done again under a new id.

use std::future::Future;
use std::time::Instant;

use serde_json::json;

use super::effects::{Claim, Command, Effect, Intent, Standing};
use super::state::{Name, Numbers, State};
use super::worker::Worker;
use crate::gateways::breaker::resting;
use crate::gateways::fns::{Filed, FnsRefusal, FnsRefusalReason, ReportFiled, ReportToFile, SignedDocument};
use crate::gateways::ofd::{CodeOrder, ConnectOrder, Contract, OfdRefusal, OfdRefusalReason, Reserved};
use crate::gateways::{Gateway, Gateways, Outcome, Setback, Told};
use crate::storage::StoreError;
use crate::values::EffectId;

/// A command whose receiver deduplicates by effect id and can report it or void it.
pub(super) trait Order: Sync {
    /// What its effect answers.
    type Done: Send + Sync;
    /// Why it may be refused.
    type Refusal: Send;
    /// Which step it is.
    const COMMAND: Command;

    /// What it sends, as the operator reads it.
    fn content(&self) -> Vec<u8>;
    /// Sends it.
    fn send(&self, to: &Gateways, id: EffectId) -> impl Future<Output = Outcome<Self::Done, Self::Refusal>> + Send;
    /// Asks what became of it, or voids it.
    fn ask(
        to: &Gateways,
        id: EffectId,
    ) -> impl Future<Output = Result<Told<Self::Done, Self::Refusal>, Setback>> + Send;
    /// Asks what became of it and voids nothing; `None` when its receiver has never seen the id.
    fn tell(to: &Gateways, id: EffectId) -> impl Future<Output = Seen<Self::Done, Self::Refusal>> + Send;
    /// The refusal says that the id is void, so nothing has been refused but the id.
    fn is_void(refusal: &Self::Refusal) -> bool;
}

/// What a receiver tells of an id that it may never have seen.
pub(super) type Seen<T, R> = Result<Option<Told<T, R>>, Setback>;

/// What a command came to, as far as it is known now.
pub(super) enum Came<T, R> {
    /// The effect happened.
    Done(EffectId, T),
    /// Refused, without effect.
    Refused(EffectId, R),
    /// The receiver is still at it.
    UnderWay,
    /// No answer; look again later.
    Setback(Setback),
    /// Somebody has voided it, and after a restore nobody here knows why.
    Voided(EffectId),
}

impl Worker {
    /// Carries out a command, or finds out what became of it.
    pub(super) async fn carry_out<O: Order>(
        &self,
        claim: &Claim,
        order: &O,
    ) -> Result<Came<O::Done, O::Refusal>, StoreError> {
        if let Some(id) = claim.intended.filter(|id| *id == claim.effect_id(O::COMMAND, 0)) {
            return self.send(claim, order, id).await;
        }
        let known = self.store.effect(claim, O::COMMAND).await?;
        if self.store.recovers().await? {
            // Boxed: rarely taken, and it would double what every step needs of the stack.
            return Box::pin(self.carry_on(claim, order, known)).await;
        }
        let generation = match known {
            None => 0,
            Some(Effect { standing: Standing::Unsent, generation, .. }) => generation,
            Some(Effect { standing: Standing::Refused | Standing::Void, generation, .. }) => generation + 1,
            Some(Effect { standing: Standing::Done, id, .. }) => return Err(not_moved(id)),
            #[cfg(feature = "chaos")]
            Some(effect) if self.is_blind() => return self.carry_out_again(claim, order, effect).await,
            Some(effect) => match O::ask(&self.gateways, effect.id).await {
                Ok(Told::Done(done)) => return Ok(Came::Done(effect.id, done)),
                Ok(Told::Refused(refusal)) => return Ok(Came::Refused(effect.id, refusal)),
                Ok(Told::InProgress) => return Ok(Came::UnderWay),
                Ok(Told::Void) => {
                    self.store.settle(claim, effect.id, Standing::Void, self.clock.now_ms()).await?;
                    effect.generation + 1
                }
                Err(setback) => return Ok(Came::Setback(setback)),
            },
        };
        let id = self.intend(claim, order, generation).await?;
        self.send(claim, order, id).await
    }

    /// Commits the intent to send a command.
    pub(super) async fn intend<O: Order>(
        &self,
        claim: &Claim,
        order: &O,
        generation: u32,
    ) -> Result<EffectId, StoreError> {
        let (now_ms, lease_ms) = (self.clock.now_ms(), self.config.lease_ms);
        self.store.intend(claim, self.intent(claim, order, generation), now_ms, lease_ms).await
    }

    fn intent<O: Order>(&self, claim: &Claim, order: &O, generation: u32) -> Intent {
        let sent = self.sent(claim, O::COMMAND, generation, order.content());
        Intent { command: O::COMMAND, generation, sent }
    }

    /// The rest of the outer system that the next step needs. A hub is known only once its device has been looked up;
    /// there the call itself is turned away.
    pub(super) fn rests(&self, claim: &Claim) -> Option<Setback> {
        let gateway = match claim.kkt.state.name() {
            Name::Reserving | Name::ConnectingOfd if claim.kkt.spec.ofd.is_none() => return None,
            Name::Rejected | Name::Cancelled if claim.kkt.state.held().is_none() => return None,
            Name::Reserving | Name::ConnectingOfd | Name::Rejected | Name::Cancelled => Gateway::Ofd,
            Name::Submitting | Name::AwaitingRnm | Name::Reporting | Name::AwaitingCard => Gateway::Fns,
            Name::ReadyToFiscalize | Name::Fiscalizing | Name::Registered => return None,
        };
        let rest = self.gateways.breakers.rests(gateway, "", Instant::now())?;
        Some(resting(gateway, rest))
    }

    /// The command that comes next, to be intended with the move to it. None where something is looked at before: a drive, or
    /// whether its gateway answers.
    pub(super) fn follows(&self, next: &Claim) -> Option<Intent> {
        if self.rests(next).is_some() {
            return None;
        }
        match &next.kkt.state {
            State::Submitting { .. } => Some(self.intent(next, &self.application(next).ok()?, 0)),
            State::ConnectingOfd { stale: None, held: Some(held), numbers, .. } => {
                Some(self.intent(next, &connection(next, *held, numbers)?, 0))
            }
            State::Reporting { numbers, .. } => Some(self.intent(next, &report(next, numbers)?, 0)),
            _ => None,
        }
    }

    /// Sends a command whose intent is committed.
    pub(super) async fn send<O: Order>(
        &self,
        claim: &Claim,
        order: &O,
        id: EffectId,
    ) -> Result<Came<O::Done, O::Refusal>, StoreError> {
        match order.send(&self.gateways, id).await {
            Outcome::Done(done) => Ok(Came::Done(id, done)),
            Outcome::Refused(refusal) if O::is_void(&refusal) => {
                self.store.settle(claim, id, Standing::Void, self.clock.now_ms()).await?;
                Ok(Came::UnderWay)
            }
            Outcome::Refused(refusal) => Ok(Came::Refused(id, refusal)),
            Outcome::NotNow(setback) => {
                self.store.settle(claim, id, Standing::Unsent, self.clock.now_ms()).await?;
                Ok(Came::Setback(setback))
            }
            // The intent stays as it is: the next attempt asks.
            Outcome::Unknown(setback) => Ok(Came::Setback(setback)),
        }
    }
}

/// The contract for what FNS has given a number. None for a register without an operator.
pub(super) fn connection(claim: &Claim, held: EffectId, numbers: &Numbers) -> Option<ConnectOrder> {
    let ofd = claim.kkt.spec.ofd.as_ref()?;
    let register = &claim.kkt.facts.register;
    Some(ConnectOrder {
        reservation: held,
        ofd: ofd.inn.clone(),
        code: ofd.code.clone(),
        inn: claim.kkt.inn.clone(),
        rnm: numbers.rnm.clone(),
        kkt_serial: register.serial.clone(),
        fn_serial: register.fn_serial.clone(),
    })
}

/// The report that the drive has made. None before.
pub(super) fn report(claim: &Claim, numbers: &Numbers) -> Option<ReportToFile> {
    let report = &claim.kkt.state.report()?.values;
    Some(ReportToFile {
        application_id: numbers.application_id.clone(),
        rnm: report.rnm.clone(),
        fn_serial: report.fn_serial.clone(),
        fd_number: report.fd_number,
        local_time: report.local_time.clone(),
        fiscal_sign: report.fiscal_sign.clone(),
        certificate_id: claim.kkt.spec.signer.certificate_id.clone(),
    })
}

/// An effect and the move that it makes are written together.
pub(super) fn not_moved(id: EffectId) -> StoreError {
    StoreError::Corrupt { table: "effect", what: format!("{id} is done and its move is not") }
}

impl Order for CodeOrder {
    type Done = Reserved;
    type Refusal = OfdRefusal;
    const COMMAND: Command = Command::ReserveCode;

    fn content(&self) -> Vec<u8> {
        let Self { ofd, code, inn, kkt_model, kkt_serial } = self;
        let content = json!({ "ofd": ofd, "code": code, "inn": inn, "kkt_model": kkt_model, "kkt_serial": kkt_serial });
        content.to_string().into_bytes()
    }

    async fn send(&self, to: &Gateways, id: EffectId) -> Outcome<Reserved, OfdRefusal> {
        to.ofd.reserve(id, self).await
    }

    async fn ask(to: &Gateways, id: EffectId) -> Result<Told<Reserved, OfdRefusal>, Setback> {
        to.ofd.reservation_or_void(id).await
    }

    async fn tell(to: &Gateways, id: EffectId) -> Seen<Reserved, OfdRefusal> {
        to.ofd.reservation_told(id).await
    }

    fn is_void(refusal: &OfdRefusal) -> bool {
        refusal.reason == OfdRefusalReason::Voided
    }
}

impl Order for ConnectOrder {
    type Done = Contract;
    type Refusal = OfdRefusal;
    const COMMAND: Command = Command::Connect;

    fn content(&self) -> Vec<u8> {
        let Self { reservation, ofd, code, inn, rnm, kkt_serial, fn_serial } = self;
        let content = json!({
            "reservation": reservation, "ofd": ofd, "code": code, "inn": inn, "rnm": rnm, "kkt_serial": kkt_serial,
            "fn_serial": fn_serial,
        });
        content.to_string().into_bytes()
    }

    async fn send(&self, to: &Gateways, id: EffectId) -> Outcome<Contract, OfdRefusal> {
        to.ofd.connect(id, self).await
    }

    async fn ask(to: &Gateways, id: EffectId) -> Result<Told<Contract, OfdRefusal>, Setback> {
        to.ofd.connection_or_void(id).await
    }

    async fn tell(to: &Gateways, id: EffectId) -> Seen<Contract, OfdRefusal> {
        to.ofd.connection_told(id).await
    }

    fn is_void(refusal: &OfdRefusal) -> bool {
        refusal.reason == OfdRefusalReason::Voided
    }
}

impl Order for SignedDocument {
    type Done = Filed;
    type Refusal = FnsRefusal;
    const COMMAND: Command = Command::SubmitApplication;

    fn content(&self) -> Vec<u8> {
        self.xml.clone()
    }

    async fn send(&self, to: &Gateways, id: EffectId) -> Outcome<Filed, FnsRefusal> {
        to.fns.submit(id, self).await
    }

    async fn ask(to: &Gateways, id: EffectId) -> Result<Told<Filed, FnsRefusal>, Setback> {
        to.fns.application_or_void(id).await
    }

    async fn tell(to: &Gateways, id: EffectId) -> Seen<Filed, FnsRefusal> {
        to.fns.application_told(id).await
    }

    fn is_void(refusal: &FnsRefusal) -> bool {
        refusal.reason == FnsRefusalReason::Voided
    }
}

impl Order for ReportToFile {
    type Done = ReportFiled;
    type Refusal = FnsRefusal;
    const COMMAND: Command = Command::SubmitReport;

    fn content(&self) -> Vec<u8> {
        let Self { application_id, rnm, fn_serial, fd_number, local_time, fiscal_sign, certificate_id } = self;
        let content = json!({
            "application_id": application_id, "rnm": rnm, "fn_serial": fn_serial, "fd_number": fd_number,
            "local_time": local_time, "fiscal_sign": fiscal_sign, "certificate_id": certificate_id,
        });
        content.to_string().into_bytes()
    }

    async fn send(&self, to: &Gateways, id: EffectId) -> Outcome<ReportFiled, FnsRefusal> {
        to.fns.submit_report(id, self).await
    }

    async fn ask(to: &Gateways, id: EffectId) -> Result<Told<ReportFiled, FnsRefusal>, Setback> {
        to.fns.report_or_void(id).await
    }

    async fn tell(to: &Gateways, id: EffectId) -> Seen<ReportFiled, FnsRefusal> {
        to.fns.report_told(id).await
    }

    fn is_void(refusal: &FnsRefusal) -> bool {
        refusal.reason == FnsRefusalReason::Voided
    }
}
