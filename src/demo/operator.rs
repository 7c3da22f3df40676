//! What the operator of the service does: partners, tokens, devices, the rental fleet.

use super::Failed;
use super::process;
use super::stage::Folder;
use crate::clock::{Clock, Ids};
use crate::partners::model::{HubDevice, HubUrl, Label, Scopes, Theme};
use crate::partners::service::{NewDevice, NewToken, Partners};
use crate::partners::token::Mode;
use crate::storage::audit::Act;
use crate::storage::{DatabaseConfig, Db};

/// The partner that does the job.
pub(super) const ALPHA: &str = "Партнёр Альфа";
/// Another one.
pub(super) const BETA: &str = "Партнёр Бета";

/// Numbers of the sandbox's registers that the first partner has; docs/sandbox.md tells what is special about some.
const REGISTERS: [u32; 9] = [1, SPARE, 3, 4, 5, 7, 8, 9, UNKNOWN_TO_FNS];
/// Left free to go on with.
pub(super) const SPARE: u32 = 2;
/// FNS refuses its serial number after review.
pub(super) const UNKNOWN_TO_FNS: u32 = 9906;

/// A cash register that the operator assigned to the first partner.
pub(super) struct Register {
    /// Number in the sandbox.
    pub number: u32,
    /// Device id, which the partner names.
    pub device_id: String,
    /// Name at the hub.
    pub hub_device: String,
    pub serial: String,
    pub fn_serial: String,
}

/// Serial numbers of the register and of the fiscal drive that the sandbox has under a number.
pub(super) fn serials(number: u32) -> (String, String) {
    (format!("00106100{number:06}"), format!("9999078902{number:06}"))
}

/// The operator's commands on the database of this run.
pub(super) struct Operator(Partners);

impl Operator {
    pub(super) async fn new(folder: &Folder) -> Result<Self, Failed> {
        let config = DatabaseConfig { url: folder.database().into(), ..DatabaseConfig::default() };
        let db = Db::connect(&config).await.map_err(Failed::new)?;
        db.migrate().await.map_err(Failed::new)?;
        let act = Act::new("demo", "a stage for the demo").map_err(Failed::new)?;
        Ok(Self(Partners::new(db, Clock::system(), Ids::system(), Mode::Test).acting(act)))
    }

    /// Adds a partner; its token.
    pub(super) async fn partner(&self, name: &str) -> Result<String, Failed> {
        let name = Label::name(name).map_err(Failed::new)?;
        let partner = self.0.add(name, Theme::LiteBox).await.map_err(Failed::new)?;
        let note = Label::note("demo").map_err(Failed::new)?;
        let new = NewToken { scopes: Scopes::all(), note, expires_ms: None };
        let (token, _) = self.0.issue(partner.id, new).await.map_err(Failed::new)?;
        Ok(token.reveal().to_string())
    }

    /// Assigns the registers of a hub to the first partner.
    pub(super) async fn registers(&self, hub: &str) -> Result<Vec<Register>, Failed> {
        let partner = self.0.find(ALPHA).await.map_err(Failed::new)?;
        let mut registers = Vec::new();
        for number in REGISTERS {
            let hub_device = format!("kkt-{number}");
            let new = NewDevice {
                id: None,
                hub: HubUrl::parse(hub).map_err(Failed::new)?,
                hub_device: HubDevice::parse(&hub_device).map_err(Failed::new)?,
                note: Label::note(&hub_device).map_err(Failed::new)?,
            };
            let device = self.0.assign(partner.id, new).await.map_err(Failed::new)?;
            let (serial, fn_serial) = serials(number);
            registers.push(Register { number, device_id: device.id.to_string(), hub_device, serial, fn_serial });
        }
        Ok(registers)
    }
}

/// A command of the operator's, given while the server runs; what it prints.
pub(super) async fn command(args: &[&str], settings: &[(&'static str, String)]) -> Result<String, Failed> {
    process::printed(&[&["--actor", "demo"], args].concat(), settings).await
}
