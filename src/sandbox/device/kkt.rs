//! One virtual cash register: identity, fiscal drive, mechanics, clock.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::task::DriverError;
use super::tricks;
use crate::clock::from_ms;

/// Phase of life of a fiscal drive (FN), as the driver names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the driver's names")]
pub enum Phase {
    Init,
    Configured,
    FiscalMode,
    PostFiscalMode,
    AccessArchive,
    Unknown,
}

/// State of the shift, as the driver names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the driver's names")]
pub enum Shift {
    Closed,
    Opened,
    Expired,
}

/// What a registration wrote into the FN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// `fiscalParams` of the report.
    pub params: Value,
    /// The task that was executed.
    pub task: Value,
}

/// A virtual register.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kkt {
    /// `deviceID` at the hub.
    pub id: String,
    /// Model.
    #[serde(default = "usual_model")]
    pub model: String,
    /// Factory serial number.
    pub serial: String,
    /// Serial number of the FN.
    pub fn_serial: String,
    /// Phase of the FN.
    #[serde(default = "unburnt")]
    pub phase: Phase,
    /// Shift.
    #[serde(default = "closed")]
    pub shift: Shift,
    /// Paper is in.
    #[serde(default = "yes")]
    pub paper: bool,
    /// The cover is open.
    #[serde(default)]
    pub cover_open: bool,
    /// The hub reaches the register.
    #[serde(default = "yes")]
    pub online: bool,
    /// The hub takes up nothing for it.
    #[serde(default)]
    pub paused: bool,
    /// Its clock is ahead by so many seconds.
    #[serde(default)]
    pub clock_offset_s: i64,
    /// Number of the last fiscal document.
    #[serde(default)]
    pub last_fd: u32,
    /// What the FN holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    /// The FN no longer gives out its stored report.
    #[serde(default)]
    pub document_lost: bool,
    /// The driver refuses the registration with this code, every time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse: Option<u32>,
    /// The driver refuses the registration with this code, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse_once: Option<u32>,
    /// The report is made, and then the driver says this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burn_error: Option<u32>,
    /// The driver answers every question with this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mute: Option<u32>,
    /// The hub forgets its requests for the register as soon as a registration has ended.
    #[serde(default)]
    pub forgets: bool,
    /// The hub's driver knows the model.
    #[serde(default = "yes")]
    pub driven: bool,
}

fn usual_model() -> String {
    "АТОЛ 30Ф".to_owned()
}

fn unburnt() -> Phase {
    Phase::Configured
}

fn closed() -> Shift {
    Shift::Closed
}

fn yes() -> bool {
    true
}

/// Models by the first six digits of their serial numbers.
const MODELS: [(&str, &str); 12] = [
    ("001061", "АТОЛ 30Ф"),
    ("001062", "АТОЛ 55Ф"),
    ("001067", "АТОЛ 11Ф"),
    ("001069", "АТОЛ 77Ф"),
    ("001081", "АТОЛ 20Ф"),
    ("001082", "АТОЛ 91Ф"),
    ("001084", "АТОЛ 92Ф"),
    ("001087", "АТОЛ 27Ф"),
    ("001093", "АТОЛ 1Ф"),
    ("003074", "ЭВОТОР СТ2Ф"),
    ("177043", "MSPOS-T-Ф"),
    ("199036", "ПТК \"MSPOS-K\""),
];

/// Serial numbers of the model that the hub's driver does not know.
const UNDRIVEN: &str = "199036";

impl Kkt {
    /// The register that an id describes: `kkt-7` and `default` are usual ones with serial numbers of their own,
    /// `kkt-00106100000001-9999078902000001` names both serial numbers. Tricks follow after dots: `kkt-7.no-paper`.
    pub fn described(id: &str) -> Option<Self> {
        let mut words = id.split('.');
        let name = words.next()?;
        let name = if name == "default" { "1" } else { name.strip_prefix("kkt-")? };
        let usual = match name.split_once('-') {
            Some((serial, fn_serial)) => Self::named(id, serial, fn_serial),
            None => {
                let number: u32 = name.parse().ok().filter(|n| *n < 1_000_000)?;
                Self::named(id, &format!("00106100{number:06}"), &format!("9999078902{number:06}"))
            }
        };
        words.try_fold(usual?, tricks::play)
    }

    fn named(id: &str, serial: &str, fn_serial: &str) -> Option<Self> {
        if serial.is_empty() || serial.len() > 20 || !crate::sandbox::checks::digits(fn_serial, 16) {
            return None;
        }
        let model = MODELS.iter().find(|(prefix, _)| serial.starts_with(prefix)).map(|(_, model)| *model);
        let fields = json!({ "id": id, "serial": serial, "fn_serial": fn_serial,
            "model": model.unwrap_or("АТОЛ 30Ф"), "driven": !serial.starts_with(UNDRIVEN) });
        serde_json::from_value(fields).ok()
    }

    /// The register after a change of some fields.
    ///
    /// # Errors
    /// When a field is unknown or has a wrong value.
    pub fn patched(&self, patch: &Value) -> Result<Self, String> {
        let mut fields = serde_json::to_value(self).map_err(|e| e.to_string())?;
        let changes = patch.as_object().ok_or("an object is expected")?;
        for (key, value) in changes.iter().filter(|(key, _)| *key != "id") {
            fields[key] = value.clone();
        }
        serde_json::from_value(fields).map_err(|e| e.to_string())
    }

    /// The report is in the FN.
    pub fn burn(&mut self, registration: Registration) {
        self.phase = Phase::FiscalMode;
        self.last_fd = 1;
        self.registration = Some(registration);
    }

