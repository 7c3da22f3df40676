//! The contract of the storage, on both databases.

mod lines;
mod migrating;
mod searching;
pub mod trouble;

use std::time::Duration;

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::partners::model::{Label, Scopes, Theme};
use litebox_partner::partners::service::{NewToken, Partners};
use litebox_partner::partners::token::Mode;
use litebox_partner::storage::entity::partner;
use litebox_partner::storage::{Backend, DatabaseConfig, Db, Schema, StoreError, Tx};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, PaginatorTrait};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::act;
use crate::support::database::{TestDb, backends, on_both_databases};
use crate::support::slow_proxy;

async fn insert(tx: &Tx, n: u128) -> Result<(), StoreError> {
    let name = n.to_string();
    let row = partner::Model { id: Uuid::from_u128(n), name, theme: "MTS".into(), enabled: true, created_ms: 1 };
    row.into_active_model().insert(tx).await?;
    Ok(())
}

async fn count(db: &Db) -> u64 {
    partner::Entity::find().count(db.direct()).await.unwrap()
}

#[tokio::test]
async fn migrations_of_replicas_that_start_together_end_well() {
    for backend in backends() {
        let test = TestDb::empty(backend).await;
        assert!(matches!(test.db.schema().await.unwrap(), Schema::Older { .. }));
        let starts = (0..8).map(|_| {
            let config = test.config.clone();
            tokio::spawn(async move {
                let db = Db::connect(&config).await.unwrap();
                db.migrate().await.unwrap();
                assert_eq!(db.schema().await.unwrap(), Schema::Current);
            })
        });
        for start in starts.collect::<Vec<_>>() {
            timeout(Duration::from_secs(60), start).await.expect("they wait for each other").unwrap();
        }
    }
}

#[tokio::test]
async fn a_unit_of_work_commits_whole_or_not_at_all() {
    on_both_databases(|test| async move {
        let kept: Result<(), StoreError> = test.db.unit(|tx| Box::pin(async move { insert(tx, 1).await })).await;
        kept.unwrap();
        let undone: Result<(), StoreError> = test
            .db
            .unit(|tx| {
                Box::pin(async move {
                    insert(tx, 2).await?;
                    insert(tx, 1).await
                })
            })
            .await;
        assert!(matches!(undone, Err(StoreError::Unique(_))), "{undone:?}");
        assert_eq!(count(&test.db).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_unit_of_work_ends_although_its_caller_is_gone() {
    on_both_databases(|test| async move {
        for n in 1..=20 {
            let work = test.db.unit(move |tx| {
                Box::pin(async move {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    insert(tx, n).await
                })
            });
            let gone = timeout(Duration::from_millis(u64::try_from(n % 5).unwrap()), work).await;
            drop(gone);
        }
        for _ in 0..200 {
            if count(&test.db).await == 20 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("units of work were lost: {} of 20", count(&test.db).await);
    })
    .await;
}

#[tokio::test]
async fn partners_tokens_and_devices_are_kept() {
    on_both_databases(|test| async move {
        let partners = Partners::new(test.db.clone(), Clock::fixed(5_000), Ids::system(), Mode::Live).acting(act());
        let partner = partners.add(Label::name("Партнёр").unwrap(), Theme::LiteBox).await.unwrap();
        let new = NewToken { scopes: Scopes::all(), note: Label::note("касса").unwrap(), expires_ms: Some(9_000) };
        let (token, _) = partners.issue(partner.id, new).await.unwrap();
        partners.revoke(token.key_id()).await.unwrap();
        assert_eq!(partners.list().await.unwrap(), [partner]);
        let kept = partners.tokens(None).await.unwrap().remove(0);
        assert_eq!((kept.scopes, kept.note.as_str()), (Scopes::all(), "касса"));
        assert_eq!((kept.created_ms, kept.expires_ms, kept.revoked_ms), (5_000, Some(9_000), Some(5_000)));
        assert!(kept.digest.matches(&token.digest()));
    })
    .await;
}

/// A database behind a slow line, with so many connections to it, and the same database seen directly.
async fn behind_a_slow_line(pool_size: u32) -> Option<(Db, TestDb)> {
    if !backends().contains(&Backend::Postgres) {
        return None;
    }
    let direct = TestDb::new(Backend::Postgres).await;
    let url = slow_proxy::to_postgres(&direct, Duration::from_millis(4)).await;
    let config = DatabaseConfig { url: url.into(), pool_size, ..DatabaseConfig::default() };
    Some((Db::connect(&config).await.unwrap(), direct))
}

/// Callers that go away at any moment leave the one connection of the pool, or the one for single statements, fit for the next:
/// what it writes is there.
#[tokio::test]
async fn callers_that_go_away_do_not_poison_the_pool() {
    for pool_size in [1, 2, 4] {
        let Some((slow, direct)) = behind_a_slow_line(pool_size).await else { return };
        for ms in 0..30 {
            let unit = slow.unit::<(), StoreError, _>(|_| Box::pin(async { Ok(()) }));
            let _ = timeout(Duration::from_millis(ms), unit).await;
            let _ = timeout(Duration::from_millis(ms), partner::Entity::find().all(slow.direct())).await;
            written_is_seen(&slow, &direct, u128::from(ms) + 1).await;
        }
    }
}

/// The second line of defence: even a transaction that is begun and dropped in flight does no harm.
#[tokio::test]
async fn a_begin_that_is_dropped_in_flight_does_not_poison_the_pool() {
    use sea_orm::TransactionTrait;
    let Some((slow, direct)) = behind_a_slow_line(1).await else { return };
    for ms in 0..30 {
        #[expect(clippy::disallowed_methods, reason = "does what nobody may do")]
        let begin = slow.bare().begin();
        let _ = timeout(Duration::from_millis(ms), begin).await;
        written_is_seen(&slow, &direct, u128::from(ms) + 1).await;
    }
}

async fn written_is_seen(slow: &Db, direct: &TestDb, n: u128) {
    let name = n.to_string();
    let row = partner::Model { id: Uuid::from_u128(n), name, theme: "MTS".into(), enabled: true, created_ms: 1 };
    row.into_active_model().insert(slow.direct()).await.unwrap();
    assert_eq!(count(&direct.db).await, u64::try_from(n).unwrap(), "a write was lost");
}
