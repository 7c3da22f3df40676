mod inspection;
mod voiding;

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::*;
use crate::gateways::device::{FnPhase, Shift, VoidedTask};
use crate::gateways::tests::{Asked, Fake, Reply, breaks, http, nobody, reply, silent};
use crate::gateways::transcript::{self, Direction};

const EFFECT: &str = "6f0c7c1e-0b6a-8c0e-9a53-3f0a8f1f2a11";

fn effect() -> EffectId {
    EffectId::parse(EFFECT).unwrap()
}

fn at(hub: &str) -> DeviceAddress {
    DeviceAddress { hub: hub.to_owned(), device: "касса 1".to_owned() }
}

fn device(world: World) -> AtolDevice {
    let config = AtolConfig {
        timeout_ms: 300,
        inquiry_timeout_ms: 400,
        poll_interval_ms: 10,
        user: "litebox".to_owned(),
        password: SecretString::from("secret"),
        ..AtolConfig::default()
    };
    AtolDevice::new(&config, world, Ids::counted(1)).unwrap()
}

fn ready(result: Value) -> Value {
    json!({"status": "ready", "error": {"code": 0, "description": "Ошибок нет"}, "result": result})
}

fn failed(status: &str, code: u32) -> Value {
    json!({"status": status, "error": {"code": code, "description": "Нет бумаги"}, "result": null})
}

fn report(at: &str) -> Value {
    json!({"fiscalParams": {
        "fiscalDocumentDateTime": at, "fiscalDocumentNumber": 1, "fiscalDocumentSign": "0024109209",
        "fnNumber": "9999078900000961", "registrationNumber": "0149060006035849    ", "shiftNumber": 0
    }, "warnings": {"notPrinted": false}})
}

fn told(kind: &str) -> Value {
    match kind {
        "getDeviceInfo" => json!({"deviceInfo": {"serial": "00106100000651", "modelName": "АТОЛ 30Ф", "model": 57}}),
        "getDeviceStatus" => {
            json!({"deviceStatus": {"currentDateTime": "2026-11-23T13:12:00+03:00", "shift": "closed"}})
        }
        "getShiftStatus" => json!({"shiftStatus": {"state": "closed", "number": 0}}),
        "getFnInfo" => json!({"fnInfo": {"serial": "9999078900000961", "livePhase": "configured", "warnings": {}}}),
        "getFnStatus" => json!({"fnStatus": {"fiscalDocumentNumber": 0, "fiscalReceiptNumber": 0}}),
        "getRegistrationInfo" => json!({
            "organization": {"vatin": "504404744207  ", "name": "ИП"},
            "device": {"registrationNumber": "0149060006035849    "}, "ofd": {}
        }),
        _ => json!({
            "fiscalDocumentNumber": 1, "fiscalDocumentSign": "24109209", "fiscalDocumentDateTime": "2026-11-23T13:12:00+03:00",
            "registrationNumber": "0149060006035849", "vatin": "504404744207", "fnNumber": "9999078900000961"
        }),
    }
}

/// A hub that answers a question on the second look, each task as `answer` says.
async fn asked_hub(answer: impl Fn(&str) -> Value + Send + Sync + 'static) -> Fake {
    let (looks, kinds) = (AtomicUsize::new(0), std::sync::Mutex::new(Vec::<String>::new()));
    http(move |asked: &Asked| {
        if asked.method == "POST" {
            let tasks = asked.body["request"].as_array().unwrap();
            *kinds.lock().unwrap() = tasks.iter().map(|t| t["type"].as_str().unwrap().to_owned()).collect();
            return reply(201, json!({"number": 1, "uuid": asked.body["uuid"], "isBlocked": false}));
        }
        let first = looks.fetch_add(1, Ordering::SeqCst) == 0;
        let wait = |kind: &String| if first { json!({"status": "wait"}) } else { answer(kind) };
        reply(200, json!({"results": kinds.lock().unwrap().iter().map(wait).collect::<Vec<_>>()}))
    })
    .await
}

async fn inspect_with(kind: &'static str, other: Value) -> Result<Inspection, Inquiry> {
    let hub = asked_hub(move |asked| if asked == kind { other.clone() } else { ready(told(asked)) }).await;
    device(World::Test).inspect(&at(&hub.url)).await
}

async fn result(answer: Reply) -> Result<TaskResult, Setback> {
    let hub = http(move |_| answer.clone()).await;
    device(World::Test).result(&at(&hub.url), effect()).await
}

async fn result_of(task: Value) -> Result<TaskResult, Setback> {
    result(reply(200, json!({"results": [task]}))).await
}

