use litebox_partner::clock::Ids;
use litebox_partner::gateways::config::AtolConfig;
use litebox_partner::gateways::device::{
    AtolDevice, Device, DeviceAddress, FnPhase, Posted, Shift, TaskResult, VoidedTask, Withdrawn,
};
use litebox_partner::gateways::{Setback, SetbackKind, World};
use litebox_partner::sandbox::Sandbox;
use litebox_partner::sandbox::ledger::Kind;
use serde_json::{Value, json};

use super::{TEST, count, effect, on_file, sandbox};

fn client(world: World) -> AtolDevice {
    let config = AtolConfig { poll_interval_ms: 5, ..AtolConfig::default() };
    AtolDevice::new(&config, world, Ids::system()).unwrap()
}

fn at(sandbox: &Sandbox) -> DeviceAddress {
    DeviceAddress { hub: sandbox.http_url(), device: "kkt-1".into() }
}

/// A task that `kkt-1` takes.
pub fn task() -> Value {
    json!({
        "type": "registration", "electronically": false,
        "operator": { "name": "Иванов И.И." },
        "organization": { "name": "ООО Ромашка", "vatin": "7707083893", "email": "shop@example.ru",
            "address": "г Москва, ул Вавилова, д 19", "taxationTypes": ["osn"], "agents": [] },
        "device": { "registrationNumber": "0000000001055823", "paymentsAddress": "Магазин 1", "ffdVersion": "1.2",
            "offlineMode": true, "encryption": false, "autoMode": false, "machineInstallation": false, "bso": false,
            "internet": false, "service": false, "excise": false, "gambling": false, "lottery": false },
    })
}

async fn settled(client: &AtolDevice, at: &DeviceAddress) -> TaskResult {
    loop {
        match client.result(at, effect(1)).await.unwrap() {
            TaskResult::Pending => tokio::task::yield_now().await,
            result => return result,
        }
    }
}

#[tokio::test]
async fn a_register_is_burnt_once_and_tells_what_it_holds() {
    let sandbox = sandbox().await;
    let (client, at) = (client(TEST), at(&sandbox));
    let before = client.inspect(&at).await.unwrap();
    assert_eq!((before.phase, before.shift, before.last_fd), (FnPhase::Configured, Shift::Closed, 0));
    assert_eq!((before.paper, before.cover_open), (Some(true), Some(false)));
    assert_eq!((before.serial.as_str(), before.fn_serial.as_str()), ("00106100000001", "9999078902000001"));

    assert_eq!(client.post(&at, effect(1), &task()).await, Posted::Queued);
    let TaskResult::Ready(report) = settled(&client, &at).await else { panic!("not ready") };
    assert_eq!((report.rnm.as_str(), report.fd_number), ("0000000001055823", 1));
    assert_eq!(client.post(&at, effect(1), &task()).await, Posted::AlreadyThere);

    let held = client.registration(&at).await.unwrap();
    assert_eq!((held.rnm.as_str(), held.inn.as_str()), ("0000000001055823", "7707083893"));
    assert_eq!(held.report, Some(report));
    assert_eq!(client.inspect(&at).await.unwrap().phase, FnPhase::Fiscal);

    assert_eq!(client.post(&at, effect(1), &task()).await, Posted::AlreadyThere);
    sandbox.patch_device("kkt-1", json!({ "forget": true, "document_lost": true })).unwrap();
    assert_eq!(client.result(&at, effect(1)).await.unwrap(), TaskResult::Forgotten);
    assert_eq!(client.registration(&at).await.unwrap().report, None);
    assert_eq!(count(&sandbox.entries(), Kind::Effect, "device.registration"), 1);
}

#[tokio::test]
async fn a_register_that_is_not_ready_refuses_and_burns_later() {
    let sandbox = sandbox().await;
    let (client, at) = (client(TEST), at(&sandbox));
    sandbox.patch_device("kkt-1", json!({ "paper": false })).unwrap();
    client.post(&at, effect(1), &task()).await;
    assert!(matches!(settled(&client, &at).await, TaskResult::Failed(error) if error.code == 44));
    sandbox.patch_device("kkt-1", json!({ "online": false })).unwrap();
    assert_eq!(client.post(&at, effect(2), &task()).await, Posted::NotConnected);
    assert!(client.inspect(&at).await.is_err());
    sandbox.patch_device("kkt-1", json!({ "online": true, "paper": true })).unwrap();
    assert_eq!(client.post(&at, effect(3), &task()).await, Posted::Queued);
    sandbox.wait_until(|entries| count(entries, Kind::Effect, "device.registration") == 1).await;
}

