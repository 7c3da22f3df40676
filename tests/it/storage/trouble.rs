//! What the storage makes of a PostgreSQL in trouble: what callers are told, and which connections are used again.

use std::time::Duration;

use futures::future::join_all;
use litebox_partner::storage::{Backend, DatabaseConfig, Db, Pool, StoreError};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{count, insert, written_is_seen};
use crate::support::app::until;
use crate::support::cluster::Cluster;
use crate::support::database::{TestDb, backends};
use crate::support::postgres;
use crate::support::slow_proxy::{Line, name_of};

/// A PostgreSQL database, and a pool of this size on it that waits no longer than it has to.
pub async fn pool(size: u32) -> Option<(TestDb, Db)> {
    if !backends().contains(&Backend::Postgres) {
        return None;
    }
    let test = TestDb::new(Backend::Postgres).await;
    let db = Db::connect(&quick(&test, size, test.config.url.clone())).await.unwrap();
    Some((test, db))
}

pub fn quick(test: &TestDb, size: u32, url: SecretString) -> DatabaseConfig {
    DatabaseConfig { url, pool_size: size, acquire_timeout_ms: 300, ..test.config.clone() }
}

/// A unit of work that has a connection until it is let go.
pub struct Held {
    go: oneshot::Sender<()>,
    unit: JoinHandle<Result<(), StoreError>>,
}

impl Held {
    pub async fn new(db: &Db) -> Self {
        Self::after(db, "SELECT 1").await
    }

    /// The same, once it has done this.
    pub async fn after(db: &Db, sql: &'static str) -> Self {
        let ((go, gone), (tell, told)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
        let db = db.clone();
        let unit = tokio::spawn(async move {
            db.unit(move |tx| {
                Box::pin(async move {
                    tx.execute_unprepared(sql).await?;
                    tell.send(()).unwrap();
                    let _ = gone.await;
                    Ok(())
                })
            })
            .await
        });
        told.await.unwrap();
        Self { go, unit }
    }

    pub async fn end(self) -> Result<(), StoreError> {
        self.go.send(()).unwrap();
        self.unit.await.unwrap()
    }
}

pub async fn write(db: &Db, n: u128) -> Result<(), StoreError> {
    db.unit(move |tx| Box::pin(insert(tx, n))).await
}

pub async fn read(db: &Db) -> Result<(), StoreError> {
    single(db, "SELECT 1").await
}

/// A statement without a transaction.
pub async fn single(db: &Db, sql: &str) -> Result<(), StoreError> {
    db.direct().execute_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    Ok(())
}

/// Connections in use.
pub fn busy(db: &Db) -> u32 {
    let (units, statements) = db.pools();
    units.in_use + statements.map_or(0, |pool| pool.in_use)
}

/// How a database's answer reads for a caller.
pub fn kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::Unavailable(_) => "unavailable",
        StoreError::Exhausted(_) => "exhausted",
        StoreError::Contention => "contention",
        _ => "other",
    }
}

#[tokio::test]
async fn what_postgresql_answers_is_told_apart_by_what_a_caller_can_do() {
    let Some((_test, db)) = pool(2).await else { return };
    for (code, expected) in [
        ("40001", "contention"),
        ("40P01", "contention"),
        ("55P03", "contention"),
        ("53000", "exhausted"),
        ("53200", "exhausted"),
        ("53300", "exhausted"),
        ("57014", "unavailable"),
        ("57P01", "unavailable"),
        ("08006", "unavailable"),
        ("25006", "unavailable"),
        ("25P02", "unavailable"),
        ("25P03", "unavailable"),
        ("22012", "other"),
    ] {
        let sql = format!("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$");
        let alone = single(&db, &sql).await.unwrap_err();
        assert_eq!(kind(&alone), expected, "{code}");
        let asked = || Statement::from_string(DbBackend::Postgres, sql.clone());
        for same in [
            db.direct().execute_unprepared(&sql).await.map(drop),
            db.direct().query_one_raw(asked()).await.map(drop),
            db.direct().query_all_raw(asked()).await.map(drop),
        ] {
            assert_eq!(same.map_err(StoreError::from), Err(alone.clone()), "{code}");
        }
        let unit: Result<(), StoreError> = db
            .unit(|tx| {
                Box::pin(async move {
                    tx.execute_unprepared(&sql).await?;
                    Ok(())
                })
            })
            .await;
        assert_eq!(unit, Err(alone), "{code}");
    }
}

