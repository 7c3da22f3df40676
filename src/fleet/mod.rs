//! The rental fleet: registers that a partner hires out, each to one client at a time.

pub mod model;
pub mod store;
