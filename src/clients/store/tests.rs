//! Statements that stand behind others in one transaction, asked by themselves.

use sea_orm::ConnectionTrait;

use super::*;
use crate::clients::tests::{client, draft, order};
use crate::storage::tests::somebodys::Somebodys;
use crate::values::RequestId;

/// The owner's row of these tests holds no data that could be read: that it was found shows in that.
fn found<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Corrupt { .. }))
}

#[tokio::test]
async fn tenancy_a_strangers_key_finds_no_client() {
    let s = Somebodys::new().await;
    let (id, inn) = (s.client, order().inn);
    let open = async |scope| open(s.db.direct(), scope, &inn).await;
    assert!(matches!(open(s.stranger).await, Ok(None)) && found(&open(s.owner).await));
    let kept = async |scope| s.db.unit(move |tx| Box::pin(keep(tx, scope, id))).await;
    assert_eq!((kept(s.stranger).await, kept(s.owner).await), (Err(StoreError::Contention), Ok(())));
    let store = Store::new(s.db.clone());
    let place = async |scope| store.place(scope, Order::Oldest, id).await.unwrap().is_some();
    assert_eq!((place(s.stranger).await, place(s.owner).await), (false, true));
}

#[tokio::test]
async fn tenancy_a_strangers_key_renews_no_client() {
    let s = Somebodys::new().await;
    let pending = Client { id: s.client, ..client(State::AccountPending) };
    let renewed = async |scope| {
        let key = Key { scope, method: "Register", id: order().request_id };
        let intent = Intent { key, fingerprint: Vec::new(), draft: draft(&order()), now_ms: 1, due_in_ms: 1 };
        let pending = pending.clone();
        s.db.unit(move |tx| Box::pin(async move { renew(tx, &intent, &pending, Expr::val(1)).await })).await
    };
    assert_eq!((renewed(s.stranger).await, renewed(s.owner).await), (Err(StoreError::Contention), Ok(())));
}

/// Ids of clients come from the partner and the call, so that nobody else can have this one.
#[tokio::test]
async fn tenancy_what_another_partner_has_made_is_not_what_this_call_has_made() {
    let s = Somebodys::new().await;
    let request = RequestId::new(uuid::Uuid::from_u128(1));
    let id = ClientId::derive(s.stranger.partner(), request, 0);
    let made = format!("UPDATE client SET id = X'{}', state = 'ACTIVE', erased_ms = 1", id.uuid().simple());
    let made = format!("PRAGMA foreign_keys = OFF; {made}; PRAGMA foreign_keys = ON");
    s.db.direct().execute_unprepared(&made).await.unwrap();
    let key = Key { scope: s.stranger, method: "Register", id: request };
    let free = s.db.unit(move |tx| Box::pin(unused(tx, key))).await;
    assert_eq!(free, Ok(Some(id)));
}

/// A call of the owner, and one of a stranger by the same name, both about the owner's client.
async fn both_ask_for(s: &Somebodys) -> [Result<Option<Known<client::Model>>, StoreError>; 2] {
    let id = RequestId::new(uuid::Uuid::from_u128(7));
    let known = async |scope| {
        let key = Key { scope, method: "Register", id };
        Store::new(s.db.clone()).known(key).await
    };
    [known(s.stranger).await, known(s.owner).await]
}

#[tokio::test]
async fn tenancy_a_request_leads_to_nobody_elses_client_and_one_that_cannot_be_read_is_not_as_missing() {
    let s = Somebodys::new().await;
    for scope in [s.stranger, s.owner] {
        let key = Key { scope, method: "Register", id: RequestId::new(uuid::Uuid::from_u128(7)) };
        let accepted = Accepted { fingerprint: vec![1], resource: s.client.uuid() };
        requests::insert(s.db.direct(), key, &accepted, 1).await.unwrap();
    }
    let found = both_ask_for(&s).await.map(|known| known.unwrap().unwrap().resource.is_some());
    assert_eq!(found, [false, true]);
    s.db.direct().execute_unprepared("UPDATE client SET created_ms = 'never'").await.unwrap();
    let [strangers, owners] = both_ask_for(&s).await;
    assert!(strangers.unwrap().unwrap().resource.is_none() && owners.is_err());
    s.db.direct().execute_unprepared("UPDATE client SET created_ms = 1, erased_ms = 1").await.unwrap();
    let erased = both_ask_for(&s).await.map(|known| known.unwrap().unwrap().resource.is_some());
    assert_eq!(erased, [false, false]);
}

#[tokio::test]
async fn a_call_that_was_accepted_tells_whether_the_account_service_is_stopped() {
    let s = Somebodys::new().await;
    let accepted = Accepted { fingerprint: vec![1], resource: s.client.uuid() };
    let key = Key { scope: s.owner, method: "Register", id: RequestId::new(uuid::Uuid::from_u128(7)) };
    requests::insert(s.db.direct(), key, &accepted, 1).await.unwrap();
    for (sql, stopped) in [
        ("INSERT INTO stop_switch VALUES ('fns', 'why', 'who', 1)", false),
        ("INSERT INTO stop_switch VALUES ('accounts', 'why', 'who', 1)", true),
    ] {
        s.db.direct().execute_unprepared(sql).await.unwrap();
        assert_eq!(both_ask_for(&s).await[1].as_ref().unwrap().as_ref().unwrap().stopped, Some(stopped), "{sql}");
    }
}
