//! Cancel: nothing is burnt any more, and what was held is free.

use litebox_partner::pb::kkt as pb;
use litebox_partner::sandbox::ledger::{Entry, Kind};
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::shop::{COMPANY, Shop, serial};
use crate::support::app::{TestApp, on_both_apps, until};
use crate::support::fresh_id;

fn call(kkt_id: &str) -> pb::CancelRequest {
    pb::CancelRequest { request_id: fresh_id(), kkt_id: kkt_id.into() }
}

async fn cancel(shop: &Shop<'_>, id: &str) -> Result<pb::CancelResponse, Status> {
    shop.kkts.clone().cancel(call(id)).await.map(tonic::Response::into_inner)
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn blocked(kkt: &pb::Kkt, reason: &str) -> bool {
    kkt.blocked.as_ref().is_some_and(|block| block.reason == reason)
}

fn burns(app: &TestApp, n: u32) -> usize {
    let is = |e: &&Entry| e.is(Kind::Effect, "device.registration") && e.facts.values().any(|v| *v == serial(n));
    app.sandbox.entries().iter().filter(is).count()
}

/// Cancels, then registers the same KKT with the same FN and code anew, to its card.
async fn cancelled_and_again(shop: &Shop<'_>, id: &str, order: pb::QuickRegisterRequest) -> pb::CancelResponse {
    let answer = cancel(shop, id).await.unwrap();
    assert_eq!(answer.kkt.as_ref().unwrap().state(), pb::KktState::Cancelled);
    shop.app.sandbox.clear_faults();
    let again = pb::QuickRegisterRequest { request_id: fresh_id(), fiscalize_automatically: true, ..order };
    let id = shop.quick_register(again).await.id;
    shop.state(&id, pb::KktState::Registered).await;
    answer
}

#[tokio::test]
async fn before_anything_is_filed_everything_is_free_again() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        app.sandbox.add_fault("ofd.ReserveCode:refuse=CODE_EXPIRED,times=1").unwrap();
        let order = shop.order(1).await;
        let id = shop.quick_register(order.clone()).await.id;
        shop.reach(&id, "OFD_CODE_EXPIRED", |kkt| blocked(kkt, "OFD_CODE_EXPIRED")).await;
        let answer = cancelled_and_again(&shop, &id, order).await;
        assert_eq!(answer.left_at_fns, "");
        assert_eq!(burns(app, 1), 1);
    })
    .await;
}

#[tokio::test]
async fn an_application_whose_filing_is_unclear_is_found_or_voided_first() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        for (fault, found) in [("drop=before_effect", false), ("lost_reply", true)] {
            let n = if found { 3 } else { 2 };
            app.sandbox.add_fault(&format!("fns.SubmitApplication:{fault}")).unwrap();
            app.sandbox.add_fault("fns.ReportOrVoid:error=UNAVAILABLE").unwrap();
            let order = shop.order(n).await;
            let id = shop.quick_register(order.clone()).await.id;
            shop.reach(&id, "FNS_UNAVAILABLE", |kkt| blocked(kkt, "FNS_UNAVAILABLE")).await;
            let refused = cancel(&shop, &id).await.unwrap_err();
            assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "FNS_UNAVAILABLE"));
            assert!(refused.get_details_retry_info().is_some());
            assert_eq!(shop.get(&id).await.state(), pb::KktState::Submitting, "nothing is half done");
            app.sandbox.clear_faults();
            app.sandbox.add_fault("fns.SubmitApplication:drop=before_effect").unwrap();
            let answer = cancelled_and_again(&shop, &id, order).await;
            assert_eq!(!answer.left_at_fns.is_empty(), found, "{fault}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_filed_application_stays_at_fns_and_the_code_is_given_back() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        // Register 9700 stays in review at FNS.
        let id = shop.quick_register(shop.order(9700).await).await.id;
        shop.state(&id, pb::KktState::AwaitingRnm).await;
        let request = call(&id);
        let answer = shop.kkts.clone().cancel(request.clone()).await.unwrap().into_inner();
        assert!(answer.left_at_fns.contains("заявление"), "{}", answer.left_at_fns);
        let released = |kkt: &pb::Kkt| kkt.history.iter().any(|line| line.detail == "CODE_RELEASED");
        shop.reach(&id, "the code is free", released).await;
        let repeated = shop.kkts.clone().cancel(request).await.unwrap().into_inner();
        assert_eq!(repeated.kkt.unwrap().state(), pb::KktState::Cancelled);
        let refused = cancel(&shop, &id).await.unwrap_err();
        assert_eq!(reason(&refused), "WRONG_KKT_STATE");
        assert_eq!(refused.get_details_error_info().unwrap().metadata["state"], "CANCELLED");
    })
    .await;
}

