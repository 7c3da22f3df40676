//! Registers of the rental fleet.

use serde::{Serialize, Serializer};

use crate::catalogue::model_key;
use crate::values::{DeviceId, FleetId, FnSerial, KktId, KktSerial, PartnerId};

/// A register of a partner's fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FleetDevice {
    /// Id.
    pub id: FleetId,
    /// Whose fleet.
    pub partner: PartnerId,
    /// What it is.
    #[serde(flatten)]
    pub register: Register,
    /// Where it is.
    #[serde(flatten)]
    pub state: State,
    /// Why it stands so, for operators.
    pub note: String,
    /// When it came into the fleet, Unix milliseconds: the oldest is given first.
    pub imported_ms: i64,
    /// Changed, Unix milliseconds.
    pub changed_ms: i64,
}

/// The register itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Register {
    /// Model: as in the catalogue, or as the operator wrote it when the catalogue does not have it.
    pub model: String,
    /// Factory serial number.
    pub serial: KktSerial,
    /// Fiscal drive inside.
    pub fn_serial: FnSerial,
    /// Device through which it is driven.
    pub device_id: Option<DeviceId>,
}

/// Model and serial number in the forms in which equal ones are equal.
pub fn key(model: &str, serial: &KktSerial) -> (String, String) {
    (model_key(model), serial.normalised())
}

impl Register {
    /// What tells it apart from all others.
    pub fn key(&self) -> (String, String) {
        key(&self.model, &self.serial)
    }
}

/// Where a register of the fleet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Ready to be hired out.
    Free,
    /// With the client of this registration.
    Taken(KktId),
    /// Not to be hired out: in repair, without a good fiscal drive, gone.
    Out,
}

impl State {
    /// Names, in the database and on the command line.
    pub const NAMES: [&str; 3] = ["FREE", "TAKEN", "OUT"];

    /// `FREE`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "FREE",
            Self::Taken(_) => "TAKEN",
            Self::Out => "OUT",
        }
    }

    /// The registration that has it.
    pub const fn kkt(self) -> Option<KktId> {
        match self {
            Self::Taken(id) => Some(id),
            Self::Free | Self::Out => None,
        }
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut state = to.serialize_struct("State", 2)?;
        state.serialize_field("state", self.as_str())?;
        state.serialize_field("kkt_id", &self.kkt())?;
        state.end()
    }
}