    /// Its clock, Moscow time with the zone: `2026-11-23T13:12:00+03:00`.
    pub fn clock(&self, now_ms: i64) -> String {
        let local = from_ms(now_ms + self.clock_offset_s * 1000 + 3 * 3_600_000);
        let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+03:00");
        local.format(format).unwrap_or_default()
    }

    /// Answers a question of the driver.
    ///
    /// # Errors
    /// With the driver's code when there is no answer.
    pub fn tell(&self, question: &str, task: &Value, now_ms: i64) -> Result<Value, DriverError> {
        let silent = if self.online { self.mute } else { Some(2) };
        if let Some(code) = silent {
            return Err(DriverError::new(code));
        }
        match question {
            "getDeviceInfo" => Ok(self.device_info()),
            "getDeviceStatus" => Ok(self.device_status(now_ms)),
            "getShiftStatus" => Ok(json!({ "shiftStatus": {
                "number": 0, "documentsCount": 0, "state": self.shift, "expiredTime": self.clock(now_ms) } })),
            "getFnInfo" => Ok(self.fn_info()),
            "getFnStatus" => Ok(json!({ "fnStatus": {
                "fiscalDocumentNumber": self.last_fd, "fiscalReceiptNumber": 0, "warnings": no_warnings() } })),
            "getRegistrationInfo" => self.registration_info(),
            "getFnDocument" | "printFnDocument" => self.document(task),
            _ => Err(DriverError::new(133)),
        }
    }

    fn device_info(&self) -> Value {
        json!({ "deviceInfo": {
            "model": 63, "modelName": self.model, "serial": self.serial, "firmwareVersion": "5.10.0",
            "configurationVersion": "5.10.0", "receiptLineLength": 48, "receiptLineLengthPix": 576,
            "ffdVersion": "1.2", "fnFfdVersion": "1.2" } })
    }

    fn device_status(&self, now_ms: i64) -> Value {
        let fiscal = self.registration.is_some();
        json!({ "deviceStatus": {
            "currentDateTime": self.clock(now_ms), "shift": self.shift, "blocked": false, "coverOpened": self.cover_open,
            "paperPresent": self.paper, "fiscal": fiscal, "fnFiscal": fiscal, "fnPresent": true,
            "cashDrawerOpened": false } })
    }

    fn fn_info(&self) -> Value {
        let used = u32::from(self.registration.is_some());
        json!({ "fnInfo": {
            "serial": self.fn_serial, "version": "fn_v_1_2", "execution": "Ин15-4", "numberOfRegistrations": used,
            "registrationsRemaining": 12 - used, "validityDate": "2028-01-31T00:00:00+03:00", "ffdVersion": "1.2",
            "fnFfdVersion": "1.2", "livePhase": self.phase, "warnings": no_warnings() } })
    }

    fn registration_info(&self) -> Result<Value, DriverError> {
        let held = self.registration.as_ref().ok_or(DriverError::new(89))?;
        let mut told = json!({});
        for part in ["organization", "device", "ofd", "ism"] {
            told[part] = held.task.get(part).cloned().unwrap_or(Value::Null);
        }
        pad(&mut told["organization"]["vatin"], 12);
        pad(&mut told["device"]["registrationNumber"], 20);
        Ok(told)
    }

    fn document(&self, task: &Value) -> Result<Value, DriverError> {
        let held = self.registration.as_ref().filter(|_| !self.document_lost && task["fiscalDocumentNumber"] == 1);
        let held = held.ok_or(DriverError::new(133))?;
        let mut document = held.params.clone();
        document["fiscalDocumentType"] = "registration".into();
        document["vatin"] = held.task["organization"]["vatin"].clone();
        Ok(document)
    }
}

/// Numbers stand in the FN padded with spaces (tags 1018 and 1037).
fn pad(value: &mut Value, width: usize) {
    *value = format!("{:<width$}", value.as_str().unwrap_or_default()).into();
}

fn no_warnings() -> Value {
    json!({ "memoryOverflow": false, "needReplacement": false, "ofdTimeout": false, "resourceExhausted": false,
        "criticalError": false, "fnContainsKeysUpdaterServerUri": false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_describes_its_register() {
        let seventh = Kkt::described("kkt-7").unwrap();
        assert_eq!((seventh.serial.as_str(), seventh.fn_serial.as_str()), ("00106100000007", "9999078902000007"));
        let named = Kkt::described("kkt-199036000123-9999078902000123").unwrap();
        assert_eq!((named.serial.as_str(), named.model.as_str()), ("199036000123", "ПТК \"MSPOS-K\""));
        assert!(Kkt::described("till-7").is_none() && Kkt::described("kkt-1-2").is_none());
    }

    #[test]
    fn a_patch_changes_what_it_names_and_refuses_the_unknown() {
        let kkt = Kkt::described("kkt-7").unwrap();
        let open = kkt.patched(&json!({ "shift": "opened", "paper": false })).unwrap();
        assert_eq!((open.shift, open.paper, open.serial.as_str()), (Shift::Opened, false, "00106100000007"));
        assert!(kkt.patched(&json!({ "colour": "red" })).is_err());
    }

    #[test]
    fn the_clock_is_moscows_and_can_be_wrong() {
        let kkt = Kkt::described("kkt-7").unwrap().patched(&json!({ "clock_offset_s": 60 })).unwrap();
        assert_eq!(kkt.clock(0), "1970-01-01T03:01:00+03:00");
    }

    #[test]
    fn an_unburnt_drive_has_no_registration_to_tell() {
        let kkt = Kkt::described("kkt-7").unwrap();
        assert_eq!(kkt.tell("getRegistrationInfo", &Value::Null, 0), Err(DriverError::new(89)));
        assert_eq!(kkt.tell("getFnInfo", &Value::Null, 0).unwrap()["fnInfo"]["livePhase"], "configured");
    }
}
