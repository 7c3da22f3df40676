//! The messages of ATOL Web Requests v2 and of the driver's tasks that are used here.

use serde::Deserialize;
use serde_json::Value;

use super::super::words::plain;
use super::{DriverError, FiscalReport, FnPhase, Inspection, RegistrationInFn, Shift};
use crate::values::{FiscalSign, FnSerial, Inn, KktSerial, Rnm};

/// What a field of an answer is called that is missing or malformed.
pub type Field = &'static str;

#[derive(Deserialize)]
pub struct Results {
    pub results: Vec<TaskAnswer>,
}

#[derive(Deserialize)]
pub struct TaskAnswer {
    pub status: Status,
    error: Option<ErrorBody>,
    result: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    Wait,
    InProgress,
    Ready,
    Error,
    Interrupted,
    Blocked,
    Canceled,
}

impl Status {
    /// Whether it will not change by itself.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Wait | Self::InProgress)
    }
}

/// Body of an answer with an HTTP error status.
#[derive(Deserialize)]
pub struct Failure {
    error: ErrorBody,
}

#[derive(Deserialize)]
struct ErrorBody {
    code: u32,
    #[serde(default)]
    description: String,
}

impl From<ErrorBody> for DriverError {
    fn from(body: ErrorBody) -> Self {
        Self { code: body.code, text: plain(&body.description) }
    }
}

impl From<Failure> for DriverError {
    fn from(failure: Failure) -> Self {
        failure.error.into()
    }
}

impl TaskAnswer {
    /// The error of a task that did not succeed.
    pub fn driver_error(self) -> Result<DriverError, Field> {
        self.error.map(Into::into).ok_or("error")
    }

    /// The result of a task that succeeded.
    pub fn result<T: serde::de::DeserializeOwned>(self, task: Field) -> Result<T, Field> {
        serde_json::from_value(self.result.unwrap_or_default()).map_err(|_| task)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceInfo {
    device_info: DeviceInfoBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceInfoBody {
    serial: KktSerial,
    #[serde(default)]
    model_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceStatus {
    device_status: DeviceStatusBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceStatusBody {
    current_date_time: String,
    paper_present: Option<Value>,
    cover_opened: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShiftStatus {
    shift_status: ShiftStatusBody,
}

#[derive(Deserialize)]
struct ShiftStatusBody {
    state: ShiftState,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum ShiftState {
    Closed,
    Opened,
    Expired,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FnInfo {
    fn_info: FnInfoBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FnInfoBody {
    serial: FnSerial,
    live_phase: LivePhase,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum LivePhase {
    Init,
    Configured,
    FiscalMode,
    PostFiscalMode,
    AccessArchive,
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FnStatus {
    fn_status: FnStatusBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FnStatusBody {
    fiscal_document_number: u32,
}

/// The answers to the five questions of an inspection.
pub struct Asked {
    pub info: DeviceInfo,
    pub status: DeviceStatus,
    pub shift: ShiftStatus,
    pub drive: FnInfo,
    pub counter: FnStatus,
}

impl TryFrom<Asked> for Inspection {
    type Error = Field;

    fn try_from(asked: Asked) -> Result<Self, Field> {
        Ok(Self {
            serial: asked.info.device_info.serial,
            model: asked.info.device_info.model_name,
            clock: local_time(&asked.status.device_status.current_date_time).ok_or("currentDateTime")?,
            shift: match asked.shift.shift_status.state {
                ShiftState::Closed => Shift::Closed,
                ShiftState::Opened => Shift::Opened,
                ShiftState::Expired => Shift::Expired,
            },
            fn_serial: asked.drive.fn_info.serial,
            phase: match asked.drive.fn_info.live_phase {
                LivePhase::Init => FnPhase::Init,
                LivePhase::Configured => FnPhase::Configured,
                LivePhase::FiscalMode => FnPhase::Fiscal,
                LivePhase::PostFiscalMode => FnPhase::PostFiscal,
                LivePhase::AccessArchive => FnPhase::Archive,
                LivePhase::Unknown => FnPhase::Unknown,
            },
            last_fd: asked.counter.fn_status.fiscal_document_number,
            paper: asked.status.device_status.paper_present.and_then(|told| told.as_bool()),
            cover_open: asked.status.device_status.cover_opened.and_then(|told| told.as_bool()),
        })
    }
}

#[derive(Deserialize)]
pub struct RegistrationInfo {
    organization: OrganizationBody,
    device: DeviceBody,
}

#[derive(Deserialize)]
struct OrganizationBody {
    vatin: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceBody {
    registration_number: String,
}

/// What the drive holds. Numbers are padded with spaces there (tags 1018 and 1037).
pub fn registration(
    info: &RegistrationInfo,
    drive: FnInfo,
    report: Option<FiscalReport>,
) -> Result<RegistrationInFn, Field> {
    Ok(RegistrationInFn {
        rnm: info.device.registration_number.trim().to_owned(),
        inn: Inn::parse(info.organization.vatin.trim()).map_err(|_| "organization.vatin")?,
        fn_serial: drive.fn_info.serial,
        report,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationResult {
    fiscal_params: DocumentBody,
}

/// The fields of a report: in `fiscalParams` of the task's result, and in the answer to `getFnDocument`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentBody {
    fiscal_document_number: u32,
    fiscal_document_sign: String,
    fiscal_document_date_time: String,
    registration_number: String,
    fn_number: String,
}

impl TryFrom<RegistrationResult> for FiscalReport {
    type Error = Field;

    fn try_from(result: RegistrationResult) -> Result<Self, Field> {
        result.fiscal_params.try_into()
    }
}

impl TryFrom<DocumentBody> for FiscalReport {
    type Error = Field;

    fn try_from(body: DocumentBody) -> Result<Self, Field> {
        Ok(Self {
            rnm: Rnm::parse(body.registration_number.trim()).map_err(|_| "registrationNumber")?,
            fn_serial: FnSerial::parse(body.fn_number.trim()).map_err(|_| "fnNumber")?,
            fd_number: body.fiscal_document_number,
            local_time: local_time(&body.fiscal_document_date_time).ok_or("fiscalDocumentDateTime")?,
            fiscal_sign: FiscalSign::parse(&body.fiscal_document_sign).map_err(|_| "fiscalDocumentSign")?,
        })
    }
}

/// The civil date and time in `2026-11-23T13:12:00+03:00`. The zone is the hub's guess: the drive knows none.
fn local_time(text: &str) -> Option<String> {
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let (local, zone) = text.split_at_checked(19)?;
    time::PrimitiveDateTime::parse(local, format).ok()?;
    let zone_fits = zone.is_empty() || zone.starts_with(['Z', '+', '-', '.']);
    zone_fits.then(|| local.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_loses_its_zone_and_nothing_else() {
        for (text, expected) in [
            ("2026-11-23T13:12:00+03:00", Some("2026-11-23T13:12:00")),
            ("2026-11-23T13:12:00.000Z", Some("2026-11-23T13:12:00")),
            ("2026-11-23T13:12:00", Some("2026-11-23T13:12:00")),
            ("2026-11-23T13:12", None),
            ("2026-13-23T13:12:00+03:00", None),
            ("23.11.2026 13:12:00", None),
            ("2026-11-23T13:12:000", None),
            ("", None),
        ] {
            assert_eq!(local_time(text).as_deref(), expected, "{text}");
        }
    }
}
