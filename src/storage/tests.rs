//! What needs no PostgreSQL; `tests/it/storage.rs` runs the contract on both databases.

pub mod somebodys;

use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait};

use super::entity::partner;
use super::{Constraint, DatabaseConfig, Db, Schema, StoreError};

async fn database(dir: &tempfile::TempDir) -> Db {
    let url = format!("sqlite:{}", dir.path().join("t.db").display());
    Db::connect(&DatabaseConfig { url: url.into(), ..DatabaseConfig::default() }).await.unwrap()
}

fn partner(n: u128) -> partner::ActiveModel {
    partner::ActiveModel {
        id: Set(uuid::Uuid::from_u128(n)),
        name: Set("Партнёр".into()),
        theme: Set("LITEBOX".into()),
        enabled: Set(true),
        created_ms: Set(1),
    }
}

#[tokio::test]
async fn migrations_that_start_together_all_end_well() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(&dir).await;
    assert_eq!(db.schema().await.unwrap(), Schema::Older { missing: super::migration::COUNT });
    let all = (0..6).map(|_| {
        let db = db.clone();
        tokio::spawn(async move { db.migrate().await })
    });
    for one in all.collect::<Vec<_>>() {
        one.await.unwrap().unwrap();
    }
    assert_eq!(db.schema().await.unwrap(), Schema::Current);
}

#[tokio::test]
async fn a_unit_of_work_commits_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(&dir).await;
    db.migrate().await.unwrap();
    let kept: Result<(), StoreError> = db.unit(|tx| Box::pin(async move { insert(tx, 1).await })).await;
    kept.unwrap();
    let undone: Result<(), StoreError> = db
        .unit(|tx| {
            Box::pin(async move {
                insert(tx, 2).await?;
                insert(tx, 1).await
            })
        })
        .await;
    assert_eq!(undone, Err(StoreError::Unique(Constraint::Another)));
    let ids: Vec<_> = partner::Entity::find().all(db.direct()).await.unwrap().into_iter().map(|p| p.id).collect();
    assert_eq!(ids, [uuid::Uuid::from_u128(1)]);
}

async fn insert(tx: &super::Tx, n: u128) -> Result<(), StoreError> {
    partner(n).insert(tx).await?;
    Ok(())
}

#[tokio::test]
async fn an_sqlite_database_is_a_file() {
    for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite:", "sqlite://", "mysql:x"] {
        let config = DatabaseConfig { url: url.into(), ..DatabaseConfig::default() };
        assert!(matches!(Db::connect(&config).await.map(drop), Err(StoreError::Other(_))), "{url}");
    }
}
