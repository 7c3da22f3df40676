//! Client stubs of the three gateway contracts, generated from `proto/litebox/gateway` at build time.
#![expect(clippy::all, reason = "generated code")]

/// `litebox.gateway.accounts.v1`
pub mod accounts {
    include!(concat!(env!("OUT_DIR"), "/gateways/litebox.gateway.accounts.v1.rs"));

    impl std::fmt::Debug for SetInitialPasswordRequest {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("SetInitialPasswordRequest(hidden)")
        }
    }
}
/// `litebox.gateway.fns.v1`
pub mod fns {
    include!(concat!(env!("OUT_DIR"), "/gateways/litebox.gateway.fns.v1.rs"));
}
/// `litebox.gateway.ofd.v1`
pub mod ofd {
    include!(concat!(env!("OUT_DIR"), "/gateways/litebox.gateway.ofd.v1.rs"));
}
