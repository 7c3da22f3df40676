//! The sandbox: emulators of the five outer systems, over the network.
//!
//! It shares no wire types, checks or registration-number code with the server, so that an error on one side shows as a
//! difference. `docs/sandbox.md` says how to start it, how to make it misbehave and which inputs are magic.
//!
//! - `engine` takes every call through receipt, ledger, faults, effect and answer; `ledger` is the durable record.
//! - `accounts`, `fns`, `ofd` are the gRPC contracts of ours; `taxpayers` is DaData, `device` is ATOL Web Requests.
//! - `codec` refuses what the contracts do not know.
//! - `control` is the interface for tests and people; `world` is the fold of the ledger.

pub mod accounts;
pub mod checks;
pub mod cli;
pub mod codec;
pub mod control;
pub mod device;
pub mod engine;
pub mod faults;
pub mod fns;
pub mod grpc;
pub mod holds;
pub mod http;
pub mod ledger;
pub mod net;
pub mod ofd;
pub mod pb;
pub mod taxpayers;
pub mod world;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Ids};
use device::http::Hub;
use engine::{Delays, Engine};
use faults::Rule;
use holds::Hold;
use ledger::{Entry, Ledger};
use net::{Cut, Wires};
use pb::accounts::accounts_service_server::AccountsServiceServer;
use pb::fns::fns_service_server::FnsServiceServer;
use pb::ofd::ofd_service_server::OfdServiceServer;

/// The world that the sandbox says it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Environment {
    /// The truth.
    #[default]
    Sandbox,
    /// A lie, for tests of the handshake.
    Live,
}

impl Environment {
    /// Name in headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }

    /// Number in the contracts; the three enums agree.
    pub fn number(self) -> i32 {
        match self {
            Self::Live => 1,
            Self::Sandbox => 2,
        }
    }
}

/// How a sandbox starts.
#[derive(Clone)]
pub struct Options {
    /// Where DaData, the ATOL hub and the control interface listen; port 0 takes a free one.
    pub http: SocketAddr,
    /// Where the three gRPC contracts listen.
    pub grpc: SocketAddr,
    /// File of the ledger; in memory without one.
    pub ledger: Option<PathBuf>,
    /// Whether the ledger is on the disk before an answer.
    pub fsync: bool,
    /// Whether passwords are hashed with argon2id.
    pub argon2: bool,
    /// Fault rules from the start.
    pub faults: Vec<Rule>,
    /// How long things take.
    pub delays: Delays,
    /// The world it says it belongs to.
    pub environment: Environment,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub ids: Ids,
}

impl Default for Options {
    /// Free loopback ports, memory, no delays, no faults.
    fn default() -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            http: loopback,
            grpc: loopback,
            ledger: None,
            fsync: true,
            argon2: true,
            faults: Vec::new(),
            delays: Delays::default(),
            environment: Environment::default(),
            clock: Clock::system(),
            ids: Ids::system(),
        }
    }
}

/// A running sandbox. Dropping it stops the listeners.
pub struct Sandbox {
    hub: Hub,
    http: SocketAddr,
    grpc: SocketAddr,
    stop: CancellationToken,
    servers: Vec<JoinHandle<()>>,
}

/// Starts a sandbox.
///
/// # Errors
/// When an address cannot be bound or the ledger cannot be read.
pub async fn start(options: Options) -> io::Result<Sandbox> {
    let ledger = Ledger::open(options.ledger.as_deref(), options.fsync)?;
    let mut engine = Engine::new(ledger, options.clock, options.ids, options.delays);
    engine.environment = options.environment;
    engine.argon2 = options.argon2;
    for rule in options.faults {
        engine.faults.add(rule);
    }
    let hub = Hub { engine: Arc::new(engine), runners: Arc::default() };
    let http = TcpListener::bind(options.http).await?;
    let grpc = TcpListener::bind(options.grpc).await?;
    let (http_at, grpc_at) = (http.local_addr()?, grpc.local_addr()?);
    let stop = CancellationToken::new();
    let servers = vec![
        tokio::spawn(until(stop.clone(), serve_http(hub.clone(), Wires(http, stop.clone())))),
        tokio::spawn(until(stop.clone(), serve_grpc(hub.engine.clone(), Wires(grpc, stop.clone())))),
    ];
    for device in hub.engine.look(|world| world.devices.busy()) {
        hub.runners.wake(&hub.engine, &device);
    }
    Ok(Sandbox { hub, http: http_at, grpc: grpc_at, stop, servers })
}

