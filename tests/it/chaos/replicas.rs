//! Two replicas as processes of their own over a database that breaks, with callers at both; and what must hold once it is
//! back: everything acknowledged is there and comes to its card, every effect happened once, the servers are as they were.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::partners::model::{HubDevice, HubUrl, Label, Theme};
use litebox_partner::partners::service::{NewDevice, Partners};
use litebox_partner::partners::token::Mode;
use litebox_partner::pb::{client as cl, kkt as pb};
use litebox_partner::sandbox::{Options, Sandbox, start};
use litebox_partner::storage::{DatabaseConfig, Db};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::callers::{Caller, Kept, Ledger};
use crate::killed::{ACCOUNT, REGISTRATION, Record};
use crate::kkt::shop::serial;
use crate::support::act;
use crate::support::app::{TestPartner, partner, until};
use crate::support::cluster::{Cluster, Node};
use crate::support::process::Server;

/// Callers at each replica.
const CALLERS: usize = 2;
/// How many calls are answered before something breaks, and after it is whole again.
const SOME: u32 = 12;

/// Two replicas and their callers.
pub struct Replicas {
    pub sandbox: Sandbox,
    pub ledger: Arc<Ledger>,
    servers: [Server; 2],
    partner: TestPartner,
    devices: Arc<Vec<String>>,
    taken: Arc<AtomicU32>,
    /// How many registrations have been looked at.
    checked: usize,
}

/// Callers at work. They stop when they are told to.
pub struct Load {
    stop: CancellationToken,
    callers: JoinSet<()>,
}

impl Replicas {
    /// Replicas on the database of this URL, with an empty, migrated database that is reached by `direct`; a partner with
    /// this many devices.
    pub async fn new(url: &str, direct: &str, devices: u64) -> Self {
        let sandbox = start(Options { argon2: false, fsync: false, ..Options::default() }).await.unwrap();
        let config = DatabaseConfig { url: direct.into(), ..DatabaseConfig::default() };
        let db = Db::connect(&config).await.unwrap();
        db.migrate().await.unwrap();
        let partners = Partners::new(db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act());
        let partner = partner(&partners, "Партнёр", Theme::LiteBox).await;
        let devices = Arc::new(assigned(&partners, &sandbox, &partner, devices).await);
        db.close().await.unwrap();
        // Shorter than usual: after it and a second more a statement is given up at a server that has fallen silent.
        let server = || Server::start_on(&sandbox, url, &[("database.statement_timeout_ms", "1000")]);
        let servers = [server().await, server().await];
        let (ledger, taken) = (Arc::default(), Arc::default());
        Self { servers, sandbox, ledger, partner, devices, taken, checked: 0 }
    }

    /// A caller at one of the replicas.
    pub fn caller(&self, at: usize) -> Caller {
        let server = &self.servers[at];
        let (clients, kkts) = (server.clients(&self.partner.token), server.kkts(&self.partner.token));
        let (ledger, devices, taken) = (self.ledger.clone(), self.devices.clone(), self.taken.clone());
        Caller { clients, kkts, ledger, devices, taken }
    }

    /// Callers at both replicas, well at work.
    pub async fn load(&self) -> Load {
        let mut load = Load { stop: CancellationToken::new(), callers: JoinSet::new() };
        for at in (0..self.servers.len()).flat_map(|at| [at; CALLERS]) {
            load.callers.spawn(self.caller(at).run(load.stop.clone()));
        }
        self.some_answers("callers are at work").await;
        load
    }

    /// Waits until every caller, as far as one can tell, has been told that the database is away.
    pub async fn noticed(&self, before: usize) {
        let all = before + CALLERS * self.servers.len();
        until("callers notice that the database is away", async || self.ledger.away() >= all).await;
    }

    /// Waits for some more answers.
    pub async fn some_answers(&self, what: &str) {
        let enough = self.ledger.answered() + SOME;
        until(what, async || self.ledger.answered() >= enough).await;
    }

