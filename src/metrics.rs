//! What operators watch: counters that calls, gateways and workers count into, and figures of what stands in the database,
//! for Prometheus on a port of its own. `docs/metrics.md` has the table.
//!
//! Labels take values of closed lists only: never an id, a name, an address, or a text from outside.

pub mod config;
mod figures;
mod meters;
mod page;
mod server;
mod sources;

pub use self::meters::{Meters, Outcome, Shed};
pub use self::server::Endpoint;
pub use self::sources::{Build, Sources};
