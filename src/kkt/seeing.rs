//! What the device behind a registration shows, and how a task that was posted is brought to its end.

use super::model::Kkt;
use crate::gateways::device::{
    Device, DeviceAddress, FiscalReport, FnPhase, Inquiry, Inspection, RegistrationInFn, TaskResult, VoidedTask,
    Withdrawn,
};
use crate::gateways::{Gateway, Setback, SetbackKind};
use crate::partners;
use crate::values::{EffectId, Rnm};

/// What the device shows of a registration.
pub(super) enum Seen {
    /// The right KKT with the right drive, unburnt.
    Unburnt(Inspection),
    /// The right drive, burnt with our numbers; the stored report when it can be read.
    Ours(Option<FiscalReport>),
    /// The right drive, burnt with other data.
    Others,
    /// The right drive, in a phase in which it can never be burnt.
    Spent,
    /// The right drive, not set up, or in a phase that the driver cannot tell.
    Unready,
    /// Another KKT, or another drive: which number differs.
    Mismatch(&'static str),
    /// No usable answer.
    Silent(Inquiry),
}

/// Looks at the device; nothing is changed there.
pub(super) async fn see(device: &dyn Device, at: &DeviceAddress, kkt: &Kkt, rnm: &Rnm) -> Seen {
    let inspection = match device.inspect(at).await {
        Ok(inspection) => inspection,
        Err(error) => return Seen::Silent(error),
    };
    let register = &kkt.facts.register;
    if inspection.serial.normalised() != register.serial.normalised() {
        return Seen::Mismatch("KKT_SERIAL");
    }
    if inspection.fn_serial != register.fn_serial {
        return Seen::Mismatch("FN_SERIAL");
    }
    match inspection.phase {
        FnPhase::Configured => Seen::Unburnt(inspection),
        FnPhase::Fiscal => match device.registration(at).await {
            Ok(found) if is_ours(&found, kkt, rnm) => Seen::Ours(found.report),
            Ok(_) => Seen::Others,
            Err(error) => Seen::Silent(error),
        },
        FnPhase::PostFiscal | FnPhase::Archive => Seen::Spent,
        FnPhase::Init | FnPhase::Unknown => Seen::Unready,
    }
}

fn is_ours(found: &RegistrationInFn, kkt: &Kkt, rnm: &Rnm) -> bool {
    found.rnm == rnm.as_str() && found.inn == kkt.inn && found.fn_serial == kkt.facts.register.fn_serial
}

/// Where a device of the partner answers.
pub(super) fn address(device: &partners::model::Device) -> DeviceAddress {
    DeviceAddress { hub: device.hub.as_str().to_owned(), device: device.hub_device.as_str().to_owned() }
}

/// How a task ended that must not run any more.
pub(super) enum Ended {
    /// Its id is taken by a harmless task: it will never run.
    Void,
    /// It ran and failed, or was taken out of the queue: it will not run again. Whether the drive was burnt all the
    /// same, the drive tells.
    Over,
    /// It made the report.
    Made(FiscalReport),
    /// It is being carried out at this moment: ask again.
    Running,
}

/// Questions to a hub that changes its mind between them.
const ROUNDS: usize = 3;

/// Brings a burn that may have been posted to its end: whoever still wants to post it finds its id taken.
///
/// # Errors
/// When the hub does not answer, or does not know yet itself what became of the task.
pub(super) async fn end_task(device: &dyn Device, at: &DeviceAddress, id: EffectId) -> Result<Ended, Setback> {
    for _ in 0..ROUNDS {
        match device.void(at, id).await? {
            VoidedTask::Void => return Ok(Ended::Void),
            VoidedTask::NotConnected => return Err(unclear("the device is not connected to the hub")),
            VoidedTask::Taken => {}
        }
        match device.result(at, id).await? {
            TaskResult::Voided => return Ok(Ended::Void),
            TaskResult::Failed(_) | TaskResult::Cancelled => return Ok(Ended::Over),
            TaskResult::Ready(report) => return Ok(Ended::Made(report)),
            TaskResult::Blocked(_) => return Err(unclear("the queue of the hub is blocked")),
            TaskResult::Forgotten => {}
            TaskResult::Pending => {
                if device.withdraw(at, id).await? == Withdrawn::Yes {
                    return Ok(Ended::Over);
                }
            }
        }
    }
    Ok(Ended::Running)
}

fn unclear(detail: &str) -> Setback {
    Setback { gateway: Gateway::Device, kind: SetbackKind::Failed, detail: detail.to_owned(), retry_after: None }
}
