//! Migrations of a PostgreSQL on which others work: they go on, and so does the migration when it can.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use litebox_partner::config::variable;
use litebox_partner::pb::client::ListRequest;
use litebox_partner::storage::{Backend, Db, Schema, StoreError};
use sea_orm::ConnectionTrait;
use secrecy::ExposeSecret;
use sqlx::{Connection, PgConnection};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::clients::inn;
use crate::kkt::shop::register;
use crate::support::app::{TestApp, until};
use crate::support::database::{TestDb, backends};
use crate::support::postgres;
use crate::support::slow_proxy::{Line, name_of};

/// Against hangs only.
const PATIENCE: Duration = Duration::from_secs(60);
/// Waits for a lock that is held by a transaction of somebody else. Other tests have databases of the same server.
const WAITING: &str = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' \
                       AND query LIKE '%ALTER TABLE kkt%'";
const BUILDING: &str = "FROM pg_stat_progress_create_index WHERE datname = current_database() \
                        AND command = 'CREATE INDEX CONCURRENTLY'";
const BROKEN: &str = "FROM pg_index WHERE NOT indisvalid";

/// As if the newest migration had not run, and before it what it replaces.
const BEFORE_INDEXES: &str = "DROP INDEX request_kept, document_by_age; CREATE INDEX request_by_age ON request (created_ms); \
                              DELETE FROM seaql_migrations WHERE version = 'm0010_periods'";
/// As if the one before had not run either: it alters a table, for which nobody may look into that.
const BEFORE_COLUMN: &str = "ALTER TABLE kkt DROP COLUMN origin; DROP INDEX kkt_open; \
                             DELETE FROM seaql_migrations WHERE version = 'm0009_operations'";

async fn connection(database: &TestDb) -> PgConnection {
    PgConnection::connect(database.config.url.expose_secret()).await.unwrap()
}

async fn run(on: &mut PgConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(on).await.unwrap();
}

async fn count(on: &mut PgConnection, from: &'static str) -> i64 {
    let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) {from}"));
    sqlx::query_scalar(sql).fetch_one(on).await.unwrap()
}

/// `litebox-partner migrate` on this database.
fn migrate(url: &str, options: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_litebox-partner"));
    command.arg("migrate").args(options).env_clear().env(variable("database.url"), url);
    command.kill_on_drop(true).stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Its exit code, and what it has said.
async fn ended(migration: Child) -> (i32, String) {
    let output = timeout(PATIENCE, migration.wait_with_output()).await.unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

/// Reads and writes a table with the patience of the service, until the first failure.
struct Users {
    done: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    users: Vec<JoinHandle<Result<(), StoreError>>>,
}

impl Users {
    async fn of(database: &TestDb) -> Self {
        let db = Db::connect(&database.config).await.unwrap();
        let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let users = ["SELECT count(*) FROM kkt", "UPDATE kkt SET due_ms = 1 WHERE due_ms = 2"].map(|sql| {
            let (db, done, stop) = (db.clone(), done.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    db.direct().execute_unprepared(sql).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        });
        Self { done, stop, users: users.into() }
    }

    /// Waits until so many more statements have been answered.
    async fn go_on(&self) {
        let before = self.done.load(Ordering::Relaxed);
        until("reads and writes are answered", async || {
            assert!(!self.users.iter().any(JoinHandle::is_finished), "one was given up");
            self.done.load(Ordering::Relaxed) > before + 100
        })
        .await;
    }

    async fn end(self) -> Vec<Result<(), StoreError>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut ended = Vec::new();
        for user in self.users {
            ended.push(user.await.unwrap());
        }
        ended
    }
}

#[tokio::test]
async fn whoever_waits_behind_a_migration_that_waits_for_a_lock_is_let_pass() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let test = TestDb::new(Backend::Postgres).await;
    let (mut old, mut eye) = (connection(&test).await, connection(&test).await);
    run(&mut eye, BEFORE_COLUMN).await;
    run(&mut old, "BEGIN; SELECT count(*) FROM kkt").await;
    let users = Users::of(&test).await;
    let migration = tokio::spawn({
        let db = test.db.clone();
        async move { db.migrate().await }
    });
    for _ in 0..2 {
        until("it waits", async || count(&mut eye, WAITING).await > 0).await;
        until("it gives way", async || count(&mut eye, WAITING).await == 0).await;
        users.go_on().await;
    }
    assert!(!migration.is_finished());
    run(&mut old, "COMMIT").await;
    timeout(PATIENCE, migration).await.unwrap().unwrap().unwrap();
    assert_eq!(test.db.schema().await.unwrap(), Schema::Current);
    users.go_on().await;
    assert_eq!(users.end().await, [Ok(()), Ok(())], "nobody was given up");
}

/// The service writes requests: into the table of which an index is built.
async fn calls_are_answered(app: &TestApp, from: u32) {
    for n in from..from + 5 {
        app.clients().register(register(inn(773_605_100 + n).as_str())).await.unwrap();
        app.clients().list(ListRequest::default()).await.unwrap();
    }
}

#[tokio::test]
async fn indexes_are_built_beside_the_service_and_one_whose_build_was_interrupted_is_built_again() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let app = TestApp::start(Backend::Postgres).await;
    let url = app.database.config.url.expose_secret();
    let (mut old, mut eye) = (connection(&app.database).await, connection(&app.database).await);
    run(&mut eye, BEFORE_INDEXES).await;
    run(&mut old, "BEGIN; LOCK TABLE request IN ROW EXCLUSIVE MODE").await;

    let interrupted = migrate(url, &[]);
    until("it builds", async || count(&mut eye, BUILDING).await > 0).await;
    calls_are_answered(&app, 0).await;
    let end =
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_progress_create_index WHERE datname = current_database()";
    run(&mut eye, end).await;
    let (code, said) = ended(interrupted).await;
    assert!(code == 1 && said.contains("error:"), "{said}");
    assert_eq!(count(&mut eye, BROKEN).await, 1, "what was interrupted is there, and of no use");

    let migration = migrate(url, &[]);
    let waits = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' \
                 AND query LIKE '%INDEX CONCURRENTLY%'";
    until("it waits for the older transaction", async || count(&mut eye, waits).await > 0).await;
    calls_are_answered(&app, 10).await;
    run(&mut old, "COMMIT").await;
    assert_eq!(ended(migration).await, (0, "migrated\n".to_owned()));
    let wanted = "FROM pg_class WHERE relname IN ('request_kept', 'document_by_age')";
    assert_eq!((count(&mut eye, BROKEN).await, count(&mut eye, wanted).await), (0, 2));
    assert_eq!(count(&mut eye, "FROM pg_class WHERE relname IN ('request_by_age', 'kkt_ended')").await, 0);
    assert_eq!(app.db().schema().await.unwrap(), Schema::Current);
}

