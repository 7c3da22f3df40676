//! The thin shell: who may call, how a call is bounded, how a request becomes a command and a failure a `Status`.
//!
//! A handler parses, calls, converts. `layers` is the one ordered list of what happens around every call; `status` is
//! the only maker of `Status`. Nothing here knows SQL.

pub mod auth;
pub mod call;
pub mod client_service;
pub mod convert;
pub mod deadline;
pub mod edge;
mod handler;
pub mod health;
mod held;
pub mod kkt_service;
pub mod layers;
pub mod load;
pub mod pace;
pub mod places;
pub mod quiet;
pub mod reflection;
pub mod russian;
pub mod server;
pub mod status;
pub mod watch_stream;
