//! What a registration must survive, tried on purpose: each module breaks one thing, over and over, and checks afterwards
//! that nothing was lost and nothing done twice. `make chaos` tries the full numbers, a plain test run a share.

pub mod amounts;
mod breaker;
mod callers;
mod cancelled;
mod database_restart;
mod fairness;
mod promotion;
mod replicas;
mod restored;
mod twins;
