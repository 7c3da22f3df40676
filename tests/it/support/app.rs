//! The whole service in this process, behind real connections: a sandbox, a database, a server on a port of its own.

use std::net::SocketAddr;
use std::time::Duration;

use litebox_partner::app::App;
use litebox_partner::clock::{Clock, Ids};
use litebox_partner::config::{Config, Env};
use litebox_partner::gateways::config::RpcConfig;
use litebox_partner::partners::model::{Label, Scopes, Theme};
use litebox_partner::partners::service::{NewToken, Partners};
use litebox_partner::partners::token::Mode;
use litebox_partner::pb::client::client_service_client::ClientServiceClient;
use litebox_partner::pb::kkt::kkt_service_client::KktServiceClient;
use litebox_partner::sandbox::{Options, Sandbox, start};
use litebox_partner::storage::{Backend, Db};
use litebox_partner::values::PartnerId;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::act;
use super::database::{TestDb, backends};

/// A running service. Ends when it is dropped.
pub struct TestApp {
    /// The outer systems.
    pub sandbox: Sandbox,
    /// The same database as the server's.
    pub database: TestDb,
    /// What operators do.
    pub partners: Partners,
    /// A partner under LITEBOX with every scope.
    pub partner: TestPartner,
    address: SocketAddr,
    stop: CancellationToken,
    _server: JoinHandle<()>,
}

/// A partner with a token.
#[derive(Clone)]
pub struct TestPartner {
    /// Its id.
    pub id: PartnerId,
    /// Its token.
    pub token: String,
}

/// Shows credentials with every call, and names it for the server's log.
#[derive(Clone)]
pub struct Shown {
    credentials: Option<MetadataValue<Ascii>>,
    call: Option<MetadataValue<Ascii>>,
    within: Option<Duration>,
}

impl Shown {
    /// Calls may take so long from now on, whatever they say themselves.
    pub fn within(self, limit: Duration) -> Self {
        Self { within: Some(limit), ..self }
    }

    /// Calls are called so from now on: a UUID.
    pub fn called(self, id: &str) -> Self {
        Self { call: Some(id.parse().unwrap()), ..self }
    }
}

impl Interceptor for Shown {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let headers = [("authorization", &self.credentials), ("x-request-id", &self.call)];
        for (name, value) in headers {
            if let Some(value) = value {
                request.metadata_mut().insert(name, value.clone());
            }
        }
        if let Some(limit) = self.within {
            request.set_timeout(limit);
        }
        Ok(request)
    }
}

/// A connection that shows credentials.
pub type Wire = InterceptedService<Channel, Shown>;

/// Runs a test on a service over SQLite, then on one over PostgreSQL.
pub async fn on_both_apps(test: impl AsyncFn(&TestApp)) {
    for backend in backends() {
        println!("on {backend:?}");
        test(&TestApp::start(backend).await).await;
    }
}

/// The same with other settings.
pub async fn on_both_apps_with(change: impl Fn(&mut Config), test: impl AsyncFn(&TestApp)) {
    for backend in backends() {
        println!("on {backend:?}");
        test(&TestApp::start_with(backend, &change).await).await;
    }
}

impl TestApp {
    /// A service over this kind of database, patient as in production but quick to look.
    pub async fn start(backend: Backend) -> Self {
        Self::start_with(backend, |_| {}).await
    }

    /// The same with other settings.
    pub async fn start_with(backend: Backend, change: impl FnOnce(&mut Config)) -> Self {
        let sandbox = start(Options { argon2: false, fsync: false, ..Options::default() }).await.unwrap();
        let database = TestDb::new(backend).await;
        let mut config = settings(&sandbox, &database);
        change(&mut config);
        let app = App::build(config, Clock::system(), Ids::system()).await.unwrap();
        let (address, stop) = (app.address().unwrap(), CancellationToken::new());
        let told = stop.clone();
        let server = tokio::spawn(async move { app.run(told).await.unwrap() });
        let partners = Partners::new(database.db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act());
        let partner = partner(&partners, "Партнёр", Theme::LiteBox).await;
        Self { sandbox, database, partners, partner, address, stop, _server: server }
    }

    /// Another replica, over the same database and the same outer systems.
    pub async fn replica(&self, change: impl FnOnce(&mut Config)) -> Replica {
        let mut config = settings(&self.sandbox, &self.database);
        change(&mut config);
        let app = App::build(config, Clock::system(), Ids::system()).await.unwrap();
        let (address, db, stop) = (app.address().unwrap(), app.db().clone(), CancellationToken::new());
        tokio::spawn(app.run(stop.clone()));
        Replica { db, address, stop, token: self.partner.token.clone() }
    }

