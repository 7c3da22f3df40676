//! Registrations of cash registers: from QuickRegister to the card.

pub mod advice;
mod amend;
pub mod application;
mod burn;
mod calls;
mod cancel;
mod claims;
mod creation;
pub mod deadlines;
pub mod device_task;
mod drive;
pub mod effects;
mod fiscalize;
pub mod guide;
pub mod model;
pub mod ordering;
mod orders;
pub mod papers;
pub mod policy;
pub mod preflight;
mod recheck;
pub mod refusal;
mod report;
mod rows;
mod seeing;
pub mod service;
pub mod signal;
pub mod spec;
pub mod state;
pub mod store;
#[cfg(test)]
mod tests;
pub mod watch;
pub mod worker;
mod xml;
pub mod zone;
