//! What the worker does in each state, one step at a time.

use super::advice;
use super::deadlines;
use super::effects::{Claim, Standing};
use super::model::{Block, WaitingFor};
use super::orders::{self, Came};
use super::state::{Ending, Event, Numbers, State};
use super::worker::Worker;
use crate::gateways::fns::{Application, FnsRefusal, FnsRefusalReason as Reason};
use crate::gateways::ofd::{CodeOrder, OfdRefusal, OfdRefusalReason};
use crate::gateways::{Gateway, Outcome, Setback};
use crate::storage::StoreError;
use crate::values::{EffectId, Rnm, RnmCheck};

/// What a step came to.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The registration moves on.
    Go {
        /// What happened.
        event: Event,
        /// The effect behind it, and how it stands now.
        outcome: Option<(EffectId, Standing)>,
        /// For the history.
        detail: &'static str,
    },
    /// It waits for somebody; the worker looks again after `retry_ms`, or not before a call.
    Blocked {
        /// For whom and why.
        block: Block,
        /// The effect behind it, and how it stands now.
        outcome: Option<(EffectId, Standing)>,
        /// Milliseconds.
        retry_ms: Option<i64>,
    },
    /// Being tried; whether what it waited for is over will be seen. Look again.
    UnderWay {
        /// Milliseconds.
        after_ms: i64,
    },
    /// Answered, and nothing new; look again.
    Later {
        /// Milliseconds.
        after_ms: i64,
    },
    /// An outer system did not answer; look again, later and later.
    Setback(Setback),
    /// Nothing to do before a call comes.
    Rest,
}

impl Verdict {
    pub(super) const fn later(after_ms: i64) -> Self {
        Self::Later { after_ms }
    }
}

impl Worker {
    /// One step in the state of the claimed registration.
    pub(super) async fn step(&self, claim: &Claim) -> Result<Verdict, StoreError> {
        match &claim.kkt.state {
            State::Reserving => self.reserve(claim).await,
            State::Submitting { .. } => self.submit(claim).await,
            State::AwaitingRnm { application_id, .. } => Ok(self.await_rnm(claim, application_id).await),
            State::ConnectingOfd { stale: Some(stale), .. } => {
                self.store.allowed(Gateway::Ofd).await?;
                Ok(self.give_back(*stale).await)
            }
            State::ConnectingOfd { held: None, .. } => self.reserve(claim).await,
            State::ConnectingOfd { held: Some(held), numbers, .. } => self.connect(claim, *held, numbers).await,
            State::ReadyToFiscalize { .. } => Ok(Self::ready(claim)),
            State::Fiscalizing { numbers, .. } => self.burn(claim, numbers).await,
            State::Reporting { numbers, .. } => self.report(claim, numbers).await,
            State::AwaitingCard { numbers, .. } => Ok(self.await_card(claim, numbers).await),
            State::Rejected { held: Some(held), .. } | State::Cancelled(Ending { held: Some(held), .. }) => {
                self.store.allowed(Gateway::Ofd).await?;
                Ok(self.release(*held).await)
            }
            State::Registered { .. } | State::Rejected { .. } | State::Cancelled(_) => Ok(Verdict::Rest),
        }
    }

    async fn reserve(&self, claim: &Claim) -> Result<Verdict, StoreError> {
        let Some(ofd) = &claim.kkt.spec.ofd else {
            return Ok(Verdict::Go { event: Event::Held(None), outcome: None, detail: "AUTONOMOUS" });
        };
        let register = &claim.kkt.facts.register;
        let order = CodeOrder {
            ofd: ofd.inn.clone(),
            code: ofd.code.clone(),
            inn: claim.kkt.inn.clone(),
            kkt_model: register.model.clone(),
            kkt_serial: register.serial.clone(),
        };
        Ok(match self.carry_out(claim, &order).await? {
            Came::Done(id, _) => go(Event::Held(Some(id)), id, "CODE_RESERVED"),
            // A registration that FNS has just refused may still be giving this code back.
            Came::Refused(id, refusal) if refusal.reason == OfdRefusalReason::CodeUsed => Verdict::Blocked {
                block: advice::ofd(refusal.reason),
                outcome: Some((id, Standing::Refused)),
                retry_ms: Some(self.config.fns_poll_limit_ms),
            },
            Came::Refused(id, refusal) => ofd_refused(id, &refusal),
            Came::UnderWay => self.soon(claim),
            Came::Setback(setback) => Verdict::Setback(setback),
            Came::Voided(id) => voided(id),
        })
    }