/// Serves until told to stop; then connections die at once, as those of a killed process do.
async fn until(stop: CancellationToken, serve: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = serve => {}
    }
}

async fn serve_http(hub: Hub, wires: Wires) {
    let world = hub.engine.environment;
    let outer = taxpayers::http::routes().with_state(hub.engine.clone());
    let outer = outer.merge(device::http::routes().with_state(hub.clone()));
    let app = Router::new()
        .merge(outer.layer(from_fn_with_state(world, http::admit)))
        .merge(control::routes().with_state(hub))
        .layer(from_fn_with_state(world, http::sign));
    let service = app.into_make_service_with_connect_info::<Cut>();
    if let Err(error) = axum::serve(wires, service).await {
        tracing::error!(%error, "the HTTP emulators stopped");
    }
}

async fn serve_grpc(engine: Arc<Engine>, wires: Wires) {
    let server = tonic::transport::Server::builder()
        .add_service(AccountsServiceServer::new(accounts::rpc::Service(engine.clone())))
        .add_service(FnsServiceServer::new(fns::rpc::Service(engine.clone())))
        .add_service(OfdServiceServer::new(ofd::rpc::Service(engine)));
    if let Err(error) = server.serve_with_incoming(Box::pin(wires.stream())).await {
        tracing::error!(%error, "the gRPC emulators stopped");
    }
}

impl Sandbox {
    /// Base URL of DaData, the hub and the control interface: `http://127.0.0.1:16732`.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// URL of the three gRPC contracts.
    pub fn grpc_url(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// The engine, for looking at the emulated world.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.hub.engine
    }

    /// All entries of the ledger.
    pub fn entries(&self) -> Vec<Entry> {
        self.hub.engine.ledger.entries()
    }

    /// Waits until the ledger fulfils a condition.
    pub async fn wait_until(&self, fulfilled: impl FnMut(&[Entry]) -> bool) {
        self.hub.engine.ledger.wait_until(fulfilled).await;
    }

    /// Adds a fault rule in its text form and tells its id.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn add_fault(&self, rule: &str) -> Result<u64, String> {
        Ok(self.hub.engine.faults.add(rule.parse()?))
    }

    /// Removes all fault rules. Parked calls stay parked.
    pub fn clear_faults(&self) {
        self.hub.engine.faults.clear(None);
    }

    /// The parked calls.
    pub fn holds(&self) -> Vec<Hold> {
        self.hub.engine.holds.list()
    }

    /// Waits until the parked calls fulfil a condition.
    pub async fn wait_for_holds(&self, fulfilled: impl FnMut(&[Hold]) -> bool) {
        self.hub.engine.holds.wait_until(fulfilled).await;
    }

    /// Lets all parked calls go on; tells how many.
    pub fn release_holds(&self) -> usize {
        self.hub.engine.holds.release(None)
    }

    /// Changes a virtual register: any field of it, and the orders `forget` and `unblock`.
    ///
    /// # Errors
    /// When there is no such register or no such field.
    pub fn patch_device(&self, id: &str, patch: serde_json::Value) -> Result<device::kkt::Kkt, String> {
        control::apply_patch(&self.hub, id, patch).map_err(|(_, why)| why)
    }

    /// Changes what the state register says about a tax number: `ACTIVE`, `LIQUIDATED`, …, `NOT_FOUND`.
    ///
    /// # Errors
    /// When the status is unknown or the ledger cannot be written.
    pub fn change_taxpayer(&self, inn: &str, status: &str) -> Result<(), String> {
        let event = serde_json::json!({ "inn": inn, "status": status });
        let event = serde_json::from_value(event).map_err(|e: serde_json::Error| e.to_string())?;
        let done = control::change(&self.hub.engine, "control.taxpayer", world::Event::Taxpayers(event));
        done.map_err(|_| "the ledger cannot be written".to_owned())
    }

    /// A virtual register as it stands.
    pub fn device(&self, id: &str) -> Option<device::kkt::Kkt> {
        self.hub.engine.look(|world| world.devices.kkt(id))
    }

    /// Stops as a killed process does: connections die, parked commands never come to their effect.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        self.hub.engine.ledger.close();
        for server in self.servers.drain(..) {
            // A server that failed has said so already.
            let _ = server.await;
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
        self.hub.engine.ledger.close();
    }
}
