//! Registrations of cash registers: from QuickRegister to the card.

pub mod advice;
mod amend;
pub mod application;
#[cfg(feature = "chaos")]
mod broken;
mod burn;
mod calls;
mod cancel;
mod claims;
mod creation;
pub mod deadlines;
pub mod desk;
pub mod device_task;
mod drive;
pub mod effects;
mod fiscalize;
pub mod guide;
pub mod hire;
mod intents;
pub mod model;
pub mod ordering;
mod orders;
pub mod papers;
mod places;
pub mod policy;
pub mod preflight;
pub mod preview;
mod recheck;
mod recollect;
mod recovering;
pub mod refusal;
mod report;
mod rows;
mod seeing;
pub mod service;
pub mod signal;
pub mod spec;
pub mod state;
pub mod store;
mod sweep;
#[cfg(test)]
pub mod tests;
pub mod watch;
mod whole;
pub mod worker;
mod xml;
pub mod zone;
