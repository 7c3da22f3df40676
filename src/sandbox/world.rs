//! The emulated world: the fold of all events in the ledger.

use serde::{Deserialize, Serialize};

use super::ledger::Entry;
use super::{accounts, device, fns, ofd, taxpayers};

/// Something that changed the world.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// In the account service or the inventory system.
    Accounts(accounts::Event),
    /// At the tax service.
    Fns(fns::Event),
    /// At an operator of fiscal data.
    Ofd(ofd::Event),
    /// In a cash register or its hub.
    Device(device::Event),
    /// In the state register of taxpayers.
    Taxpayers(taxpayers::Event),
}

/// The state of all five outer systems.
#[derive(Default)]
pub struct World {
    /// Accounts and inventory.
    pub accounts: accounts::Accounts,
    /// The tax service.
    pub fns: fns::Fns,
    /// Operators of fiscal data.
    pub ofd: ofd::Ofd,
    /// Cash registers and their hub.
    pub devices: device::Devices,
    /// What changed in the state register.
    pub taxpayers: taxpayers::Changes,
}

impl World {
    /// The world that these entries made.
    pub fn replay(entries: &[Entry]) -> Self {
        let mut world = Self::default();
        entries.iter().filter_map(|entry| entry.event.as_ref()).for_each(|event| world.apply(event));
        world
    }

    /// Lets an event happen.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Accounts(event) => self.accounts.apply(event),
            Event::Fns(event) => self.fns.apply(event),
            Event::Ofd(event) => self.ofd.apply(event),
            Event::Device(event) => self.devices.apply(event),
            Event::Taxpayers(event) => self.taxpayers.apply(event),
        }
    }
}
