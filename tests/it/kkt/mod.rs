//! Registrations of cash registers, through the front door: gRPC in, the sandbox's ledger and the database out.

mod amend;
mod cancel;
mod path;
mod refused;
pub mod shop;
mod trouble;