#[tokio::test]
async fn a_pool_without_a_free_connection_is_exhausted_and_told_apart_from_a_database_that_is_away() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let test = TestDb::new(Backend::Postgres).await;
    let line = Line::to(postgres::server().unwrap().socket(), Duration::ZERO).await;
    let db = Db::connect(&quick(&test, 1, line.url(name_of(&test)).into())).await.unwrap();
    let held = Held::new(&db).await;
    assert_eq!(db.pools(), (Pool { open: 1, in_use: 1, most: 1 }, None));
    assert_eq!(kind(&read(&db).await.unwrap_err()), "exhausted");
    assert_eq!(kind(&write(&db, 1).await.unwrap_err()), "exhausted");
    held.end().await.unwrap();
    until("the connection is free again", async || busy(&db) == 0).await;

    // Nothing behind the line any more: whoever finds no connection must not say that there is too much to do.
    line.switch("/nowhere".into());
    for n in 2..5 {
        assert_eq!(kind(&read(&db).await.unwrap_err()), "unavailable");
        assert_eq!(kind(&write(&db, n).await.unwrap_err()), "unavailable");
    }
    line.switch(postgres::server().unwrap().socket());
    write(&db, 5).await.unwrap();
    assert_eq!(count(&test.db).await, 1);
}

/// The pool's one connection is stuck when the database goes away: nobody gets one, and nobody is told of overload.
#[tokio::test]
async fn a_pool_whose_connections_are_all_stuck_at_a_database_that_is_away_says_so() {
    if postgres::server().is_err() {
        return;
    }
    let (mut cluster, node) = Cluster::new().await;
    let test = TestDb::empty(Backend::Sqlite).await;
    let db = Db::connect(&quick(&test, 1, cluster.url(node, "postgres").into())).await.unwrap();
    let held = Held::new(&db).await;
    cluster.crash(node).await;
    assert_eq!(kind(&read(&db).await.unwrap_err()), "unavailable");
    assert_eq!(kind(&held.end().await.unwrap_err()), "unavailable", "a commit that was not acknowledged");

    // Somebody was there and is not any more: connections are refused, and nobody in the pool may wait longer and longer
    // for one while the database is back.
    drop(UnixListener::bind(cluster.socket(node)).unwrap());
    for _ in 0..8 {
        assert_eq!(kind(&read(&db).await.unwrap_err()), "unavailable");
    }
    cluster.start(node).await;
    read(&db).await.unwrap();
}

/// A machine that has lost its power says nothing, not even that it is gone. Statements, units of work and commits are
/// given up in time, and the connections replaced once there is somebody to connect to.
#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let test = TestDb::new(Backend::Postgres).await;
    let socket = postgres::server().unwrap().socket();
    let line = Line::to(socket.clone(), Duration::ZERO).await;
    let config = DatabaseConfig { statement_timeout_ms: 300, ..quick(&test, 4, line.url(name_of(&test)).into()) };
    let db = Db::connect(&config).await.unwrap();
    let held = [Held::new(&db).await, Held::new(&db).await];
    line.fall_silent(socket.clone());
    for held in held {
        assert_eq!(kind(&held.end().await.unwrap_err()), "unavailable", "a commit nobody answers");
    }
    until("nothing is in use", async || busy(&db) == 0).await;
    write(&db, 1).await.unwrap();
    assert_eq!(count(&test.db).await, 1);

    let idle = Db::connect(&config).await.unwrap();
    read(&idle).await.unwrap();
    line.fall_silent(socket);
    assert_eq!(kind(&read(&idle).await.unwrap_err()), "unavailable");
    read(&idle).await.unwrap();
}

