//! The state register of taxpayers and the address register, as DaData serves them over HTTP.

pub mod address;
pub mod http;
pub mod party;
pub mod regions;
pub mod register;
