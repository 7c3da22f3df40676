//! Amend, and reports made by hand.

use litebox_partner::clock::{Clock, from_ms};
use litebox_partner::pb::kkt as pb;
use litebox_partner::sandbox::ledger::Kind;
use litebox_partner::storage::entity::kkt;
use pb::amend_request::Change;
use sea_orm::EntityTrait;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::shop::{COMPANY, Shop};
use crate::support::app::{TestApp, on_both_apps, until};
use crate::support::fresh_id;

fn amend_call(kkt_id: &str, change: Change) -> pb::AmendRequest {
    pb::AmendRequest { request_id: fresh_id(), kkt_id: kkt_id.into(), change: Some(change) }
}

async fn amend(shop: &Shop<'_>, id: &str, change: Change) -> Result<pb::Kkt, Status> {
    let answer = shop.kkts.clone().amend(amend_call(id, change)).await?;
    Ok(answer.into_inner().kkt.unwrap())
}

async fn fiscalize(shop: &Shop<'_>, id: &str, how: pb::fiscalize_request::How) -> Result<pb::Kkt, Status> {
    let request = pb::FiscalizeRequest { request_id: fresh_id(), kkt_id: id.into(), how: Some(how) };
    Ok(shop.kkts.clone().fiscalize(request).await?.into_inner().kkt.unwrap())
}

fn manual(report: pb::ManualReport) -> pb::fiscalize_request::How {
    pb::fiscalize_request::How::Manual(report)
}

const AUTOMATIC: pb::fiscalize_request::How = pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {});

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn violations(status: &Status) -> Vec<(String, String)> {
    let failure = status.get_details_precondition_failure();
    failure.into_iter().flat_map(|f| f.violations).map(|v| (v.r#type, v.subject)).collect()
}

fn blocked(kkt: &pb::Kkt, reason: &str) -> bool {
    kkt.blocked.as_ref().is_some_and(|block| block.reason == reason)
}

/// Now in Moscow, as a report prints it.
fn now() -> String {
    let now = from_ms(Clock::system().now_ms()).to_offset(time::UtcOffset::from_hms(3, 0, 0).unwrap());
    let (date, time) = (now.date(), now.time());
    format!("{date}T{:02}:{:02}", time.hour(), time.minute())
}

/// What a person reads off the paper of a registration.
fn printed(kkt: &pb::Kkt) -> pb::ManualReport {
    pb::ManualReport {
        fn_serial: kkt.equipment.as_ref().unwrap().fn_serial.clone(),
        rnm: kkt.rnm.clone(),
        fd_number: 1,
        local_time: now(),
        fiscal_sign: "24109209".into(),
    }
}

fn sale(order: &mut pb::QuickRegisterRequest) -> &mut pb::SaleEquipment {
    match &mut order.equipment {
        Some(pb::Equipment { kind: Some(pb::equipment::Kind::Sale(sale)) }) => sale,
        _ => panic!("a sale"),
    }
}

#[tokio::test]
async fn another_code_goes_on_from_where_the_first_one_was_refused() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        // Refused on reservation, and on connection.
        for (n, code) in [(1, "FD13MM000002"), (2, "FD13MM000012")] {
            let mut order = shop.order(n).await;
            order.ofd.as_mut().unwrap().activation_code = code.into();
            let id = shop.quick_register(order).await.id;
            let kkt = shop.reach(&id, "OFD_CODE_EXPIRED", |kkt| blocked(kkt, "OFD_CODE_EXPIRED")).await;
            assert_eq!(kkt.waiting_for(), pb::WaitingFor::Partner);
            assert_eq!(kkt.requirements[0].subject, "activation_code");
            assert!(kkt.next_actions.iter().any(|a| a.action() == pb::KktAction::Amend && a.available));
            let call = amend_call(&id, Change::ActivationCode(format!("FD13MM80000{n}")));
            for _ in 0..2 {
                shop.kkts.clone().amend(call.clone()).await.unwrap();
            }
            let other = pb::AmendRequest { change: Some(Change::ActivationCode("FD13MM899999".into())), ..call };
            assert_eq!(reason(&shop.kkts.clone().amend(other).await.unwrap_err()), "IDEMPOTENCY_KEY_REUSED");
            let kkt = shop.state(&id, pb::KktState::Registered).await;
            assert_eq!(kkt.history.iter().filter(|line| line.detail == "CODE_AMENDED").count(), 1);
            for (operation, count) in shop.effects(&super::shop::serial(n)) {
                let reserved = operation == "ofd.ReserveCode";
                assert_eq!(count, if reserved { n as usize } else { 1 }, "{operation}");
            }
        }
        // The code that was refused on connection had been held, and was given back.
        let released = app.sandbox.entries().iter().filter(|e| e.is(Kind::Command, "ofd.ReleaseCode")).count();
        assert_eq!(released, 1);
    })
    .await;
}

