//! Every refusal and every wait, at every step: who is waited for, and the way out of it to an end.

use futures::future::join_all;
use litebox_partner::clock::{Clock, from_ms};
use litebox_partner::pb::kkt as pb;
use pb::WaitingFor as Who;
use serde_json::{Value, json};
use time::UtcOffset;

use super::shop::{COMPANY, Shop, order, register};
use crate::support::app::{TestApp, on_both_apps};
use crate::support::fresh_id;

/// What is given to bring a registration into trouble.
#[derive(Debug, Clone, Copy)]
enum Given {
    /// An activation code that ends with these digits.
    Code(&'static str),
    /// A serial number that ends with these four digits.
    Serial(u32),
    /// A register with these magic words.
    Device(&'static str),
}

/// What gets it out.
#[derive(Debug, Clone)]
enum Way {
    /// Amend with a good code, to the card.
    OtherCode,
    /// Amend with the report as the device holds it, to the card.
    SameReport,
    /// Fiscalize with the printed values, to the card.
    ByHand,
    /// Cancel.
    Cancel,
    /// Somebody mends the register, and it goes on to the card.
    Mended(Value),
    /// FNS goes on, or the signer signs.
    AtFns(&'static str),
}

struct Case {
    given: Given,
    reason: &'static str,
    who: Who,
    way: Way,
}

const fn case(given: Given, reason: &'static str, who: Who, way: Way) -> Case {
    Case { given, reason, who, way }
}

fn of_the_operator() -> Vec<Case> {
    let reasons = [
        ("OFD_CODE_USED", Who::Partner, Way::OtherCode),
        ("OFD_CODE_EXPIRED", Who::Partner, Way::OtherCode),
        ("OFD_CODE_UNKNOWN", Who::Partner, Way::OtherCode),
        ("OFD_CODE_WITHOUT_MARKING", Who::Partner, Way::OtherCode),
        ("OFD_UNKNOWN", Who::Partner, Way::Cancel),
        ("OFD_NEEDS_SUPPORT", Who::Operator, Way::Cancel),
        ("OFD_NEEDS_SUPPORT", Who::Operator, Way::OtherCode),
        ("OFD_REFUSED", Who::Partner, Way::OtherCode),
    ];
    // On reservation, and on connection.
    let codes = ["000001", "000002", "000003", "000004", "000005", "000006", "000007", "000008"];
    let later = ["000011", "000012", "000013", "000014", "000015", "000016", "000017", "000018"];
    let at = |codes: [&'static str; 8]| {
        let with = |(code, (reason, who, way)): (&'static str, _)| case(Given::Code(code), reason, who, way);
        codes.into_iter().zip(reasons.clone()).map(with).collect::<Vec<_>>()
    };
    [at(codes), at(later)].into_iter().flatten().collect()
}

fn of_fns() -> Vec<Case> {
    vec![
        case(Given::Serial(9701), "SIGNATURE", Who::Signer, Way::AtFns("sign")),
        case(Given::Serial(9704), "SIGNATURE", Who::Signer, Way::AtFns("sign")),
        case(Given::Serial(9703), "RNM_DOES_NOT_FIT", Who::Operator, Way::Cancel),
        case(Given::Serial(9817), "FNS_REFUSED_REPORT", Who::Partner, Way::SameReport),
        case(Given::Serial(9917), "FNS_REFUSED_REPORT", Who::Partner, Way::SameReport),
        case(Given::Serial(9501), "FNS_REFUSED_REPORT", Who::Partner, Way::SameReport),
        case(Given::Serial(9613), "FNS_REFUSED_REPORT", Who::Partner, Way::SameReport),
        // No block: what is waited for is the usual course.
        case(Given::Serial(9700), "", Who::Fns, Way::AtFns("rnm")),
        case(Given::Serial(9702), "", Who::Fns, Way::AtFns("card")),
    ]
}

fn of_the_device() -> Vec<Case> {
    let ready = || Way::Mended(json!({"paper": true, "cover_open": false, "shift": "closed", "clock_offset_s": 0}));
    let phase = || Way::Mended(json!({"phase": "configured"}));
    vec![
        case(Given::Device("offline"), "DEVICE_OFFLINE", Who::Device, Way::Mended(json!({"online": true}))),
        case(Given::Device("no-paper"), "DEVICE_NO_PAPER", Who::Device, ready()),
        case(Given::Device("cover-open"), "DEVICE_COVER_OPEN", Who::Device, ready()),
        case(Given::Device("shift-open"), "DEVICE_SHIFT_OPEN", Who::Device, ready()),
        case(Given::Device("shift-expired"), "DEVICE_SHIFT_OPEN", Who::Device, ready()),
        case(Given::Device("clock-slow"), "DEVICE_CLOCK_WRONG", Who::Device, ready()),
        case(Given::Device("clock-fast"), "DEVICE_CLOCK_WRONG", Who::Device, ready()),
        case(Given::Device("fn-init"), "FN_WRONG_PHASE", Who::Device, phase()),
        case(Given::Device("fn-unknown"), "FN_WRONG_PHASE", Who::Device, phase()),
        case(Given::Device("fn-closed"), "FN_UNUSABLE", Who::Partner, Way::Cancel),
        case(Given::Device("fn-archive"), "FN_UNUSABLE", Who::Partner, Way::Cancel),
        case(Given::Device("fn-burnt"), "FN_BURNT_BY_OTHERS", Who::Partner, Way::Cancel),
        case(Given::Device("other-kkt"), "DEVICE_MISMATCH", Who::Partner, Way::Cancel),
        case(Given::Device("other-fn"), "DEVICE_MISMATCH", Who::Partner, Way::Cancel),
        case(Given::Device("burn-44.document-lost"), "REPORT_UNREADABLE", Who::Partner, Way::ByHand),
        case(Given::Device("once-241"), "DEVICE_OFFLINE", Who::Device, Way::Mended(json!({"unblock": true}))),
        case(Given::Device("burn-2"), "DEVICE_OFFLINE", Who::Device, Way::Mended(json!({"unblock": true}))),
        case(Given::Device("once-166"), "FN_NOT_ANSWERING", Who::Device, Way::Mended(json!({"unblock": true}))),
    ]
}

/// The driver's codes that no look at the device foretells: the drive is lost, or somebody must decide.
fn of_the_driver() -> Vec<Case> {
    let lost = ["refuse-85", "refuse-113", "refuse-118", "refuse-120", "refuse-121", "refuse-139", "refuse-224"];
    let decide = ["refuse-130", "refuse-133", "refuse-172", "refuse-225", "refuse-411"];
    let numbers = ["refuse-87", "refuse-88"];
    let of = |words: &[&'static str], reason, who| {
        words.iter().map(|word| case(Given::Device(word), reason, who, Way::Cancel)).collect::<Vec<_>>()
    };
    [
        of(&lost, "FN_UNUSABLE", Who::Partner),
        of(&decide, "DEVICE_REFUSED", Who::Operator),
        of(&numbers, "DEVICE_REFUSED_NUMBERS", Who::Operator),
        of(&["refuse-413"], "DEVICE_FFD_UNSUPPORTED", Who::Partner),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Orders the case as register number `n`; the id of the registration, and the name of its device.
async fn begin(shop: &Shop<'_>, case: &Case, n: u32) -> (String, String) {
    let n = if let Given::Serial(serial) = case.given { serial } else { n };
    let device = match case.given {
        Given::Device(words) => format!("kkt-{n}.{words}"),
        _ => format!("kkt-{n}"),
    };
    let mut order = order(&shop.client_id, &shop.device_named(&device).await, n);
    if let Given::Code(digits) = case.given {
        order.ofd.as_mut().unwrap().activation_code = format!("FD13MM{n}{digits}");
    }
    (shop.quick_register(order).await.id, device)
}

async fn leave(shop: &Shop<'_>, case: &Case, kkt: &pb::Kkt, device: &str) {
    let (mut kkts, request_id, kkt_id) = (shop.kkts.clone(), fresh_id(), kkt.id.clone());
    match &case.way {
        Way::OtherCode => {
            let code = format!("FD13MM{}", &kkt.equipment.as_ref().unwrap().serial[5..]);
            let change = Some(pb::amend_request::Change::ActivationCode(code));
            kkts.amend(pb::AmendRequest { request_id, kkt_id, change }).await.unwrap();
        }
        Way::SameReport => {
            let change = Some(pb::amend_request::Change::Report(read_off(kkt.report.as_ref().unwrap())));
            kkts.amend(pb::AmendRequest { request_id, kkt_id, change }).await.unwrap();
        }
        Way::ByHand => {
            let how = Some(pb::fiscalize_request::How::Manual(printed(kkt)));
            kkts.fiscalize(pb::FiscalizeRequest { request_id, kkt_id, how }).await.unwrap();
        }
        Way::Cancel => drop(kkts.cancel(pb::CancelRequest { request_id, kkt_id }).await.unwrap()),
        Way::Mended(patch) => drop(shop.app.sandbox.patch_device(device, patch.clone()).unwrap()),
        Way::AtFns(what) => at_fns(shop.app, kkt, what).await,
    }
}

fn read_off(report: &pb::Report) -> pb::ManualReport {
    let report = report.clone();
    pb::ManualReport {
        fn_serial: report.fn_serial,
        rnm: report.rnm,
        fd_number: report.fd_number,
        local_time: report.local_time,
        fiscal_sign: report.fiscal_sign,
    }
}

fn printed(kkt: &pb::Kkt) -> pb::ManualReport {
    let moscow = from_ms(Clock::system().now_ms()).to_offset(UtcOffset::from_hms(3, 0, 0).unwrap());
    pb::ManualReport {
        fn_serial: kkt.equipment.as_ref().unwrap().fn_serial.clone(),
        rnm: kkt.rnm.clone(),
        fd_number: 1,
        local_time: format!("{}T{:02}:{:02}", moscow.date(), moscow.hour(), moscow.minute()),
        fiscal_sign: "24109209".into(),
    }
}

/// Moves the application at FNS by the sandbox's control interface.
async fn at_fns(app: &TestApp, kkt: &pb::Kkt, what: &str) {
    let (http, base) = (reqwest::Client::new(), app.sandbox.http_url());
    let serial = &kkt.equipment.as_ref().unwrap().serial;
    let all: Value = http.get(format!("{base}/sandbox/applications")).send().await.unwrap().json().await.unwrap();
    let mine =
        all["applications"].as_array().unwrap().iter().find(|one| one.to_string().contains(serial.as_str())).unwrap();
    let id = mine["application_id"].as_str().unwrap();
    let moved = http.patch(format!("{base}/sandbox/applications/{id}")).json(&json!(what)).send().await.unwrap();
    assert!(moved.status().is_success(), "{what}: {}", moved.status());
}

async fn there_and_out(shop: &Shop<'_>, case: &Case, n: u32) {
    let (id, device) = begin(shop, case, n).await;
    let what = format!("{:?} waits for {:?}: {}", case.given, case.who, case.reason);
    let waits = |kkt: &pb::Kkt| {
        let reason = kkt.blocked.as_ref().map_or("", |block| block.reason.as_str());
        // Before its card a registration waits for FNS once already, for the number.
        let late = !matches!(case.given, Given::Serial(9702)) || kkt.state() == pb::KktState::AwaitingCard;
        reason == case.reason && kkt.waiting_for() == case.who && late
    };
    let kkt = shop.reach(&id, &what, waits).await;
    assert!(!kkt.status_text.is_empty());
    leave(shop, case, &kkt, &device).await;
    let end = if matches!(case.way, Way::Cancel) { pb::KktState::Cancelled } else { pb::KktState::Registered };
    // A signature may be asked for once more, for the report.
    let done = |kkt: &pb::Kkt| kkt.state() == end;
    if matches!(case.given, Given::Serial(9704)) {
        let again = |kkt: &pb::Kkt| kkt.state() == pb::KktState::AwaitingCard && waits(kkt) || done(kkt);
        let kkt = shop.reach(&id, "the second signature", again).await;
        if !done(&kkt) {
            at_fns(shop.app, &kkt, "sign").await;
        }
    }
    shop.reach(&id, &format!("{what}, and out by {:?}", case.way), done).await;
}

async fn all_out(cases: impl Fn() -> Vec<Case>, first: u32) {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let cases = cases();
        join_all(cases.iter().zip(first..).map(|(case, n)| there_and_out(&shop, case, n))).await;
    })
    .await;
}

#[tokio::test]
async fn whatever_the_operator_refuses_has_a_way_out() {
    all_out(of_the_operator, 100).await;
}

#[tokio::test]
async fn whatever_fns_waits_for_or_refuses_has_a_way_out() {
    all_out(of_fns, 200).await;
}

#[tokio::test]
async fn whatever_the_device_lacks_has_a_way_out() {
    all_out(of_the_device, 300).await;
}

#[tokio::test]
async fn whatever_the_driver_answers_has_a_way_out() {
    all_out(of_the_driver, 400).await;
}

/// What is mended at the device by itself: the code comes once.
#[tokio::test]
async fn codes_that_come_once_only_delay_the_burn() {
    let words = ["44", "45", "68", "82", "83", "95", "122", "141", "173", "189", "410"];
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let one = async |code: &'static str, n: u32| {
            let words: &'static str = Box::leak(format!("once-{code}").into_boxed_str());
            let case = case(Given::Device(words), "", Who::Device, Way::Cancel);
            let (id, _) = begin(&shop, &case, n).await;
            let kkt = shop.state(&id, pb::KktState::Registered).await;
            assert!(kkt.history.iter().any(|line| line.detail.starts_with("DEVICE_")), "{code} was met");
        };
        join_all(words.iter().zip(500..).map(|(code, n)| one(code, n))).await;
    })
    .await;
}

#[tokio::test]
async fn an_application_that_fns_refuses_ends_with_advice_whatever_the_reason() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        // 05 to 16 are the reasons about the application; at once (98), and after review (99).
        let all = (5..=16).flat_map(|reason| [9800 + reason, 9900 + reason]);
        let one = async |n: u32| {
            let id = shop.quick_register(shop.order(n).await).await.id;
            let kkt = shop.state(&id, pb::KktState::Rejected).await;
            let rejection = kkt.rejection.unwrap();
            assert!(!rejection.advice.is_empty() && rejection.reason != "OTHER", "{n}: {rejection:?}");
            assert!(kkt.next_actions.iter().any(|a| a.action() == pb::KktAction::RegisterAgain && a.available));
        };
        join_all(all.map(one)).await;
    })
    .await;
}

