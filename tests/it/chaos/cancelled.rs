//! A caller may hang up or run out of time at any moment, and tonic then drops the handler wherever it waits: inside a
//! BEGIN, a COMMIT, a read. Each method is left after every part of its time, over a slow line with one or two connections
//! in the pool. What is acknowledged afterwards must be there, seen past the service; no connection stays inside a
//! transaction or in somebody's hands.

use std::time::{Duration, Instant};

use litebox_partner::pb::{client as cl, kkt as pb};
use litebox_partner::storage::Backend;
use sea_orm::{ActiveModelTrait, ConnectOptions, Database, IntoActiveModel, TransactionTrait};
use secrecy::ExposeSecret;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;
use tonic::{Request, Status};
use uuid::Uuid;

use super::amounts::{amount, report};
use crate::clients::inn;
use crate::kkt::shop::{COMPANY, Shop, register};
use crate::storage::trouble::busy;
use crate::support::app::{Replica, TestApp, until};
use crate::support::database::{TestDb, backends};
use crate::support::fresh_id;
use crate::support::slow_proxy;

/// Each packet to the database takes so long.
const DELAY: Duration = Duration::from_millis(1);

/// A call that may be made again.
#[derive(Debug, Clone)]
pub enum Call {
    Register(Box<cl::RegisterRequest>),
    QuickRegister(Box<pb::QuickRegisterRequest>),
    Fiscalize(pb::FiscalizeRequest),
    Cancel(pb::CancelRequest),
    Get(pb::GetRequest),
    List(pb::ListRequest),
    Watch(pb::WatchRequest),
}

/// How a caller goes away.
#[derive(Debug, Clone, Copy)]
enum Leaves {
    /// Hangs up.
    HangsUp,
    /// Told how long it would wait.
    RunsOutOfTime,
}

fn asked<T>(message: &T, limit: Option<Duration>) -> Request<T>
where
    T: Clone,
{
    let mut request = Request::new(message.clone());
    if let Some(limit) = limit {
        request.set_timeout(limit);
    }
    request
}

impl Call {
    /// Makes the call; a stream is answered with its first message.
    pub async fn send(&self, at: &Replica, limit: Option<Duration>) -> Result<(), Status> {
        match self {
            Self::Register(r) => at.clients().register(asked(r.as_ref(), limit)).await.map(drop),
            Self::QuickRegister(r) => at.kkts().quick_register(asked(r.as_ref(), limit)).await.map(drop),
            Self::Fiscalize(r) => at.kkts().fiscalize(asked(r, limit)).await.map(drop),
            Self::Cancel(r) => at.kkts().cancel(asked(r, limit)).await.map(drop),
            Self::Get(r) => at.kkts().get(asked(r, limit)).await.map(drop),
            Self::List(r) => at.kkts().list(asked(r, limit)).await.map(drop),
            Self::Watch(r) => at.kkts().watch(asked(r, limit)).await?.into_inner().message().await.map(drop),
        }
    }

    /// Makes the call and leaves it after this time. Whether it was answered before.
    async fn left(&self, at: &Replica, after: Duration, how: Leaves) -> bool {
        match how {
            Leaves::HangsUp => matches!(timeout(after, self.send(at, None)).await, Ok(Ok(()))),
            Leaves::RunsOutOfTime => self.send(at, Some(after)).await.is_ok(),
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Register(_) => "Register",
            Self::QuickRegister(_) => "QuickRegister",
            Self::Fiscalize(_) => "Fiscalize",
            Self::Cancel(_) => "Cancel",
            Self::Get(_) => "Get",
            Self::List(_) => "List",
            Self::Watch(_) => "Watch",
        }
    }

    /// What was asked for to be written; reads ask for nothing.
    fn request_id(&self) -> Option<&str> {
        match self {
            Self::Register(r) => Some(&r.request_id),
            Self::QuickRegister(r) => Some(&r.request_id),
            Self::Fiscalize(r) => Some(&r.request_id),
            Self::Cancel(r) => Some(&r.request_id),
            Self::Get(_) | Self::List(_) | Self::Watch(_) => None,
        }
    }
}

/// The service under test over a slow line, and the same database seen directly.
struct Stage {
    slow: Replica,
    direct: PgConnection,
    steps: u32,
    left: u64,
    answered: u64,
}

impl Stage {
    async fn new(app: &TestApp, pool_size: u32) -> Self {
        let url = slow_proxy::to_postgres(&app.database, DELAY).await;
        let slow = app.replica(|config| {
            config.database.url = url.into();
            config.database.pool_size = pool_size;
            // Nobody but the callers is at work here, and what they leave behind is not tidied up by the server.
            config.worker.concurrency = 0;
            config.database.idle_in_transaction_timeout_ms = 3_600_000;
            // The token is looked up in each call.
            config.server.token_cache_ms = 0;
        });
        let direct = PgConnection::connect(app.database.config.url.expose_secret()).await.unwrap();
        let steps = u32::try_from(amount("CANCELLED_STEPS", 6, 100)).unwrap();
        Self { slow: slow.await, direct, steps, left: 0, answered: 0 }
    }

    /// Leaves each of these calls at a moment of its own, from the first packet to the last.
    async fn sweep(&mut self, mut calls: Vec<Call>) {
        let whole = self.duration(&calls.remove(0)).await;
        println!("{} takes {} ms, left {} times", calls[0].name(), whole.as_millis(), calls.len());
        for (step, call) in (0_u32..).zip(&calls) {
            let after = whole * step / u32::try_from(calls.len()).unwrap();
            let how = if step % 2 == 0 { Leaves::HangsUp } else { Leaves::RunsOutOfTime };
            let answered = call.left(&self.slow, after, how).await;
            if answered {
                self.written(call).await;
            }
            // Half of them ask again at once, while what they left is still at work; before the others do, nothing may be
            // left of it: the next transaction would end one that was left open, and hide it.
            if step % 4 < 2 {
                self.quiet().await;
            }
            let again = call.send(&self.slow, None).await;
            again.unwrap_or_else(|status| panic!("the call after one that was left after {after:?}: {status:?}"));
            self.written(call).await;
            (self.left, self.answered) = (self.left + 1, self.answered + u64::from(answered));
        }
        self.quiet().await;
    }

