//! Connections: who gets one, what it must show at first, how long it lives. What comes out of here has a place of its own,
//! has finished TLS where that is on, and has said that it speaks HTTP/2; tonic serves it.

pub mod accept;
pub mod config;
pub mod doors;
pub mod holders;
pub mod leave;
pub mod life;
pub mod newcomers;
pub mod places;
pub mod rarely;
pub mod reload;
pub mod tls;
pub mod wire;
