//! Whether the database can be reached and written, asked beside the pool; and which connections of the pool to doubt.
//!
//! When one connection breaks (a restart, a promoted standby), most likely all do. Each is then asked once before it is
//! used again, so that a restart costs the calls that are under way, not one more call for each connection of the pool.

use std::io::ErrorKind;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, Row};
use tokio::time::timeout;

/// How long an answer to "can it be reached" is good.
const FRESH: Duration = Duration::from_secs(1);
/// A connection that comes back to the pool so soon after a break may have been part of it.
const AFTERMATH: Duration = Duration::from_secs(1);
/// What a server and the way to it may take beyond the time that a statement has.
const SLACK: Duration = Duration::from_secs(1);
/// On for a standby, and for a primary that has been told to take no writes.
const READ_ONLY: &str = "SHOW transaction_read_only";

/// What every connection does on its way back to the pool, so that it is outside any transaction. A ROLLBACK alone would
/// write a warning into the server's log each time; in a transaction that has failed this is an error, and the connection
/// is closed.
const CLEAN: &str = "BEGIN; ROLLBACK";

/// In a transaction that has failed. It says nothing about other connections.
const FAILED: &str = "25P02";

/// The way to a server.
pub(super) struct Way {
    /// How to connect.
    pub options: PgConnectOptions,
    /// How long that may take.
    pub connect: Duration,
    /// How long a statement may take: the server's own limit.
    pub statement: Duration,
}

/// What is known of the way to the database.
#[derive(Default)]
pub(super) struct Reach {
    /// How to get there; absent where there is no way that could break.
    way: Option<Way>,
    /// When it was asked last, and whether it answered.
    asked: tokio::sync::Mutex<Option<(Instant, bool)>>,
    /// When a connection broke last.
    broken: Mutex<Option<Instant>>,
}

impl Reach {
    pub(super) fn new(way: Way) -> Self {
        Self { way: Some(way), ..Self::default() }
    }

    /// After this time no answer will come any more, a connection from the pool included. A server whose machine is gone
    /// says nothing at all, and the operating system would wait for it for a quarter of an hour. Absent where statements
    /// have no limit.
    pub(super) fn patience(&self) -> Option<Duration> {
        let limited = self.way.as_ref().filter(|way| !way.statement.is_zero());
        limited.map(|way| way.connect + way.statement + SLACK)
    }

    /// Whether the database would take a connection of ours, now or when one of the many it has is closed.
    pub(super) async fn answers(&self) -> bool {
        let Some(way) = &self.way else { return true };
        // Held meanwhile: of many who ask, one connects.
        let mut asked = self.asked.lock().await;
        if let Some((at, answer)) = *asked
            && at.elapsed() < FRESH
            && self.last_break().is_none_or(|broken| broken < at)
        {
            return answer;
        }
        let answer = matches!(timeout(way.connect, connects(&way.options)).await, Ok(true));
        *asked = Some((Instant::now(), answer));
        answer
    }

    /// A connection broke, or cannot be written to.
    pub(super) fn doubt(&self) {
        if let Ok(mut broken) = self.broken.lock() {
            *broken = Some(Instant::now());
        }
    }

    /// Whether a connection that has been idle for this long was there already when one broke.
    pub(super) fn doubts(&self, idle_for: Duration) -> bool {
        self.last_break().is_some_and(|at| idle_for + AFTERMATH > at.elapsed())
    }

    fn last_break(&self) -> Option<Instant> {
        self.broken.lock().ok().and_then(|broken| *broken)
    }

    /// Whether the pool may give this connection out; an error when it is broken.
    pub(super) async fn fit(
        &self,
        connection: &mut PgConnection,
        metadata: PoolConnectionMetadata,
    ) -> Result<bool, sqlx::Error> {
        if self.doubts(metadata.idle_for) { self.soon(writable(connection)).await } else { Ok(true) }
    }

    /// Takes a connection out of whatever its user has left it in; an error when that cannot be done.
    pub(super) async fn clean(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let cleaned = self.soon(async { sqlx::raw_sql(CLEAN).execute(connection).await.map(drop) }).await;
        cleaned.inspect_err(|error| {
            let failed = error.as_database_error().and_then(|e| e.code()).is_some_and(|code| code == FAILED);
            if !failed {
                self.doubt();
            }
        })
    }

    /// What a connection is asked by the pool itself. It must not use up the time in which a caller could get another one.
    async fn soon<T>(&self, question: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
        let limit = self.way.as_ref().map_or(SLACK, |way| way.connect / 3);
        timeout(limit, question).await.unwrap_or_else(|_| Err(std::io::Error::from(ErrorKind::TimedOut).into()))
    }
}

/// Whether the server behind this connection takes writes.
pub(super) async fn writable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let row = sqlx::raw_sql(READ_ONLY).fetch_one(connection).await?;
    Ok(row.try_get::<String, _>(0)? == "off")
}

async fn connects(options: &PgConnectOptions) -> bool {
    match PgConnection::connect_with(options).await {
        Ok(mut connection) => {
            let answer = writable(&mut connection).await.unwrap_or(false);
            // It was only a question.
            let _ = connection.close().await;
            answer
        }
        // It is there, and has no place for us.
        Err(sqlx::Error::Database(error)) => error.code().is_some_and(|code| code.starts_with("53")),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_connections_from_before_a_break_are_doubted() {
        let reach = Reach::default();
        assert!(!reach.doubts(Duration::from_secs(600)), "nothing has broken");
        reach.doubt();
        assert!(reach.doubts(Duration::from_secs(600)) && reach.doubts(Duration::ZERO));
        *reach.broken.lock().unwrap() = Instant::now().checked_sub(Duration::from_secs(5));
        assert!(reach.doubts(Duration::from_secs(6)) && reach.doubts(Duration::from_millis(4_500)));
        assert!(!reach.doubts(Duration::from_secs(1)), "it came back to the pool long after the break");
        assert!(reach.answers().await, "a file is there");
    }
}
