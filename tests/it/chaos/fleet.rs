//! Replicas as real processes over one PostgreSQL and one sandbox, to be killed, stopped and started again.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::partners::model::{HubDevice, HubUrl, Label, Theme};
use litebox_partner::partners::service::{NewDevice, Partners};
use litebox_partner::partners::token::Mode;
use litebox_partner::sandbox::{Options, Sandbox, start};
use litebox_partner::storage::Backend;
use tonic::transport::Channel;

use crate::support::act;
use crate::support::app::{TestPartner, partner};
use crate::support::database::{TestDb, backends};
use crate::support::process::Server;

/// A setting and its value.
pub type Setting = (&'static str, String);

/// Longest attempt of a caller, unless told.
pub const ATTEMPT: Duration = Duration::from_secs(4);

/// How a fleet is made up.
pub struct Profile {
    /// The settings of each replica, over those of [`PATIENCE`].
    pub replicas: Vec<Vec<Setting>>,
    /// Environment variables of all replicas.
    pub variables: Vec<Setting>,
    /// How many partners call.
    pub partners: usize,
}

impl Profile {
    /// Two replicas that share the work, and some partners.
    pub fn pair(partners: usize, settings: &[(&'static str, &str)]) -> Self {
        let one: Vec<Setting> = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Self { replicas: vec![one.clone(), one], variables: Vec::new(), partners }
    }

    /// Partners alone: the replicas are somebody else's.
    pub const fn of(partners: usize) -> Self {
        Self { replicas: Vec::new(), variables: Vec::new(), partners }
    }
}

/// Quick to take over and quick to look; what waits for minutes in production waits for half a second.
const PATIENCE: [(&str, &str); 11] = [
    ("worker.lease_ms", "2000"),
    ("worker.fns_poll_limit_ms", "500"),
    ("worker.backoff_limit_ms", "500"),
    ("shutdown.delay_ms", "0"),
    ("shutdown.drain_ms", "200"),
    ("gateways.accounts.timeout_ms", "2000"),
    ("gateways.fns.timeout_ms", "2000"),
    ("gateways.ofd.timeout_ms", "2000"),
    ("gateways.device.inquiry_timeout_ms", "3000"),
    ("limits.lookups_per_hour", "1000000"),
    // One key for all: a stream goes on at another replica.
    ("server.page_keys", "a-key-of-the-tests-that-all-replicas-share"),
];

/// Replicas, their database, their outside.
pub struct Fleet {
    pub sandbox: Sandbox,
    pub database: TestDb,
    pub partners: Vec<TestPartner>,
    /// Where the cash registers of new devices answer.
    pub hub: String,
    /// Longest attempt of a caller.
    pub patience: Duration,
    operators: Partners,
    profile: Profile,
    replicas: Vec<Mutex<Option<Running>>>,
    by: OnceLock<Vec<Channel>>,
    /// Logs of servers that have ended.
    logs: Mutex<Vec<String>>,
}

struct Running {
    server: Server,
    /// One connection for all calls; it ends with the server.
    channel: Channel,
}

/// Whether there is a database that several replicas can share; says so when there is none.
pub fn possible() -> bool {
    backends().contains(&Backend::Postgres)
}

impl Fleet {
    /// Starts all replicas.
    pub async fn start(profile: Profile) -> Self {
        let sandbox = start(Options { argon2: false, fsync: false, ..Options::default() }).await.unwrap();
        Self::over(sandbox, profile).await
    }

    /// The same over a sandbox that runs already.
    pub async fn over(sandbox: Sandbox, profile: Profile) -> Self {
        Self::on(TestDb::new(Backend::Postgres).await, sandbox, profile).await
    }

    /// The same on a migrated database that is there already.
    pub async fn on(database: TestDb, sandbox: Sandbox, profile: Profile) -> Self {
        let operators = Partners::new(database.db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act());
        let mut partners = Vec::new();
        for n in 0..profile.partners {
            partners.push(partner(&operators, &format!("Партнёр {n}"), Theme::LiteBox).await);
        }
        let replicas = profile.replicas.iter().map(|_| Mutex::default()).collect();
        let (hub, logs) = (sandbox.http_url(), Mutex::default());
        let (patience, by) = (ATTEMPT, OnceLock::new());
        let fleet = Self { sandbox, database, partners, hub, patience, operators, profile, replicas, by, logs };
        for at in 0..fleet.replicas.len() {
            fleet.restart(at).await;
        }
        fleet
    }

    /// How many ways in there are: replicas, or what leads to them.
    pub fn size(&self) -> usize {
        self.by.get().map_or(self.replicas.len(), Vec::len)
    }

    /// Starts a replica that is not there.
    pub async fn restart(&self, at: usize) {
        let usual = PATIENCE.iter().map(|(key, value)| (*key, (*value).to_owned()));
        let settings: Vec<Setting> = usual.chain(self.profile.replicas[at].iter().cloned()).collect();
        let server = Server::start_with(&self.sandbox, &self.database, &settings, &self.profile.variables).await;
        let channel = server.channel();
        *self.slot(at) = Some(Running { server, channel });
    }

    /// Kills a replica as `kill -9` does.
    pub fn kill(&self, at: usize) {
        let running = self.slot(at).take().unwrap();
        self.keep(running.server.kill());
    }

    /// Takes out a replica, for whoever ends it.
    pub fn take(&self, at: usize) -> Server {
        self.slot(at).take().unwrap().server
    }

    /// Keeps the log of a replica that was taken out and has ended.
    pub fn keep(&self, log: String) {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).push(log);
    }

    /// From now on all calls go by these connections, as through a balancer.
    pub fn route(&self, by: Vec<Channel>) {
        self.by.set(by).unwrap();
    }

    /// Looks at a replica, if it is there.
    pub fn see<T>(&self, at: usize, look: impl FnOnce(&Server) -> T) -> Option<T> {
        self.slot(at).as_ref().map(|running| look(&running.server))
    }

    /// Stops a replica where it is. It is taken out meanwhile, so nobody but the caller can let it go on.
    pub async fn pause(&self, at: usize) -> Paused<'_> {
        let running = self.slot(at).take().unwrap();
        running.server.pause().await;
        Paused { fleet: self, at, running: Some(running) }
    }

    /// A connection to a replica that is there.
    pub fn channel(&self, at: usize) -> Option<Channel> {
        match self.by.get() {
            Some(by) => Some(by[at].clone()),
            None => self.slot(at).as_ref().map(|running| running.channel.clone()),
        }
    }

    /// What all servers have logged so far, the dead ones too.
    pub fn logs(&self) -> Vec<String> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        logs.extend(
            (0..self.replicas.len()).filter_map(|at| self.slot(at).as_ref().map(|running| running.server.log())),
        );
        logs
    }

    /// Memory of each replica that is there, KiB.
    pub fn memory(&self) -> Vec<u64> {
        (0..self.replicas.len())
            .filter_map(|at| self.slot(at).as_ref().map(|running| running.server.memory()))
            .collect()
    }

    /// Assigns the sandbox's device `kkt-N` to a partner; its id.
    pub async fn device(&self, partner: usize, n: u32) -> String {
        let (hub, name) = (HubUrl::parse(&self.hub).unwrap(), format!("kkt-{n}"));
        let new = NewDevice { id: None, hub, hub_device: HubDevice::parse(&name).unwrap(), note: Label::default() };
        self.operators.assign(self.partners[partner].id, new).await.unwrap().id.to_string()
    }

    fn slot(&self, at: usize) -> MutexGuard<'_, Option<Running>> {
        self.replicas[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A replica that stands still. Callers find it away; what they have sent it already waits.
pub struct Paused<'a> {
    fleet: &'a Fleet,
    at: usize,
    running: Option<Running>,
}

impl Paused<'_> {
    /// Lets it go on and gives it back to the callers.
    pub fn resume(mut self) {
        if let Some(running) = self.running.take() {
            running.server.resume();
            *self.fleet.slot(self.at) = Some(running);
        }
    }

    /// Kills it before it has done anything more.
    pub fn kill(mut self) {
        if let Some(running) = self.running.take() {
            self.fleet.keep(running.server.kill());
        }
    }
}