/// Posts to a hub that answers looks and the post as told; looks begin with the one before the post.
async fn post(looks: Vec<Reply>, posted: Reply) -> (Posted, Fake) {
    let turn = AtomicUsize::new(0);
    let hub = http(move |asked| match asked.method.as_str() {
        "GET" => looks[turn.fetch_add(1, Ordering::SeqCst).min(looks.len() - 1)].clone(),
        _ => posted.clone(),
    })
    .await;
    let outcome = device(World::Test).post(&at(&hub.url), effect(), &json!({"type": "registration"})).await;
    (outcome, hub)
}

fn unknown_id() -> Reply {
    reply(404, json!({"error": {"code": 500, "description": "нет такого задания"}}))
}

#[tokio::test]
async fn an_absent_hub_is_a_setback() {
    for (hub, kind) in [
        (nobody().await, SetbackKind::Unreachable),
        (silent().await, SetbackKind::TimedOut),
        (breaks().await, SetbackKind::Failed),
        ("nonsense".to_owned(), SetbackKind::Denied),
        (http(|_| reply(401, "")).await.url, SetbackKind::Denied),
        (http(|_| reply(500, "")).await.url, SetbackKind::Failed),
        (http(|_| reply(201, "").live()).await.url, SetbackKind::WrongWorld),
    ] {
        let error = device(World::Test).inspect(&at(&hub)).await.unwrap_err();
        assert!(matches!(&error, Inquiry::Hub(s) if s.kind == kind), "{kind}: {error:?}");
    }
}

#[tokio::test]
async fn a_burnt_drive_tells_what_it_holds() {
    let hub = asked_hub(|kind| ready(told(kind))).await;
    let held = device(World::Test).registration(&at(&hub.url)).await.unwrap();
    assert_eq!((held.rnm.as_str(), held.inn.as_str()), ("0149060006035849", "504404744207"));
    assert_eq!(held.fn_serial.as_str(), "9999078900000961");
    let report = held.report.unwrap();
    assert_eq!((report.fd_number, report.fiscal_sign.as_str()), (1, "0024109209"));
    assert_eq!(report.local_time, "2026-11-23T13:12:00");
}

#[tokio::test]
async fn a_document_that_the_drive_does_not_give_is_left_out() {
    for other in [failed("error", 133), ready(json!({"document": "другая форма"}))] {
        let hub = asked_hub(move |kind| if kind == "getFnDocument" { other.clone() } else { ready(told(kind)) }).await;
        assert_eq!(device(World::Test).registration(&at(&hub.url)).await.unwrap().report, None);
    }
}

#[tokio::test]
async fn an_unburnt_drive_holds_no_registration() {
    let hub = asked_hub(|kind| match kind {
        "getRegistrationInfo" => failed("error", 89),
        _ => failed("interrupted", 502),
    })
    .await;
    let error = device(World::Test).registration(&at(&hub.url)).await.unwrap_err();
    assert!(matches!(error, Inquiry::Driver(DriverError { code: 89, .. })));
}

#[tokio::test]
async fn a_task_is_queued_under_the_effect_id() {
    let (outcome, hub) = post(vec![unknown_id()], reply(201, "{}")).await;
    assert_eq!(outcome, Posted::Queued);
    let asked = hub.asked();
    assert_eq!(asked[0].path, format!("/api/v2/requests/{EFFECT}"));
    assert_eq!(asked[1].body, json!({"uuid": EFFECT, "request": [{"type": "registration"}]}));
}

#[tokio::test]
async fn a_task_that_is_there_is_not_posted_again() {
    let (outcome, hub) = post(vec![reply(200, json!({"results": [{"status": "wait"}]}))], reply(201, "{}")).await;
    assert_eq!((outcome, hub.asked().len()), (Posted::AlreadyThere, 1));
}

#[tokio::test]
async fn a_conflict_is_looked_into() {
    let there = reply(200, json!({"results": [{"status": "wait"}]}));
    let conflict = reply(409, "{}");
    assert_eq!(post(vec![unknown_id(), there], conflict.clone()).await.0, Posted::AlreadyThere);
    assert_eq!(post(vec![unknown_id()], conflict.clone()).await.0, Posted::NotConnected);
    let outcome = post(vec![unknown_id(), reply(500, "")], conflict).await.0;
    assert!(matches!(outcome, Posted::Unknown(s) if s.kind == SetbackKind::Failed));
}

#[tokio::test]
async fn what_a_post_may_have_done_is_told_apart() {
    let posted = async |answer| post(vec![unknown_id()], answer).await.0;
    let malformed = reply(400, json!({"error": {"code": 400, "description": "кто-то по имени Иванов"}}));
    assert_eq!(posted(malformed).await, Posted::Malformed("the hub's code 400".into()));
    assert!(matches!(posted(reply(401, "")).await, Posted::NotNow(s) if s.kind == SetbackKind::Denied));
    assert!(matches!(posted(reply(429, "")).await, Posted::NotNow(s) if s.kind == SetbackKind::Overloaded));
    assert!(matches!(posted(reply(500, "")).await, Posted::Unknown(s) if s.kind == SetbackKind::Failed));
    assert!(matches!(posted(reply(200, "")).await, Posted::Unknown(s) if s.kind == SetbackKind::Garbled));
    assert!(matches!(posted(reply(201, "").live()).await, Posted::Unknown(s) if s.kind == SetbackKind::WrongWorld));
}

