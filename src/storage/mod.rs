//! Connects to the database, migrates it and runs units of work. SQLite for one replica, PostgreSQL for production.
//!
//! Instants are `i64` Unix milliseconds. Due times and leases are compared with the database's own clock, so that
//! replicas with clocks of their own agree; see [`Db::now_sql`].

mod alone;
pub mod audit;
mod connect;
pub mod crossing;
mod direct;
pub mod documents;
pub mod entity;
mod error;
mod insertion;
mod lines;
mod migration;
mod observed;
mod reach;
pub mod recovery;
pub mod requests;
pub mod switches;
mod tenancy;
mod transaction;
mod unit;
pub mod vault;

pub use alone::Alone;
pub use connect::{Backend, DatabaseConfig, Db, Pool, db_now, in_ms, patiently};
pub use error::{Constraint, STOPPED_RETRY, StoreError};
pub use insertion::insertion;
pub use migration::{LACKING, Schema};
pub use observed::Observed;
pub use tenancy::{of_partner, of_partner_sql};
pub use unit::{Tx, Work};

#[cfg(test)]
pub mod tests;
