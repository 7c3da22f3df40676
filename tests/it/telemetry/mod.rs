//! What the server tells of itself.

mod collector;
mod exposition;
mod metrics;
mod traces;
