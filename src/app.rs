//! Wires everything together. The tests build the same. `lifecycle` starts it in order, and stops it in order.

mod ground;
mod lifecycle;
mod metrics;
mod ports;
mod watched;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_otlp::ExporterBuildError;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::ground::Ground;
pub use self::lifecycle::serve;
use self::ports::{Port, Ports};
use crate::catalogue::{Catalogue, CatalogueError};
use crate::clients::reaper::Reaper;
use crate::clients::store::Store as ClientStore;
use crate::clock::{Clock, Ids};
use crate::config::{Config, ConfigError};
use crate::erasure::key::Malformed;
use crate::erasure::retention::Retention;
use crate::gateways::{Gateways, SetupError};
use crate::grpc::edge::tls::TlsError;
use crate::grpc::server::{Parts, ServeError};
use crate::kkt::signal::Signal;
use crate::kkt::worker::Worker;
use crate::metrics::{Endpoint, Meters};
use crate::page::{KeysError, PageKeys};
use crate::partners::jwt::Services;
use crate::storage::audit::{Act, Deed, Desk, Unsaid};
use crate::storage::recovery::Begun;
use crate::storage::vault::{self, Vault};
use crate::storage::{self, Alone, Db, LACKING, Schema, StoreError};
use crate::support::switches::Switched;