#[tokio::test]
async fn a_broken_link_blocks_the_queue_until_it_is_back() {
    let sandbox = sandbox().await;
    let (client, at) = (client(TEST), at(&sandbox));
    sandbox.add_fault("device.registration:lost_reply,times=1").unwrap();
    client.post(&at, effect(1), &task()).await;
    assert!(matches!(settled(&client, &at).await, TaskResult::Blocked(_)));
    assert_eq!(count(&sandbox.entries(), Kind::Effect, "device.registration"), 1);
    sandbox.patch_device("kkt-1", json!({ "unblock": true })).unwrap();
    assert!(matches!(settled(&client, &at).await, TaskResult::Ready(_)));
    assert_eq!(client.inspect(&at).await.unwrap().last_fd, 1);
}

#[tokio::test]
async fn only_a_waiting_task_can_be_withdrawn() {
    let sandbox = sandbox().await;
    let (client, at) = (client(TEST), at(&sandbox));
    sandbox.patch_device("kkt-1", json!({ "paused": true })).unwrap();
    client.post(&at, effect(1), &task()).await;
    assert_eq!(client.result(&at, effect(1)).await.unwrap(), TaskResult::Pending);
    assert_eq!(client.withdraw(&at, effect(1)).await.unwrap(), Withdrawn::Yes);
    assert_eq!(client.result(&at, effect(1)).await.unwrap(), TaskResult::Cancelled);
    assert_eq!(client.withdraw(&at, effect(9)).await.unwrap(), Withdrawn::Forgotten);

    sandbox.patch_device("kkt-1", json!({ "paused": false })).unwrap();
    sandbox.add_fault("device.registration:hold,times=1").unwrap();
    client.post(&at, effect(2), &task()).await;
    sandbox.wait_for_holds(|holds| holds.len() == 1).await;
    assert_eq!(client.withdraw(&at, effect(2)).await.unwrap(), Withdrawn::TooLate);
    sandbox.release_holds();
    sandbox.wait_until(|entries| count(entries, Kind::Effect, "device.registration") == 1).await;
}

#[tokio::test]
async fn under_a_voided_id_nothing_is_burnt_any_more() {
    let sandbox = sandbox().await;
    let (client, at) = (client(TEST), at(&sandbox));
    assert_eq!(client.void(&at, effect(1)).await.unwrap(), VoidedTask::Void);
    assert_eq!(client.result(&at, effect(1)).await.unwrap(), TaskResult::Voided);
    assert_eq!(client.void(&at, effect(1)).await.unwrap(), VoidedTask::Void);
    assert_eq!(client.post(&at, effect(1), &task()).await, Posted::AlreadyThere);
    assert_eq!(client.result(&at, effect(1)).await.unwrap(), TaskResult::Voided);
    assert_eq!(client.inspect(&at).await.unwrap().phase, FnPhase::Configured);

    assert_eq!(client.post(&at, effect(2), &task()).await, Posted::Queued);
    assert_eq!(client.void(&at, effect(2)).await.unwrap(), VoidedTask::Taken);
    sandbox.patch_device("kkt-1", json!({ "online": false })).unwrap();
    assert_eq!(client.void(&at, effect(3)).await.unwrap(), VoidedTask::NotConnected);
    sandbox.patch_device("kkt-1", json!({ "online": true, "paused": true })).unwrap();
    assert_eq!(client.void(&at, effect(3)).await.unwrap(), VoidedTask::Void);
    assert_eq!(client.result(&at, effect(3)).await.unwrap(), TaskResult::Voided);
}

#[tokio::test]
async fn a_malformed_task_is_refused_at_the_hub() {
    let sandbox = sandbox().await;
    let mut task = task();
    task["device"]["colour"] = json!("red");
    assert!(matches!(client(TEST).post(&at(&sandbox), effect(1), &task).await, Posted::Malformed(_)));
    let wrong = client(World::Live).post(&at(&sandbox), effect(1), &task).await;
    assert!(matches!(wrong, Posted::NotNow(Setback { kind: SetbackKind::WrongWorld, .. })));
}

#[tokio::test]
async fn a_restarted_hub_goes_on_with_its_queue() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.jsonl");
    let sandbox = on_file(&path).await;
    sandbox.patch_device("kkt-1", json!({ "paused": true })).unwrap();
    client(TEST).post(&at(&sandbox), effect(1), &task()).await;
    sandbox.shutdown().await;

    let sandbox = on_file(&path).await;
    sandbox.patch_device("kkt-1", json!({ "paused": false })).unwrap();
    assert!(matches!(settled(&client(TEST), &at(&sandbox)).await, TaskResult::Ready(_)));
}
