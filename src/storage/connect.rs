//! The pool and its settings.

use std::path::PathBuf;
use std::time::Duration;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::StoreError;

/// Where the data are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://user:password@host:port/name`. A secret: it may hold a password.
    pub url: SecretString,
    /// Connections in the pool. 4 to 8 do for two cores.
    pub pool_size: u32,
    /// How long a unit of work waits for a connection, milliseconds.
    pub acquire_timeout_ms: u64,
    /// Longest statement, milliseconds (PostgreSQL).
    pub statement_timeout_ms: u64,
    /// Longest wait for a lock, milliseconds.
    pub lock_timeout_ms: u64,
    /// After this time PostgreSQL ends a transaction that does nothing, milliseconds.
    pub idle_in_transaction_timeout_ms: u64,
    /// Bring the schema up to date at start.
    pub migrate: bool,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: "sqlite:litebox-partner.db".into(),
            pool_size: 8,
            acquire_timeout_ms: 1_500,
            statement_timeout_ms: 3_000,
            lock_timeout_ms: 1_000,
            idle_in_transaction_timeout_ms: 5_000,
            migrate: true,
        }
    }
}

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// One file, one replica.
    Sqlite,
    /// Production.
    Postgres,
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pub(super) connection: DatabaseConnection,
    pub(super) file: Option<PathBuf>,
}

impl Db {
    /// Opens the pool; creates the file of an SQLite database that does not exist.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer, [`StoreError::Other`] for a URL of another kind.
    pub async fn connect(config: &DatabaseConfig) -> Result<Self, StoreError> {
        let url = config.url.expose_secret();
        let file = sqlite_path(url);
        if file.is_none() && !url.starts_with("postgres") {
            return Err(StoreError::Other("the database URL must start with sqlite: or postgres:".into()));
        }
        let options = if file.is_some() { sqlite_options(config) } else { postgres_options(config) };
        Ok(Self { connection: Database::connect(options).await?, file })
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        match self.connection.get_database_backend() {
            DbBackend::Postgres => Backend::Postgres,
            _ => Backend::Sqlite,
        }
    }

    /// For single reads and single writes that need no transaction.
    pub const fn direct(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// SQL expression for the database's clock, Unix milliseconds.
    pub fn now_sql(&self) -> &'static str {
        now_sql(self.backend())
    }

    /// Whether the database answers now.
    ///
    /// # Errors
    /// [`StoreError`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.connection.ping().await?)
    }

    /// Closes the pool; running units end first.
    ///
    /// # Errors
    /// [`StoreError`] when the pool cannot be closed.
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }
}

/// SQL expression for the clock of the database behind this connection, Unix milliseconds.
pub fn db_now(on: &impl ConnectionTrait) -> &'static str {
    match on.get_database_backend() {
        DbBackend::Postgres => now_sql(Backend::Postgres),
        _ => now_sql(Backend::Sqlite),
    }
}

pub(super) const fn now_sql(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        Backend::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    }
}

fn sqlite_path(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
}

fn common(config: &DatabaseConfig) -> ConnectOptions {
    let mut options = ConnectOptions::new(config.url.expose_secret());
    options
        .max_connections(config.pool_size)
        .min_connections(1)
        .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms))
        .connect_timeout(Duration::from_millis(config.acquire_timeout_ms))
        .test_before_acquire_if_idle_for(Duration::from_secs(30))
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    options
}

fn sqlite_options(config: &DatabaseConfig) -> ConnectOptions {
    use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
    let busy = Duration::from_millis(config.statement_timeout_ms);
    let mut options = common(config);
    options
        .map_sqlx_sqlite_opts(move |opts| {
            opts.create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(busy)
        })
        .map_sqlx_sqlite_pool_opts(|pool| {
            pool.after_release(|connection, _| {
                Box::pin(async move {
                    // Nothing to roll back is an error here, and the usual case.
                    let _ = sqlx::Executor::execute(&mut *connection, "ROLLBACK").await;
                    Ok(true)
                })
            })
        });
    options
}

fn postgres_options(config: &DatabaseConfig) -> ConnectOptions {
    let settings = [
        ("statement_timeout", config.statement_timeout_ms.to_string()),
        ("lock_timeout", config.lock_timeout_ms.to_string()),
        ("idle_in_transaction_session_timeout", config.idle_in_transaction_timeout_ms.to_string()),
        // ROLLBACK on release outside a transaction is only a warning; the server need not send it.
        ("client_min_messages", "error".to_owned()),
    ];
    let mut options = common(config);
    options
        .set_application_name("litebox-partner")
        .map_sqlx_postgres_opts(move |opts| opts.options(settings.clone()))
        // A begin that was cancelled in flight would hand the next user a connection inside a transaction.
        .map_sqlx_postgres_pool_opts(|pool| {
            pool.after_release(|connection, _| {
                Box::pin(async move {
                    sqlx::Executor::execute(&mut *connection, "ROLLBACK").await?;
                    Ok(true)
                })
            })
        });
    options
}