    /// What must hold when the database is back and nobody calls any more.
    pub async fn check(&mut self, cluster: &Cluster, primary: Node) {
        assert_eq!(self.missing(cluster, primary).await, [""; 0], "acknowledged and lost");
        let kept = self.ledger.kept();
        for kept in &kept[self.checked..] {
            self.check_one(kept).await;
        }
        self.checked = kept.len();
        let record = Record::about(self.sandbox.entries(), &kept.iter().flat_map(facts).collect::<Vec<_>>());
        for kept in &kept {
            assert_eq!(breaches(&record, kept), [""; 0], "{kept:?}");
        }
        self.check_servers(cluster, primary).await;
    }

    /// What was acknowledged and is not in the database.
    pub async fn missing(&self, cluster: &Cluster, primary: Node) -> Vec<String> {
        let mut connection = cluster.ask(primary).await.unwrap();
        let all = "SELECT id::text FROM client UNION ALL SELECT id::text FROM kkt";
        let there: Vec<String> = sqlx::query_scalar(all).fetch_all(&mut connection).await.unwrap();
        let kept = self.ledger.kept();
        let ids = kept.into_iter().flat_map(|kept| [Some(kept.client), kept.kkt]).flatten();
        ids.filter(|id| !there.contains(id)).collect()
    }

    /// Through both replicas, whoever acknowledged it.
    async fn check_one(&self, kept: &Kept) {
        for at in 0..self.servers.len() {
            let client = self.caller(at).client(&kept.client).await;
            assert_eq!((client.state(), &client.inn), (cl::ClientState::Active, &kept.inn));
        }
        let Some(id) = &kept.kkt else { return };
        let caller = self.caller(kept.n as usize % self.servers.len());
        let registered = async || caller.kkt(id).await.state() == pb::KktState::Registered;
        until(&format!("{kept:?} is REGISTERED"), registered).await;
    }

    /// The servers are the ones that were started, none of their connections is in use, and each takes as many calls at
    /// once as before.
    async fn check_servers(&mut self, cluster: &Cluster, primary: Node) {
        for server in &mut self.servers {
            assert!(server.is_alive(), "a server has ended");
            assert!(!server.log().contains("panicked"), "a server has panicked");
        }
        let busy =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'litebox-partner' AND state <> 'idle'";
        until("no connection is in use", async || cluster.count(primary, busy).await == 0).await;
        let missed = self.ledger.missed().len();
        let mut calls = JoinSet::new();
        for at in (0..self.servers.len()).flat_map(|at| [at; 16]) {
            let caller = self.caller(at);
            calls.spawn(async move { caller.list().await });
        }
        while let Some(ended) = calls.join_next().await {
            ended.unwrap();
        }
        assert_eq!(self.ledger.missed().len(), missed, "the pools have recovered");
    }
}

impl Load {
    /// Sends the callers away in the middle of their calls.
    pub async fn abandon(mut self) {
        self.callers.shutdown().await;
    }

    /// Lets every caller end its call.
    pub async fn end(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.callers.join_next().await {
            ended.unwrap();
        }
    }
}

/// What the sandbox's ledger knows a registration and its account by.
fn facts(kept: &Kept) -> Vec<String> {
    vec![kept.inn.clone(), serial(kept.n), format!("9999078902{:06}", kept.n)]
}

/// An account that was made more than once, a step that was taken more than once.
fn breaches(record: &Record, kept: &Kept) -> Vec<String> {
    let facts = facts(kept);
    let account = Record::about(record.0.clone(), &facts[..1]).breaches(&[ACCOUNT]);
    let steps = match kept.kkt {
        Some(_) => Record::about(record.0.clone(), &facts[1..]).breaches(&REGISTRATION),
        None => Vec::new(),
    };
    [account, steps].concat()
}

async fn assigned(partners: &Partners, sandbox: &Sandbox, partner: &TestPartner, count: u64) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 1..=count {
        let (hub, device) = (HubUrl::parse(&sandbox.http_url()).unwrap(), format!("kkt-{n}"));
        let new = NewDevice { id: None, hub, hub_device: HubDevice::parse(&device).unwrap(), note: Label::default() };
        ids.push(partners.assign(partner.id, new).await.unwrap().id.to_string());
    }
    ids
}