#[tokio::test]
async fn the_right_device_is_named_and_the_burn_goes_on() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let mut order = shop.order(3).await;
        let right = sale(&mut order).device_id.clone();
        sale(&mut order).device_id = shop.device(4).await;
        let id = shop.quick_register(order).await.id;
        let kkt = shop.reach(&id, "DEVICE_MISMATCH", |kkt| blocked(kkt, "DEVICE_MISMATCH")).await;
        assert_eq!(kkt.requirements[0].code, "RIGHT_DEVICE");
        let refused = amend(&shop, &id, Change::DeviceId(fresh_id())).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "a device that nobody has, or a stranger");
        let kkt = amend(&shop, &id, Change::DeviceId(right.clone())).await.unwrap();
        assert_eq!(kkt.equipment.unwrap().device_id, right);
        shop.state(&id, pb::KktState::Registered).await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_amended_says_so() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let modes = pb::Modes { autonomous: true, ..Default::default() };
        let order = pb::QuickRegisterRequest { ofd: None, modes: Some(modes), ..shop.order(5).await };
        let id = shop.quick_register(order).await.id;
        let kkt = shop.state(&id, pb::KktState::Registered).await;
        let code = Change::ActivationCode("FD13MM800005".into());
        let refused = amend(&shop, &id, code).await.unwrap_err();
        assert_eq!(violations(&refused), [("OFD_IN_AUTONOMOUS_MODE".into(), "activation_code".into())]);
        for change in [Change::DeviceId(shop.device(6).await), Change::Report(printed(&kkt))] {
            let refused = amend(&shop, &id, change).await.unwrap_err();
            assert_eq!(reason(&refused), "WRONG_KKT_STATE");
        }
        let nothing = pb::AmendRequest { request_id: fresh_id(), kkt_id: id, change: None };
        assert_eq!(reason(&shop.kkts.clone().amend(nothing).await.unwrap_err()), "VALIDATION_FAILED");
    })
    .await;
}

#[tokio::test]
async fn a_report_that_fns_refuses_is_corrected() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        // Registers 9817 and 9917: the first report is refused at once, and after review.
        for n in [9817, 9917] {
            let id = shop.quick_register(shop.order(n).await).await.id;
            let refused = |kkt: &pb::Kkt| blocked(kkt, "FNS_REFUSED_REPORT");
            let kkt = shop.reach(&id, "FNS_REFUSED_REPORT", refused).await;
            assert_eq!(kkt.requirements[0].code, "CORRECTED_REPORT");
            let made = kkt.report.clone().unwrap();
            let right = pb::ManualReport {
                fn_serial: made.fn_serial,
                rnm: made.rnm,
                fd_number: made.fd_number,
                local_time: made.local_time,
                fiscal_sign: made.fiscal_sign,
            };
            let wrong = pb::ManualReport { fd_number: 2, fiscal_sign: "1".into(), ..right.clone() };
            let told = amend(&shop, &id, Change::Report(wrong)).await.unwrap_err();
            let differs = |field: &str| ("REPORT_DIFFERS_FROM_DEVICE".to_owned(), field.to_owned());
            assert_eq!(violations(&told), [differs("fd_number"), differs("fiscal_sign")]);
            amend(&shop, &id, Change::Report(right)).await.unwrap();
            let kkt = shop.state(&id, pb::KktState::Registered).await;
            assert_eq!(kkt.report.unwrap().source(), pb::ReportSource::Manual);
        }
    })
    .await;
}