#[tokio::test]
async fn a_migration_waits_for_a_database_that_takes_no_connections_yet() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let test = TestDb::empty(Backend::Postgres).await;
    let line = Line::to("/nowhere".into(), Duration::ZERO).await;
    let url = line.url(name_of(&test));
    let waiting = migrate(&url, &["--wait", "60"]);
    let (code, said) = ended(migrate(&url, &[])).await;
    assert!(code == 1 && said.contains("unavailable"), "{said}");
    line.switch(postgres::server().unwrap().socket());
    assert_eq!(ended(waiting).await, (0, "migrated\n".to_owned()));
}

const BY_TEXT: &str =
    "FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relname = 'client_by_text' AND indisvalid";

/// Managed databases let nobody but their maker add modules, and put them where they like.
#[tokio::test]
async fn searches_get_their_index_as_soon_as_the_database_has_what_it_needs() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let test = TestDb::empty(Backend::Postgres).await;
    let (mut eye, role) = (connection(&test).await, format!("plain_{}", name_of(&test)));
    let make = format!("CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA public TO {role}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(make)).execute(&mut eye).await.unwrap();
    let url = test.config.url.expose_secret().replace("postgres@", &format!("{role}@"));
    for expected in ["migrated\n", "up to date\n"] {
        let (code, said) = ended(migrate(&url, &[])).await;
        assert!(
            code == 0 && said.contains(expected) && said.contains("permission denied to create extension"),
            "{said}"
        );
    }
    assert_eq!(test.db.schema().await.unwrap(), Schema::Current);
    assert_eq!(count(&mut eye, BY_TEXT).await, 0);
    run(&mut eye, "CREATE SCHEMA \"of the maker\"; CREATE EXTENSION pg_trgm SCHEMA \"of the maker\"").await;
    let (code, said) = ended(migrate(&url, &[])).await;
    assert!(code == 0 && said.contains("permission denied for schema of the maker"), "{said}");
    let allow = format!("GRANT USAGE ON SCHEMA \"of the maker\" TO {role}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(allow)).execute(&mut eye).await.unwrap();
    assert_eq!(ended(migrate(&url, &[])).await, (0, "up to date\n".to_owned()));
    assert_eq!(count(&mut eye, BY_TEXT).await, 1);
}

/// Whoever may add it gets it without a word; and whoever lacks nothing else does not wait for it.
#[tokio::test]
async fn nobody_waits_for_the_index_of_searches_that_another_one_builds() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let test = TestDb::empty(Backend::Postgres).await;
    let url = test.config.url.expose_secret();
    test.db.migrate().await.unwrap();
    let (mut old, mut eye) = (connection(&test).await, connection(&test).await);
    run(&mut old, "BEGIN; LOCK TABLE client IN ROW EXCLUSIVE MODE").await;
    let building = migrate(url, &[]);
    until("it builds", async || count(&mut eye, BUILDING).await > 0).await;
    assert_eq!(ended(migrate(url, &[])).await, (0, "up to date\n".to_owned()));
    assert!(test.db.migrate().await.is_ok() && test.db.searches_slowly().await.unwrap());
    let end = "SELECT pg_cancel_backend(pid) FROM pg_stat_progress_create_index WHERE datname = current_database()";
    run(&mut eye, end).await;
    run(&mut old, "COMMIT").await;
    let (code, said) = ended(building).await;
    assert!(code == 0 && said.contains("canceling statement"), "{said}");
    assert_eq!(count(&mut eye, BROKEN).await, 0, "nothing is left that is half built");
    assert_eq!(ended(migrate(url, &[])).await, (0, "up to date\n".to_owned()));
    assert_eq!(count(&mut eye, BY_TEXT).await, 1);
}
