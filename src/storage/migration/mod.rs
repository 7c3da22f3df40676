//! Migrations, one SQL file each, the same text for both databases. They run under a lock, so that replicas that start
//! together do not get into each other's way.

mod lock;

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

use super::{Backend, Db, StoreError};

/// Which schema the database has, compared with this program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// Migrations are missing: not ready to serve.
    Older {
        /// How many.
        missing: usize,
    },
    /// The same.
    Current,
    /// A newer program has migrated it; this one serves on, so that a rollback works.
    Newer,
}

impl Schema {
    /// Whether this program may serve on it.
    pub const fn serves(self) -> bool {
        matches!(self, Self::Current | Self::Newer)
    }
}

struct File {
    name: &'static str,
    sql: &'static str,
}

const FILES: &[File] = &[
    File { name: "m0001_spine", sql: include_str!("m0001_spine.sql") },
    File { name: "m0002_fleet", sql: include_str!("m0002_fleet.sql") },
    File { name: "m0003_support", sql: include_str!("m0003_support.sql") },
    File { name: "m0004_corrections", sql: include_str!("m0004_corrections.sql") },
    File { name: "m0005_replicas", sql: include_str!("m0005_replicas.sql") },
    File { name: "m0006_access", sql: include_str!("m0006_access.sql") },
    File { name: "m0007_quota", sql: include_str!("m0007_quota.sql") },
    File { name: "m0008_erasure", sql: include_str!("m0008_erasure.sql") },
    File { name: "m0009_operations", sql: include_str!("m0009_operations.sql") },
    File { name: "m0010_periods", sql: include_str!("m0010_periods.sql") },
];

/// How many migrations there are.
#[cfg(test)]
pub(super) const COUNT: usize = FILES.len();

impl MigrationName for File {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for File {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(self.sql).await.map(|_| ())
    }
}

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        FILES.iter().map(|f| Box::new(File { name: f.name, sql: f.sql }) as Box<dyn MigrationTrait>).collect()
    }
}

impl Db {
    /// Brings the schema up to this program's. Safe to call from several processes at once.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or a migration fails; a failed migration leaves nothing behind.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let lock = lock::Lock::take(self).await?;
        let result = if self.schema().await? == Schema::Newer { Ok(()) } else { self.up().await };
        lock.release().await?;
        result
    }

    async fn up(&self) -> Result<(), StoreError> {
        Ok(Migrator::up(&self.connection.on, None).await?)
    }

    /// Which schema the database has.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn schema(&self) -> Result<Schema, StoreError> {
        let applied = self.applied().await?;
        let missing = FILES.iter().filter(|f| !applied.iter().any(|a| a == f.name)).count();
        Ok(match missing {
            0 if applied.len() > FILES.len() => Schema::Newer,
            0 => Schema::Current,
            missing => Schema::Older { missing },
        })
    }

    async fn applied(&self) -> Result<Vec<String>, StoreError> {
        let exists = match self.backend() {
            Backend::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'",
            Backend::Postgres => "SELECT 1 WHERE to_regclass('seaql_migrations') IS NOT NULL",
        };
        if self.rows(exists).await?.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.rows("SELECT version FROM seaql_migrations").await?;
        rows.iter().map(|row| Ok(row.try_get("", "version")?)).collect()
    }

    async fn rows(&self, sql: &str) -> Result<Vec<sea_orm::QueryResult>, StoreError> {
        let backend = self.connection.get_database_backend();
        Ok(self.connection.query_all_raw(sea_orm::Statement::from_string(backend, sql)).await?)
    }
}
