//! Outer systems that are slow, refuse, lose replies or go away: it ends REGISTERED, or says who has to act.

use litebox_partner::pb::kkt as pb;
use serde_json::json;

use super::shop::{COMPANY, ONE_WAY, Shop, serial};
use crate::support::app::on_both_apps;
use crate::support::fresh_id;

fn assert_once(shop: &Shop<'_>, n: u32) {
    for (operation, count) in shop.effects(&serial(n)) {
        assert_eq!(count, 1, "{operation}");
    }
}

/// Every one-way step under every fault that leaves its outcome unclear or puts it off.
#[tokio::test]
async fn a_fault_at_any_step_is_overcome_and_nothing_is_done_twice() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let faults = ["error=UNAVAILABLE", "drop=before_effect", "drop=after_effect", "lost_reply", "garbage"];
        let steps = ONE_WAY.iter().filter(|step| !step.starts_with("device."));
        let mut n = 10;
        for (step, fault) in steps.flat_map(|step| faults.map(|fault| (step, fault))) {
            n += 1;
            app.sandbox.add_fault(&format!("{step}:{fault},times=1")).unwrap();
            let id = shop.quick_register(shop.order(n).await).await.id;
            shop.state(&id, pb::KktState::Registered).await;
            assert_once(&shop, n);
            app.sandbox.clear_faults();
        }
    })
    .await;
}

#[tokio::test]
async fn a_hub_that_loses_replies_or_forgets_burns_once() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let faults = [
            "device.post:error=500",
            "device.post:lost_reply",
            "device.post:drop=before_effect",
            "device.result:status=503",
        ];
        for (fault, n) in faults.into_iter().zip(10..) {
            let order = shop.order(n).await;
            app.sandbox.add_fault(&format!("{fault},times=2")).unwrap();
            let id = shop.quick_register(order).await.id;
            shop.state(&id, pb::KktState::Registered).await;
            assert_once(&shop, n);
            app.sandbox.clear_faults();
        }
    })
    .await;
}

#[tokio::test]
async fn a_device_that_is_not_ready_is_waited_for_and_says_what_to_do() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let cases = [
            (json!({"paper": false}), json!({"paper": true}), "DEVICE_NO_PAPER"),
            (json!({"cover_open": true}), json!({"cover_open": false}), "DEVICE_COVER_OPEN"),
            (json!({"shift": "opened"}), json!({"shift": "closed"}), "DEVICE_SHIFT_OPEN"),
            (json!({"online": false}), json!({"online": true}), "DEVICE_OFFLINE"),
            (json!({"clock_offset_s": 7200}), json!({"clock_offset_s": 0}), "DEVICE_CLOCK_WRONG"),
        ];
        for ((broken, mended, expected), n) in cases.into_iter().zip(30..) {
            let order = shop.order(n).await;
            app.sandbox.patch_device(&format!("kkt-{n}"), broken).unwrap();
            let id = shop.quick_register(order).await.id;
            let waits = |kkt: &pb::Kkt| kkt.blocked.as_ref().is_some_and(|b| b.reason == expected);
            let kkt = shop.reach(&id, expected, waits).await;
            assert_eq!(kkt.blocked.unwrap().waiting_for(), pb::WaitingFor::Device);
            app.sandbox.patch_device(&format!("kkt-{n}"), mended).unwrap();
            let kkt = shop.state(&id, pb::KktState::Registered).await;
            assert!(kkt.blocked.is_none());
            assert_once(&shop, n);
        }
    })
    .await;
}

#[tokio::test]
async fn another_device_is_never_burnt() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let order = shop.order(40).await;
        app.sandbox.patch_device("kkt-40", json!({"serial": "00106100000099"})).unwrap();
        let id = shop.quick_register(order).await.id;
        let blocked = |kkt: &pb::Kkt| kkt.blocked.as_ref().is_some_and(|b| b.reason == "DEVICE_MISMATCH");
        shop.reach(&id, "DEVICE_MISMATCH", blocked).await;
        let burnt = shop.effects(&serial(40)).into_iter().find(|(name, _)| name == "device.registration");
        assert_eq!(burnt.unwrap().1, 0);
        app.sandbox.patch_device("kkt-40", json!({"serial": "00106100000040"})).unwrap();
        shop.state(&id, pb::KktState::Registered).await;
    })
    .await;
}

#[tokio::test]
async fn a_refused_application_is_rejected_with_advice_and_frees_register_and_code() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        // Registers 9807 and 9907: refused at once, and after review.
        for n in [9807, 9907] {
            let order = shop.order(n).await;
            let id = shop.quick_register(order.clone()).await.id;
            let kkt = shop.state(&id, pb::KktState::Rejected).await;
            assert!(!kkt.rejection.unwrap().advice.is_empty());
            let released = |kkt: &pb::Kkt| kkt.history.iter().any(|line| line.detail == "CODE_RELEASED");
            shop.reach(&id, "the code is free again", released).await;
            let again = pb::QuickRegisterRequest { request_id: fresh_id(), ..order };
            assert_ne!(shop.quick_register(again).await.id, id, "the register is free for a new registration");
        }
    })
    .await;
}

