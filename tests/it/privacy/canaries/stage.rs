//! A server process that logs everything it can, on a database of its own, between marked outer systems.

use std::net::SocketAddr;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::partners::model::{HubDevice, HubUrl, Label, Theme};
use litebox_partner::partners::service::{NewDevice, Partners};
use litebox_partner::partners::token::Mode;
use litebox_partner::sandbox::{Options, Sandbox, start};
use litebox_partner::storage::Backend;
use secrecy::ExposeSecret;
use serde_json::json;

use super::outer::{Enemy, relay};
use super::requests::en;
use super::run::Run;
use super::search::Marks;
use crate::identity::signer::{Signer, jwks, now};
use crate::kkt::shop::serial;
use crate::support::act;
use crate::support::app::{TestPartner, partner};
use crate::support::database::TestDb;
use crate::support::postgres;
use crate::support::process::Server;
use crate::support::slow_proxy::{Line, name_of};
use crate::telemetry::collector::Collector;

/// Secrets of the configuration, each marked.
const SECRETS: [(&str, &str); 5] = [
    ("server.page_keys", "kanarpagekey0123456789abcdefghijkl"),
    ("gateways.taxpayers.api_key", "kanarapikey4711"),
    ("gateways.device.user", "kanarhubuser"),
    ("gateways.device.password", "kanarhubpassword"),
    // base64 of `kanardocumentkey0123456789abcdef`.
    ("documents.keys", "k1:a2FuYXJkb2N1bWVudGtleTAxMjM0NTY3ODlhYmNkZWY="),
];
const ISSUER: &str = "https://issuer.example";

/// What a run needs.
pub struct Stage {
    pub sandbox: Sandbox,
    pub partner: TestPartner,
    database: TestDb,
    partners: Partners,
    http: SocketAddr,
    grpc: SocketAddr,
    enemy: Arc<Enemy>,
    /// Takes all spans.
    pub collector: Collector,
    /// To PostgreSQL, to be cut.
    line: Option<Line>,
    signer: Signer,
    folder: tempfile::TempDir,
}

