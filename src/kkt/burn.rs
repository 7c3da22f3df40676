//! The burn: the one step that cannot be undone.
//!
//! The task's uuid is the effect id. The same uuid is posted again, never a new one, as long as it is not proven that
//! the task was refused with the FN unburnt. What the hub has forgotten is decided by the fiscal drive: its phase, RNM,
//! INN, serial and stored report. What the drive cannot decide waits for an operator.

use serde_json::Value;

use super::advice;
use super::application::Incomplete;
use super::deadlines;
use super::device_task;
use super::drive::{Verdict, voided};
use super::effects::{Claim, Command, Effect, Intent, Standing};
use super::model::{Block, WaitingFor};
use super::recheck::Recheck;
use super::seeing::{Seen, see};
use super::state::{Event, Numbers};
use super::worker::Worker;
use crate::gateways::Gateway;
use crate::gateways::device::{
    DeviceAddress, DriverError, FiscalReport, FnPhase, Inquiry, Inspection, Posted, Shift, TaskResult,
};
use crate::storage::StoreError;
use crate::values::{EffectId, RnmCheck};

impl Worker {
    /// One step of FISCALIZING.
    pub(super) async fn burn(&self, claim: &Claim, numbers: &Numbers) -> Result<Verdict, StoreError> {
        let Some(at) = self.device_of(claim).await? else {
            return Ok(
                self.stuck(advice::support("DEVICE_NOT_ASSIGNED", "Устройство больше не закреплено за партнёром"))
            );
        };
        match self.store.effect(claim, Command::Burn).await? {
            #[cfg(feature = "chaos")]
            Some(effect) if effect.standing == Standing::Intended && self.is_blind() => {
                self.burn_again(claim, numbers, &at, effect).await
            }
            Some(effect) if effect.standing == Standing::Intended => self.follow(claim, numbers, &at, effect).await,
            Some(Effect { standing: Standing::Unsent, generation, .. }) => {
                self.begin(claim, numbers, &at, generation).await
            }
            Some(Effect { generation, .. }) => self.begin(claim, numbers, &at, generation + 1).await,
            None => self.begin(claim, numbers, &at, 0).await,
        }
    }

    /// Nothing of ours is at the hub: looks at the device, and posts when everything fits.
    pub(super) async fn begin(
        &self,
        claim: &Claim,
        numbers: &Numbers,
        at: &DeviceAddress,
        generation: u32,
    ) -> Result<Verdict, StoreError> {
        match self.look(claim, numbers, at).await {
            Look::Unburnt => {}
            Look::Burnt(report) => return Ok(self.adopt(claim, report, None)),
            Look::Wait(block) => return Ok(self.wait(block)),
        }
        match self.recheck(claim).await {
            Recheck::Good => {}
            Recheck::Unknown(setback) => return Ok(Verdict::Setback(setback)),
            Recheck::Bad(block) => return Ok(self.stuck(block)),
        }
        if let Some(block) = self.unconfirmed(claim).await? {
            return Ok(self.wait(block));
        }
        let (now_ms, lease_ms) = (self.clock.now_ms(), self.config.lease_ms);
        let sent = self.task(claim, numbers).ok();
        let sent = sent.and_then(|task| self.sent(claim, Command::Burn, generation, task.to_string().into_bytes()));
        let id =
            self.store.intend(claim, Intent { command: Command::Burn, generation, sent }, now_ms, lease_ms).await?;
        self.post(claim, numbers, at, id, Again::No).await
    }

    async fn post(
        &self,
        claim: &Claim,
        numbers: &Numbers,
        at: &DeviceAddress,
        id: EffectId,
        again: Again,
    ) -> Result<Verdict, StoreError> {
        let kkt = &claim.kkt;
        // Checked when FNS gave the number; a wrong one costs the drive, so it is checked once more where it is burnt.
        if numbers.rnm.check(&kkt.inn, &kkt.facts.register.serial) == RnmCheck::Differs {
            let what = "Регистрационный номер не подходит к ИНН и номеру кассы";
            return Ok(self.stuck(advice::support("RNM_DOES_NOT_FIT", what)));
        }
        let task = match self.task(claim, numbers) {
            Ok(task) => task,
            Err(error) => {
                tracing::error!(kkt = %kkt.id, %error, "the device task cannot be made");
                return Ok(
                    self.stuck(advice::support("DEVICE_TASK_INCOMPLETE", "Задание для кассы не удалось составить"))
                );
            }
        };
        match self.gateways.device.post(at, id, &task).await {
            Posted::Queued | Posted::AlreadyThere => Ok(self.under_way()),
            // The effect stays intended: the next attempt asks hub and drive before anything else.
            Posted::Unknown(setback) => Ok(Verdict::Setback(setback)),
            Posted::NotNow(setback) => {
                self.unsent(claim, id, again).await?;
                Ok(Verdict::Setback(setback))
            }
            Posted::NotConnected => {
                self.unsent(claim, id, again).await?;
                Ok(self.wait(advice::driver(&offline())))
            }
            Posted::Malformed(_) => {
                let block = advice::support("DEVICE_TASK_MALFORMED", "Касса не приняла задание");
                Ok(Verdict::Blocked { block, outcome: Some((id, Standing::Refused)), retry_ms: None })
            }
        }
    }

