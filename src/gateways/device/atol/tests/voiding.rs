//! A task is voided by occupying its id.

use super::*;

/// Voids at a hub that answers looks and the post as told; looks begin with the one before the post.
async fn void(looks: Vec<Reply>, posted: Reply) -> (Result<VoidedTask, Setback>, Fake) {
    let turn = AtomicUsize::new(0);
    let hub = http(move |asked| match asked.method.as_str() {
        "GET" => looks[turn.fetch_add(1, Ordering::SeqCst).min(looks.len() - 1)].clone(),
        _ => posted.clone(),
    })
    .await;
    (device(World::Test).void(&at(&hub.url), effect()).await, hub)
}

fn results(statuses: &[&str]) -> Reply {
    reply(200, json!({"results": statuses.iter().map(|status| json!({ "status": status })).collect::<Vec<_>>()}))
}

#[tokio::test]
async fn an_id_is_voided_by_occupying_it_with_questions() {
    let (outcome, hub) = void(vec![unknown_id()], reply(201, "{}")).await;
    assert_eq!(outcome, Ok(VoidedTask::Void));
    let asked = hub.asked();
    let questions = json!([{"type": "getDeviceInfo"}, {"type": "getDeviceStatus"}]);
    assert_eq!(asked[1].body, json!({"uuid": EFFECT, "request": questions}));
}

#[tokio::test]
async fn voiding_asks_what_is_there_and_posts_only_when_nothing_is() {
    let conflict = reply(409, "{}");
    for (looks, posts, expected) in [
        (vec![results(&["wait"])], 0, VoidedTask::Taken),
        (vec![results(&["wait", "wait"])], 0, VoidedTask::Void),
        (vec![unknown_id(), results(&["inProgress"])], 1, VoidedTask::Taken),
        (vec![unknown_id(), results(&["ready", "error"])], 1, VoidedTask::Void),
        (vec![unknown_id()], 1, VoidedTask::NotConnected),
    ] {
        let (outcome, hub) = void(looks, conflict.clone()).await;
        assert_eq!(outcome, Ok(expected));
        assert_eq!(hub.asked().iter().filter(|a| a.method == "POST").count(), posts, "{expected:?}");
    }
}

#[tokio::test]
async fn an_id_that_may_not_be_void_is_a_setback() {
    for (answer, kind) in [
        (reply(400, "{}"), SetbackKind::Denied),
        (reply(500, "{}"), SetbackKind::Failed),
        (reply(201, "{}").late(), SetbackKind::TimedOut),
        (reply(201, "{}").live(), SetbackKind::WrongWorld),
    ] {
        assert_eq!(void(vec![unknown_id()], answer).await.0.unwrap_err().kind, kind);
    }
    let (outcome, hub) = void(vec![reply(500, "")], reply(201, "{}")).await;
    assert_eq!((outcome.unwrap_err().kind, hub.asked().len()), (SetbackKind::Failed, 1));
}

#[tokio::test]
async fn an_occupied_id_is_voided_whatever_became_of_the_questions() {
    for statuses in [["wait", "wait"], ["ready", "ready"], ["error", "interrupted"], ["canceled", "canceled"]] {
        assert_eq!(result(results(&statuses)).await, Ok(TaskResult::Voided), "{statuses:?}");
    }
}

#[tokio::test]
async fn an_answer_to_a_question_is_never_a_report() {
    let setback = result_of(ready(told("getDeviceInfo"))).await.unwrap_err();
    assert_eq!(setback.kind, SetbackKind::Garbled);
}

#[test]
fn a_hub_may_stand_behind_a_path() {
    let address = DeviceAddress { hub: "https://hub.example/kkt/".into(), device: "a&b".into() };
    let post = url(&address, None).unwrap();
    assert_eq!(post.as_str(), "https://hub.example/kkt/api/v2/requests?deviceID=a%26b");
    let look = url(&address, Some(effect().uuid())).unwrap();
    assert_eq!(look.as_str(), format!("https://hub.example/kkt/api/v2/requests/{EFFECT}"));
}

#[tokio::test]
async fn what_the_hub_was_told_and_answered_is_kept_without_credentials() {
    let hub = http(|asked| if asked.method == "GET" { unknown_id() } else { reply(201, r#"{"number":1}"#) }).await;
    let (task, client) = (json!({"type": "registration"}), device(World::Test));
    let address = at(&hub.url.replace("http://", "http://name:secret@"));
    let (outcome, said) = transcript::record(client.post(&address, effect(), &task)).await;
    assert_eq!(outcome, Posted::Queued);
    let told: Vec<_> = said.iter().map(|e| (e.operation.as_str(), e.direction)).collect();
    let (look, queue) =
        (format!("GET /api/v2/requests/{EFFECT}"), "POST /api/v2/requests?deviceID=%D0%BA%D0%B0%D1%81%D1%81%D0%B0+1");
    assert_eq!(told, [(look.as_str(), Direction::Failed), (queue, Direction::Sent), (queue, Direction::Received)]);
    assert!(said[0].bytes.starts_with(b"HTTP 404\n{"));
    assert_eq!(serde_json::from_slice::<Value>(&said[1].bytes).unwrap()["request"][0], task);
    assert_eq!(said[2].bytes, br#"{"number":1}"#);
    for entry in said {
        let all = format!("{}{}", entry.operation, String::from_utf8_lossy(&entry.bytes));
        assert!(!all.contains("secret") && !all.contains("bGl0ZWJveDpz"), "{all}");
    }
}

#[tokio::test]
async fn a_hub_that_is_not_there_is_kept_as_such() {
    let hub = nobody().await;
    let (_, said) = transcript::record(device(World::Test).result(&at(&hub), effect())).await;
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].bytes, b"device: unreachable: no connection");
}