/// Why the server did not start or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The collector of traces.
    #[error("traces.otlp_endpoint: {0}")]
    Traces(#[from] ExporterBuildError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The schema is older than this program and may not be migrated at start.
    #[error("the database lacks {0} migration(s): run `litebox-partner migrate` first")]
    OldSchema(usize),
    /// The reference data.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The name of a recovery.
    #[error("--recover: {0}")]
    Unsaid(#[from] Unsaid),
    /// The outer systems.
    #[error(transparent)]
    Gateways(#[from] SetupError),
    /// The keys of page tokens.
    #[error("server.page_keys: {0}")]
    PageKeys(#[from] KeysError),
    /// The keys of documents.
    #[error("documents.keys: {0}")]
    DocumentKeys(#[from] vault::KeysError),
    /// The key of erasures.
    #[error("erasure.key: {0}")]
    ErasureKey(#[from] Malformed),
    /// The files of the certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The listener or signals.
    #[error("server.listen: {0}")]
    Listen(#[from] std::io::Error),
    /// The port of metrics.
    #[error("metrics.listen: {0}")]
    Metrics(std::io::Error),
    /// Who vouches for services.
    #[error("jwt.issuers: {0}")]
    Jwt(&'static str),
    /// The gRPC server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Something that runs beside the calls has ended abnormally.
    #[error("a task has panicked: the server has stopped")]
    Panicked,
    /// A signal came during the start.
    #[error("told to stop before it served: the start is cut")]
    ToldEarly,
    /// A second signal came before everything had ended.
    #[error("told twice to stop: what was under way is cut")]
    ToldTwice,
}

/// The service: everything is there, and its ports are open. Nobody answers yet.
pub struct App {
    config: Config,
    db: Db,
    alone: Alone,
    clock: Clock,
    ids: Ids,
    listener: TcpListener,
    parts: Parts,
    services: Services,
    worker: Worker,
    reaper: Reaper,
    retention: Retention,
    metrics: Option<Endpoint>,
    /// From here on nothing new begins, and streams end.
    closing: CancellationToken,
}

impl App {
    /// Takes the ports, connects, migrates when that is configured, wires, and opens the ports: what cannot be served here is
    /// said before anything is changed.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn build(config: Config, clock: Clock, ids: Ids) -> Result<Self, AppError> {
        Self::build_within(Duration::ZERO, config, clock, ids).await
    }

    /// The same, waiting so long for a database that takes no connections yet.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn build_within(wait: Duration, config: Config, clock: Clock, ids: Ids) -> Result<Self, AppError> {
        let ports = Ports::take(&config).await?;
        let passes = |error: &AppError| matches!(error, AppError::Store(error) if error.passes());
        let (db, alone) = storage::patiently(wait, passes, || database(&config)).await?;
        let ground = ground(&config, db, clock, ids)?;
        Self::wire(config, ground, ports, alone)
    }

    fn wire(config: Config, ground: Ground, ports: Ports, alone: Alone) -> Result<Self, AppError> {
        let closing = CancellationToken::new();
        let services = Services::new(&config.jwt, config.mode).map_err(AppError::Jwt)?;
        let parts = ground.parts(&config, closing.clone(), services.clone())?;
        let metrics = ports.metrics.map(Port::open).transpose().map_err(AppError::Metrics)?;
        let clients = ClientStore::new(ground.db.clone());
        Ok(Self {
            metrics: metrics.map(|listener| ground.metrics(listener, &config, &parts.auth, services.clone())),
            parts,
            services,
            worker: ground.worker(&config),
            reaper: Reaper::new(clients, ground.gateways.accounts.clone(), ground.clock.clone()),
            retention: ground.retention(&config)?,
            db: ground.db,
            alone,
            clock: ground.clock,
            ids: ground.ids,
            listener: ports.calls.open()?,
            config,
            closing,
        })
    }

    /// Where it listens: the port that was given when the configured one is 0.
    ///
    /// # Errors
    /// When the listener has none.
    pub fn address(&self) -> Result<SocketAddr, AppError> {
        Ok(self.listener.local_addr()?)
    }

    /// Where metrics are asked for, when they are.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn metrics_address(&self) -> Result<Option<SocketAddr>, AppError> {
        self.metrics.as_ref().map(Endpoint::address).transpose().map_err(AppError::Metrics)
    }

    /// The database, for whoever watches its pool.
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// Opens the recovery of this name, or goes on with it: what a server does first on a backup that was restored.
    ///
    /// # Errors
    /// [`AppError::Store`], also when another recovery is open; [`AppError::Unsaid`] for a name that cannot be kept.
    pub async fn recover(&self, name: &str) -> Result<Begun, AppError> {
        let act = Act::new("serve --recover", &format!("restore {name}"))?;
        let deed = Deed { action: "RECOVERY_BEGUN", subject: name.to_owned(), detail: json!({}), ..Deed::default() };
        let record = Desk::new(self.clock.clone(), self.ids.clone(), act).record(deed);
        let begun = self.db.begin_recovery(name, self.clock.now_ms(), record).await?;
        match begun {
            Begun::Now | Begun::Before => {
                tracing::warn!(name, "recovering: no token is believed, no register of a fleet given, until confirmed");
            }
            Begun::Finished => {
                tracing::warn!(name, "this recovery is finished: a newer restore needs a name of its own")
            }
        }
        Ok(begun)
    }
}

/// What everything is made of.
fn ground(config: &Config, db: Db, clock: Clock, ids: Ids) -> Result<Ground, AppError> {
    config.doubts().into_iter().for_each(|(key, what)| tracing::warn!("{key} {what}"));
    let meters = Meters::default();
    let vault = vault(config, &clock, &ids)?;
    Ok(Ground {
        gateways: gateways(config, &db, &ids, &meters)?,
        vault,
        db,
        catalogue: Arc::new(catalogue(config, &clock)?),
        pages: page_keys(config, &ids)?,
        signal: Signal::new(),
        clock,
        ids,
        meters,
    })
}

/// What encrypts documents, with the configured keys.
///
/// # Errors
/// [`vault::KeysError`].
pub fn vault(config: &Config, clock: &Clock, ids: &Ids) -> Result<Vault, vault::KeysError> {
    let keys = config.documents.keys.iter().map(ExposeSecret::expose_secret);
    Vault::new(keys, clock.clone(), ids.clone())
}

/// The outside, with the switch before what has no commands to hold back.
fn gateways(config: &Config, db: &Db, ids: &Ids, meters: &Meters) -> Result<Gateways, SetupError> {
    let gateways = Gateways::counted(&config.gateways, config.world(), ids, meters)?;
    let taxpayers = Arc::new(Switched::new(gateways.taxpayers, db.clone()));
    Ok(Gateways { taxpayers, ..gateways })
}

/// The database, alone where there may be one server only: that is so before anything is changed.
async fn database(config: &Config) -> Result<(Db, Alone), AppError> {
    let db = Db::connect(&config.database).await?;
    let alone = db.alone()?;
    if config.database.migrate {
        db.migrate().await?;
    }
    match db.schema().await? {
        Schema::Older { missing } => return Err(AppError::OldSchema(missing)),
        Schema::Current | Schema::Newer => {}
    }
    if db.searches_slowly().await? {
        tracing::warn!("{LACKING}");
    }
    Ok((db, alone))
}

/// The reference data; says when the working calendar is about to run out.
fn catalogue(config: &Config, clock: &Clock) -> Result<Catalogue, AppError> {
    let catalogue = Catalogue::load(config.catalogue_dir())?;
    let until = catalogue.calendar_until();
    if catalogue.calendar_runs_out(clock.now().date()) {
        tracing::warn!(%until, "the working calendar runs out: put a newer one into catalogue.dir");
    }
    Ok(catalogue)
}

/// The configured keys. In test mode, without any, one that lasts as long as this process.
fn page_keys(config: &Config, ids: &Ids) -> Result<PageKeys, KeysError> {
    if config.server.page_keys.is_empty() {
        let mut key = [0; 32];
        ids.random(&mut key);
        return PageKeys::new([key]);
    }
    PageKeys::new(config.server.page_keys.iter().map(ExposeSecret::expose_secret))
}
