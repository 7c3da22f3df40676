//! Magic device ids: every state of a register and every code of the driver.

use litebox_partner::clock::Ids;
use litebox_partner::gateways::SetbackKind;
use litebox_partner::gateways::config::AtolConfig;
use litebox_partner::gateways::device::{
    AtolDevice, Device, DeviceAddress, FnPhase, Inquiry, Inspection, Posted, Shift, TaskResult,
};
use litebox_partner::sandbox::Sandbox;
use litebox_partner::sandbox::ledger::Kind;
use serde_json::json;

use super::device::task;
use super::{TEST, count, effect, sandbox};

/// Codes after which the hub does not know what became of the document.
const LINK: [u32; 10] = [1, 2, 3, 4, 115, 116, 159, 166, 177, 241];
/// The other codes of the driver that have a meaning of their own.
const PLAIN: [u32; 29] = [
    44, 45, 68, 82, 83, 85, 87, 88, 89, 95, 113, 117, 118, 120, 121, 122, 130, 133, 139, 141, 172, 173, 174, 189, 224,
    225, 410, 411, 413,
];

fn client() -> AtolDevice {
    let config = AtolConfig { poll_interval_ms: 2, inquiry_timeout_ms: 500, ..AtolConfig::default() };
    AtolDevice::new(&config, TEST, Ids::system()).unwrap()
}

fn at(sandbox: &Sandbox, device: &str) -> DeviceAddress {
    DeviceAddress { hub: sandbox.http_url(), device: device.into() }
}

async fn burn(client: &AtolDevice, at: &DeviceAddress, number: u32) -> TaskResult {
    assert_eq!(client.post(at, effect(number), &task()).await, Posted::Queued, "{}", at.device);
    loop {
        match client.result(at, effect(number)).await.unwrap() {
            TaskResult::Pending => tokio::task::yield_now().await,
            result => return result,
        }
    }
}

fn code(result: &TaskResult) -> Option<u32> {
    match result {
        TaskResult::Failed(error) | TaskResult::Blocked(error) => Some(error.code),
        _ => None,
    }
}

#[tokio::test]
async fn every_state_of_a_register_can_be_had_by_its_name() {
    type Seen = fn(&Inspection) -> bool;
    let sandbox = sandbox().await;
    let client = client();
    let cases: [(&str, Seen, Option<u32>); 14] = [
        ("no-paper", |i| i.paper == Some(false), Some(44)),
        ("cover-open", |i| i.cover_open == Some(true), Some(45)),
        ("shift-open", |i| i.shift == Shift::Opened, Some(83)),
        ("shift-expired", |i| i.shift == Shift::Expired, Some(68)),
        ("clock-slow", |_| true, Some(122)),
        ("clock-fast", |_| true, Some(122)),
        ("fn-init", |i| i.phase == FnPhase::Init, Some(117)),
        ("fn-burnt", |i| i.phase == FnPhase::Fiscal && i.last_fd == 1, Some(117)),
        ("fn-closed", |i| i.phase == FnPhase::PostFiscal, Some(117)),
        ("fn-archive", |i| i.phase == FnPhase::Archive, Some(117)),
        ("fn-unknown", |i| i.phase == FnPhase::Unknown, Some(117)),
        ("other-kkt", |i| i.serial.as_str() == "00106100999999", Some(88)),
        ("other-fn", |i| i.fn_serial.as_str() == "9999078902999999", None),
        ("document-lost", |i| i.phase == FnPhase::Configured, None),
    ];
    for (number, (trick, seen, refused)) in (1..).zip(cases) {
        let at = at(&sandbox, &format!("kkt-1.{trick}"));
        let inspection = client.inspect(&at).await.unwrap();
        assert!(seen(&inspection), "{trick}: {inspection:?}");
        assert_eq!(code(&burn(&client, &at, number).await), refused, "{trick}");
    }
    let others = client.registration(&at(&sandbox, "kkt-1.fn-burnt")).await.unwrap();
    assert_eq!((others.rnm.as_str(), others.inn.as_str()), ("0149060006035849", "504404744207"));
    assert_eq!(client.registration(&at(&sandbox, "kkt-1.document-lost")).await.unwrap().report, None);
}