    /// How long a call takes that nobody leaves.
    async fn duration(&mut self, call: &Call) -> Duration {
        let started = Instant::now();
        call.send(&self.slow, None).await.unwrap();
        self.written(call).await;
        started.elapsed()
    }

    /// What was acknowledged is there, for others too.
    async fn written(&mut self, call: &Call) {
        let Some(id) = call.request_id() else { return };
        let sql = "SELECT count(*) FROM request WHERE request_id = $1::text::uuid";
        let found: i64 = sqlx::query_scalar(sql).bind(id).fetch_one(&mut self.direct).await.unwrap();
        assert_eq!(found, 1, "acknowledged and lost: {call:?}");
    }

    /// Nobody has a connection, and none is inside a transaction.
    async fn quiet(&mut self) {
        let db = &self.slow.db;
        until("no connection of the pool is in use", async || busy(db) == 0).await;
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = current_database()";
        let direct = &mut self.direct;
        until("no connection is left inside a transaction", async || {
            sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut *direct).await.unwrap() == 0
        })
        .await;
    }
}

/// Every method, on a pool of this size.
async fn every_method(app: &TestApp, shop: &Shop<'_>, pool_size: u32) -> (u64, u64) {
    let mut stage = Stage::new(app, pool_size).await;
    // One more: the first shows how long a call takes.
    let (many, base) = (stage.steps as usize + 1, 10_000 * pool_size);
    let clients = (1..).map(|n| Call::Register(Box::new(register(inn(770_000_000 + base + n).as_str()))));
    stage.sweep(clients.take(many).collect()).await;

    let mut orders = Vec::new();
    for n in (base..).take(2 * many) {
        orders.push(pb::QuickRegisterRequest { fiscalize_automatically: false, ..shop.order(n).await });
    }
    stage.sweep(orders.iter().cloned().map(Box::new).map(Call::QuickRegister).collect()).await;
    let ids = ready(shop, &orders).await;

    let how = Some(pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {}));
    let burn = |id: &String| pb::FiscalizeRequest { request_id: fresh_id(), kkt_id: id.clone(), how: how.clone() };
    stage.sweep(ids[..many].iter().map(burn).map(Call::Fiscalize).collect()).await;
    let cancel = |id: &String| pb::CancelRequest { request_id: fresh_id(), kkt_id: id.clone() };
    stage.sweep(ids[many..].iter().map(cancel).map(Call::Cancel).collect()).await;

    let get = Call::Get(pb::GetRequest { kkt_id: ids[0].clone() });
    let list = Call::List(pb::ListRequest::default());
    let watch = Call::Watch(pb::WatchRequest { kkt_ids: ids[..1].to_vec(), ..pb::WatchRequest::default() });
    for call in [get, list, watch] {
        stage.sweep(vec![call; many]).await;
    }
    (stage.left, stage.answered)
}

/// The ids of these orders, once their registrations wait for the burn.
pub async fn ready(shop: &Shop<'_>, orders: &[pb::QuickRegisterRequest]) -> Vec<String> {
    let mut ids = Vec::new();
    for order in orders {
        // A repeat: answers what it was answered before.
        let id = shop.quick_register(order.clone()).await.id;
        shop.state(&id, pb::KktState::ReadyToFiscalize).await;
        ids.push(id);
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_go_away_at_any_moment_of_any_method_lose_nothing_and_keep_no_connection() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let app = TestApp::start(Backend::Postgres).await;
    let shop = Shop::open(&app, COMPANY).await;
    for pool_size in [1, 2, 4] {
        let (left, answered) = every_method(&app, &shop, pool_size).await;
        let outcome = format!("{answered} answered before, 0 lost, 0 connections kept");
        report(&format!("7 methods left at any moment, pool of {pool_size}"), left, &outcome);
    }
}

/// What the test above would find: without a task of its own and without cleaning, a caller that leaves a BEGIN in flight
/// takes the next writes with it.
#[tokio::test]
async fn a_pool_that_does_not_clean_up_loses_what_it_acknowledges() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let direct = TestDb::new(Backend::Postgres).await;
    let mut options = ConnectOptions::new(slow_proxy::to_postgres(&direct, Duration::from_millis(4)).await);
    let pool = Database::connect(options.max_connections(1).sqlx_logging(false).to_owned()).await.unwrap();
    for ms in 0..30_u64 {
        #[expect(clippy::disallowed_methods, reason = "does what nobody may do")]
        let begin = pool.begin();
        let _ = timeout(Duration::from_millis(ms), begin).await;
        let id = Uuid::from_u128(ms.into());
        let row = litebox_partner::storage::entity::partner::Model {
            id,
            name: ms.to_string(),
            theme: "MTS".into(),
            enabled: true,
            created_ms: 1,
        };
        row.into_active_model().insert(&pool).await.unwrap();
    }
    let mut connection = PgConnection::connect(direct.config.url.expose_secret()).await.unwrap();
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM partner").fetch_one(&mut connection).await.unwrap();
    assert!(there < 30, "a BEGIN dropped in flight does harm to a pool that does not clean up");
    report("the same with a bare pool, to see that a loss is noticed", 30, &format!("{} lost", 30 - there));
}
