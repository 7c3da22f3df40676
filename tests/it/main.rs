//! Tests through the front door follow.