    async fn submit(&self, claim: &Claim) -> Result<Verdict, StoreError> {
        let document = match self.application(claim) {
            Ok(document) => document,
            Err(error) => {
                tracing::error!(kkt = %claim.kkt.id, %error, "the application cannot be made");
                return Ok(self.odd("APPLICATION_INCOMPLETE", "Заявление не удалось составить"));
            }
        };
        Ok(match self.carry_out(claim, &document).await? {
            Came::Done(id, filed) => go(Event::Filed { application_id: filed.application_id }, id, "FILED"),
            // About the id or the moment, not about the application: FNS may have it. The next attempt asks.
            Came::Refused(
                _,
                FnsRefusal { reason: Reason::ContentDiffers | Reason::Voided | Reason::WrongState, .. },
            ) => self.odd("FNS_NEEDS_SUPPORT", "ФНС не приняла заявление по технической причине"),
            Came::Refused(id, refusal) => Verdict::Go {
                event: Event::Refused(refusal),
                outcome: Some((id, Standing::Refused)),
                detail: "FNS_REFUSED",
            },
            Came::UnderWay => self.soon(claim),
            Came::Setback(setback) => Verdict::Setback(setback),
            Came::Voided(id) => voided(id),
        })
    }

    async fn await_rnm(&self, claim: &Claim, application_id: &str) -> Verdict {
        match self.gateways.fns.application(application_id).await {
            Err(setback) => Verdict::Setback(setback),
            Ok(Some(Application::InReview)) => Verdict::later(self.config.fns_poll(claim.attempt)),
            Ok(Some(Application::AwaitingSignature)) => self.signature(claim),
            Ok(Some(Application::RnmAssigned { rnm, assigned })) => {
                self.assigned(claim, application_id, rnm, crate::clock::to_ms(assigned))
            }
            Ok(Some(Application::Refused(refusal))) => {
                Verdict::Go { event: Event::Refused(refusal), outcome: None, detail: "FNS_REFUSED" }
            }
            // FNS is ahead of us: a restored backup has forgotten what followed.
            Ok(Some(_)) => match self.gateways.fns.number(application_id).await {
                Err(setback) => Verdict::Setback(setback),
                Ok(Some((rnm, assigned))) => self.assigned(claim, application_id, rnm, crate::clock::to_ms(assigned)),
                Ok(None) => self.odd("FNS_UNEXPECTED_STATE", "Состояние заявления в ФНС не соответствует ожидаемому"),
            },
            Ok(None) => self.odd("FNS_APPLICATION_LOST", "ФНС не находит поданное заявление"),
        }
    }

    /// The number is filed and burnt for ever: it goes on only when its check digits fit INN and serial.
    fn assigned(&self, claim: &Claim, application_id: &str, rnm: Rnm, assigned_ms: i64) -> Verdict {
        let facts = &claim.kkt.facts;
        match rnm.check(&claim.kkt.inn, &facts.register.serial) {
            RnmCheck::Differs => self.odd("RNM_DOES_NOT_FIT", "Регистрационный номер не подходит к ИНН и номеру кассы"),
            RnmCheck::Fits | RnmCheck::NotCheckable => {
                let report_by_ms = deadlines::report_by(assigned_ms, facts, &self.catalogue);
                let numbers = Numbers { application_id: application_id.to_owned(), rnm, assigned_ms, report_by_ms };
                Verdict::Go { event: Event::RnmAssigned(numbers), outcome: None, detail: "RNM_ASSIGNED" }
            }
        }
    }

    async fn connect(&self, claim: &Claim, held: EffectId, numbers: &Numbers) -> Result<Verdict, StoreError> {
        let Some(order) = orders::connection(claim, held, numbers) else {
            return Ok(Verdict::Go { event: Event::Connected, outcome: None, detail: "AUTONOMOUS" });
        };
        Ok(match self.carry_out(claim, &order).await? {
            Came::Done(id, _) => go(Event::Connected, id, "CONNECTED"),
            Came::Refused(id, refusal) => ofd_refused(id, &refusal),
            Came::UnderWay => self.soon(claim),
            Came::Setback(setback) => Verdict::Setback(setback),
            Came::Voided(id) => voided(id),
        })
    }

    /// Burns by itself when the partner asked for that in QuickRegister.
    fn ready(claim: &Claim) -> Verdict {
        if claim.kkt.awaits_call(&claim.kkt.state) {
            return Verdict::Rest;
        }
        let event = Event::FiscalizeAsked(claim.kkt.request_id);
        Verdict::Go { event, outcome: None, detail: "FISCALIZE_AUTOMATICALLY" }
    }

    async fn report(&self, claim: &Claim, numbers: &Numbers) -> Result<Verdict, StoreError> {
        let Some(order) = orders::report(claim, numbers) else { return Ok(Verdict::Rest) };
        Ok(match self.carry_out(claim, &order).await? {
            Came::Done(id, _) => go(Event::ReportFiled, id, "REPORT_FILED"),
            // About the moment, not about the report: FNS has it already, or is not waiting for it.
            Came::Refused(id, FnsRefusal { reason: Reason::WrongState, .. }) => {
                self.report_there(claim, numbers, id).await
            }
            Came::Refused(id, refusal) => {
                let outcome = Some((id, Standing::Refused));
                Verdict::Blocked { block: advice::report_refused(&refusal), outcome, retry_ms: None }
            }
            Came::UnderWay => self.soon(claim),
            Came::Setback(setback) => Verdict::Setback(setback),
            Came::Voided(id) => voided(id),
        })
    }

