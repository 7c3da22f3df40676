//! Clients: shops that a partner serves, with their administrator accounts in the LiteBox service.

mod account;
pub mod card;
pub mod desk;
pub mod model;
pub mod reaper;
mod rows;
pub mod service;
pub mod store;
#[cfg(test)]
mod tests;
