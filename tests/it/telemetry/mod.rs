//! What the server tells of itself.

pub mod collector;
mod exposition;
mod gone;
mod health;
mod lines;
mod metrics;
mod traces;