    /// This post did not reach the hub. Whether an earlier one under the same id still may, nobody knows: then the effect
    /// stays intended, and whoever ends the registration has to void it first.
    async fn unsent(&self, claim: &Claim, id: EffectId, again: Again) -> Result<(), StoreError> {
        match again {
            Again::Yes => Ok(()),
            Again::No => self.store.settle(claim, id, Standing::Unsent, self.clock.now_ms()).await,
        }
    }

    pub(super) fn task(&self, claim: &Claim, numbers: &Numbers) -> Result<Value, Incomplete> {
        device_task::registration(&claim.kkt.spec, &claim.kkt.facts, &numbers.rnm, &self.catalogue)
    }

    /// A task of ours may be at the hub: what became of it?
    pub(super) async fn follow(
        &self,
        claim: &Claim,
        numbers: &Numbers,
        at: &DeviceAddress,
        effect: Effect,
    ) -> Result<Verdict, StoreError> {
        let result = match self.gateways.device.result(at, effect.id).await {
            Ok(result) => result,
            Err(setback) => return Ok(Verdict::Setback(setback)),
        };
        match result {
            TaskResult::Pending => Ok(self.under_way()),
            TaskResult::Ready(report) => Ok(self.adopt(claim, report, Some((effect.id, Standing::Done)))),
            TaskResult::Blocked(error) => Ok(self.wait(advice::driver(&error))),
            TaskResult::Failed(error) => self.refused(claim, numbers, at, effect, &error).await,
            TaskResult::Cancelled => self.refused(claim, numbers, at, effect, &cancelled()).await,
            // A call wanted to end the burn and was cut off: the id is used up, and nothing was burnt under it.
            TaskResult::Voided if self.store.recovers().await? => Ok(voided(effect.id)),
            TaskResult::Voided => {
                self.store.settle(claim, effect.id, Standing::Void, self.clock.now_ms()).await?;
                Ok(self.under_way())
            }
            TaskResult::Forgotten => match self.look(claim, numbers, at).await {
                Look::Unburnt => {
                    if let Some(block) = self.unconfirmed(claim).await? {
                        return Ok(self.wait(block));
                    }
                    self.store.allowed(Gateway::Device).await?;
                    self.post(claim, numbers, at, effect.id, Again::Yes).await
                }
                Look::Burnt(report) => Ok(self.adopt(claim, report, Some((effect.id, Standing::Done)))),
                Look::Wait(block) => Ok(self.wait(block)),
            },
        }
    }

    /// The hub says that the task failed; the drive says whether it was burnt all the same.
    async fn refused(
        &self,
        claim: &Claim,
        numbers: &Numbers,
        at: &DeviceAddress,
        effect: Effect,
        error: &DriverError,
    ) -> Result<Verdict, StoreError> {
        match self.phase(claim, at).await {
            Ok(FnPhase::Configured) => {
                let block = advice::driver(error);
                let goes_on = block.waiting_for == WaitingFor::Device;
                let retry_ms = goes_on.then(|| self.config.device_wait(effect.generation));
                Ok(Verdict::Blocked { block, outcome: Some((effect.id, Standing::Refused)), retry_ms })
            }
            Ok(_) => match self.look(claim, numbers, at).await {
                Look::Burnt(report) => Ok(self.adopt(claim, report, Some((effect.id, of_the_task(error))))),
                Look::Unburnt => Ok(self.under_way()),
                Look::Wait(block) => Ok(self.wait(block)),
            },
            Err(block) => Ok(self.wait(block)),
        }
    }

