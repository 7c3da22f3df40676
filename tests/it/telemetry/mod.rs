//! What the server tells of itself.

mod collector;
mod traces;