#[tokio::test]
async fn a_cash_register_that_cannot_be_driven_is_fiscalized_by_hand() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let mut order = shop.order(7).await;
        order.fiscalize_automatically = false;
        *sale(&mut order) = pb::SaleEquipment {
            model: "ПТК «MSPOS-K»".into(),
            serial: "199036000007".into(),
            fn_serial: "9999078902700007".into(),
            device_id: String::new(),
        };
        let warnings = ["MODEL_UNKNOWN", "SERIAL_PATTERN", "FFD_OF_MODEL"].map(str::to_owned);
        order.acknowledged_warnings.extend(warnings);
        let id = shop.quick_register(order).await.id;
        let kkt = shop.state(&id, pb::KktState::ReadyToFiscalize).await;
        assert_eq!(reason(&fiscalize(&shop, &id, AUTOMATIC).await.unwrap_err()), "AUTOMATIC_UNSUPPORTED");
        let wrong = pb::ManualReport {
            fn_serial: "9999078902700008".into(),
            rnm: "0000000001055823".into(),
            local_time: "2031-01-01T00:00".into(),
            ..printed(&kkt)
        };
        let refused = fiscalize(&shop, &id, manual(wrong)).await.unwrap_err();
        let told = |code: &str, field: &str| (code.to_owned(), field.to_owned());
        assert_eq!(
            violations(&refused),
            [
                told("REPORT_FN_DIFFERS", "fn_serial"),
                told("REPORT_RNM_DIFFERS", "rnm"),
                told("REPORT_TIME_IMPOSSIBLE", "local_time"),
            ]
        );
        fiscalize(&shop, &id, manual(printed(&kkt))).await.unwrap();
        let kkt = shop.state(&id, pb::KktState::Registered).await;
        let report = kkt.report.unwrap();
        assert_eq!((report.source(), report.fiscal_sign.as_str()), (pb::ReportSource::Manual, "0024109209"));
    })
    .await;
}

/// Whether nobody is at work on the registration.
async fn at_rest(app: &TestApp, id: &str) -> bool {
    let row = kkt::Entity::find_by_id(id.parse::<uuid::Uuid>().unwrap()).one(app.db().direct()).await.unwrap();
    row.unwrap().lease_until_ms == 0
}

/// After the deadline the device is asked nothing more: that must not look as if it had not answered.
#[tokio::test]
async fn a_deadline_that_passes_is_not_taken_for_the_silence_of_a_device() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let order = pb::QuickRegisterRequest { fiscalize_automatically: false, ..shop.order(9).await };
        let id = shop.quick_register(order).await.id;
        let kkt = shop.state(&id, pb::KktState::ReadyToFiscalize).await;
        let how = Some(manual(printed(&kkt)));
        let call = pb::FiscalizeRequest { request_id: fresh_id(), kkt_id: id.clone(), how };
        app.sandbox.add_fault("device.post:hold,times=1").unwrap();
        let mut hasty = tonic::Request::new(call.clone());
        hasty.set_timeout(std::time::Duration::from_millis(700));
        shop.kkts.clone().fiscalize(hasty).await.unwrap_err();
        until("the hub holds the question", async || app.sandbox.holds().len() == 1).await;
        app.sandbox.release_holds();
        app.sandbox.clear_faults();
        until("the call has ended behind its deadline", async || at_rest(app, &id).await).await;
        let refused = shop.kkts.clone().fiscalize(call).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::FailedPrecondition, "nothing was burnt: {refused:?}");
        shop.state(&id, pb::KktState::ReadyToFiscalize).await;
    })
    .await;
}