#[tokio::test]
async fn registers_out_of_reach_can_be_had_by_their_names() {
    let sandbox = sandbox().await;
    let client = client();
    let offline = at(&sandbox, "kkt-1.offline");
    assert!(matches!(client.inspect(&offline).await, Err(Inquiry::Driver(_))));
    assert_eq!(client.post(&offline, effect(1), &task()).await, Posted::NotConnected);
    let paused = client.inspect(&at(&sandbox, "kkt-1.paused")).await;
    assert!(matches!(paused, Err(Inquiry::Hub(setback)) if setback.kind == SetbackKind::TimedOut));
    for device in ["kkt-1.undriven", "kkt-199036000123-9999078902000123", "kkt-1.rain"] {
        let refused = client.post(&at(&sandbox, device), effect(2), &task()).await;
        assert!(matches!(refused, Posted::NotNow(_)), "{device}: {refused:?}");
    }
    let forgetful = at(&sandbox, "kkt-1.forgets");
    client.post(&forgetful, effect(3), &task()).await;
    sandbox.wait_until(|entries| entries.iter().any(|e| format!("{:?}", e.event).contains("Forgot"))).await;
    assert_eq!(client.result(&forgetful, effect(3)).await.unwrap(), TaskResult::Forgotten);
    assert_eq!(client.inspect(&forgetful).await.unwrap().phase, FnPhase::Fiscal);
}

#[tokio::test]
async fn every_code_of_the_driver_can_be_had_once_and_for_good() {
    let sandbox = sandbox().await;
    let client = client();
    for (number, told) in (1..).zip(PLAIN) {
        let once = at(&sandbox, &format!("kkt-1.once-{told}"));
        assert_eq!(code(&burn(&client, &once, 3 * number).await), Some(told));
        assert!(matches!(burn(&client, &once, 3 * number + 1).await, TaskResult::Ready(_)), "{told}");
        let ever = at(&sandbox, &format!("kkt-1.refuse-{told}"));
        assert_eq!(code(&burn(&client, &ever, 3 * number + 2).await), Some(told));
        assert_eq!(client.inspect(&ever).await.unwrap().phase, FnPhase::Configured, "{told}");
    }
    assert_eq!(count(&sandbox.entries(), Kind::Effect, "device.registration"), PLAIN.len());
}

#[tokio::test]
async fn a_lost_link_blocks_the_queue_with_and_without_a_burn() {
    let sandbox = sandbox().await;
    let client = client();
    for (number, told) in (1..).zip(LINK) {
        let unburnt = at(&sandbox, &format!("kkt-1.once-{told}"));
        let result = burn(&client, &unburnt, 2 * number).await;
        assert!(matches!(&result, TaskResult::Blocked(error) if error.code == told), "{result:?}");
        sandbox.patch_device(&unburnt.device, json!({ "unblock": true })).unwrap();
        assert!(matches!(client.result(&unburnt, effect(2 * number)).await.unwrap(), TaskResult::Failed(_)));

        let burnt = at(&sandbox, &format!("kkt-1.burn-{told}"));
        let result = burn(&client, &burnt, 2 * number + 1).await;
        assert!(matches!(&result, TaskResult::Blocked(error) if error.code == told), "{result:?}");
        sandbox.patch_device(&burnt.device, json!({ "unblock": true })).unwrap();
        assert!(matches!(client.result(&burnt, effect(2 * number + 1)).await.unwrap(), TaskResult::Ready(_)));
    }
}

#[tokio::test]
async fn a_register_may_burn_and_say_that_it_failed_or_answer_nothing() {
    let sandbox = sandbox().await;
    let client = client();
    let sly = at(&sandbox, "kkt-1.burn-44");
    assert_eq!(code(&burn(&client, &sly, 1).await), Some(44));
    assert_eq!(client.inspect(&sly).await.unwrap().phase, FnPhase::Fiscal);
    let mute = at(&sandbox, "kkt-1.mute-166");
    assert!(matches!(client.inspect(&mute).await, Err(Inquiry::Driver(error)) if error.code == 166));
    assert!(matches!(burn(&client, &mute, 2).await, TaskResult::Ready(_)));
}
