//! Statements that stand behind others in one transaction, each asked by itself with another partner's key.

use crate::kkt::effects::Standing;
use crate::kkt::{creation, desk, effects, intents};
use crate::storage::StoreError;
use crate::storage::tests::somebodys::Somebodys;

#[tokio::test]
async fn a_strangers_key_settles_and_reopens_no_effect() {
    let s = Somebodys::new().await;
    let (intended, unsent) = (s.intended, s.unsent);
    let reopen = async |scope| s.db.unit(move |tx| Box::pin(intents::reopen(tx, scope, unsent))).await;
    assert_eq!((reopen(s.stranger).await, reopen(s.owner).await), (Ok(false), Ok(true)));
    let done = Standing::Done;
    let settle = async |scope| {
        s.db.unit(move |tx| Box::pin(async move { effects::settle(tx, scope, intended, done, 1).await })).await
    };
    assert_eq!((settle(s.stranger).await, settle(s.owner).await), (Err(StoreError::Contention), Ok(())));
    let rule = async |scope| {
        s.db.unit(move |tx| Box::pin(async move { desk::settle(tx, scope, unsent, done, 1).await })).await
    };
    assert_eq!((rule(s.stranger).await, rule(s.owner).await), (Err(StoreError::Contention), Ok(())));
}

#[tokio::test]
async fn a_strangers_key_marks_no_registration_as_changed() {
    let s = Somebodys::new().await;
    let kkt = s.kkt;
    let mark = async |scope| s.db.unit(move |tx| Box::pin(async move { creation::mark(tx, scope, kkt).await })).await;
    assert_eq!((mark(s.stranger).await, mark(s.owner).await), (Err(StoreError::Contention), Ok(())));
}