#[tokio::test]
async fn a_server_without_a_place_for_us_is_exhausted() {
    let Some((test, db)) = pool(1).await else { return };
    let name = name_of(&test).to_owned();
    db.direct().execute_unprepared(&format!("CREATE ROLE few_{name} LOGIN CONNECTION LIMIT 1")).await.unwrap();
    let url = test.config.url.expose_secret().replace("postgres@", &format!("few_{name}@"));
    let few = Db::connect(&quick(&test, 2, url.into())).await.unwrap();
    assert_eq!(kind(&read(&few).await.unwrap_err()), "exhausted");
    Held::new(&few).await.end().await.unwrap();
    db.direct().execute_unprepared(&format!("ALTER ROLE few_{name} CONNECTION LIMIT 2")).await.unwrap();
    read(&few).await.unwrap();
}

/// A restart breaks every connection of the pool. The first call that meets a broken one fails, no other.
#[tokio::test]
async fn one_call_fails_when_all_connections_of_the_pool_are_broken() {
    for in_unit in [true, false] {
        let Some((test, db)) = pool(8).await else { return };
        let mut all = Vec::new();
        for _ in 0..4 {
            all.push(Held::new(&db).await);
        }
        for held in all {
            held.end().await.unwrap();
        }
        // Begun at once, each opens a connection.
        for read in join_all((0..4).map(|_| read(&db))).await {
            read.unwrap();
        }
        let full = Pool { open: 4, in_use: 0, most: 4 };
        until("all are free", async || db.pools() == (full, Some(full))).await;
        let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname";
        let admin = postgres::server().unwrap();
        admin.admin(format!("{end} = '{}'", name_of(&test))).await.unwrap();
        let failed = if in_unit { write(&db, 1).await } else { read(&db).await };
        assert_eq!(kind(&failed.unwrap_err()), "unavailable");
        for n in 2..=8 {
            read(&db).await.unwrap();
            write(&db, n).await.unwrap();
        }
    }
}

/// As on a standby, or on a primary that was demoted: a connection without writes is of no use, and goes.
#[tokio::test]
async fn a_connection_that_takes_no_writes_is_dropped_after_the_first_refusal() {
    for (size, in_unit) in [(1, true), (1, false), (2, false)] {
        let Some((test, db)) = pool(size).await else { return };
        single(&db, "SET default_transaction_read_only = on").await.unwrap();
        let refused = if in_unit { write(&db, 1).await } else { single(&db, "DELETE FROM partner").await };
        assert_eq!(refused, Err(StoreError::Unavailable("database code 25006".into())));
        for n in 1..=3 {
            written_is_seen(&db, &test, n).await;
        }
    }
}

/// Neither an open transaction that somebody left behind nor a failed one reaches the next user of a connection: a single
/// write, which no commit of its own would save.
#[tokio::test]
async fn a_transaction_left_behind_ends_with_its_user() {
    for size in [1, 2] {
        let Some((test, db)) = pool(size).await else { return };
        for (n, left) in [(1, "BEGIN"), (2, "BEGIN; SAVEPOINT one"), (3, "BEGIN; SET LOCAL lock_timeout = 7")] {
            db.direct().execute_unprepared(left).await.unwrap();
            written_is_seen(&db, &test, n).await;
        }
        single(&db, "BEGIN").await.unwrap();
        written_is_seen(&db, &test, 4).await;
        let failed = db.direct().execute_unprepared("BEGIN; SELECT 1/0").await.unwrap_err();
        assert_eq!(kind(&StoreError::from(failed)), "other");
        written_is_seen(&db, &test, 5).await;
    }
}
