//! Statements that stand behind others in one transaction, each asked by itself with another partner's key.

use std::collections::HashSet;

use crate::kkt::effects::Standing;
use sea_orm::ConnectionTrait;

use super::samples::company;
use crate::kkt::store::Store;
use crate::kkt::{desk, effects, intents};
use crate::partners;
use crate::storage::StoreError;
use crate::storage::requests::{self, Accepted, Key};
use crate::storage::tests::somebodys::Somebodys;
use crate::values::{KktId, RequestId};

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
async fn a_strangers_key_finds_no_device_and_no_register_that_needs_one() {
    let s = Somebodys::new().await;
    let devices = async |scope| partners::store::devices_of(&s.db, scope).await.map(|found| found.len());
    assert_eq!((devices(s.stranger).await, devices(s.owner).await), (Ok(0), Ok(1)));
    let (store, other) = (Store::new(s.db.clone()), KktId::new(uuid::Uuid::from_u128(99)));
    let facts = serde_json::to_string(&company().1).unwrap();
    s.db.direct().execute_unprepared(&format!("UPDATE kkt SET facts = '{facts}'")).await.unwrap();
    assert_eq!(store.devices_of_others(s.stranger, other).await, Ok(HashSet::new()));
    let device = company().1.register.device_id.unwrap();
    assert_eq!(store.devices_of_others(s.owner, other).await, Ok(HashSet::from([device])));
    assert_eq!(store.devices_of_others(s.owner, s.kkt).await, Ok(HashSet::new()), "its own is not among them");
}

#[tokio::test]
async fn a_request_leads_to_nobody_elses_registration() {
    let s = Somebodys::new().await;
    let store = Store::new(s.db.clone());
    for (scope, found) in [(s.stranger, false), (s.owner, true)] {
        let key = Key { scope, method: "Fiscalize", id: RequestId::new(uuid::Uuid::from_u128(7)) };
        let accepted = Accepted { fingerprint: vec![1], resource: s.kkt.uuid() };
        requests::insert(s.db.direct(), key, &accepted, 1).await.unwrap();
        let known = store.known(key).await.unwrap().unwrap();
        assert_eq!((known.resource.is_some(), known.stopped), (found, None));
    }
}
