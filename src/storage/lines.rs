//! Connections of PostgreSQL that are handed on from one user to the next as soon as they are free. The pool would ask the server twice
//! more after every one: for what a transaction may have left, and whether the connection is still good.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sea_orm::sea_query::Values;
use sea_orm::{ConnAcquireErr, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, Postgres};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Connection, PgPool};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::connect::Pool;
use super::reach::Reach;

/// So long a connection is handed on; then the pool sees whether it is good and how old it is.
const TERM: Duration = Duration::from_secs(60);
/// One that has rested for so long may be broken: the pool tries it.
const REST: Duration = Duration::from_secs(10);

/// The connections: no more than there are turns, since who has a turn takes one that rests, if there is.
pub(super) struct Lines {
    pool: PgPool,
    turns: Arc<Semaphore>,
    /// How long somebody waits for a turn.
    patience: Duration,
    /// Latest last; nothing is kept any more once it is closed.
    resting: Mutex<Option<VecDeque<Resting>>>,
    reach: Arc<Reach>,
}

struct Resting {
    connection: PoolConnection<Postgres>,
    taken: Instant,
    since: Instant,
}

/// A connection in use. Unless it is kept at the end, the pool finds out what has become of it, and the next one has its turn after that.
pub(super) struct Line {
    held: Option<(PoolConnection<Postgres>, OwnedSemaphorePermit)>,
    /// From the pool.
    taken: Instant,
    /// All that was asked has been answered well.
    whole: bool,
    lines: Arc<Lines>,
}

impl Lines {
    /// `size` connections of a pool that nobody else takes any from.
    pub(super) fn new(pool: PgPool, size: u32, patience: Duration, reach: Arc<Reach>) -> Self {
        let turns = Arc::new(Semaphore::new(size as usize));
        Self { pool, turns, patience, resting: Mutex::new(Some(VecDeque::new())), reach }
    }

    pub(super) async fn take(self: &Arc<Self>) -> Result<Line, DbErr> {
        let connection = async {
            let turn = self.turns.clone().acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
            let (connection, taken) = match self.rested() {
                Some(Resting { connection, taken, .. }) => (connection, taken),
                None => (self.pool.acquire().await?, Instant::now()),
            };
            Ok(Line { held: Some((connection, turn)), taken, whole: true, lines: Arc::clone(self) })
        };
        timeout(self.patience, connection).await.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(none_to_be_had)
    }

    /// The one that rests for the shortest time. Those that the pool must look at go back to it.
    fn rested(&self) -> Option<Resting> {
        loop {
            let latest = self.resting.lock().ok()?.as_mut()?.pop_back()?;
            if !latest.is_over() && !self.reach.doubts(latest.since.elapsed()) {
                return Some(latest);
            }
        }
    }

    fn keep(&self, latest: Resting) {
        let over = match self.resting.lock().ok().as_deref_mut() {
            Some(Some(resting)) => {
                resting.push_back(latest);
                resting.pop_front_if(|first| first.is_over())
            }
            _ => Some(latest),
        };
        // Outside the lock: a pool takes its connection back on a task.
        drop(over);
    }

    pub(super) fn connections(&self) -> Pool {
        let resting = self.resting.lock().ok().and_then(|resting| resting.as_ref().map(VecDeque::len)).unwrap_or(0);
        Pool::new(self.pool.size(), self.pool.num_idle() + resting, self.pool.options().get_max_connections())
    }

    /// Closes them; whoever has one ends first.
    pub(super) async fn close(&self) {
        self.turns.close();
        drop(self.resting.lock().ok().and_then(|mut resting| resting.take()));
        self.pool.close().await;
    }
}

impl Resting {
    fn is_over(&self) -> bool {
        self.taken.elapsed() > TERM || self.since.elapsed() > REST
    }
}

impl Line {
    fn on(&mut self) -> Result<&mut PgConnection, DbErr> {
        let held = self.held.as_mut().map(|(connection, _)| &mut **connection);
        held.ok_or(DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed))
    }

    /// It has answered, and nothing is left behind on it: the next one may have it.
    pub(super) fn keep(mut self) {
        if let Some((connection, _turn)) = self.held.take() {
            self.lines.keep(Resting { connection, taken: self.taken, since: Instant::now() });
        }
    }

    pub(super) async fn execute(&mut self, statement: Statement) -> Result<ExecResult, DbErr> {
        let whole = std::mem::take(&mut self.whole);
        let done = query(&statement.sql, statement.values).execute(self.on()?).await;
        self.whole = whole && done.is_ok();
        Ok(done.map_err(done_in_vain)?.into())
    }

    /// Several statements at once, perhaps.
    pub(super) async fn execute_unprepared(&mut self, sql: &str) -> Result<ExecResult, DbErr> {
        let whole = std::mem::take(&mut self.whole);
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(self.on()?).await;
        self.whole = whole && done.is_ok();
        Ok(done.map_err(done_in_vain)?.into())
    }

    pub(super) async fn one(&mut self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let whole = std::mem::take(&mut self.whole);
        let row = query(&statement.sql, statement.values).fetch_optional(self.on()?).await;
        self.whole = whole && row.is_ok();
        Ok(row.map_err(asked_in_vain)?.map(Into::into))
    }

    pub(super) async fn all(&mut self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let whole = std::mem::take(&mut self.whole);
        let rows = query(&statement.sql, statement.values).fetch_all(self.on()?).await;
        self.whole = whole && rows.is_ok();
        Ok(rows.map_err(asked_in_vain)?.into_iter().map(Into::into).collect())
    }

    /// Whether each question was answered, and well. In a transaction another one is as if it had never begun, and PostgreSQL does not say
    /// so at its COMMIT.
    pub(super) const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether the server answers on it.
    pub(super) async fn ping(&mut self) -> Result<(), DbErr> {
        self.on()?.ping().await.map_err(asked_in_vain)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // At the end of the process nobody has a turn after it.
        if let (Some((mut connection, turn)), Ok(runtime)) = (self.held.take(), Handle::try_current()) {
            let back = connection.return_to_pool();
            runtime.spawn(async move {
                back.await;
                drop(turn);
            });
        }
    }
}

fn none_to_be_had(error: sqlx::Error) -> DbErr {
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        other => DbErr::Conn(RuntimeErr::SqlxError(Arc::new(other))),
    }
}

fn query(sql: &str, values: Option<Values>) -> Query<'_, Postgres, SqlxValues> {
    sqlx::query_with(AssertSqlSafe(sql), SqlxValues(values.unwrap_or_else(|| Values(Vec::new()))))
}

fn done_in_vain(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

fn asked_in_vain(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}
