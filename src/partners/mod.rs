//! Partners and what they show to be let in.

pub mod access;
pub mod model;
pub mod quota;
pub mod rate;
pub mod service;
pub mod store;
pub mod token;
