//! What the tests stand on: databases of their own, and the whole service in one process.

pub mod app;
pub mod backup;
pub mod cluster;
pub mod database;
pub mod desk;
pub mod gate;
pub mod postgres;
pub mod process;
pub mod raw;
pub mod slow_proxy;
pub mod stage;
pub mod terminal;

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::storage::audit::Act;

/// Who changes things in tests.
pub fn act() -> Act {
    Act::new("test", "a test").unwrap()
}

/// An id that nobody has used, in the form of the contract.
pub fn fresh_id() -> String {
    Ids::system().uuid_v7(&Clock::system()).to_string()
}