#[tokio::test]
async fn after_the_number_the_device_proves_that_the_drive_is_unburnt() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        // A code that is refused on connection holds it up in CONNECTING_OFD.
        let mut order = shop.order(5).await;
        order.ofd.as_mut().unwrap().activation_code = "FD13MM000012".into();
        let id = shop.quick_register(order.clone()).await.id;
        shop.reach(&id, "OFD_CODE_EXPIRED", |kkt| blocked(kkt, "OFD_CODE_EXPIRED")).await;
        order.ofd.as_mut().unwrap().activation_code = "FD13MM500005".into();
        cancelled_and_again(&shop, &id, order).await;
        let order = pb::QuickRegisterRequest { fiscalize_automatically: false, ..shop.order(6).await };
        let id = shop.quick_register(order).await.id;
        shop.state(&id, pb::KktState::ReadyToFiscalize).await;
        let answer = cancel(&shop, &id).await.unwrap();
        assert!(answer.left_at_fns.contains("номер") && answer.left_at_fns.contains("ОФД"), "{}", answer.left_at_fns);
        assert!(!answer.left_at_fns.contains("поддержку"), "the drive is free");
    })
    .await;
}

#[tokio::test]
async fn without_a_device_to_ask_the_drive_stays_taken() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let mut order = shop.order(7).await;
        order.fiscalize_automatically = false;
        let Some(pb::Equipment { kind: Some(pb::equipment::Kind::Sale(sale)) }) = &mut order.equipment else { return };
        sale.device_id.clear();
        let id = shop.quick_register(order.clone()).await.id;
        shop.state(&id, pb::KktState::ReadyToFiscalize).await;
        let answer = cancel(&shop, &id).await.unwrap();
        assert!(answer.left_at_fns.contains("поддержку"), "{}", answer.left_at_fns);
        order.request_id = fresh_id();
        let refused = shop.kkts.clone().quick_register(order).await.unwrap_err();
        assert_eq!(reason(&refused), "KKT_ALREADY_REGISTERED");
        assert_eq!(refused.get_details_error_info().unwrap().metadata["kkt_id"], id);
    })
    .await;
}

/// Orders, and stops the hub while the burn is on its way to it, so that the task waits in the queue.
async fn queued(shop: &Shop<'_>, n: u32) -> (String, pb::QuickRegisterRequest) {
    let (app, order, device) = (shop.app, shop.order(n).await, format!("kkt-{n}"));
    app.sandbox.add_fault(&format!("device.post:hold,type=registration,device={device},times=1")).unwrap();
    let id = shop.quick_register(order.clone()).await.id;
    app.sandbox.wait_for_holds(|holds| !holds.is_empty()).await;
    app.sandbox.patch_device(&device, json!({"paused": true})).unwrap();
    assert_eq!(app.sandbox.release_holds(), 1);
    until("the worker waits for the task", async || app.sandbox.entries().iter().any(|e| asks(e, "device.result")))
        .await;
    (id, order)
}

fn asks(entry: &Entry, operation: &str) -> bool {
    entry.is(Kind::Question, operation)
}

#[tokio::test]
async fn a_task_in_the_queue_is_taken_out_and_never_burns() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let (id, _) = queued(&shop, 8).await;
        let answer = cancel(&shop, &id).await.unwrap();
        assert_eq!(answer.kkt.unwrap().state(), pb::KktState::Cancelled);
        assert!(answer.left_at_fns.contains("поддержку"), "a hub that stands still could not be asked about the drive");
        let withdrawn = app.sandbox.entries().iter().any(|e| e.is(Kind::Command, "device.withdraw"));
        assert!(withdrawn);
        app.sandbox.patch_device("kkt-8", json!({"paused": false})).unwrap();
        let other = shop.quick_register(shop.order(88).await).await.id;
        shop.state(&other, pb::KktState::Registered).await;
        assert_eq!((burns(app, 8), burns(app, 88)), (0, 1));
    })
    .await;
}

/// Registers the same KKT and FN with a fresh code, to the card.
async fn once_more(shop: &Shop<'_>, order: pb::QuickRegisterRequest) {
    let mut again = pb::QuickRegisterRequest { request_id: fresh_id(), ..order };
    again.ofd.as_mut().unwrap().activation_code = "FD13MM700000".into();
    let id = shop.quick_register(again).await.id;
    shop.state(&id, pb::KktState::Registered).await;
}

