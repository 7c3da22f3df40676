//! Connections of single statements, beside those of units of work: each is handed on as soon as it is free.

use std::time::Duration;

use futures::future::join_all;
use litebox_partner::readiness::{self, HealthConfig};
use litebox_partner::storage::{Backend, DatabaseConfig, Db, Pool, StoreError};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use secrecy::ExposeSecret;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::trouble::{Held, busy, kind, pool, quick, read, single, write};
use super::written_is_seen;
use crate::support::app::until;
use crate::support::database::{TestDb, backends};
use crate::support::slow_proxy::name_of;

/// Half of the connections are for single statements: neither those nor units of work wait for the others.
#[tokio::test]
async fn single_statements_and_units_of_work_do_not_wait_for_each_other() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let test = TestDb::new(Backend::Postgres).await;
    let config = DatabaseConfig { lock_timeout_ms: 20_000, ..quick(&test, 2, test.config.url.clone()) };
    let db = Db::connect(&DatabaseConfig { statement_timeout_ms: 20_000, ..config }).await.unwrap();
    let held = Held::new(&db).await;
    read(&db).await.unwrap();
    assert_eq!(kind(&write(&db, 1).await.unwrap_err()), "exhausted");
    held.end().await.unwrap();

    let lock = Held::after(&test.db, "LOCK TABLE partner").await;
    until("nothing is in use", async || busy(&db) == 0).await;
    let meanwhile = async {
        until("it waits", async || busy(&db) == 1).await;
        assert_eq!(kind(&read(&db).await.unwrap_err()), "exhausted");
        Held::new(&db).await.end().await.unwrap();
        lock.end().await.unwrap();
    };
    let (waited, ()) = tokio::join!(single(&db, "DELETE FROM partner"), meanwhile);
    waited.unwrap();
    read(&db).await.unwrap();
}

#[tokio::test]
async fn a_pool_is_closed_with_the_connections_of_single_statements() {
    let Some((test, db)) = pool(4).await else { return };
    for read in join_all((0..2).map(|_| read(&db))).await {
        read.unwrap();
    }
    db.clone().close().await.unwrap();
    assert_eq!(db.pools(), (Pool { open: 0, in_use: 0, most: 2 }, Some(Pool { open: 0, in_use: 0, most: 2 })));
    assert_eq!(kind(&read(&db).await.unwrap_err()), "unavailable");
    written_is_seen(&test.db, &test, 1).await;
}

/// Who waits for a connection is told at once, not when the time to wait for one is over; who has one ends first.
#[tokio::test]
async fn whoever_waits_for_a_connection_is_told_when_they_are_closed() {
    let Some((_test, db)) = pool(2).await else { return };
    let held = Held::new(&db).await;
    let waits = async {
        let told = write(&db, 1).await.unwrap_err();
        held.end().await.unwrap();
        told
    };
    let (told, closed) = tokio::join!(waits, db.clone().close());
    closed.unwrap();
    assert_eq!(kind(&told), "unavailable");
}

/// A connection is handed on from statement to statement, and from one that fails too.
#[tokio::test]
async fn single_statements_share_their_connections() {
    let Some((_test, db)) = pool(4).await else { return };
    let pid = async || {
        let row = db.direct().query_one_raw(Statement::from_string(DbBackend::Postgres, "SELECT pg_backend_pid()"));
        row.await.unwrap().unwrap().try_get_by::<i32, _>(0).unwrap()
    };
    let first = pid().await;
    for _ in 0..3 {
        assert_eq!(pid().await, first);
        assert_eq!(kind(&single(&db, "SELECT 1/0").await.unwrap_err()), "other");
        until("it is back", async || busy(&db) == 0).await;
    }
    assert_eq!(db.pools().1, Some(Pool { open: 1, in_use: 0, most: 2 }));
}

/// The connections' own questions are transactions that are rolled back; the database counts those.
#[tokio::test]
async fn a_connection_is_handed_on_without_a_question_of_its_own() {
    let Some((test, db)) = pool(2).await else { return };
    let rolled_back = async || {
        // What a connection has counted is told when it has counted a table.
        single(&db, "SELECT (SELECT count(*) FROM partner), pg_stat_force_next_flush()").await.unwrap();
        let sql = format!("SELECT xact_rollback FROM pg_stat_database WHERE datname = '{}'", name_of(&test));
        number(&test.db, &sql).await
    };
    let before = rolled_back().await;
    for _ in 0..10 {
        read(&db).await.unwrap();
    }
    assert_eq!(rolled_back().await, before);
    // Whoever leaves something behind is cleaned up after, which is counted.
    single(&db, "SET lock_timeout = 7").await.unwrap();
    read(&db).await.unwrap();
    assert!(rolled_back().await > before);
}

