//! litebox-partner: a partner brings a shop from its tax number to a registered, fiscalized cash register.
//!
//! The map, from the outside in. `docs/architecture.md` says why; `tests/it/architecture.rs` holds the borders.
//!
//! - `app` wires everything, `config` says with what, `cli` is the command line.
//! - `grpc` is the thin shell: layers, conversion, the only maker of `Status`. It never sees SQL.
//! - `partners`, `clients`, `kkt` are the slices, each with `model`, `service`, `store`; `kkt` also has the pure
//!   state machine (`state`), the pure checks before filing (`preflight`), the XML (`application`) and the `worker`.
//! - `fleet` is what partners hire out: imported by operators, taken and freed by `kkt`.
//! - `erasure` removes personal data: a client's when an operator says so, and what its period has ended for.
//! - `gateways` speaks to the five outer systems; `failure` says why a call failed.
//! - `conformance` tries the contracts of the outer systems on a site's own adapters.
//! - `values` are the types parsed at the edge (INN, RNM, phone, …), `catalogue` the reference data.
//! - `support` is what LiteBox's own people do with registrations that hang, audited.
//! - `progress` counts how far a long command has come.
//! - `storage` connects, migrates and runs units of work.
//! - `page` signs the tokens of pages and streams; `budget` is the deadline of the call that is worked on; `clock` is time and
//!   randomness as parameters; `pb` are the wire types.
//! - `readiness` says whether calls can be served, `telemetry` what the process tells about itself.
//! - `metrics` is what operators watch: counters, figures, and the port on which Prometheus asks for them.
//! - `sandbox` emulates the outer systems over the network; it shares nothing with the server. `demo` does the whole job on it.
//! - `sdk`, with the feature `client`, is what programs that call the service use; it needs nothing else here but `pb`.
//! - `fuzzing`, with the feature of that name only, gives the readers of strangers' texts to the fuzzers.
//! - `chaos`, with the feature of that name only, makes things fail and breaks guarantees on purpose, for the tests.

#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "server")]
pub mod budget;
#[cfg(feature = "server")]
pub mod catalogue;
#[cfg(feature = "chaos")]
pub mod chaos;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod clients;
#[cfg(feature = "server")]
pub mod clock;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod conformance;
#[cfg(feature = "server")]
pub mod demo;
#[cfg(feature = "server")]
pub mod erasure;
#[cfg(feature = "server")]
pub mod failure;
#[cfg(feature = "server")]
pub mod fleet;
#[cfg(any(feature = "fuzzing", feature = "chaos"))]
pub mod fuzzing;
#[cfg(feature = "server")]
pub mod gateways;
#[cfg(feature = "server")]
pub mod grpc;
#[cfg(feature = "server")]
pub mod kkt;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod page;
#[cfg(feature = "server")]
pub mod partners;
pub mod pb;
#[cfg(feature = "server")]
pub mod progress;
#[cfg(feature = "server")]
pub mod readiness;
#[cfg(feature = "server")]
pub mod sandbox;
#[cfg(feature = "client")]
pub mod sdk;
#[cfg(feature = "server")]
pub mod storage;
#[cfg(feature = "server")]
pub mod support;
#[cfg(feature = "server")]
pub mod telemetry;
#[cfg(feature = "server")]
pub mod values;
