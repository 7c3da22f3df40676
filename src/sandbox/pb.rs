//! Server stubs of the three gateway contracts, generated apart from those of the server's clients.
#![expect(clippy::all, clippy::allow_attributes, reason = "generated code")]

/// `litebox.gateway.accounts.v1`
pub mod accounts {
    include!(concat!(env!("OUT_DIR"), "/sandbox/litebox.gateway.accounts.v1.rs"));
}
/// `litebox.gateway.fns.v1`
pub mod fns {
    include!(concat!(env!("OUT_DIR"), "/sandbox/litebox.gateway.fns.v1.rs"));
}
/// `litebox.gateway.ofd.v1`
pub mod ofd {
    include!(concat!(env!("OUT_DIR"), "/sandbox/litebox.gateway.ofd.v1.rs"));
}
