//! Cash registers: ATOL Web Requests v2 over HTTP.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use atol::AtolDevice;

use super::Setback;
use crate::values::{EffectId, FiscalSign, FnSerial, Inn, KktSerial, Rnm};

mod atol;
mod wire;

/// A device behind a hub, as this service uses it.
///
/// Posting is the only command. What became of it is read from the hub's result, and when the hub forgot, from the
/// fiscal drive itself. The protocol cannot void an id; occupying it with a harmless task does the same, for as long as
/// the hub keeps its results (30 days unless told otherwise).
#[async_trait]
pub trait Device: Send + Sync {
    /// Identity, clock, shift, fiscal drive. Reading only.
    async fn inspect(&self, at: &DeviceAddress) -> Result<Inspection, Inquiry>;
    /// What is written in a fiscal drive that has been fiscalized. Reading only.
    async fn registration(&self, at: &DeviceAddress) -> Result<RegistrationInFn, Inquiry>;
    /// Queues the `registration` task under the id of the effect.
    async fn post(&self, at: &DeviceAddress, effect: EffectId, task: &serde_json::Value) -> Posted;
    /// What became of a queued task.
    async fn result(&self, at: &DeviceAddress, effect: EffectId) -> Result<TaskResult, Setback>;
    /// Takes a waiting task out of the queue.
    async fn withdraw(&self, at: &DeviceAddress, effect: EffectId) -> Result<Withdrawn, Setback>;
    /// Makes sure that no task can be queued under this id any more: occupies it with questions. May be repeated.
    async fn void(&self, at: &DeviceAddress, effect: EffectId) -> Result<VoidedTask, Setback>;
}

/// Where a device answers. Set by the operator, never by a partner.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceAddress {
    /// Base URL of the hub: `http://127.0.0.1:16732`.
    pub hub: String,
    /// `deviceID` at the hub; `default` when there is one device.
    pub device: String,
}

crate::values::discreet::discreet!(DeviceAddress { device });

/// A question to a device that got no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inquiry {
    /// The hub did not answer.
    Hub(Setback),
    /// The hub answered; the device did not, or refused, with a driver code.
    Driver(DriverError),
}

/// What a device says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// Factory serial number.
    pub serial: KktSerial,
    /// Model name as the driver gives it.
    pub model: String,
    /// Local date and time of its clock, without a zone: `2026-11-23T13:12:00`.
    pub clock: String,
    /// State of the shift.
    pub shift: Shift,
    /// Serial number of the fiscal drive.
    pub fn_serial: FnSerial,
    /// Phase of the fiscal drive.
    pub phase: FnPhase,
    /// Number of the last fiscal document; 0 when none.
    pub last_fd: u32,
    /// Whether paper is in; absent when the driver does not tell.
    pub paper: Option<bool>,
    /// Whether the cover is open; absent when the driver does not tell.
    pub cover_open: Option<bool>,
}

/// State of the shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shift {
    /// Closed: a registration report may be made.
    Closed,
    /// Open.
    Opened,
    /// Open for more than 24 hours.
    Expired,
}

/// Phase of life of a fiscal drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FnPhase {
    /// Not set up.
    Init,
    /// Ready for fiscalization: unburnt.
    Configured,
    /// Fiscalized.
    Fiscal,
    /// Archive closed.
    PostFiscal,
    /// Only its archive can be read.
    Archive,
    /// The driver cannot tell.
    Unknown,
}

/// What a fiscalized drive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationInFn {
    /// RNM, trimmed.
    pub rnm: String,
    /// INN of the user, trimmed.
    pub inn: Inn,
    /// FN.
    pub fn_serial: FnSerial,
    /// The stored report, when the drive still gives it.
    pub report: Option<FiscalReport>,
}

/// Whether a task is in the hub's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// 201: queued now.
    Queued,
    /// 409: the hub has this id already.
    AlreadyThere,
    /// 409 and the device is not connected to the hub; nothing was queued.
    NotConnected,
    /// The hub refused the task as malformed; nothing was queued. A defect of ours or of the catalogue.
    Malformed(String),
    /// Never reached the hub.
    NotNow(Setback),
    /// May be queued.
    Unknown(Setback),
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskResult {
    /// Waiting or running.
    Pending,
    /// The queue is blocked: whether the document was made is not known until the device is back.
    Blocked(DriverError),
    /// The report was made.
    Ready(FiscalReport),
    /// The driver refused.
    Failed(DriverError),
    /// Taken out of the queue.
    Cancelled,
    /// The id was occupied by [`Device::void`]: nothing was burnt under it, and nothing will be.
    Voided,
    /// The hub does not know the id. Proves nothing.
    Forgotten,
}

/// Whether a waiting task was taken out of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// It will not run.
    Yes,
    /// It runs or has run: ask for its result.
    TooLate,
    /// The hub does not know the id. Proves nothing.
    Forgotten,
}

/// Whether an id is out of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoidedTask {
    /// Occupied by questions, now or earlier: a later post of a burn under it finds it taken.
    Void,
    /// A task is there already: ask for its result.
    Taken,
    /// The hub takes nothing for this device now, because it is not connected, and knows no task under the id. The id is
    /// not occupied: a burn may still be posted under it once the device is back.
    NotConnected,
}

/// A registration report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiscalReport {
    /// RNM in the report.
    pub rnm: Rnm,
    /// FN in the report.
    pub fn_serial: FnSerial,
    /// Number of the fiscal document.
    pub fd_number: u32,
    /// Date and time printed, without a zone: `2026-11-23T13:12:00`.
    pub local_time: String,
    /// Fiscal sign.
    pub fiscal_sign: FiscalSign,
}

/// An error of the driver.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverError {
    /// Code of ATOL driver v10.
    pub code: u32,
    /// The driver's own text, Russian.
    pub text: String,
}

crate::values::discreet::discreet!(DriverError { code });

/// Reads an answer as far as the gateway does, for the fuzzers: as each of those that it asks for. Whether it was one of them.
#[cfg(any(feature = "fuzzing", feature = "chaos"))]
pub(crate) fn read_answer(bytes: &[u8]) -> bool {
    fn of<T: serde::de::DeserializeOwned>(answer: Option<wire::TaskAnswer>) -> Option<T> {
        answer?.result("").ok()
    }
    let told = |at| serde_json::from_slice::<wire::Results>(bytes).ok()?.results.into_iter().nth(at);
    let _ = serde_json::from_slice::<wire::Failure>(bytes).map(DriverError::from);
    let _ = told(0).map(wire::TaskAnswer::driver_error);
    let asked = || {
        let (info, status, shift) = (of(told(0))?, of(told(0))?, of(told(0))?);
        Some(wire::Asked { info, status, shift, drive: of(told(0))?, counter: of(told(0))? })
    };
    let inspected = asked().is_some_and(|asked| Inspection::try_from(asked).is_ok());
    let burnt = of(told(0)).is_some_and(|result: wire::RegistrationResult| FiscalReport::try_from(result).is_ok());
    let report = of(told(2)).and_then(|body: wire::DocumentBody| FiscalReport::try_from(body).ok());
    let whole = report.is_some();
    let held = of(told(0)).zip(of(told(1))).map(|(info, drive)| wire::registration(&info, drive, report));
    inspected || burnt || (whole && held.is_some_and(|held| held.is_ok()))
}