/// The worker sleeps between its intent and the first byte; Cancel comes meanwhile; then the worker's post arrives.
#[tokio::test]
async fn a_burn_posted_late_after_cancel_finds_its_id_taken() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        app.sandbox.add_fault("device.post:hold=before_receipt,type=registration,times=1").unwrap();
        let order = shop.order(9).await;
        let id = shop.quick_register(order.clone()).await.id;
        app.sandbox.wait_for_holds(|holds| !holds.is_empty()).await;
        let answer = cancel(&shop, &id).await.unwrap();
        assert_eq!(answer.kkt.unwrap().state(), pb::KktState::Cancelled);
        assert_eq!(app.sandbox.release_holds(), 1);
        let late = |e: &Entry| e.is(Kind::Command, "device.post") && e.facts.values().any(|v| v == "registration");
        app.sandbox.wait_until(|all| all.iter().any(late)).await;
        assert_eq!(burns(app, 9), 0);
        once_more(&shop, order).await;
        assert_eq!(burns(app, 9), 1, "the late command burnt nothing");
        assert_eq!(shop.get(&id).await.state(), pb::KktState::Cancelled);
    })
    .await;
}

#[tokio::test]
async fn a_hub_that_cannot_tell_what_became_of_the_burn_keeps_it_from_being_cancelled() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let (id, _) = queued(&shop, 10).await;
        app.sandbox.add_fault("device.*:status=503").unwrap();
        let refused = cancel(&shop, &id).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "DEVICE_UNAVAILABLE"));
        app.sandbox.clear_faults();
        app.sandbox.patch_device("kkt-10", json!({"paused": false})).unwrap();
        shop.state(&id, pb::KktState::Registered).await;
        let refused = cancel(&shop, &id).await.unwrap_err();
        assert_eq!(refused.get_details_error_info().unwrap().metadata["state"], "REGISTERED");
        assert_eq!(burns(app, 10), 1);
    })
    .await;
}

#[tokio::test]
async fn a_burnt_drive_cannot_be_cancelled_even_before_the_worker_has_seen_it() {
    for backend in crate::support::database::backends() {
        // The worker posts the task and does not look again for a minute.
        let app = TestApp::start_with(backend, |config| config.worker.task_poll_ms = 60_000).await;
        let shop = Shop::open(&app, COMPANY).await;
        let id = shop.quick_register(shop.order(11).await).await.id;
        app.sandbox.wait_until(|all| all.iter().any(|e| e.is(Kind::Effect, "device.registration"))).await;
        shop.state(&id, pb::KktState::Fiscalizing).await;
        let mut refused = cancel(&shop, &id).await.unwrap_err();
        if reason(&refused) == "CONFLICT" {
            // The hub had not yet put the result down.
            refused = cancel(&shop, &id).await.unwrap_err();
        }
        assert_eq!(reason(&refused), "KKT_REQUIREMENTS_NOT_MET");
        let broken = refused.get_details_precondition_failure().unwrap();
        assert_eq!(broken.violations[0].r#type, "FN_IS_BURNT");
    }
}

#[tokio::test]
async fn a_drive_that_others_have_burnt_is_lost_and_the_cash_register_is_free() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let order = shop.order(12).await;
        app.sandbox.patch_device("kkt-12", json!({"phase": "postFiscalMode"})).unwrap();
        let id = shop.quick_register(order.clone()).await.id;
        let kkt = shop.reach(&id, "FN_UNUSABLE", |kkt| blocked(kkt, "FN_UNUSABLE")).await;
        assert_eq!(kkt.requirements[0].code, "NEW_REGISTRATION");
        let answer = cancel(&shop, &id).await.unwrap();
        assert!(answer.left_at_fns.contains("установите новый"), "{}", answer.left_at_fns);
        // The same KKT with another drive.
        let mut again = pb::QuickRegisterRequest { request_id: fresh_id(), ..order };
        let Some(pb::Equipment { kind: Some(pb::equipment::Kind::Sale(sale)) }) = &mut again.equipment else { return };
        sale.fn_serial = "9999078902900012".into();
        again.ofd.as_mut().unwrap().activation_code = "FD13MM600012".into();
        app.sandbox.patch_device("kkt-12", json!({"phase": "configured", "fn_serial": "9999078902900012"})).unwrap();
        let id = shop.quick_register(again).await.id;
        shop.state(&id, pb::KktState::Registered).await;
    })
    .await;
}

#[tokio::test]
async fn a_stranger_cancels_nothing() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let id = shop.quick_register(shop.order(9700).await).await.id;
        let stranger = app.other_partner("Чужой", litebox_partner::partners::model::Theme::LiteBox).await;
        let mut theirs = app.kkts_as(Some(&format!("Bearer {}", stranger.token)));
        let refused = theirs.cancel(call(&id)).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        assert_ne!(shop.get(&id).await.state(), pb::KktState::Cancelled);
    })
    .await;
}
