//! Partners, what they show to be let in, and the services that act for them.

pub mod access;
pub mod jwt;
pub mod model;
pub mod quota;
pub mod rate;
mod remembered;
pub mod service;
pub mod store;
mod strangers;
pub mod token;
mod turns;
pub mod why;
