//! Statements that stand behind others in one transaction, asked by themselves.

use super::*;
use crate::storage::tests::somebodys::Somebodys;

#[tokio::test]
async fn tenancy_a_strangers_key_puts_nothing_off() {
    let s = Somebodys::new().await;
    let id = s.client;
    let put_off = async |scope| s.db.unit(move |tx| Box::pin(put_off(tx, scope, id, "1", 1))).await;
    assert_eq!((put_off(s.stranger).await, put_off(s.owner).await), (Err(StoreError::Contention), Ok(())));
}
