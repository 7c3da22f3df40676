//! The pool and its settings.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::time::sleep;

use super::StoreError;
use super::direct::Direct;
use super::lines::Lines;
use super::migration::Migrating;
use super::observed::Observed;
use super::reach::{self, Reach, Way};
use super::transaction::Units;

/// Where the data are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://user:password@host:port/name`. A secret: it may hold a password.
    pub url: SecretString,
    /// Connections, with PostgreSQL half of them for single statements. 4 to 8 do for two cores.
    pub pool_size: u32,
    /// How long a unit of work waits for a connection, milliseconds.
    pub acquire_timeout_ms: u64,
    /// Longest statement, milliseconds (PostgreSQL); 0 for no limit. A server that has not answered a second later is
    /// given up.
    pub statement_timeout_ms: u64,
    /// Longest wait for a lock, milliseconds.
    pub lock_timeout_ms: u64,
    /// After this time PostgreSQL ends a transaction that does nothing, milliseconds.
    pub idle_in_transaction_timeout_ms: u64,
    /// Bring the schema up to date at start.
    pub migrate: bool,
    /// Longest statement of a migration, milliseconds (PostgreSQL); 0 for no limit.
    pub migration_statement_timeout_ms: u64,
    /// Longest wait of a migration for a lock behind which the service's own statements wait too, milliseconds (PostgreSQL).
    pub migration_lock_timeout_ms: u64,
    /// How long a migration waits for such locks in all, milliseconds, and how long for whoever else migrates (PostgreSQL).
    pub migration_patience_ms: u64,
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
            migration_statement_timeout_ms: 3_600_000,
            migration_lock_timeout_ms: 500,
            migration_patience_ms: 600_000,
        }
    }
}

impl DatabaseConfig {
    /// The file of SQLite; absent for PostgreSQL.
    pub fn file(&self) -> Option<PathBuf> {
        sqlite_path(self.url.expose_secret())
    }

    /// What is wrong with the URL, as far as it can be told without connecting; never quotes it.
    pub fn unfit(&self) -> Option<&'static str> {
        let url = self.url.expose_secret();
        match sqlite_path(url) {
            Some(path) if path.as_os_str().is_empty() || path.as_os_str() == ":memory:" => Some(IN_MEMORY),
            Some(_) => None,
            None if !url.starts_with("postgres") => Some(OTHER_DATABASE),
            None => url.parse::<PgConnectOptions>().is_err().then_some(UNREADABLE),
        }
    }
}

/// Between two tries to connect.
const BETWEEN: Duration = Duration::from_millis(500);
const OTHER_DATABASE: &str = "the database URL must start with sqlite: or postgres:";
const IN_MEMORY: &str = "an SQLite database must be a file: one in memory loses everything";
const UNREADABLE: &str =
    "the database URL cannot be read: postgres://user:password@host:port/name, signs in it encoded";

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// One file, one replica.
    Sqlite,
    /// Production.
    Postgres,
}

impl Backend {
    /// As the conventions of OpenTelemetry name it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pub(super) units: Observed<Units>,
    single: Observed<Direct>,
    pub(super) file: Option<PathBuf>,
    pub(super) migrating: Migrating,
    #[cfg(feature = "chaos")]
    pub(crate) chaos: crate::chaos::Chaos,
}

/// Does it, and does it again for so long while it fails for what `passes`: a database may be starting too, or have too much to do
/// just now for any of the first questions.
///
/// # Errors
/// What it says at the end.
pub async fn patiently<T, E, F>(wait: Duration, passes: impl Fn(&E) -> bool, work: impl Fn() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let give_up = Instant::now() + wait;
    loop {
        match work().await {
            Err(error) if passes(&error) && Instant::now() < give_up => sleep(BETWEEN).await,
            done => return done,
        }
    }
}

/// Connections at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Open, or being opened.
    pub open: u32,
    /// Of these, in use: a unit of work or a statement has it, or it is being cleaned after one.
    pub in_use: u32,
    /// The most there may be.
    pub most: u32,
}

impl Pool {
    /// The two are counted one after the other.
    pub(super) fn new(open: u32, idle: usize, most: u32) -> Self {
        Self { open, in_use: open.saturating_sub(u32::try_from(idle).unwrap_or(0)), most }
    }
}

impl Db {
    /// Opens the pool; creates the file of an SQLite database that does not exist.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer, [`StoreError::Other`] for a URL of another kind or without a file.
    pub async fn connect(config: &DatabaseConfig) -> Result<Self, StoreError> {
        let url = config.url.expose_secret();
        if let Some(what) = config.unfit() {
            return Err(StoreError::Other(what.into()));
        }
        let file = sqlite_path(url);
        let reach = Arc::new(if file.is_some() { Reach::default() } else { way(config)? });
        let (pool, [of_units, of_statements]) = match file {
            Some(_) => (Database::connect(sqlite_options(config)).await?, [None, None]),
            None => postgres(config, &reach).await?,
        };
        let units = Observed::new(Units::new(pool.clone(), of_units), reach);
        Ok(Self {
            single: units.with(Direct::new(pool, of_statements)),
            units,
            file,
            migrating: Migrating::of(config),
            #[cfg(feature = "chaos")]
            chaos: crate::chaos::Chaos::from_environment()?,
        })
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        match self.units.on.pool.get_database_backend() {
            DbBackend::Postgres => Backend::Postgres,
            _ => Backend::Sqlite,
        }
    }