#[tokio::test]
async fn nothing_is_posted_to_a_hub_that_does_not_answer_or_belongs_to_the_other_world() {
    for (hub, kind) in [
        (nobody().await, SetbackKind::Unreachable),
        (silent().await, SetbackKind::TimedOut),
        (breaks().await, SetbackKind::Failed),
        ("nonsense".to_owned(), SetbackKind::Denied),
    ] {
        let outcome = device(World::Test).post(&at(&hub), effect(), &json!({})).await;
        assert!(matches!(&outcome, Posted::NotNow(s) if s.kind == kind), "{kind}: {outcome:?}");
    }
    let hub = http(|_| unknown_id()).await;
    let outcome = device(World::Live).post(&at(&hub.url), effect(), &json!({})).await;
    assert!(matches!(outcome, Posted::NotNow(s) if s.kind == SetbackKind::WrongWorld));
    assert_eq!(hub.asked().len(), 1);
}

#[tokio::test]
async fn a_reply_lost_after_the_post_is_unknown() {
    let outcome = post(vec![unknown_id()], reply(201, "{}").late()).await.0;
    assert!(matches!(outcome, Posted::Unknown(s) if s.kind == SetbackKind::TimedOut));
}

#[tokio::test]
async fn every_status_of_a_task_has_its_meaning() {
    let error = |code| DriverError { code, text: "Нет бумаги".into() };
    assert_eq!(result_of(json!({"status": "wait"})).await, Ok(TaskResult::Pending));
    assert_eq!(result_of(json!({"status": "inProgress", "error": null})).await, Ok(TaskResult::Pending));
    assert_eq!(result_of(failed("blocked", 2)).await, Ok(TaskResult::Blocked(error(2))));
    assert_eq!(result_of(failed("error", 44)).await, Ok(TaskResult::Failed(error(44))));
    assert_eq!(result_of(failed("interrupted", 502)).await, Ok(TaskResult::Cancelled));
    assert_eq!(result_of(failed("canceled", 503)).await, Ok(TaskResult::Cancelled));
    assert_eq!(result(unknown_id()).await, Ok(TaskResult::Forgotten));
}

#[tokio::test]
async fn a_report_is_read_whole() {
    let Ok(TaskResult::Ready(report)) = result_of(ready(report("2026-11-23T13:12:00+03:00"))).await else { panic!() };
    assert_eq!((report.rnm.as_str(), report.fn_serial.as_str()), ("0149060006035849", "9999078900000961"));
    assert_eq!((report.fd_number, report.fiscal_sign.as_str()), (1, "0024109209"));
    assert_eq!(report.local_time, "2026-11-23T13:12:00");
}

#[tokio::test]
async fn a_result_that_cannot_be_understood_is_garbled() {
    let mut no_sign = report("2026-11-23T13:12:00+03:00");
    no_sign["fiscalParams"]["fiscalDocumentSign"] = json!("тайна");
    for task in [
        ready(report("вчера")),
        ready(no_sign),
        ready(json!({})),
        json!({"status": "ready"}),
        json!({"status": "error"}),
        json!({"status": "new"}),
    ] {
        let setback = result_of(task.clone()).await.unwrap_err();
        assert_eq!(setback.kind, SetbackKind::Garbled, "{task}");
        assert!(!setback.to_string().contains("тайна"));
    }
    let three = json!({"results": vec![json!({"status": "wait"}); 3]});
    for body in [json!({"results": []}), three, json!({})] {
        assert_eq!(result(reply(200, &body)).await.unwrap_err().kind, SetbackKind::Garbled, "{body}");
    }
    assert_eq!(result(reply(503, "")).await.unwrap_err().kind, SetbackKind::Failed);
}

#[tokio::test]
async fn a_task_is_withdrawn_while_it_waits() {
    for (answer, expected) in [
        (reply(200, "{}"), Withdrawn::Yes),
        (reply(409, "{}"), Withdrawn::TooLate),
        (unknown_id(), Withdrawn::Forgotten),
    ] {
        let hub = http(move |_| answer.clone()).await;
        assert_eq!(device(World::Test).withdraw(&at(&hub.url), effect()).await, Ok(expected));
        assert_eq!((hub.asked()[0].method.as_str(), hub.asked().len()), ("DELETE", 1));
    }
    let hub = http(|_| reply(500, "")).await;
    assert_eq!(device(World::Test).withdraw(&at(&hub.url), effect()).await.unwrap_err().kind, SetbackKind::Failed);
}
