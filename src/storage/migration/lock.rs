//! One migrator at a time: an advisory lock on PostgreSQL, a lock file beside an SQLite database.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tokio::time::sleep;

use crate::storage::{Db, StoreError};

/// Any number, as long as it stays the same.
const KEY: i64 = 0x006c_6974_6562_6f78;

/// How often the lock of another one is asked for.
const POLL: Duration = Duration::from_millis(100);

/// Held until released, or until the process ends.
pub(super) enum Lock {
    File(File),
    /// A connection of its own: a pooled one could be handed on with the lock.
    Advisory(Box<PgConnection>),
}

impl Lock {
    pub(super) async fn take(db: &Db) -> Result<Self, StoreError> {
        match &db.file {
            Some(path) => Self::file(path.with_extension("migrate.lock")).await,
            None => Self::advisory(db).await,
        }
    }

    async fn file(path: PathBuf) -> Result<Self, StoreError> {
        let locked = tokio::task::spawn_blocking(move || {
            let file = File::create(path)?;
            file.lock()?;
            Ok::<_, std::io::Error>(file)
        });
        match locked.await {
            Ok(Ok(file)) => Ok(Self::File(file)),
            Ok(Err(error)) => Err(StoreError::Other(format!("the migration lock file: {}", error.kind()))),
            Err(_) => Err(StoreError::Other("the migration lock was interrupted".into())),
        }
    }

    /// Asked for again and again: whoever waits for it inside a statement would be waited for by whoever builds an index.
    async fn advisory(db: &Db) -> Result<Self, StoreError> {
        let mut connection = connected(db).await?;
        let give_up = Instant::now() + db.migrating.patience;
        while !is_ours(&mut connection).await? {
            if Instant::now() >= give_up {
                return Err(StoreError::Unavailable("somebody else migrates it".into()));
            }
            sleep(POLL).await;
        }
        Ok(Self::Advisory(Box::new(connection)))
    }

    /// That of a PostgreSQL, unless somebody else has it.
    pub(super) async fn at_once(db: &Db) -> Result<Option<Self>, StoreError> {
        let mut connection = connected(db).await?;
        Ok(is_ours(&mut connection).await?.then(|| Self::Advisory(Box::new(connection))))
    }

    pub(super) async fn release(self) -> Result<(), StoreError> {
        match self {
            Self::File(file) => drop(file),
            Self::Advisory(connection) => connection.close().await.map_err(unavailable)?,
        }
        Ok(())
    }
}

async fn connected(db: &Db) -> Result<PgConnection, StoreError> {
    let options = db.patient([("statement_timeout", 0), ("lock_timeout", 0)]);
    PgConnection::connect_with(&options).await.map_err(unavailable)
}

async fn is_ours(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let query = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(KEY);
    query.fetch_one(connection).await.map_err(unavailable)
}

fn unavailable(_: sqlx::Error) -> StoreError {
    StoreError::Unavailable("the migration lock".into())
}
