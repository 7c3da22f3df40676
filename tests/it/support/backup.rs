//! A copy of a database as it stands at one moment, taken while the service works on it.

use std::path::Path;
use std::process::{Command, Stdio};

use litebox_partner::storage::Backend;
use sea_orm::ConnectionTrait;
use secrecy::ExposeSecret;

use super::database::TestDb;

/// The copy; may be restored any number of times.
pub struct Backup {
    backend: Backend,
    folder: tempfile::TempDir,
}

impl Backup {
    /// Takes it: `VACUUM INTO`, or `pg_dump`.
    pub async fn take(database: &TestDb) -> Self {
        let (backend, folder) = (database.db.backend(), tempfile::tempdir().unwrap());
        let file = folder.path().join("backup");
        match backend {
            Backend::Sqlite => {
                let sql = format!("VACUUM INTO '{}'", file.display());
                database.db.direct().execute_unprepared(&sql).await.unwrap();
            }
            Backend::Postgres => client("pg_dump", database.config.url.expose_secret(), &["--file"], &file),
        }
        Self { backend, folder }
    }

    /// Another database with the same content.
    pub async fn restore(&self) -> TestDb {
        let file = self.folder.path().join("backup");
        match self.backend {
            Backend::Sqlite => TestDb::copied(&file).await,
            Backend::Postgres => {
                let empty = TestDb::empty(Backend::Postgres).await;
                let quiet = ["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--file"];
                client("psql", empty.config.url.expose_secret(), &quiet, &file);
                empty
            }
        }
    }
}

fn client(program: &str, url: &str, options: &[&str], file: &Path) {
    let mut command = Command::new(program);
    let done = command.args(options).arg(file).arg(format!("--dbname={url}")).stdout(Stdio::null()).status();
    assert!(done.unwrap_or_else(|e| panic!("{program}: {e}")).success(), "{program} failed");
}