    /// FNS would not take the report in the state in which the application is. When it has one, that is as good.
    async fn report_there(&self, claim: &Claim, numbers: &Numbers, id: EffectId) -> Verdict {
        match self.gateways.fns.application(&numbers.application_id).await {
            Err(setback) => Verdict::Setback(setback),
            Ok(Some(Application::ReportInReview | Application::Registered { .. })) => {
                let outcome = Some((id, Standing::Refused));
                Verdict::Go { event: Event::ReportFiled, outcome, detail: "REPORT_WAS_FILED" }
            }
            Ok(_) => Verdict::Blocked {
                block: advice::support("FNS_NEEDS_SUPPORT", "ФНС не приняла отчёт по технической причине"),
                outcome: Some((id, Standing::Refused)),
                retry_ms: Some(self.config.fns_poll_limit_ms.max(self.config.fns_poll(claim.attempt))),
            },
        }
    }

    async fn await_card(&self, claim: &Claim, numbers: &Numbers) -> Verdict {
        match self.gateways.fns.application(&numbers.application_id).await {
            Err(setback) => Verdict::Setback(setback),
            Ok(Some(Application::ReportInReview)) => Verdict::later(self.config.fns_poll(claim.attempt)),
            Ok(Some(Application::AwaitingSignature)) => self.signature(claim),
            Ok(Some(Application::Registered { card })) => {
                Verdict::Go { event: Event::CardIssued(card), outcome: None, detail: "CARD_ISSUED" }
            }
            // Looked at again: right after a corrected report FNS may still show the refusal of the one before.
            Ok(Some(Application::ReportRefused(refusal))) => {
                let retry_ms = Some(self.config.fns_poll(claim.attempt));
                Verdict::Blocked { block: advice::report_refused(&refusal), outcome: None, retry_ms }
            }
            // FNS may still show the state before the report for a while.
            Ok(Some(Application::RnmAssigned { .. } | Application::InReview)) => {
                Verdict::later(self.config.fns_poll(claim.attempt))
            }
            Ok(Some(Application::Refused(_))) => self.odd("FNS_UNEXPECTED_STATE", "ФНС отказала после выдачи номера"),
            Ok(None) => self.odd("FNS_APPLICATION_LOST", "ФНС не находит поданное заявление"),
        }
    }

    /// Frees the code that another one has replaced. One that cannot be freed has been used or has expired.
    async fn give_back(&self, stale: EffectId) -> Verdict {
        let outcome = Some((stale, Standing::Void));
        match self.gateways.ofd.release(stale).await {
            Outcome::Done(()) => Verdict::Go { event: Event::Released, outcome, detail: "CODE_RELEASED" },
            Outcome::Refused(_) => Verdict::Go { event: Event::Released, outcome, detail: "CODE_NOT_RELEASED" },
            Outcome::NotNow(setback) | Outcome::Unknown(setback) => Verdict::Setback(setback),
        }
    }

    /// Frees the code of a registration that has ended. Freeing twice is harmless, so no intent is kept.
    async fn release(&self, held: EffectId) -> Verdict {
        match self.gateways.ofd.release(held).await {
            Outcome::Done(()) => Verdict::Go { event: Event::Released, outcome: None, detail: "CODE_RELEASED" },
            Outcome::NotNow(setback) | Outcome::Unknown(setback) => Verdict::Setback(setback),
            Outcome::Refused(_) => self.odd("CODE_NOT_RELEASED", "Код активации не удалось освободить"),
        }
    }

    fn signature(&self, claim: &Claim) -> Verdict {
        let advice = "ФНС ждёт подписи: подпишите заявление в личном кабинете, регистрация продолжится сама";
        let block = advice::block("SIGNATURE", WaitingFor::Signer, advice);
        Verdict::Blocked { block, outcome: None, retry_ms: Some(self.config.fns_poll(claim.attempt)) }
    }

    /// Something that must not happen: an operator is told, and the question is asked again from time to time.
    fn odd(&self, reason: &'static str, what: &str) -> Verdict {
        let retry_ms = Some(self.config.fns_poll_limit_ms);
        Verdict::Blocked { block: advice::support(reason, what), outcome: None, retry_ms }
    }

    fn soon(&self, claim: &Claim) -> Verdict {
        Verdict::later(self.config.backoff(claim.attempt))
    }
}

fn go(event: Event, id: EffectId, detail: &'static str) -> Verdict {
    Verdict::Go { event, outcome: Some((id, Standing::Done)), detail }
}

/// Not gone on from by itself: it may have been voided by a Cancel that a restored backup has forgotten.
pub(super) fn voided(id: EffectId) -> Verdict {
    Verdict::Blocked { block: advice::restored_voided(), outcome: Some((id, Standing::Void)), retry_ms: None }
}

fn ofd_refused(id: EffectId, refusal: &OfdRefusal) -> Verdict {
    let outcome = Some((id, Standing::Refused));
    Verdict::Blocked { block: advice::ofd(refusal.reason), outcome, retry_ms: None }
}
