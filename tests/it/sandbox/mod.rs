//! The sandbox over real sockets, asked by the clients that the server uses.

mod accounts;
mod control;
mod device;
mod fns;
mod magic;
mod ofd;
mod taxpayers;

use std::path::Path;

use litebox_partner::gateways::World;
use litebox_partner::gateways::config::RpcConfig;
use litebox_partner::sandbox::ledger::{Entry, Kind};
use litebox_partner::sandbox::{Options, Sandbox, start};
use litebox_partner::values::EffectId;

/// A sandbox in memory that hashes cheaply.
async fn sandbox() -> Sandbox {
    start(Options { argon2: false, ..Options::default() }).await.unwrap()
}

/// A sandbox on a ledger file.
async fn on_file(path: &Path) -> Sandbox {
    start(Options { argon2: false, ledger: Some(path.to_owned()), ..Options::default() }).await.unwrap()
}

fn rpc(sandbox: &Sandbox) -> RpcConfig {
    RpcConfig::at(sandbox.grpc_url())
}

const TEST: World = World::Test;

fn effect(number: u32) -> EffectId {
    EffectId::parse(&format!("0198c5f0-0000-8000-8000-{number:012}")).unwrap()
}

fn count(entries: &[Entry], kind: Kind, operation: &str) -> usize {
    entries.iter().filter(|e| e.is(kind, operation)).count()
}
