//! Personal data and secrets stay where they belong.

mod canaries;
mod errors;
mod sources;
mod spans;
