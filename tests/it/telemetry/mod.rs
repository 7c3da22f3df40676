//! What the server tells of itself.

mod collector;
mod exposition;
mod gone;
mod health;
mod metrics;
mod traces;
