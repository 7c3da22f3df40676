//! What the tests of this slice share.

pub mod samples;
mod tenancy;
