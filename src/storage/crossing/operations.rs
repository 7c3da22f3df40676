//! What operators watch: figures over all partners.

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};

use crate::gateways::Gateway;
use crate::storage::{Backend, Db, StoreError};

/// Figures of one moment.
#[derive(Clone, PartialEq, Eq)]
pub struct Operations {
    /// Registrations under way.
    pub open: Vec<Group>,
    /// Clients without a confirmed account.
    pub pending_clients: u64,
    /// The gateways that are stopped.
    pub stopped: Vec<Gateway>,
}

/// Registrations in one state that wait for the same.
#[derive(Clone, PartialEq, Eq)]
pub struct Group {
    /// As in the database.
    pub state: String,
    /// As in the database; absent while the service itself is at work.
    pub waiting_for: Option<String>,
    /// How many, and how old.
    pub open: Open,
}

/// How many, and how old.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Open {
    /// How many.
    pub count: u64,
    /// Since when the oldest has been in its state, Unix milliseconds.
    pub oldest_ms: Option<i64>,
    /// How many of their reports FNS should have by now.
    pub overdue: u64,
}

impl Open {
    /// Both together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            oldest_ms: self.oldest_ms.into_iter().chain(other.oldest_ms).min(),
            overdue: self.overdue + other.overdue,
        }
    }
}

/// The figures at `now_ms`. A report is due in the states `due`. PostgreSQL reads the index over what is under way, not the table.
/// Crosses because a registration that hangs does so whoever's it is; only counts and ages are told.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn read(db: &Db, due: &[&str], now_ms: i64) -> Result<Operations, StoreError> {
    let rows = db.direct().query_all_raw(statement(db, open_sql(due), now_ms)).await?;
    let open = rows.iter().map(group).collect::<Result<_, _>>()?;
    let stops = db.stops().await?;
    let stopped = stops.iter().filter_map(|stop| Gateway::parse(&stop.gateway)).collect();
    Ok(Operations { open, pending_clients: pending(db).await?, stopped })
}

/// The statement of [`read`]. The condition is the index's own, to the letter: PostgreSQL would not see otherwise that the index has all of them. SQLite
/// reads the table, which has one replica's rows.
pub fn open_sql(due: &[&str]) -> String {
    let due = due.iter().map(|state| format!("'{state}'")).collect::<Vec<_>>().join(", ");
    format!(
        "SELECT state, waiting_for, count(*) AS open, min(since_ms) AS oldest_ms, \
         sum(CASE WHEN report_by_ms < $1 AND state IN ({due}) THEN 1 ELSE 0 END) AS overdue FROM kkt \
         WHERE state NOT IN ('REGISTERED', 'REJECTED', 'CANCELLED') GROUP BY state, waiting_for"
    )
}

fn group(row: &QueryResult) -> Result<Group, StoreError> {
    let oldest_ms = row.try_get("", "oldest_ms")?;
    let open = Open { count: count(row, "open")?, oldest_ms, overdue: count(row, "overdue")? };
    Ok(Group { state: row.try_get("", "state")?, waiting_for: row.try_get("", "waiting_for")?, open })
}

/// A client that is not confirmed is due for the reaper: few rows in an index of their own.
async fn pending(db: &Db) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) AS open FROM client WHERE due_ms IS NOT NULL AND state = 'ACCOUNT_PENDING'";
    let row = db.direct().query_one_raw(Statement::from_string(backend(db), sql)).await?;
    row.map_or(Ok(0), |row| count(&row, "open"))
}

fn count(row: &QueryResult, column: &str) -> Result<u64, StoreError> {
    Ok(u64::try_from(row.try_get::<i64>("", column)?).unwrap_or(0))
}

fn statement(db: &Db, sql: String, now_ms: i64) -> Statement {
    Statement::from_sql_and_values(backend(db), sql, [now_ms.into()])
}

fn backend(db: &Db) -> DbBackend {
    match db.backend() {
        Backend::Postgres => DbBackend::Postgres,
        Backend::Sqlite => DbBackend::Sqlite,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::DatabaseConfig;

    #[tokio::test]
    async fn an_empty_database_has_nothing_under_way() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("t.db").display());
        let db = Db::connect(&DatabaseConfig { url: url.into(), ..DatabaseConfig::default() }).await.unwrap();
        db.migrate().await.unwrap();
        let nothing = Operations { open: Vec::new(), pending_clients: 0, stopped: Vec::new() };
        assert!(read(&db, &["REPORTING"], 0).await.unwrap() == nothing);
    }
}
