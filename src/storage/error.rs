//! What can go wrong with the database, told apart by what a caller can do.

use std::time::Duration;

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};

use crate::failure::Failure;
use crate::gateways::Gateway;

/// What went wrong with the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or answers only for a while yet: try later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database is there and has too much to do: no connection is free in time, or it is out of resources.
    #[error("the database is overloaded: {0}")]
    Exhausted(String),
    /// Another transaction was in the way: try again.
    #[error("contention in the database")]
    Contention,
    /// A uniqueness rule would be broken.
    #[error("not unique: {0:?}")]
    Unique(Constraint),
    /// An operator has stopped the gateway: no command may be sent to it.
    #[error("gateway {0} is stopped by an operator")]
    Stopped(Gateway),
    /// A row that cannot be understood.
    #[error("corrupt row in {table}: {what}")]
    Corrupt {
        /// Table.
        table: &'static str,
        /// Which row, and what is wrong with it; no personal data.
        what: String,
    },
    /// A defect of ours or of the set-up.
    #[error("{0}")]
    Other(String),
}

/// When a caller should try a stopped gateway again: a person has to start it.
pub const STOPPED_RETRY: Duration = Duration::from_secs(60);

/// The uniqueness rules that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    /// One client that is not abandoned for each INN, over all partners.
    ClientInn,
    /// One open or finished registration for each KKT.
    KktSerial,
    /// One registration that holds each FN.
    KktFn,
    /// One content for each request id.
    RequestKey,
    /// Another one.
    Another,
}

/// Name of the index (PostgreSQL) or columns (SQLite) in the driver's text, and the rule.
const CONSTRAINTS: [(&str, &str, Constraint); 4] = [
    ("client_open_inn", "client.inn", Constraint::ClientInn),
    ("kkt_held_serial", "kkt.model, kkt.serial_key", Constraint::KktSerial),
    ("kkt_held_fn", "kkt.fn_serial", Constraint::KktFn),
    ("request_pkey", "request.partner_id", Constraint::RequestKey),
];

/// Codes that mean: another transaction was in the way. PostgreSQL: serialization, deadlock, lock not available.
/// SQLite: busy, locked and their extended forms.
const CONTENTION: [&str; 8] = ["40001", "40P01", "55P03", "5", "6", "261", "517", "773"];

/// Class of PostgreSQL: out of resources (connections, memory, disk).
const EXHAUSTED: &str = "53";
/// Classes of PostgreSQL: connection, operator intervention (shutdown, statement cancelled).
const GONE: [&str; 2] = ["08", "57"];
/// The connection leads to a server that takes no writes, or is inside a transaction that has failed: of no use to anybody.
const USELESS: [&str; 2] = ["25006", "25P02"];
/// SQLite: cannot open, full, I/O error. PostgreSQL: a transaction was idle for too long.
const FAILED: [&str; 4] = ["14", "13", "10", "25P03"];

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match &error {
            // Whether the database is there has been asked by then: `Observed`.
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => Self::Exhausted("no connection in time".into()),
            DbErr::ConnectionAcquire(_) => Self::Unavailable("pool closed".into()),
            DbErr::Conn(RuntimeErr::SqlxError(e)) => not_connected(e),
            DbErr::Conn(RuntimeErr::Internal(_)) => Self::Unavailable("no connection".into()),
            DbErr::Exec(RuntimeErr::SqlxError(e)) | DbErr::Query(RuntimeErr::SqlxError(e)) => from_sqlx(e),
            // Their texts may quote the value.
            DbErr::Type(_) | DbErr::Json(_) => Self::Corrupt { table: "?", what: "a value of another kind".into() },
            DbErr::Migration(what) => Self::Other(format!("migration: {what}")),
            _ => Self::Other("the database layer failed".into()),
        }
    }
}

/// Why there is no connection. Whatever the server says against one (a database that is closed or gone, a password that
/// was changed), a later call may get it.
fn not_connected(error: &sqlx::Error) -> StoreError {
    match from_sqlx(error) {
        StoreError::Other(what) => StoreError::Unavailable(what),
        known => known,
    }
}

/// Whether the connection that told this error is of no use any more, and others of the pool may not be either.
pub(super) fn spoils(error: &DbErr) -> bool {
    let (DbErr::Conn(RuntimeErr::SqlxError(e))
    | DbErr::Exec(RuntimeErr::SqlxError(e))
    | DbErr::Query(RuntimeErr::SqlxError(e))) = error
    else {
        return false;
    };
    match e.as_ref() {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(e) => {
            let code = e.code().unwrap_or_default();
            // A statement that took too long says nothing about its connection.
            let cancelled = code == "57014";
            !cancelled && (of_class(&code, &GONE) || USELESS.contains(&code.as_ref()))
        }
        _ => false,
    }
}

fn of_class(code: &str, classes: &[&str]) -> bool {
    code.len() == 5 && classes.iter().any(|class| code.starts_with(class))
}

fn from_sqlx(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(e) => from_database(e.as_ref()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Protocol(_) => StoreError::Unavailable(kind_of(error).into()),
        sqlx::Error::ColumnDecode { index, .. } => {
            StoreError::Corrupt { table: "?", what: format!("column {index} cannot be read") }
        }
        other => StoreError::Other(kind_of(other).into()),
    }
}

fn from_database(error: &dyn sqlx::error::DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default();
    if error.is_unique_violation() {
        let text = error.message();
        let named = error.constraint();
        let found = CONSTRAINTS.iter().find(|(index, columns, _)| named == Some(*index) || text.contains(columns));
        return StoreError::Unique(found.map_or(Constraint::Another, |(_, _, rule)| *rule));
    }
    if CONTENTION.contains(&code.as_ref()) {
        return StoreError::Contention;
    }
    if of_class(&code, &[EXHAUSTED]) {
        return StoreError::Exhausted(format!("database code {code}"));
    }
    if of_class(&code, &GONE) || USELESS.contains(&code.as_ref()) || FAILED.contains(&code.as_ref()) {
        return StoreError::Unavailable(format!("database code {code}"));
    }
    // The driver's text may quote values: only its code leaves this function.
    StoreError::Other(format!("database code {code}"))
}

fn kind_of(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Io(_) => "connection broken",
        sqlx::Error::Tls(_) => "TLS failed",
        sqlx::Error::PoolTimedOut => "no connection in time",
        sqlx::Error::PoolClosed => "pool closed",
        sqlx::Error::Protocol(_) => "protocol error",
        sqlx::Error::RowNotFound => "row not found",
        _ => "driver error",
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::StorageUnavailable,
            StoreError::Exhausted(_) => Self::StorageBusy,
            StoreError::Contention | StoreError::Unique(_) => Self::Conflict,
            StoreError::Stopped(gateway) => Self::GatewayUnavailable { gateway, retry_after: STOPPED_RETRY },
            StoreError::Corrupt { .. } | StoreError::Other(_) => Self::Internal { detail: error.to_string() },
        }
    }
}

impl StoreError {
    /// Whether the database takes no connections, or has too much to do: it may be otherwise in a moment.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Exhausted(_))
    }

    /// When a caller should try again, when trying again helps.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable(_) | Self::Exhausted(_) => Some(Duration::from_secs(1)),
            Self::Contention => Some(Duration::from_millis(100)),
            Self::Stopped(_) => Some(STOPPED_RETRY),
            _ => None,
        }
    }
}
