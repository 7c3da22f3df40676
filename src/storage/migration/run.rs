//! Runs migrations so that the service goes on beside them.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, SqlxPostgresConnector};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTraitSelf, SchemaManager};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::time::sleep;

use super::lock::Lock;
use super::{FILES, File, How, Schema, indexes, trigrams};
use crate::storage::{Backend, DatabaseConfig, Db, StoreError};

/// Between two tries to get a lock: whoever has waited behind the first one passes.
const PAUSE: Duration = Duration::from_secs(2);

/// The bounds of migrations on PostgreSQL.
#[derive(Debug, Clone, Copy)]
pub(in crate::storage) struct Migrating {
    /// Of a statement, milliseconds; 0 for none.
    statement_ms: u64,
    /// Of a wait for a lock, milliseconds.
    lock_ms: u64,
    /// Of one migration's waits for locks, and of the wait for whoever else migrates.
    pub(super) patience: Duration,
}

impl Migrating {
    pub(in crate::storage) const fn of(config: &DatabaseConfig) -> Self {
        Self {
            statement_ms: config.migration_statement_timeout_ms,
            lock_ms: config.migration_lock_timeout_ms,
            patience: Duration::from_millis(config.migration_patience_ms),
        }
    }
}

impl Db {
    /// Brings the schema up to this program's. Safe to call from several processes at once, and while others serve.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer, a migration fails, somebody else migrates for too long, or
    /// ([`StoreError::Contention`]) somebody holds a lock for too long. A failed migration leaves nothing behind but an index
    /// that is not used; the next one builds it again.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // Whoever lacks nothing waits for nobody.
        if self.schema().await?.serves() {
            return Ok(());
        }
        let lock = Lock::take(self).await?;
        let result = if self.schema().await? == Schema::Newer { Ok(()) } else { self.up().await };
        lock.release().await?;
        result
    }

    async fn up(&self) -> Result<(), StoreError> {
        while let Some(next) = self.missing().await?.first() {
            self.patiently(next).await?;
        }
        Ok(())
    }

    /// Whether searches by text lack their index.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn searches_slowly(&self) -> Result<bool, StoreError> {
        Ok(self.backend() == Backend::Postgres && self.rows(trigrams::BUILT).await?.is_empty())
    }

    /// Builds the index of searches by text when it is missing and nobody else migrates; why that cannot be done. It may take
    /// minutes, and everything is right without: nobody may have to wait for it to serve.
    pub async fn index_searches(&self) -> Option<String> {
        match self.searches_slowly().await {
            Ok(false) => None,
            Ok(true) => self.search_by_trigrams().await.err(),
            Err(error) => Some(error.to_string()),
        }
    }

    async fn search_by_trigrams(&self) -> Result<(), String> {
        let told = |error: StoreError| error.to_string();
        let Some(lock) = Lock::at_once(self).await.map_err(told)? else { return Ok(()) };
        let own = self.beside(How::Beside).await.map_err(told)?;
        let built = trigrams::build(&own).await.map_err(|error| error.to_string());
        // Both end with this process at the latest.
        let _ = (own.close().await, lock.release().await);
        built
    }

    /// One migration. What those before it took, an index may take an hour, is no waiting.
    async fn patiently(&self, next: &'static File) -> Result<(), StoreError> {
        let give_up = Instant::now() + self.migrating.patience;
        loop {
            match self.apply(next).await {
                Err(StoreError::Contention) if Instant::now() < give_up => {
                    tracing::warn!(migration = next.name, "a lock that it needs is held: tried again");
                    sleep(PAUSE).await;
                }
                done => return done,
            }
        }
    }

    async fn apply(&self, file: &'static File) -> Result<(), StoreError> {
        let next = Next { on: self.backend() };
        match self.backend() {
            Backend::Sqlite => next.up(&self.units.on.pool, Some(1)).await?,
            Backend::Postgres => {
                let own = self.beside(file.how).await?;
                let done = next.up(&own, Some(1)).await;
                own.close().await?;
                done?;
            }
        }
        Ok(())
    }

    /// A connection beside the pool, whose statements have time. Nobody waits behind whoever waits to build an index, so that
    /// this has time too.
    async fn beside(&self, how: How) -> Result<DatabaseConnection, StoreError> {
        let Migrating { statement_ms, lock_ms, .. } = self.migrating;
        let lock_ms = if how == How::Beside { 0 } else { lock_ms };
        let options = self.patient([("statement_timeout", statement_ms), ("lock_timeout", lock_ms)]);
        // Its settings last as long as it does.
        let one = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = one.connect_with(options).await;
        let pool = pool.map_err(|_| StoreError::Unavailable("no connection for a migration".into()))?;
        Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
    }

    /// How to connect as the pool does, with other bounds, in milliseconds.
    pub(super) fn patient(&self, bounds: [(&str, u64); 2]) -> PgConnectOptions {
        let options = self.units.on.pool.get_postgres_connection_pool().connect_options();
        options.as_ref().clone().options(bounds.map(|(name, ms)| (name, ms.to_string())))
    }
}

/// What migrates a database of this kind.
struct Next {
    on: Backend,
}

impl MigratorTraitSelf for Next {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        FILES.iter().map(|file| Box::new(Step { file, on: self.on }) as Box<dyn MigrationTrait>).collect()
    }
}

struct Step {
    file: &'static File,
    on: Backend,
}

impl Step {
    /// SQLite has one writer and one replica: there nothing goes on beside it.
    fn is_whole(&self) -> bool {
        self.on == Backend::Sqlite || self.file.how == How::Whole
    }
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.file.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        match self.is_whole() {
            true => connection.execute_unprepared(self.file.sql).await.map(|_| ()),
            false => indexes::change(connection, self.file.sql).await,
        }
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(self.is_whole())
    }
}
