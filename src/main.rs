//! The binary; its commands follow.
fn main() {}