    async fn phase(&self, claim: &Claim, at: &DeviceAddress) -> Result<FnPhase, Block> {
        let inspection = self.gateways.device.inspect(at).await.map_err(|e| unreadable(&e))?;
        let ours = inspection.fn_serial == claim.kkt.facts.register.fn_serial;
        if ours { Ok(inspection.phase) } else { Err(advice::mismatch("FN_SERIAL")) }
    }

    /// Asks the device whether everything is as it was registered, and what its drive holds.
    async fn look(&self, claim: &Claim, numbers: &Numbers, at: &DeviceAddress) -> Look {
        match see(&*self.gateways.device, at, &claim.kkt, &numbers.rnm).await {
            Seen::Unburnt(inspection) => self.not_ready(claim, &inspection).map_or(Look::Unburnt, Look::Wait),
            Seen::Ours(Some(report)) => Look::Burnt(report),
            Seen::Ours(None) => Look::Wait(advice::report_unreadable()),
            Seen::Others => Look::Wait(advice::burnt_by_others()),
            Seen::Spent => Look::Wait(advice::unusable()),
            Seen::Unready => Look::Wait(advice::not_set_up()),
            Seen::Mismatch(what) => Look::Wait(advice::mismatch(what)),
            Seen::Silent(error) => Look::Wait(unreadable(&error)),
        }
    }

    fn not_ready(&self, claim: &Claim, inspection: &Inspection) -> Option<Block> {
        let off = deadlines::clock_difference_s(&inspection.clock, self.clock.now_ms(), &claim.kkt.facts);
        let code = match inspection {
            Inspection { paper: Some(false), .. } => 44,
            Inspection { cover_open: Some(true), .. } => 45,
            Inspection { shift: Shift::Opened | Shift::Expired, .. } => 83,
            _ if off.is_none_or(|seconds| seconds > self.config.device_clock_tolerance_s) => 122,
            _ => return None,
        };
        Some(advice::driver(&DriverError { code, text: String::new() }))
    }

    /// Takes a report over, when it is about this register and these numbers.
    fn adopt(&self, claim: &Claim, report: FiscalReport, outcome: Option<(EffectId, Standing)>) -> Verdict {
        let numbers = claim.kkt.state.numbers();
        let ours = report.fn_serial == claim.kkt.facts.register.fn_serial;
        if !ours || numbers.is_none_or(|n| n.rnm != report.rnm) {
            return self.stuck(advice::support("REPORT_MISMATCH", "Отчёт кассы не совпал с заявлением"));
        }
        Verdict::Go { event: Event::Burnt(report), outcome, detail: "BURNT" }
    }

    fn under_way(&self) -> Verdict {
        Verdict::UnderWay { after_ms: self.config.task_poll_ms }
    }

    /// Somebody has to mend something outside this registration; it is looked at again from time to time.
    fn stuck(&self, block: Block) -> Verdict {
        Verdict::Blocked { block, outcome: None, retry_ms: Some(self.config.fns_poll_limit_ms) }
    }

    /// People at the device mend it, and it is looked at again soon; what others have to do is looked at seldom.
    fn wait(&self, block: Block) -> Verdict {
        if block.waiting_for != WaitingFor::Device && block.reason != advice::MISMATCH {
            return self.stuck(block);
        }
        Verdict::Blocked { block, outcome: None, retry_ms: Some(self.config.device_poll_ms) }
    }
}

/// Whether the burn was posted before under the same id.
#[derive(Clone, Copy)]
enum Again {
    /// It may have been, by a worker that sleeps.
    Yes,
    /// Its intent has just been committed.
    No,
}

/// What a look at the device tells.
enum Look {
    /// Everything fits and the drive is unburnt.
    Unburnt,
    /// The drive holds our registration.
    Burnt(FiscalReport),
    /// Neither, for now.
    Wait(Block),
}

fn unreadable(error: &Inquiry) -> Block {
    match error {
        Inquiry::Hub(setback) => advice::unavailable(setback),
        Inquiry::Driver(error) => advice::driver(error),
    }
}

fn offline() -> DriverError {
    DriverError { code: 2, text: String::new() }
}

/// What became of a task that failed, when the drive turns out to be burnt with our numbers. One that was taken out of the
/// queue never ran: somebody made the report by hand.
fn of_the_task(error: &DriverError) -> Standing {
    if *error == cancelled() { Standing::Refused } else { Standing::Done }
}

/// The hub took the task out of its queue before it ran: somebody may have wanted that, so nothing is burnt by itself.
fn cancelled() -> DriverError {
    DriverError { code: 503, text: String::new() }
}
