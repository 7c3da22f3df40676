//! Erasures beside workers, calls and each other.

use litebox_partner::erasure::service::{Done, Refused};
use litebox_partner::pb::kkt as pb;
use litebox_partner::storage::crossing::work::Turn;
use litebox_partner::values::ClientId;
use tokio::join;
use tonic::Code;

use super::{Made, on_both_desks};
use crate::kkt::shop::{COMPANY, ENTREPRENEUR, Shop};
use crate::support::act;
use crate::support::app::until;

#[tokio::test(flavor = "multi_thread")]
async fn two_erasures_at_once_make_one_record() {
    on_both_desks(async |desk| {
        let id = ClientId::parse(&desk.abandoned(COMPANY).await).unwrap();
        let (one, two) = (desk.erasures(), desk.erasures());
        let (one, two) = join!(one.erase(id, false, act()), two.erase(id, false, act()));
        let now = [&one, &two].iter().filter(|came| matches!(came, Ok(Done::Now(_)))).count();
        assert_eq!(now, 1);
        let fair = |came| matches!(came, &Ok(Done::Now(_) | Done::Before(Some(_))) | &Err(Refused::Changed));
        assert!(fair(&one) && fair(&two));
        assert_eq!(desk.count("erasure").await, 1);
        assert_eq!(desk.count("audit WHERE action = 'CLIENT_ERASED'").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_under_way_comes_to_nothing_when_its_client_is_erased() {
    on_both_desks(async |desk| {
        let shop = Shop::open(&desk.app, COMPANY).await;
        let order = shop.order(1).await;
        desk.app.sandbox.add_fault("taxpayers.address:hold=before_effect,times=1").unwrap();
        let mut kkts = shop.kkts.clone();
        let ordered = order.clone();
        let call = tokio::spawn(async move { kkts.quick_register(ordered).await });
        desk.app.sandbox.wait_for_holds(|held| !held.is_empty()).await;
        let id = ClientId::parse(&shop.client_id).unwrap();
        assert!(matches!(desk.erasures().erase(id, true, act()).await, Ok(Done::Now(_))));
        desk.app.sandbox.release_holds();
        let refused = call.await.unwrap().unwrap_err();
        assert_eq!(refused.code(), Code::Aborted, "{refused:?}");
        assert_eq!(desk.count("kkt").await, 0, "nothing hangs under a client that was erased");
        let again = shop.kkts.clone().quick_register(order).await.unwrap_err();
        assert_eq!(again.code(), Code::NotFound);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_worker_takes_what_was_erased() {
    on_both_desks(async |desk| {
        let made = Made::new(desk).await;
        let id = ClientId::parse(&made.shop.client_id).unwrap();
        desk.sql("UPDATE kkt SET lease_until_ms = 9000000000000").await;
        assert!(matches!(desk.erasures().erase(id, true, act()).await, Err(Refused::InTheWay(_))));
        desk.sql("UPDATE kkt SET lease_until_ms = 0").await;
        desk.erase(&made.shop.client_id);
        // As if they were under way and due, in a state that every worker looks for.
        assert_eq!(desk.sql("UPDATE kkt SET state = 'RESERVING', due_ms = 0, fence = 0").await, 2);
        let taken = desk.app.db().claim_due_kkt(&["RESERVING"], 10, 1, &mut Turn::default()).await.unwrap();
        assert_eq!(taken.len(), 0);
        // The server's worker has had many a turn by the time that another shop's registration has come to its end.
        let other = Shop::open(&desk.app, ENTREPRENEUR).await;
        let id = other.quick_register(other.order(3).await).await.id;
        other.state(&id, pb::KktState::Registered).await;
        assert_eq!(desk.count("kkt WHERE fence = 0").await, 2, "nor does the server's worker");
        // Nothing but that they are erased keeps it from them.
        desk.sql("UPDATE kkt SET erased_ms = NULL WHERE fence = 0").await;
        until("they are taken", async || desk.count("kkt WHERE fence = 0").await == 0).await;
    })
    .await;
}
