//! Registrations of cash registers: from QuickRegister to the card.

pub mod advice;
pub mod application;
mod burn;
mod creation;
pub mod deadlines;
pub mod device_task;
mod drive;
pub mod effects;
pub mod guide;
pub mod model;
pub mod ordering;
mod orders;
pub mod policy;
pub mod preflight;
pub mod refusal;
mod rows;
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
