//! What the tests stand on: databases of their own, and the whole service in one process.

pub mod app;
pub mod database;
pub mod postgres;
pub mod process;
pub mod slow_proxy;

use litebox_partner::clock::{Clock, Ids};

/// An id that nobody has used, in the form of the contract.
pub fn fresh_id() -> String {
    Ids::system().uuid_v7(&Clock::system()).to_string()
}
