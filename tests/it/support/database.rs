//! A migrated, empty database for each test, of either kind.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use litebox_partner::storage::{Backend, DatabaseConfig, Db};

use super::postgres::{self, apart};

/// A database that only one test uses. Its files are there until the last clone is gone.
#[derive(Clone)]
pub struct TestDb {
    /// Open and migrated.
    pub db: Db,
    /// How to open it once more, as another replica would.
    pub config: DatabaseConfig,
    _folder: Option<Arc<tempfile::TempDir>>,
}

/// Runs a test on SQLite, then on PostgreSQL.
///
/// Where PostgreSQL is not installed it says so and goes on, but never in CI.
pub async fn on_both_databases<F: Future<Output = ()>>(test: impl Fn(TestDb) -> F) {
    for backend in backends() {
        // Seen only when the test fails: says on which.
        println!("on {backend:?}");
        // Kept here: an `async move` block takes only the fields that it uses.
        let database = TestDb::new(backend).await;
        test(database.clone()).await;
    }
}

/// The databases there are to test on.
pub fn backends() -> Vec<Backend> {
    match postgres::server() {
        Ok(_) => vec![Backend::Sqlite, Backend::Postgres],
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "CI tests on both databases: {why}");
            eprintln!("\n!!! NOT TESTED ON POSTGRESQL: {why} !!!\n");
            vec![Backend::Sqlite]
        }
    }
}

impl TestDb {
    /// A database with the current schema and no rows.
    pub async fn new(backend: Backend) -> Self {
        let test = match backend {
            Backend::Sqlite => Self::empty(backend).await,
            Backend::Postgres => Self::open(created(template()).await, None).await,
        };
        test.db.migrate().await.unwrap();
        test
    }

    /// A database with no schema at all.
    pub async fn empty(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite:{}", folder.path().join("test.db").display());
                Self::open(url, Some(folder)).await
            }
            Backend::Postgres => Self::open(created("template0").await, None).await,
        }
    }

    /// An SQLite database that begins as a copy of this file.
    pub async fn copied(file: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        std::fs::copy(file, &path).unwrap();
        Self::open(format!("sqlite:{}", path.display()), Some(folder)).await
    }

    async fn open(url: String, folder: Option<tempfile::TempDir>) -> Self {
        let config = patient(url);
        let db = Db::connect(&config).await.unwrap();
        Self { db, config, _folder: folder.map(Arc::new) }
    }
}

/// As by default, but with time enough for a machine that is busy with many tests: what happens when a database takes too
/// long has tests of its own, which say how long that is.
fn patient(url: String) -> DatabaseConfig {
    DatabaseConfig {
        url: url.into(),
        acquire_timeout_ms: 15_000,
        lock_timeout_ms: 15_000,
        statement_timeout_ms: 15_000,
        ..DatabaseConfig::default()
    }
}

/// The URL of a new copy of a PostgreSQL database.
async fn created(template: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let server = postgres::server().unwrap();
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    server.admin(format!("CREATE DATABASE {name} TEMPLATE {template}")).await.unwrap();
    server.url(&name)
}

/// A migrated database to copy: migrating each anew would cost more.
fn template() -> &'static str {
    static TEMPLATE: OnceLock<&str> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let server = postgres::server().unwrap();
        apart(|| async {
            server.admin("CREATE DATABASE template_lb".to_owned()).await.unwrap();
            let db = Db::connect(&patient(server.url("template_lb"))).await.unwrap();
            db.migrate().await.unwrap();
            assert_eq!(db.index_searches().await, None);
            db.close().await.unwrap();
        });
        "template_lb"
    })
}
