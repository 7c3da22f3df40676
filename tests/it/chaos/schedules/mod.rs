//! Deterministic schedules: every point at which a registration can be interrupted is numbered in a run without faults,
//! and every fault that makes sense is tried at each of them, alone; then pairs and triples drawn from a seed.
//!
//! A schedule follows from its scenario and its plan. A failure prints both; `SCHEDULE='rental: 12=abort'` plays that one
//! again and shows its course, `SCENARIO=rental` plays only those of one path.

mod checks;
mod legal;
mod noticed;
mod people;
mod plans;
mod play;
mod scenario;
pub mod script;
mod tests;
