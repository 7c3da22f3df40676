//! Client stubs of the three gateway contracts, generated from `proto/litebox/gateway` at build time.
#![expect(clippy::all, reason = "generated code")]

/// The files of the three contracts with their imports and comments, encoded.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gateway_descriptors.bin"));

/// `litebox.gateway.accounts.v1`
pub mod accounts {
    include!(concat!(env!("OUT_DIR"), "/gateways/litebox.gateway.accounts.v1.rs"));
}
/// `litebox.gateway.fns.v1`
pub mod fns {
    include!(concat!(env!("OUT_DIR"), "/gateways/litebox.gateway.fns.v1.rs"));
}
/// `litebox.gateway.ofd.v1`
pub mod ofd {
    include!(concat!(env!("OUT_DIR"), "/gateways/litebox.gateway.ofd.v1.rs"));
}
