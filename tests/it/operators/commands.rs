//! Showing, explaining and mending registrations and clients.

use litebox_partner::pb::client as cl;
use litebox_partner::pb::kkt as pb;
use litebox_partner::values::{Inn, KktSerial, Rnm};
use serde_json::json;

use super::{Desk, on_both_desks};
use crate::kkt::shop::{COMPANY, ENTREPRENEUR, Shop, order, register, serial};
use crate::support::fresh_id;

/// A registration of register `n`, whose application cannot be filed.
async fn stopped_before_fns(desk: &Desk, shop: &Shop<'_>, n: u32) -> String {
    desk.does(&["gateway", "stop", "fns"]);
    let id = shop.quick_register(shop.order(n).await).await.id;
    shop.reach(&id, "it waits", |kkt| kkt.blocked.as_ref().is_some_and(|b| b.reason == "GATEWAY_STOPPED")).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_found_by_any_of_its_numbers_and_explained() {
    on_both_desks(async |desk| {
        let shop = Shop::open(&desk.app, COMPANY).await;
        let id = stopped_before_fns(desk, &shop, 1).await;
        let fn_serial = "9999078902000001";
        for number in [id.as_str(), &serial(1), "106100000001", fn_serial] {
            let shown = desk.tells(&["kkt", "show", number]);
            assert_eq!((&shown["id"], &shown["state"]), (&json!(id), &json!("SUBMITTING")), "{number}");
            assert_eq!(shown["holds"], json!(["activation code", "register", "fiscal drive"]));
            assert_eq!(shown["commands"][0]["standing"], "DONE");
            assert_eq!(shown["history"][0]["detail"], "ACCEPTED");
        }
        let people = desk.says(&["kkt", "show", &id]);
        assert!(people.contains("state: SUBMITTING") && !people.contains("Петрова"), "{people}");
        let explained = desk.says(&["kkt", "explain", fn_serial]);
        for words in ["SUBMITTING since", "GATEWAY_STOPPED", "Gateway fns is stopped", "kkt resolve", "by anna: T-1"] {
            assert!(explained.contains(words), "{words}: {explained}");
        }
        assert!(desk.declines(&["kkt", "show", "0000000000000000"]).contains("no registration has this"));
        let switches = desk.tells(&["gateway", "list"]);
        let fns = switches.as_array().unwrap().iter().find(|s| s["gateway"] == "fns").unwrap();
        assert_eq!((&fns["stopped"], &fns["reason"]), (&json!(true), &json!("T-1")));
        desk.does(&["gateway", "start", "fns"]);
        shop.state(&id, pb::KktState::Registered).await;
        assert!(desk.says(&["kkt", "explain", &id]).contains("nothing, it has ended"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_with_the_same_register_are_listed() {
    on_both_desks(async |desk| {
        let shop = Shop::open(&desk.app, COMPANY).await;
        desk.does(&["gateway", "stop", "fns"]);
        let device = shop.device(1).await;
        let mut ids = Vec::new();
        for n in [1, 2] {
            let call = order(&shop.client_id, &device, 1);
            let ofd = pb::Ofd { activation_code: format!("FD13MM70000{n}"), ..call.ofd.clone().unwrap() };
            let id = shop.quick_register(pb::QuickRegisterRequest { ofd: Some(ofd), ..call }).await.id;
            shop.reach(&id, "it waits", |kkt| kkt.state() == pb::KktState::Submitting).await;
            if n == 1 {
                let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: id.clone() };
                shop.kkts.clone().cancel(cancel).await.unwrap();
            }
            ids.push(id);
        }
        let listed = desk.says(&["kkt", "show", &serial(1)]);
        assert!(ids.iter().all(|id| listed.contains(id.as_str())) && listed.contains("CANCELLED"), "{listed}");
        let several = desk.declines(&["kkt", "explain", &serial(1)]);
        assert!(several.contains("give the id"), "{several}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_learned_outside_leads_to_the_card() {
    on_both_desks(async |desk| {
        let shop = Shop::open(&desk.app, COMPANY).await;
        let id = stopped_before_fns(desk, &shop, 1).await;
        let resolve = |outcome: &[&str]| desk.does(&[&["kkt", "resolve", id.as_str(), "--outcome"], outcome].concat());
        assert!(resolve(&["filed", "--application-id", "app-77"]).ends_with("AWAITING_RNM"));
        let serial = KktSerial::parse(&serial(1)).unwrap();
        let rnm = Rnm::compose(77, &Inn::parse(COMPANY).unwrap(), &serial).unwrap();
        let wrong = Rnm::compose(77, &Inn::parse(ENTREPRENEUR).unwrap(), &serial).unwrap();
        let wrong = ["kkt", "resolve", &id, "--outcome", "rnm", "--reason", "T-1", "--rnm", wrong.as_str()];
        assert!(desk.declines(&wrong).contains("check digits"));
        desk.does(&["gateway", "stop", "device"]);
        assert!(
            resolve(&["rnm", "--rnm", rnm.as_str(), "--assigned", "2026-11-23T10:12:00Z"]).ends_with("CONNECTING_OFD")
        );
        shop.state(&id, pb::KktState::Fiscalizing).await;
        let early = ["kkt", "resolve", &id, "--outcome", "card", "--number", "1", "--reason", "T-1"];
        assert!(desk.declines(&early).contains("not allowed in state FISCALIZING"));
        let burnt = ["burnt", "--fd", "1", "--local-time", "2026-11-23T13:12:00", "--fiscal-sign", "24109209"];
        assert!(resolve(&burnt).ends_with("REPORTING"));
        assert!(resolve(&["report-filed"]).ends_with("AWAITING_CARD"));
        assert!(resolve(&["card", "--number", "7701", "--issued", "2026-11-23T11:00:00Z"]).ends_with("REGISTERED"));
        let kkt = shop.get(&id).await;
        assert_eq!((kkt.rnm.as_str(), kkt.report.unwrap().fiscal_sign.as_str()), (rnm.as_str(), "0024109209"));
        assert_eq!(kkt.card.unwrap().number, "7701");
        let by_operator = kkt.history.iter().filter(|line| line.actor == "operator").count();
        assert_eq!((by_operator, desk.audited(&id).len()), (5, 5), "what was declined left no line");
        let retried = desk.declines(&["kkt", "retry", &id, "--reason", "T-1"]);
        assert!(retried.contains("has ended"), "{retried}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_clears_the_block_and_is_written_down() {
    on_both_desks(async |desk| {
        let shop = Shop::open(&desk.app, COMPANY).await;
        let id = stopped_before_fns(desk, &shop, 1).await;
        desk.does(&["kkt", "retry", &id]);
        let retried =
            |kkt: &pb::Kkt| kkt.history.iter().any(|line| line.detail == "RETRIED" && line.actor == "operator");
        let kkt = shop.reach(&id, "it was retried", retried).await;
        assert_eq!(kkt.state(), pb::KktState::Submitting);
        assert_eq!(desk.audited(&id), ["KKT_RETRIED"]);
        assert!(desk.declines(&["kkt", "release", &id, "--reason", "T-1"]).contains("has not ended"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_in_doubt_is_freed_only_by_somebody_who_has_seen_it() {
    on_both_desks(async |desk| {
        let shop = Shop::open(&desk.app, COMPANY).await;
        let folder = tempfile::tempdir().unwrap();
        let fleet = folder.path().join("fleet.csv");
        let line = format!("model,serial,fn,device_id,state\nАТОЛ 30Ф,{},9999078902000001,,\n", serial(1));
        std::fs::write(&fleet, line).unwrap();
        desk.does(&["fleet", "import", "Партнёр", fleet.to_str().unwrap()]);
        let hired = pb::RentalEquipment { model: "АТОЛ 30Ф".into(), months: 6 };
        let call = pb::QuickRegisterRequest {
            equipment: Some(pb::Equipment { kind: Some(pb::equipment::Kind::Rental(hired)) }),
            fiscalize_automatically: false,
            ..order(&shop.client_id, "", 1)
        };
        let id = shop.quick_register(call).await.id;
        shop.state(&id, pb::KktState::ReadyToFiscalize).await;
        let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: id.clone() };
        shop.kkts.clone().cancel(cancel).await.unwrap();
        assert_eq!(desk.tells(&["kkt", "show", &id])["holds"], json!(["fiscal drive"]));
        assert!(desk.says(&["fleet", "list"]).contains("OUT"));
        assert!(desk.says(&["kkt", "explain", &id]).contains("kkt release"));
        let unseen = desk.declines(&["kkt", "release", &id, "--reason", "T-1"]);
        assert!(unseen.contains("--drive-is-unburnt"), "{unseen}");
        let erase = ["client", "erase", &shop.client_id, "--removed", "--unasked", "--yes", "--reason", "T-1"];
        let doubted = desk.declines(&erase);
        assert!(doubted.contains("in doubt") && doubted.contains("kkt release"), "{doubted}");
        desk.does(&["kkt", "release", &id, "--drive-is-unburnt"]);
        assert_eq!(desk.tells(&["kkt", "show", &id])["holds"], json!([]));
        assert!(desk.says(&["fleet", "list"]).contains("FREE"), "the rental register can be hired out again");
        assert_eq!(desk.audited(&id), ["KKT_RELEASED"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_client_is_found_and_ended() {
    on_both_desks(async |desk| {
        desk.app.sandbox.add_fault("accounts.SetInitialPassword:drop=before_effect").unwrap();
        let call = register(COMPANY);
        desk.app.clients().register(call.clone()).await.unwrap_err();
        let clients = desk.tells(&["client", "list", "--state", "ACCOUNT_PENDING", "--inn", COMPANY]);
        let id = clients[0]["id"].as_str().unwrap().to_owned();
        let active = ["client", "resolve", &id, "--outcome", "active", "--reason", "T-1"];
        assert!(desk.declines(&active).contains("--account-id"));
        desk.does(&["client", "resolve", &id, "--outcome", "abandoned"]);
        let ended = desk.declines(&["client", "resolve", &id, "--outcome", "abandoned", "--reason", "T-1"]);
        assert!(ended.contains("not ACCOUNT_PENDING"), "{ended}");
        desk.app.sandbox.clear_faults();
        let again = desk.app.clients().register(call).await.unwrap().into_inner().client.unwrap();
        assert_eq!(again.state(), cl::ClientState::Active, "the tax number and the request id are free again");
        let lines = desk.says(&["audit", "list", "--since", "1h"]);
        assert_eq!(lines.matches("CLIENT_RESOLVED").count(), 1, "{lines}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_active_only_when_its_account_is_there() {
    on_both_desks(async |desk| {
        desk.app.sandbox.add_fault("accounts.EnsureAccount:drop=before_effect").unwrap();
        desk.app.clients().register(register(COMPANY)).await.unwrap_err();
        let id = desk.tells(&["client", "list"])[0]["id"].as_str().unwrap().to_owned();
        let resolve = ["client", "resolve", &id, "--outcome", "active", "--account-id", "acc-1", "--reason", "T-1"];
        assert!(desk.declines(&resolve).contains("no account there"));
        desk.says(&[&resolve[..], &["--unasked"]].concat());
        assert_eq!(desk.tells(&["client", "list", "--state", "ACTIVE"])[0]["id"], json!(id));
    })
    .await;
}