/// So is one on which a transaction was committed; after one that came to nothing it is seen to.
#[tokio::test]
async fn a_connection_is_handed_on_from_one_unit_of_work_to_the_next_without_a_question_of_its_own() {
    let Some((test, db)) = pool(2).await else { return };
    let unit = async |end: Result<(), StoreError>| {
        let told = "SELECT pg_backend_pid()::bigint, (SELECT count(*) FROM partner), pg_stat_force_next_flush()";
        let work = db.unit::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let row = tx.query_one_raw(Statement::from_string(DbBackend::Postgres, told)).await?;
                end.map(|()| row.unwrap().try_get_by::<i64, _>(0).unwrap())
            })
        });
        work.await
    };
    let rolled_back = async || {
        let of = format!("SELECT xact_rollback FROM pg_stat_database WHERE datname = '{}'", name_of(&test));
        number(&test.db, &of).await
    };
    let first = unit(Ok(())).await.unwrap();
    let before = rolled_back().await;
    for _ in 0..10 {
        assert_eq!(unit(Ok(())).await.unwrap(), first);
    }
    assert_eq!(rolled_back().await, before);
    assert_eq!(unit(Err(StoreError::Contention)).await.unwrap_err(), StoreError::Contention);
    assert_eq!(unit(Ok(())).await.unwrap(), first);
    assert_eq!(rolled_back().await, before + 2, "its own end, and what the pool asks");
    until("nothing is in use", async || busy(&db) == 0).await;
    assert_eq!(db.pools().0, Pool { open: 1, in_use: 0, most: 1 });
}

/// PostgreSQL takes the COMMIT of a transaction in which a statement has failed, writes nothing and says so to nobody.
#[tokio::test]
async fn a_unit_of_work_that_passes_over_a_failed_statement_is_not_told_that_it_is_written() {
    let Some((test, db)) = pool(2).await else { return };
    let unit = async |failing: &'static str| {
        db.unit::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let sql = "INSERT INTO partner (id, name, theme, enabled, created_ms) VALUES (gen_random_uuid(), 'p', 'MTS', TRUE, 1)";
                tx.execute_unprepared(sql).await?;
                let _ = tx.execute_raw(Statement::from_string(DbBackend::Postgres, failing)).await;
                let _ = tx.query_one_raw(Statement::from_string(DbBackend::Postgres, "SELECT 1")).await;
                Ok(())
            })
        })
        .await
    };
    let count = "SELECT count(*) FROM partner";
    assert_eq!(kind(&unit("SELECT 1/0").await.unwrap_err()), "other");
    assert_eq!(number(&test.db, count).await, 0);
    unit("SELECT 1").await.unwrap();
    assert_eq!(number(&test.db, count).await, 1);
}

/// A role has places for one connection: whichever of the two kinds cannot have one, calls cannot be served.
#[tokio::test]
async fn readiness_goes_when_either_kind_of_connections_cannot_be_had() {
    for of_units in [true, false] {
        let Some((test, db)) = pool(2).await else { return };
        let role = format!("place_{}_{of_units}", name_of(&test));
        let rights = "IN ROLE pg_read_all_data, pg_write_all_data";
        db.direct().execute_unprepared(&format!("CREATE ROLE {role} LOGIN {rights}")).await.unwrap();
        let url = test.config.url.expose_secret().replace("postgres@", &format!("{role}@"));
        let few = Db::connect(&quick(&test, 2, url.into())).await.unwrap();
        let (tell, mut told) = watch::channel(false);
        let config = HealthConfig { probe_ms: 10, failures: 1, successes: 1 };
        let stop = CancellationToken::new();
        let probing = tokio::spawn(readiness::probe(few.clone(), config, tell, stop.clone()));
        becomes(&mut told, true).await;

        let of_statements = backend(few.direct()).await;
        let sql =
            format!("SELECT pid::bigint FROM pg_stat_activity WHERE usename = '{role}' AND pid <> {of_statements}");
        let lost = if of_units { number(&test.db, &sql).await } else { of_statements };
        db.direct().execute_unprepared(&format!("ALTER ROLE {role} CONNECTION LIMIT 1")).await.unwrap();
        number(&test.db, &format!("SELECT pg_terminate_backend({lost}, 5000)::int::bigint")).await;
        becomes(&mut told, false).await;
        db.direct().execute_unprepared(&format!("ALTER ROLE {role} CONNECTION LIMIT 2")).await.unwrap();
        becomes(&mut told, true).await;
        probing.abort();
        few.close().await.unwrap();
        db.direct().execute_unprepared(&format!("DROP ROLE {role}")).await.unwrap();
    }
}

async fn becomes(told: &mut watch::Receiver<bool>, ready: bool) {
    let seen = told.wait_for(|now| *now == ready);
    timeout(Duration::from_secs(60), seen).await.unwrap_or_else(|_| panic!("it does not become {ready}")).unwrap();
}

/// The process of the server behind the connection that `on` uses now.
async fn backend(on: &impl ConnectionTrait) -> i64 {
    let sql = "SELECT pg_backend_pid()::bigint";
    let row = on.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
    row.unwrap().try_get_by(0).unwrap()
}

async fn number(db: &Db, sql: &str) -> i64 {
    let row = db.direct().query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
    row.unwrap().try_get_by(0).unwrap()
}
