//! What tests of the library share.

pub mod scripted;
