//! One call, sent several times at once, as by a caller that was left without an answer and asks again while the first is
//! still at work: all are answered the same, or told to ask once more; never with a refusal that the call itself caused.

use std::sync::Arc;

use futures::future::join_all;
use litebox_partner::pb::kkt as pb;
use tonic::Code;
use tonic_types::StatusExt;

use super::amounts::{amount, report};
use super::cancelled::{Call, ready};
use crate::clients::inn;
use crate::kkt::shop::{COMPANY, Shop, register};
use crate::support::app::{Replica, TestApp, on_both_apps};
use crate::support::fresh_id;

/// Copies of a call.
const COPIES: usize = 6;

/// Sends the copies of each call at once. How many were told to ask once more.
async fn at_once(replica: &Arc<Replica>, calls: Vec<Call>) -> usize {
    let mut again = 0;
    for call in calls {
        let copies = (0..COPIES).map(|_| {
            let (replica, call) = (Arc::clone(replica), call.clone());
            tokio::spawn(async move { call.send(&replica, None).await })
        });
        let answers: Vec<_> = join_all(copies).await.into_iter().map(Result::unwrap).collect();
        assert!(answers.iter().any(Result::is_ok), "{}: {answers:?}", call.name());
        for status in answers.into_iter().filter_map(Result::err) {
            let repeatable = [Code::Aborted, Code::ResourceExhausted].contains(&status.code());
            assert!(repeatable && status.get_details_retry_info().is_some(), "{}: {status:?}", call.name());
            again += 1;
        }
    }
    again
}

async fn every_method(app: &TestApp, many: usize) -> usize {
    let shop = Shop::open(app, COMPANY).await;
    let replica = Arc::new(app.itself());
    let clients = (1..).map(|n| Call::Register(Box::new(register(inn(770_000_000 + n).as_str()))));
    let mut again = at_once(&replica, clients.take(many).collect()).await;
    let mut orders = Vec::new();
    for n in (1..).take(2 * many) {
        orders.push(pb::QuickRegisterRequest { fiscalize_automatically: false, ..shop.order(n).await });
    }
    again += at_once(&replica, orders.iter().cloned().map(Box::new).map(Call::QuickRegister).collect()).await;
    let ids = ready(&shop, &orders).await;
    let how = Some(pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {}));
    let burn = |id: &String| pb::FiscalizeRequest { request_id: fresh_id(), kkt_id: id.clone(), how: how.clone() };
    again += at_once(&replica, ids[..many].iter().map(burn).map(Call::Fiscalize).collect()).await;
    let cancel = |id: &String| pb::CancelRequest { request_id: fresh_id(), kkt_id: id.clone() };
    again + at_once(&replica, ids[many..].iter().map(cancel).map(Call::Cancel).collect()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_sent_several_times_at_once_is_not_refused_for_what_it_did_itself() {
    let many = amount("TWINS", 4, 100);
    on_both_apps(async |app| {
        let again = every_method(app, usize::try_from(many).unwrap()).await;
        let outcome = format!("{again} copies told to ask once more, 0 refused");
        report(&format!("4 methods, {COPIES} copies of each call at once"), 5 * many, &outcome);
    })
    .await;
}

/// The first one waits for the account service while the second one does everything: what the first is told then about the
/// INN is the second one's doing.
#[tokio::test]
async fn a_register_that_is_overtaken_by_its_own_repeat_is_answered_the_same() {
    on_both_apps(async |app| {
        app.sandbox.add_fault("accounts.FindByInn:hold,times=1").unwrap();
        let request = register(COMPANY);
        let (mut clients, overtaken) = (app.clients(), request.clone());
        let first = tokio::spawn(async move { clients.register(overtaken).await });
        app.sandbox.wait_for_holds(|holds| holds.len() == 1).await;
        let second = app.clients().register(request).await.unwrap().into_inner();
        assert_eq!(app.sandbox.release_holds(), 1);
        assert_eq!(first.await.unwrap().unwrap().into_inner().client, second.client);
    })
    .await;
}
