//! The server under attack, its witness, and what is measured.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::partners::model::Theme;
use litebox_partner::partners::service::Partners;
use litebox_partner::partners::token::Mode;
use litebox_partner::pb::client::ListRequest;
use litebox_partner::pb::client::client_service_client::ClientServiceClient;
use litebox_partner::sandbox::{Options, Sandbox, start};
use litebox_partner::storage::Backend;
use sea_orm::ConnectionTrait;
use tokio::time::{sleep, timeout};

use super::super::amount;
use super::super::frames::{Raw, settings};
use super::super::pki::{Authority, Mount};
use super::RECOVERY;
use super::witness::Witness;
use crate::clients::inn;
use crate::kkt::shop::{COMPANY, register};
use crate::support::act;
use crate::support::app::{partner, shown};
use crate::support::database::TestDb;
use crate::support::process::Server;

/// An attack goes on until the witness has made so many calls: fewer would say little.
pub fn enough() -> u64 {
    amount("CALLS", 10, 30)
}

/// But not longer.
const LONGEST: Duration = Duration::from_secs(60);

/// The server, and who is there beside the attackers.
pub struct Field {
    pub server: Server,
    /// The token of the attacker where it has one.
    pub token: String,
    witness: Witness,
    /// When the attack began.
    begun: Instant,
    secure: Option<(Authority, Mount)>,
    _sandbox: Sandbox,
    database: TestDb,
}

/// What an attack has done, and the connections it still holds.
pub struct Made {
    pub tried: u64,
    pub held: Vec<Raw>,
}

/// What came out.
pub struct Outcome {
    tried: u64,
    /// Memory, KiB: before, and the most above it.
    before: u64,
    pub grown: u64,
    /// Calls of the witness during the attack.
    pub made: u64,
    pub failed: u64,
    pub why: String,
    /// Median latency of the witness, microseconds: in quiet times and under attack.
    quiet: u64,
    loud: u64,
    pub recovered: Option<Duration>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tried, before, grown, made, failed, quiet, loud, recovered, .. } = self;
        let ratio = *loud as f64 / (*quiet).max(1) as f64;
        let recovered = recovered.map_or("never".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()));
        let mib = |kib: u64| kib as f64 / 1024.0;
        write!(
            f,
            "{tried} | {:.0} + {:.0} MiB | {made}, {failed} failed | {ratio:.1} | {recovered}",
            mib(*before),
            mib(*grown)
        )
    }
}

