//! Registrations of cash registers, through the front door: gRPC in, the sandbox's ledger and the database out.

mod amend;
mod cancel;
mod ordering;
mod path;
mod refused;
mod rental;
pub mod shop;
mod trouble;
mod ways_out;