#[tokio::test]
async fn a_code_the_operator_refuses_waits_for_the_partner() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        for (code, n) in [("FD13MM000001", 50), ("FD13MM000011", 51)] {
            let mut order = shop.order(n).await;
            order.ofd.as_mut().unwrap().activation_code = code.into();
            let id = shop.quick_register(order).await.id;
            let blocked = |kkt: &pb::Kkt| kkt.blocked.as_ref().is_some_and(|b| b.reason == "OFD_CODE_USED");
            let kkt = shop.reach(&id, "OFD_CODE_USED", blocked).await;
            assert_eq!(kkt.blocked.unwrap().waiting_for(), pb::WaitingFor::Partner);
        }
    })
    .await;
}

#[tokio::test]
async fn a_number_that_does_not_fit_is_never_burnt() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let id = shop.quick_register(shop.order(9703).await).await.id;
        let blocked = |kkt: &pb::Kkt| kkt.blocked.as_ref().is_some_and(|b| b.reason == "RNM_DOES_NOT_FIT");
        let kkt = shop.reach(&id, "RNM_DOES_NOT_FIT", blocked).await;
        assert_eq!(kkt.state(), pb::KktState::AwaitingRnm);
        assert_eq!(kkt.blocked.unwrap().waiting_for(), pb::WaitingFor::Operator);
    })
    .await;
}

#[tokio::test]
async fn a_slow_tax_service_costs_only_time() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        app.sandbox.add_fault("fns.GetApplication:stale,times=6").unwrap();
        app.sandbox.add_fault("fns.*:delay=200ms,times=3").unwrap();
        let id = shop.quick_register(shop.order(60).await).await.id;
        shop.state(&id, pb::KktState::Registered).await;
        assert_once(&shop, 60);
    })
    .await;
}

#[tokio::test]
async fn what_it_waited_for_is_forgotten_once_it_is_over() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        app.sandbox.add_fault("fns.GetApplication:error=UNAVAILABLE,times=4").unwrap();
        // Register 9700 stays in review at FNS.
        let id = shop.quick_register(shop.order(9700).await).await.id;
        let told = |kkt: &pb::Kkt, detail: &str| kkt.history.iter().any(|line| line.detail == detail);
        let kkt = shop.reach(&id, "GOES_ON", |kkt| told(kkt, "GOES_ON")).await;
        assert!(told(&kkt, "FNS_UNAVAILABLE"));
        assert!(kkt.blocked.is_none() && kkt.state() == pb::KktState::AwaitingRnm);
    })
    .await;
}

#[tokio::test]
async fn a_device_that_stays_unready_does_not_fill_the_history() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        app.sandbox.add_fault("device.registration:error=82,times=4").unwrap();
        let id = shop.quick_register(shop.order(70).await).await.id;
        let kkt = shop.state(&id, pb::KktState::Registered).await;
        let lines = kkt.history.iter().filter(|line| line.detail == "DEVICE_DOCUMENT_OPEN").count();
        assert_eq!(lines, 1, "four refusals for the same reason are written down once");
        assert_once(&shop, 70);
    })
    .await;
}

#[tokio::test]
async fn a_device_without_paper_is_not_even_sent_the_task() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let order = shop.order(71).await;
        app.sandbox.patch_device("kkt-71", json!({"paper": false})).unwrap();
        let id = shop.quick_register(order).await.id;
        let waits = |kkt: &pb::Kkt| kkt.blocked.as_ref().is_some_and(|b| b.reason == "DEVICE_NO_PAPER");
        let kkt = shop.reach(&id, "DEVICE_NO_PAPER", waits).await;
        assert_eq!((kkt.waiting_for(), kkt.requirements[0].code.as_str()), (pb::WaitingFor::Device, "DEVICE_READY"));
        let posted =
            app.sandbox.entries().into_iter().filter(|e| e.facts.get("type").is_some_and(|t| t == "registration"));
        assert_eq!(posted.count(), 0);
        app.sandbox.patch_device("kkt-71", json!({"paper": true})).unwrap();
        shop.state(&id, pb::KktState::Registered).await;
        assert_once(&shop, 71);
    })
    .await;
}

#[tokio::test]
async fn a_code_that_is_still_being_given_back_is_tried_again() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        app.sandbox.add_fault("ofd.ReserveCode:refuse=CODE_USED,times=1").unwrap();
        let id = shop.quick_register(shop.order(80).await).await.id;
        shop.state(&id, pb::KktState::Registered).await;
        assert_once(&shop, 80);
    })
    .await;
}
