//! Erasing personal data: of a client when an operator says so, and of what a period has ended for.
//! `docs/security-erasure.md` says what goes, what stays and how a record is verified.

pub mod config;
pub mod key;
pub mod obstacle;
pub mod record;
pub mod retention;
pub mod service;
pub mod store;
