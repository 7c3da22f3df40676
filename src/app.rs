//! Wires everything together, and stops it in order. The tests build the same.

mod ground;
mod metrics;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::ground::Ground;
use crate::catalogue::{Catalogue, CatalogueError};
use crate::clients::reaper::Reaper;
use crate::clients::store::Store as ClientStore;
use crate::clock::{Clock, Ids};
use crate::config::Config;
use crate::erasure::key::Malformed;
use crate::erasure::retention::Retention;
use crate::gateways::{Gateways, SetupError};
use crate::grpc::edge::tls::TlsError;
use crate::grpc::server::{self, Parts, ServeError};
use crate::kkt::signal::Signal;
use crate::kkt::worker::Worker;
use crate::metrics::{Endpoint, Meters};
use crate::page::{KeysError, PageKeys};
use crate::partners::jwt::Services;
use crate::readiness;
use crate::storage::audit::{Act, Deed, Desk, Unsaid};
use crate::storage::recovery::Begun;
use crate::storage::vault::{self, Vault};
use crate::storage::{Alone, Db, Schema, StoreError};
use crate::support::switches::Switched;

/// Why the server did not start or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
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
}

/// The service, built and bound, not yet answering.
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
    /// From here on no new calls, and streams end.
    closing: CancellationToken,
}

/// Runs the server until it is told to stop; on a backup that was restored, the name of its recovery comes with it.
///
/// # Errors
/// [`AppError`].
pub async fn serve(config: Config, recover: Option<&str>) -> Result<(), AppError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let app = App::build(config, Clock::system(), Ids::system()).await?;
    if let Some(name) = recover {
        app.recover(name).await?;
    }
    if let Some(address) = app.metrics_address()? {
        tracing::info!(%address, "metrics");
    }
    tracing::info!(address = %app.address()?, mode = %app.config.mode, "listening");
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        told.cancel();
    });
    app.run(stop).await
}

impl App {
    /// Connects, migrates when that is configured, and binds the listener.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn build(config: Config, clock: Clock, ids: Ids) -> Result<Self, AppError> {
        let (db, alone) = database(&config).await?;
        let meters = Meters::default();
        let ground = Ground {
            gateways: gateways(&config, &db, &ids, &meters)?,
            vault: vault(&config, &clock, &ids)?,
            db,
            catalogue: Arc::new(catalogue(&config, &clock)?),
            pages: page_keys(&config, &ids)?,
            signal: Signal::new(),
            clock,
            ids,
            meters,
        };
        if !ground.vault.keeps() {
            tracing::warn!("documents.keys is empty: what outer systems are sent and answer is not kept");
        }
        let listener = TcpListener::bind(&config.server.listen).await?;
        let clients = ClientStore::new(ground.db.clone());
        let closing = CancellationToken::new();
        let services = Services::new(&config.jwt, config.mode).map_err(AppError::Jwt)?;
        let parts = ground.parts(&config, closing.clone(), services.clone())?;
        Ok(Self {
            metrics: ground.metrics(&config, &parts.auth, services.clone()).await?,
            parts,
            services,
            worker: ground.worker(&config),
            reaper: Reaper::new(clients, ground.gateways.accounts.clone(), ground.clock.clone()),
            retention: ground.retention(&config)?,
            db: ground.db,
            alone,
            clock: ground.clock,
            ids: ground.ids,
            config,
            listener,
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

    /// Serves and works until `stop`. Then, in this order: not ready but answering, so that callers go elsewhere; calls
    /// under way end; steps under way end.
    ///
    /// # Errors
    /// [`AppError::Serve`].
    pub async fn run(self, stop: CancellationToken) -> Result<(), AppError> {
        let (tell, ready) = watch::channel(false);
        let (closing, halting) = (self.closing, CancellationToken::new());
        let drain = Duration::from_millis(self.config.shutdown.drain_ms);
        let delay = Duration::from_millis(self.config.shutdown.delay_ms);
        let probe = tokio::spawn(readiness::probe(self.db.clone(), self.config.health, tell, stop.clone()));
        let every = Duration::from_millis(self.config.server.access_poll_ms);
        tokio::spawn(self.parts.auth.access.clone().follow(every, closing.clone()));
        tokio::spawn(self.services.run(closing.clone()));
        let worker = tokio::spawn(self.worker.run(halting.clone()));
        let reaper = self.reaper;
        let halt = halting.clone();
        let reaper = tokio::spawn(async move { reaper.run(halt).await });
        let (retention, halt) = (self.retention, halting.clone());
        let retention = tokio::spawn(async move { retention.run(halt).await });
        let close = closing.clone();
        tokio::spawn(async move {
            stop.cancelled().await;
            tokio::time::sleep(delay).await;
            close.cancel();
        });
        let metrics = self.metrics.map(|endpoint| tokio::spawn(endpoint.run()));
        let served = server::serve(self.parts, self.listener, ready, closing, drain).await;
        halting.cancel();
        // A step that does not end in time is taken over by another worker when its lease runs out.
        let _ = tokio::time::timeout(drain, async { tokio::join!(worker, reaper, retention) }).await;
        probe.abort();
        // To the very end: how a replica drains is worth seeing.
        metrics.inspect(JoinHandle::abort);
        let _ = self.db.close().await;
        drop(self.alone);
        Ok(served?)
    }
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
        Schema::Older { missing } => Err(AppError::OldSchema(missing)),
        Schema::Current | Schema::Newer => Ok((db, alone)),
    }
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
