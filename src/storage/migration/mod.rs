//! Migrations, one SQL file each, the same text for both databases. They run under a lock, so that replicas that start
//! together do not get into each other's way, and on PostgreSQL on connections of their own.

mod indexes;
mod lock;
mod run;
mod trigrams;

use sea_orm::ConnectionTrait;

use super::{Backend, Db, StoreError};

pub(super) use run::Migrating;
pub use trigrams::LACKING;

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
    how: How,
}

/// How the statements of a file run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// In one transaction, which may wait for locks and have others wait: it must take no time.
    Whole,
    /// Indexes of tables that may be big, and nothing else: beside whoever reads and writes these tables.
    Beside,
}

const fn whole(name: &'static str, sql: &'static str) -> File {
    File { name, sql, how: How::Whole }
}

const fn beside(name: &'static str, sql: &'static str) -> File {
    File { name, sql, how: How::Beside }
}

const FILES: &[File] = &[
    whole("m0001_spine", include_str!("m0001_spine.sql")),
    whole("m0002_fleet", include_str!("m0002_fleet.sql")),
    whole("m0003_support", include_str!("m0003_support.sql")),
    whole("m0004_corrections", include_str!("m0004_corrections.sql")),
    whole("m0005_replicas", include_str!("m0005_replicas.sql")),
    whole("m0006_access", include_str!("m0006_access.sql")),
    whole("m0007_quota", include_str!("m0007_quota.sql")),
    whole("m0008_erasure", include_str!("m0008_erasure.sql")),
    whole("m0009_operations", include_str!("m0009_operations.sql")),
    beside("m0010_periods", include_str!("m0010_periods.sql")),
    whole("m0011_gone_hubs", include_str!("m0011_gone_hubs.sql")),
    beside("m0012_searches", include_str!("m0012_searches.sql")),
    beside("m0013_audit", include_str!("m0013_audit.sql")),
];

/// How many migrations there are.
#[cfg(test)]
pub(super) const COUNT: usize = FILES.len();

impl Db {
    /// Which schema the database has.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn schema(&self) -> Result<Schema, StoreError> {
        let applied = self.applied().await?;
        Ok(match missing(&applied).len() {
            0 if applied.len() > FILES.len() => Schema::Newer,
            0 => Schema::Current,
            missing => Schema::Older { missing },
        })
    }

    async fn missing(&self) -> Result<Vec<&'static File>, StoreError> {
        Ok(missing(&self.applied().await?))
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
        let backend = self.direct().get_database_backend();
        Ok(self.direct().query_all_raw(sea_orm::Statement::from_string(backend, sql)).await?)
    }
}

fn missing(applied: &[String]) -> Vec<&'static File> {
    FILES.iter().filter(|file| applied.iter().all(|name| name != file.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Before them nothing was released.
    const FIRST: usize = 10;

    #[test]
    fn an_index_of_a_table_that_may_be_big_is_built_beside_those_who_use_it() {
        for file in FILES.iter().skip(FIRST).filter(|file| file.how == How::Whole) {
            for statement in indexes::statements(file.sql) {
                let words: Vec<_> = statement.split_whitespace().collect();
                let at = words.iter().position(|word| *word == "ON");
                let table = at.and_then(|at| words.get(at + 1)).copied().unwrap_or_default();
                let is_new = file.sql.contains(&format!("CREATE TABLE {table} "));
                assert!(!statement.contains(" INDEX ") || is_new, "{}: {statement}", file.name);
            }
        }
    }

    #[test]
    fn a_file_of_indexes_holds_nothing_else() {
        let files = FILES.iter().filter(|file| file.how == How::Beside);
        let statements: Vec<_> = files.flat_map(|file| indexes::statements(file.sql)).collect();
        assert!(!statements.is_empty());
        for statement in statements {
            let verb = statement.split_once(" INDEX ").map(|(verb, _)| verb);
            assert!(matches!(verb, Some("DROP" | "CREATE" | "CREATE UNIQUE")), "{statement}");
        }
    }
}
