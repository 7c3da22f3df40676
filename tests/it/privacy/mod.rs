//! Personal data and secrets stay where they belong.

mod sources;