    /// The server itself, called as a replica is.
    pub fn itself(&self) -> Replica {
        let (stop, token) = (CancellationToken::new(), self.partner.token.clone());
        Replica { address: self.address, stop, token, db: self.db().clone() }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.database.db
    }

    /// Another partner with every scope.
    pub async fn other_partner(&self, name: &str, theme: Theme) -> TestPartner {
        partner(&self.partners, name, theme).await
    }

    /// Clients, asked by the app's partner.
    pub fn clients(&self) -> ClientServiceClient<Wire> {
        self.clients_as(Some(&format!("Bearer {}", self.partner.token)))
    }

    /// Registrations, asked by the app's partner.
    pub fn kkts(&self) -> KktServiceClient<Wire> {
        self.kkts_as(Some(&format!("Bearer {}", self.partner.token)))
    }

    /// Clients, asked by somebody who shows these credentials.
    pub fn clients_as(&self, credentials: Option<&str>) -> ClientServiceClient<Wire> {
        ClientServiceClient::with_interceptor(self.channel(), shown(credentials))
    }

    /// Registrations, asked by somebody who shows these credentials.
    pub fn kkts_as(&self, credentials: Option<&str>) -> KktServiceClient<Wire> {
        KktServiceClient::with_interceptor(self.channel(), shown(credentials))
    }

    /// A connection that shows nothing.
    pub fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect_lazy()
    }
}

/// A second server of a [`TestApp`]. Ends when it is dropped.
pub struct Replica {
    /// Its own way to the database.
    pub db: Db,
    address: SocketAddr,
    stop: CancellationToken,
    token: String,
}

impl Replica {
    /// Registrations, asked by the app's partner over a connection of its own.
    pub fn kkts(&self) -> KktServiceClient<Wire> {
        KktServiceClient::with_interceptor(self.channel(), shown(Some(&format!("Bearer {}", self.token))))
    }

    /// Clients, asked by the app's partner over a connection of its own.
    pub fn clients(&self) -> ClientServiceClient<Wire> {
        ClientServiceClient::with_interceptor(self.channel(), shown(Some(&format!("Bearer {}", self.token))))
    }

    fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect_lazy()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What shows these credentials.
pub fn shown(credentials: Option<&str>) -> Shown {
    Shown { credentials: credentials.map(|text| text.parse().unwrap()), call: None, within: None }
}

/// A new partner with a token for everything.
pub async fn partner(partners: &Partners, name: &str, theme: Theme) -> TestPartner {
    let id = partners.add(Label::name(name).unwrap(), theme).await.unwrap().id;
    let new = NewToken { scopes: Scopes::all(), note: Label::default(), expires_ms: None };
    let (token, _) = partners.issue(id, new).await.unwrap();
    TestPartner { id, token: token.reveal().to_string() }
}

/// Patient as in production, but quick to look.
pub fn settings(sandbox: &Sandbox, database: &TestDb) -> Config {
    let mut config = Config::load(None, &Env::default()).unwrap();
    config.server.listen = "127.0.0.1:0".into();
    config.server.watch_poll_ms = 50;
    config.metrics.listen = String::new();
    config.shutdown.delay_ms = 0;
    config.database = database.config.clone();
    config.gateways.taxpayers.base_url = sandbox.http_url();
    config.gateways.taxpayers.api_key = "key-1".into();
    for gateway in [&mut config.gateways.accounts, &mut config.gateways.fns, &mut config.gateways.ofd] {
        *gateway = RpcConfig::at(sandbox.grpc_url());
    }
    // Faults are ordered by the dozen; that a system is left alone has tests of its own.
    config.gateways.breaker.failures = 0;
    // One partner makes the load of many; that it may not has tests of its own.
    config.limits.calls_per_second = 0;
    config.worker.idle_poll_ms = 50;
    config.worker.backoff_ms = 20;
    config.worker.fns_poll_ms = 20;
    config.worker.fns_poll_limit_ms = 500;
    config.worker.task_poll_ms = 20;
    config.worker.device_poll_ms = 50;
    config
}

/// Waits until `done` is true, for at most a minute: machines that are busy are slow.
pub async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    for _ in 0..1_200 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within a minute: {what}");
}
