//! Registers of a fleet, asked for with another partner's key.

use uuid::Uuid;

use super::*;
use crate::storage::tests::somebodys::Somebodys;

#[tokio::test]
async fn tenancy_a_strangers_key_takes_no_register_of_the_fleet() {
    let s = Somebodys::new().await;
    let (id, kkt) = (FleetId::new(Uuid::from_u128(8)), s.kkt);
    let pick = async |scope| s.db.unit(move |tx| Box::pin(async move { pick(tx, scope, &[id]).await })).await.unwrap();
    assert!(pick(s.stranger).await.is_none());
    let device = pick(s.owner).await.unwrap();
    let take = async |scope| {
        let device = device.clone();
        s.db.unit(move |tx| Box::pin(async move { take(tx, scope, &device, kkt).await })).await
    };
    assert_eq!((take(s.stranger).await, take(s.owner).await), (Err(StoreError::Contention), Ok(())));
    let free = async |scope| s.db.unit(move |tx| Box::pin(free(tx, scope, kkt))).await;
    assert_eq!((free(s.stranger).await, free(s.owner).await), (Ok(false), Ok(true)));
    let noted = async |scope| {
        let (device, note) = (device.clone(), fleet::ActiveModel { note: Set("a note".into()), ..Default::default() });
        s.db.unit(move |tx| Box::pin(async move { changed(tx, scope, &device, note).await })).await
    };
    assert_eq!((noted(s.stranger).await, noted(s.owner).await), (Err(StoreError::Contention), Ok(())));
    assert_eq!((take(s.owner).await, lost(&s, kkt).await), (Ok(()), Ok(true)));
    let put_back = async |scope| {
        let drive = device.register.fn_serial.clone();
        s.db.unit(move |tx| Box::pin(async move { put_back(tx, scope, &drive).await })).await
    };
    assert_eq!((put_back(s.stranger).await, put_back(s.owner).await), (Ok(false), Ok(true)));
}

/// The fiscal drive of what was taken for this registration is lost.
async fn lost(s: &Somebodys, kkt: KktId) -> Result<bool, StoreError> {
    let scope = s.owner;
    s.db.unit(move |tx| Box::pin(withdraw(tx, scope, kkt))).await
}
