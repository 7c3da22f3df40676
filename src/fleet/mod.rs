//! The rental fleet: registers that a partner hires out, each to one client at a time.

pub mod import;
pub mod model;
mod plan;
pub mod service;
pub mod store;