#[tokio::test]
async fn a_report_that_the_device_does_not_have_is_not_taken() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let order = pb::QuickRegisterRequest { fiscalize_automatically: false, ..shop.order(8).await };
        let id = shop.quick_register(order).await.id;
        let kkt = shop.state(&id, pb::KktState::ReadyToFiscalize).await;
        let refused = fiscalize(&shop, &id, manual(printed(&kkt))).await.unwrap_err();
        assert_eq!(violations(&refused), [("REPORT_NOT_IN_DEVICE".into(), "fn_serial".into())]);
        // A device that does not answer contradicts nobody.
        app.sandbox.patch_device("kkt-8", json!({"online": false})).unwrap();
        fiscalize(&shop, &id, manual(printed(&kkt))).await.unwrap();
        shop.state(&id, pb::KktState::Registered).await;
    })
    .await;
}

/// The worker has posted the burn and looks again in a minute; a person types the report meanwhile.
#[tokio::test]
async fn a_report_typed_while_the_device_made_it_is_compared_with_it() {
    for backend in crate::support::database::backends() {
        let app = TestApp::start_with(backend, |config| config.worker.task_poll_ms = 60_000).await;
        let shop = Shop::open(&app, COMPANY).await;
        let id = shop.quick_register(shop.order(9).await).await.id;
        let made = |e: &litebox_partner::sandbox::ledger::Entry| e.is(Kind::Effect, "device.registration");
        app.sandbox.wait_until(|all| all.iter().any(made)).await;
        let kkt = shop.state(&id, pb::KktState::Fiscalizing).await;
        let refused = again_on_conflict(&shop, &id, &printed(&kkt)).await.unwrap_err();
        assert!(violations(&refused).contains(&("REPORT_DIFFERS_FROM_DEVICE".into(), "fiscal_sign".into())));
        assert_eq!(shop.get(&id).await.state(), pb::KktState::Fiscalizing);
        // The values of the paper, as the sandbox's ledger has them.
        let sign = app.sandbox.device("kkt-9").unwrap().registration.unwrap().params["fiscalDocumentSign"].clone();
        let right = pb::ManualReport { fiscal_sign: sign.as_str().unwrap().into(), ..printed(&kkt) };
        again_on_conflict(&shop, &id, &right).await.unwrap();
        let kkt = shop.state(&id, pb::KktState::Registered).await;
        assert_eq!(kkt.report.unwrap().source(), pb::ReportSource::Manual);
        assert_eq!(app.sandbox.entries().iter().filter(|e| made(e)).count(), 1);
    }
}

/// The hub may not yet have put the result down when the drive is burnt.
async fn again_on_conflict(shop: &Shop<'_>, id: &str, report: &pb::ManualReport) -> Result<pb::Kkt, Status> {
    match fiscalize(shop, id, manual(report.clone())).await {
        Err(status) if reason(&status) == "CONFLICT" => fiscalize(shop, id, manual(report.clone())).await,
        other => other,
    }
}

#[tokio::test]
async fn a_task_that_somebody_took_out_of_the_queue_is_asked_for_again() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        app.sandbox.add_fault("device.registration:error=503,times=1").unwrap();
        let id = shop.quick_register(shop.order(10).await).await.id;
        let withdrawn = |kkt: &pb::Kkt| blocked(kkt, "DEVICE_TASK_WITHDRAWN");
        let kkt = shop.reach(&id, "DEVICE_TASK_WITHDRAWN", withdrawn).await;
        assert_eq!(kkt.waiting_for(), pb::WaitingFor::Partner);
        assert!(kkt.next_actions.iter().any(|a| a.action() == pb::KktAction::Fiscalize && a.available));
        fiscalize(&shop, &id, AUTOMATIC).await.unwrap();
        shop.state(&id, pb::KktState::Registered).await;
        assert_eq!(shop.effects(&super::shop::serial(10)).iter().map(|(_, n)| n).sum::<usize>(), 5);
    })
    .await;
}
