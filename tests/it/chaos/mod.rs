//! What a registration must survive, tried on purpose: each module breaks one thing, over and over, and checks afterwards
//! that nothing was lost and nothing done twice. `make chaos` tries the full numbers, a plain test run a share.

pub mod amounts;
pub mod balancer;
mod breaker;
mod broken;
mod callers;
mod cancelled;
pub mod checker;
mod database_restart;
mod duplicates;
mod fairness;
pub mod fleet;
pub mod kills;
pub mod load;
mod outer;
mod pauses;
mod promotion;
mod replicas;
mod restored;
pub mod rolling;
pub mod schedules;
pub mod standard;
mod twins;
mod watch;