    /// Its name for operators: `sqlite`, `postgresql`.
    pub fn kind(&self) -> &'static str {
        self.backend().name()
    }

    /// For single reads and single writes that need no transaction.
    pub const fn direct(&self) -> &Observed<Direct> {
        &self.single
    }

    /// The pool itself, for tests that do with it what nobody may do.
    #[cfg(feature = "chaos")]
    pub const fn bare(&self) -> &DatabaseConnection {
        &self.units.on.pool
    }

    /// The connections of units of work, and those of single statements where they have their own.
    pub fn pools(&self) -> (Pool, Option<Pool>) {
        let pool = &self.units.on.pool;
        let units = self.units.on.connections().unwrap_or_else(|| match self.backend() {
            Backend::Postgres => {
                let pool = pool.get_postgres_connection_pool();
                Pool::new(pool.size(), pool.num_idle(), pool.options().get_max_connections())
            }
            Backend::Sqlite => {
                let pool = pool.get_sqlite_connection_pool();
                Pool::new(pool.size(), pool.num_idle(), pool.options().get_max_connections())
            }
        });
        (units, self.single.on.pool())
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
        Ok(self.units.see(self.units.on.ping()).await?)
    }

    /// Closes the pool; running units and statements end first.
    ///
    /// # Errors
    /// [`StoreError`] when the pool cannot be closed.
    pub async fn close(self) -> Result<(), StoreError> {
        // Both are told at once that nothing new begins.
        let ((), closed) = tokio::join!(self.single.on.close(), self.units.on.close());
        Ok(closed?)
    }
}

/// SQL expression for the clock of the database behind this connection, Unix milliseconds.
pub fn db_now(on: &impl ConnectionTrait) -> &'static str {
    match on.get_database_backend() {
        DbBackend::Postgres => now_sql(Backend::Postgres),
        _ => now_sql(Backend::Sqlite),
    }
}

/// So many milliseconds from now by this clock, as the database is to reckon. A value of its own: one in the text would make
/// another statement of it, to be planned anew.
pub fn in_ms(now_sql: &'static str, ms: i64) -> Expr {
    Expr::cust(now_sql).add(ms)
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
        .min_connections(1)
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

/// The pool of units of work; and the connections of units and those of single statements, half of all, which are handed on, unless
/// one is all there is.
async fn postgres(
    config: &DatabaseConfig,
    reach: &Arc<Reach>,
) -> Result<(DatabaseConnection, [Option<Arc<Lines>>; 2]), StoreError> {
    let size = config.pool_size / 2;
    let of_units = postgres_options(config, reach).max_connections(config.pool_size - size).to_owned();
    let units = Database::connect(of_units).await?;
    if size == 0 {
        return Ok((units, [None, None]));
    }
    let options = postgres_options(config, reach).max_connections(size).connect_lazy(true).to_owned();
    let statements = Database::connect(options).await?;
    let patience = Duration::from_millis(config.acquire_timeout_ms);
    let lines = [(&units, config.pool_size - size), (&statements, size)].map(|(pool, size)| {
        let pool = pool.get_postgres_connection_pool().clone();
        Some(Arc::new(Lines::new(pool, size, patience, Arc::clone(reach))))
    });
    Ok((units, lines))
}

/// How the database is reached beside the pool.
fn way(config: &DatabaseConfig) -> Result<Reach, StoreError> {
    let url = config.url.expose_secret().parse();
    // The driver's error may quote the URL, and with it the password.
    let options: PgConnectOptions = url.map_err(|_| StoreError::Other(UNREADABLE.into()))?;
    let ms = Duration::from_millis;
    Ok(Reach::new(Way { options, connect: ms(config.acquire_timeout_ms), statement: ms(config.statement_timeout_ms) }))
}

fn postgres_options(config: &DatabaseConfig, reach: &Arc<Reach>) -> ConnectOptions {
    let settings = [
        ("statement_timeout", config.statement_timeout_ms.to_string()),
        ("lock_timeout", config.lock_timeout_ms.to_string()),
        ("idle_in_transaction_session_timeout", config.idle_in_transaction_timeout_ms.to_string()),
    ];
    let (asking, releasing) = (Arc::clone(reach), Arc::clone(reach));
    let mut options = common(config);
    options
        // Whoever keeps up a minimum takes a place in the pool and waits up to a minute between its attempts to connect:
        // for so long after a restart that place would be lost, and of a pool of one the database.
        .min_connections(0)
        .set_application_name("litebox-partner")
        .map_sqlx_postgres_opts(move |opts| opts.options(settings.clone()))
        .map_sqlx_postgres_before_acquire(move |connection, metadata| {
            let reach = Arc::clone(&asking);
            Box::pin(async move { reach.fit(connection, metadata).await })
        })
        .map_sqlx_postgres_pool_opts(move |pool| cleaned(pool, Arc::clone(&releasing)));
    options
}

/// A pool of connections that can be written to, each outside any transaction.
fn cleaned(pool: PgPoolOptions, reach: Arc<Reach>) -> PgPoolOptions {
    pool.after_connect(|connection, _| {
        Box::pin(async move {
            // After a promotion an address may still lead to the former primary for a while: looked for again.
            match reach::writable(connection).await? {
                true => Ok(()),
                false => Err(sqlx::Error::Configuration("the server takes no writes".into())),
            }
        })
    })
    // A begin that was cancelled in flight would hand the next user a connection inside a transaction.
    .after_release(move |connection, _| {
        let reach = Arc::clone(&reach);
        Box::pin(async move {
            reach.clean(connection).await?;
            Ok(true)
        })
    })
}
