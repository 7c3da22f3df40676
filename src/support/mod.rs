//! What LiteBox's own support does: stops gateways, reads what was sent and answered, explains registrations and mends
//! them. Every change asks who and why, and leaves its line in the audit log in the same transaction.

pub mod blocks;
pub mod explain;
pub mod findings;
pub mod raw;
pub mod service;
pub mod switches;
