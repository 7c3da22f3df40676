//! What tests of the library share, and those of more than one part of it.

mod bounds;
mod headers;
pub mod scripted;
mod secured;
mod tokens;