impl Stage {
    pub async fn new(backend: Backend) -> Self {
        let sandbox = start(Options { argon2: false, fsync: false, ..Options::default() }).await.unwrap();
        let database = TestDb::new(backend).await;
        let partners = Partners::new(database.db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act());
        let partner = partner(&partners, "Партнёр", Theme::LiteBox).await;
        let at = |url: String| url.trim_start_matches("http://").parse().unwrap();
        let (http, grpc) = (relay(at(sandbox.http_url())).await, relay(at(sandbox.grpc_url())).await);
        let line = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => Some(Line::to(postgres::server().unwrap().socket(), Duration::ZERO).await),
        };
        let (signer, folder) = (Signer::ec("key-1"), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("jwks"), jwks(&[&signer])).unwrap();
        let enemy = Enemy::listen().await;
        let collector = Collector::start().await;
        let stage = Self { sandbox, partner, database, partners, http, grpc, enemy, collector, line, signer, folder };
        stage.fleet();
        stage
    }

    /// A server; the gateways that are named have an enemy at the other end.
    pub async fn server(&self, enemies: &[&str], variables: &[(&'static str, String)]) -> Server {
        let mut settings: Vec<_> = SECRETS.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let issuers = json!([{"issuer": ISSUER, "audiences": ["litebox-partner"], "jwks_file": self.folder.path().join("jwks"),
            "subjects": [{"subject": "billing", "scopes": ["CLIENTS_READ", "PARTNERS_ACT"]}]}]);
        settings.extend([
            ("log.filter", "trace".to_owned()),
            ("database.url", self.url()),
            ("server.stream_ms", "300".to_owned()),
            ("limits.lookups_per_hour", "100000".to_owned()),
            ("gateways.breaker.failures", "0".to_owned()),
            ("worker.backoff_limit_ms", "100".to_owned()),
            ("jwt.issuers", issuers.to_string()),
            ("traces.otlp_endpoint", self.collector.url()),
            ("traces.sample_ratio", "1".to_owned()),
            ("shutdown.delay_ms", "0".to_owned()),
            ("shutdown.drain_ms", "1000".to_owned()),
        ]);
        for (name, key) in [
            ("taxpayers", "gateways.taxpayers.base_url"),
            ("accounts", "gateways.accounts.url"),
            ("fns", "gateways.fns.url"),
            ("ofd", "gateways.ofd.url"),
        ] {
            let own = if name == "taxpayers" { self.http } else { self.grpc };
            let at = if enemies.contains(&name) { self.enemy.address } else { own };
            settings.push((key, format!("http://{at}")));
        }
        Server::start_with(&self.sandbox, &self.database, &settings, variables).await
    }

    /// The run that asks a server.
    pub fn run(&self, server: &Server) -> Run {
        let mut run = Run::new(server.channel(), &self.partner.token);
        mark(&mut run.marks);
        run
    }

    pub const fn enemy(&self) -> &Arc<Enemy> {
        &self.enemy
    }

    /// How often the enemy was asked.
    pub fn asked(&self) -> usize {
        self.enemy.asked()
    }

    /// PostgreSQL goes away, or comes back.
    pub fn database_is_there(&self, there: bool) -> bool {
        let Some(line) = &self.line else { return false };
        line.switch(if there { postgres::server().unwrap().socket() } else { "/nowhere".into() });
        true
    }

    /// A device of the sandbox.
    pub async fn device(&self, name: &str) -> String {
        self.assign(self.http, name).await
    }

    /// A device behind an enemy.
    pub async fn device_of_an_enemy(&self, name: &str) -> String {
        self.assign(self.enemy.address, name).await
    }

    async fn assign(&self, hub: SocketAddr, name: &str) -> String {
        let hub = HubUrl::parse(&format!("http://{hub}")).unwrap();
        let new = NewDevice { id: None, hub, hub_device: HubDevice::parse(name).unwrap(), note: Label::default() };
        self.partners.assign(self.partner.id, new).await.unwrap().id.to_string()
    }

    /// Signed tokens that are not believed: of a stranger's key, of an unknown subject, for nobody.
    pub fn signed_tokens(&self) -> Vec<String> {
        let claims = |subject: &str, audience: &str| json!({"iss": ISSUER, "sub": subject, "aud": audience, "iat": now(), "exp": now() + 60, "email": "kanarclaim@kanarjwt.ru"});
        vec![
            Signer::ec("key-1").token(&claims("kanarsubject", "litebox-partner")),
            self.signer.token(&claims("kanarsubject", "litebox-partner")),
            self.signer.token(&claims("billing", "kanaraudience")),
            self.signer.token(&claims("billing", "litebox-partner")),
        ]
    }

    /// A command of an operator's.
    pub fn operate(&self, line: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_litebox-partner"))
            .args(line)
            .env("LITEBOX_DATABASE_URL", self.url())
            .env("LITEBOX_DOCUMENTS_KEYS", SECRETS[4].1)
            .env("LITEBOX_GATEWAYS_ACCOUNTS_URL", format!("http://{}", self.grpc))
            .env("LITEBOX_ACTOR", "anna")
            .output()
            .unwrap()
    }

    /// Register 2 is hired out.
    fn fleet(&self) {
        let file = self.folder.path().join("fleet.csv");
        let device = self.operate(&[
            "device",
            "assign",
            "Партнёр",
            "--hub",
            &format!("http://{}", self.http),
            "--hub-device",
            "kkt-2",
            "--reason",
            "T-1",
            "--json",
        ]);
        let device: serde_json::Value = serde_json::from_slice(&device.stdout).unwrap();
        let line = format!("АТОЛ 30Ф,{},9999078902000002,{}", serial(2), device["id"].as_str().unwrap());
        std::fs::write(&file, format!("model,serial,fn,device_id\n{line}\n")).unwrap();
        let told = self.operate(&["fleet", "import", "Партнёр", file.to_str().unwrap(), "--reason", "T-1"]);
        assert!(told.status.success(), "{told:?}");
    }

    fn url(&self) -> String {
        match &self.line {
            Some(line) => line.url(name_of(&self.database)),
            None => self.database.config.url.expose_secret().to_owned(),
        }
    }
}

/// Marks what no request holds.
fn mark(marks: &mut Marks) {
    for (setting, value) in SECRETS {
        marks.add(setting, value);
    }
    marks.add("documents.keys", "kanardocumentkey0123456789abcdef");
    for claim in ["kanarsubject", "kanaraudience", "kanarclaim@kanarjwt.ru"] {
        marks.add("claims", claim);
    }
    marks.add("panic", &panic_text());
    super::outer::mark(marks);
}

/// What a handler says that panics.
pub fn panic_text() -> String {
    format!("cannot parse {}@kanarpanic.ru", en(600))
}