impl Field {
    /// A server with these settings beside the usual ones, whose partner has a hundred clients: its list is a large answer.
    pub async fn open(others: &[(&'static str, String)]) -> Self {
        Self::build(others, None).await
    }

    /// The same behind TLS.
    pub async fn secure(others: &[(&'static str, String)]) -> Self {
        let authority = Authority::new();
        let mount = Mount::new(&authority.pair(), &authority.pem);
        let path = |name: &str| mount.path(name).to_str().unwrap().to_owned();
        let tls = [("tls.cert", path("tls.crt")), ("tls.key", path("tls.key"))];
        Self::build(&[others, &tls].concat(), Some((authority, mount))).await
    }

    async fn build(others: &[(&'static str, String)], secure: Option<(Authority, Mount)>) -> Self {
        let sandbox = start(Options { argon2: false, fsync: false, ..Options::default() }).await.unwrap();
        let database = TestDb::new(Backend::Sqlite).await;
        let partners = Partners::new(database.db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act());
        let token = partner(&partners, "Нападающий", Theme::LiteBox).await.token;
        let witness = partner(&partners, "Свидетель", Theme::LiteBox).await.token;
        let server = Server::start_with(&sandbox, &database, others, &[]).await;
        let tls = secure.as_ref().map(|(authority, _)| authority.client(None));
        let witness = Witness { to: server.address(), tls, token: witness, seen: Arc::default() };
        let begun = Instant::now();
        let field = Self { server, token, witness, begun, secure, _sandbox: sandbox, database };
        field.fill().await;
        field
    }

    async fn fill(&self) {
        let shows = shown(Some(&format!("Bearer {}", self.token)));
        let mut clients = ClientServiceClient::with_interceptor(self.witness.channel(), shows);
        clients.register(register(COMPANY)).await.unwrap();
        let columns = "partner_id, {inn}, state, {login}, phone, company, last_name, first_name, middle_name, address, \
            taxpayer, search, external_ref, account_id, password_version, created_ms, updated_ms, due_ms, lease_until_ms, fence";
        let names = columns.replace(['{', '}'], "");
        let values = columns.replace("{inn}", "number").replace("{login}", "'shop' || number || '@example.ru'");
        let numbers: Vec<String> = (1..100).map(|n| format!("('{}')", inn(773_605_100 + n).as_str())).collect();
        let copies = format!("WITH numbers(number) AS (VALUES {})", numbers.join(", "));
        let sql =
            format!("{copies} INSERT INTO client (id, {names}) SELECT randomblob(16), {values} FROM client, numbers");
        self.database.db.direct().execute_unprepared(&sql).await.unwrap();
        let page = ListRequest { page_size: 100, ..ListRequest::default() };
        assert_eq!(clients.list(page).await.unwrap().into_inner().clients.len(), 100);
    }

    /// The token of another partner.
    pub async fn holder(&self, name: &str) -> String {
        let partners = Partners::new(self.database.db.clone(), Clock::system(), Ids::system(), Mode::Test);
        partner(&partners.acting(act()), name, Theme::LiteBox).await.token
    }

    /// A connection from the address of this number on which HTTP/2 has begun, over TLS where the server speaks that.
    pub async fn greet(&self, n: u64) -> std::io::Result<Raw> {
        match &self.secure {
            Some((authority, _)) => Raw::secure_hello(source(n), self.address(), authority.client(None)).await,
            None => Raw::hello(source(n), self.address(), &[]).await,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Makes the attack and measures.
    pub async fn attack(&mut self, attack: impl AsyncFnOnce(&Self) -> Made) -> Outcome {
        let quiet = Duration::from_millis(amount("QUIET", 1_000, 5_000));
        let (mut calm, ()) = self.witness.during(sleep(quiet)).await;
        let (before, sockets) = (self.server.memory(), self.server.sockets());
        let most = Arc::new(AtomicU64::new(before));
        self.witness.seen.store(0, Ordering::Relaxed);
        self.begun = Instant::now();
        let field = &*self;
        let storm = async {
            let done = attack(field).await;
            // Whatever is held is still there, and still costs.
            field.until_witnessed().await;
            done
        };
        let measured = async {
            tokio::select! {
                made = storm => made,
                () = field.measure(&most) => unreachable!("it measures for ever"),
            }
        };
        let (mut calls, Made { tried, held }) = field.witness.during(measured).await;
        let recovered = tokio::select! {
            recovered = field.recovers(sockets) => recovered,
            () = field.measure(&most) => unreachable!("it measures for ever"),
        };
        drop(held);
        Outcome {
            tried,
            before,
            grown: most.load(Ordering::Relaxed) - before,
            made: u64::try_from(calls.micros.len()).unwrap(),
            failed: calls.failed + calm.failed,
            why: std::mem::take(&mut calls.why),
            quiet: calm.median(),
            loud: calls.median(),
            recovered,
        }
    }

    /// Whether the witness has seen enough of the attack.
    pub fn witnessed(&self) -> bool {
        self.witness.seen.load(Ordering::Relaxed) >= enough() || self.begun.elapsed() > LONGEST
    }

    /// Waits until it has.
    pub async fn until_witnessed(&self) {
        while !self.witnessed() {
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn measure(&self, most: &AtomicU64) {
        loop {
            most.fetch_max(self.server.memory(), Ordering::Relaxed);
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// How long it takes until connections are gone, and a whole share of places of one attacker is free again.
    async fn recovers(&self, sockets: usize) -> Option<Duration> {
        let begun = Instant::now();
        let free = async {
            // The witness has one more, or one less.
            while self.server.sockets() > sockets + 1 {
                sleep(Duration::from_millis(20)).await;
            }
            while self.secure.is_none() && !self.all_free().await {
                sleep(Duration::from_millis(20)).await;
            }
            self.witness.during(std::future::ready(())).await.0.failed == 0
        };
        timeout(RECOVERY, free).await.ok().filter(|served| *served).map(|_| begun.elapsed())
    }

    /// Whether one address that attacked may have all of its places.
    async fn all_free(&self) -> bool {
        let mut held = Vec::new();
        for _ in 0..200 {
            let Ok(mut raw) = Raw::hello(source(0), self.address(), &[]).await else { return false };
            if !raw.answers().await {
                return false;
            }
            held.push(raw);
        }
        // As many calls at once as one connection may make.
        let mut raw = held.swap_remove(0);
        raw.send(&settings(&[])).await.is_ok()
    }
}

/// The addresses that attacks come from: the first one, the second one, …
pub fn source(n: u64) -> Ipv4Addr {
    Ipv4Addr::new(127, 9, u8::try_from(n / 250).unwrap(), u8::try_from(n % 250).unwrap() + 1)
}