/// In business when it was ordered, liquidated when it was to be burnt.
#[tokio::test]
async fn a_taxpayer_that_is_gone_before_the_burn_is_not_burnt() {
    on_both_apps(async |app| {
        let request = register("7799000100");
        let client = app.clients().register(request).await.unwrap().into_inner().client.unwrap();
        let shop = Shop { app, client_id: client.id, kkts: app.kkts() };
        let id = shop.quick_register(shop.order(600).await).await.id;
        let refused = |kkt: &pb::Kkt| kkt.blocked.as_ref().is_some_and(|b| b.reason == "PREFLIGHT_FAILED");
        let kkt = shop.reach(&id, "PREFLIGHT_FAILED", refused).await;
        assert_eq!((kkt.state(), kkt.waiting_for()), (pb::KktState::Fiscalizing, Who::Partner));
        assert!(kkt.status_text.contains("действ"), "{}", kkt.status_text);
        let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: id };
        let kkt = shop.kkts.clone().cancel(cancel).await.unwrap().into_inner().kkt.unwrap();
        assert_eq!(kkt.state(), pb::KktState::Cancelled);
        let burnt = app.sandbox.entries().iter().filter(|e| e.operation == "device.registration").count();
        assert_eq!(burnt, 0);
    })
    .await;
}
