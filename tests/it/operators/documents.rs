//! What was sent and answered is kept encrypted, read with a reason, and does not grow without end.

use litebox_partner::pb::kkt as pb;
use litebox_partner::sandbox::ledger::Kind;
use litebox_partner::values::KktId;
use serde_json::{Value, json};

use super::{Desk, KEY, on_both_desks};
use crate::kkt::shop::{COMPANY, Shop, serial};
use crate::support::app::until;

fn kept(desk: &Desk, n: u32) -> Vec<Value> {
    desk.tells(&["kkt", "documents", &serial(n)]).as_array().unwrap().clone()
}

fn of<'a>(documents: &'a [Value], operation: &str, direction: &str) -> Vec<&'a Value> {
    documents.iter().filter(|d| d["operation"] == operation && d["direction"] == direction).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_and_answered_is_kept_and_read_with_a_reason() {
    on_both_desks(async |desk| {
        let shop = Shop::open(&desk.app, COMPANY).await;
        let id = shop.quick_register(shop.order(1).await).await.id;
        shop.state(&id, pb::KktState::Registered).await;
        let documents = kept(desk, 1);
        for command in ["RESERVE_CODE", "SUBMIT_APPLICATION", "CONNECT", "BURN", "SUBMIT_REPORT"] {
            let sent = of(&documents, command, "SENT");
            assert_eq!(sent.len(), 1, "{command}");
            assert!(sent[0]["effect"].is_string());
        }
        for gateway in ["ofd", "fns", "device"] {
            let answers = documents.iter().filter(|d| d["gateway"] == gateway && d["direction"] == "RECEIVED");
            assert!(answers.count() > 0, "{gateway}");
        }
        let application = of(&documents, "SUBMIT_APPLICATION", "SENT")[0]["id"].as_str().unwrap();
        let text = desk.does(&["kkt", "document", application]);
        assert!(text.starts_with("<?xml") && text.contains(COMPANY), "{text}");
        let task = of(&documents, "BURN", "SENT")[0]["id"].as_str().unwrap();
        assert!(desk.does(&["kkt", "document", task]).contains("\"registration\""));
        assert_eq!(desk.audited(&id), ["DOCUMENT_READ", "DOCUMENT_READ"], "who asks without a reason reads nothing");

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("application.xml");
        desk.does(&["kkt", "document", application, "--out", file.to_str().unwrap()]);
        let raw = std::fs::read(&file).unwrap();
        assert!(raw.starts_with(b"<?xml") && String::from_utf8(raw).is_err(), "as it was sent, in windows-1251");

        let other = KEY.replace("k1:", "k2:");
        let closed =
            desk.run_with(&[("LITEBOX_DOCUMENTS_KEYS", &other)], &["kkt", "document", application, "--reason", "T-1"]);
        assert!(String::from_utf8_lossy(&closed.stderr).contains("has no key k1"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_known_although_nobody_answered() {
    on_both_desks(async |desk| {
        let shop = Shop::open(&desk.app, COMPANY).await;
        desk.app.sandbox.add_fault("fns.SubmitApplication:drop=before_effect").unwrap();
        desk.app.sandbox.add_fault("fns.ReportOrVoid:error=UNAVAILABLE").unwrap();
        shop.quick_register(shop.order(1).await).await;
        let filed = || desk.app.sandbox.entries().iter().any(|e| e.is(Kind::Command, "fns.SubmitApplication"));
        until("the application was sent", async || filed()).await;
        assert_eq!(of(&kept(desk, 1), "SUBMIT_APPLICATION", "SENT").len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_again_and_again_keeps_nothing_new() {
    on_both_desks(async |desk| {
        let shop = Shop::open(&desk.app, COMPANY).await;
        let order = shop.order(1).await;
        desk.app.sandbox.patch_device("kkt-1", json!({"paper": false})).unwrap();
        let id = shop.quick_register(order).await.id;
        let blocked = |kkt: &pb::Kkt| kkt.blocked.as_ref().is_some_and(|b| b.reason == "DEVICE_NO_PAPER");
        shop.reach(&id, "it has no paper", blocked).await;
        let asked = || desk.app.sandbox.entries().iter().filter(|e| e.protocol == "device").count();
        let (before, questions) = (kept(desk, 1).len(), asked());
        until("it was looked at ten times more", async || asked() > questions + 40).await;
        assert_eq!(kept(desk, 1).len(), before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_answer_is_kept_once_and_a_registration_keeps_no_more_than_its_share() {
    use litebox_partner::clock::{Clock, Ids};
    use litebox_partner::gateways::Gateway;
    use litebox_partner::storage::documents::{Direction, Owner, Paper};
    use litebox_partner::storage::vault::Vault;
    use litebox_partner::values::PartnerScope;

    on_both_desks(async |desk| {
        let shop = Shop::open(&desk.app, COMPANY).await;
        let order = pb::QuickRegisterRequest { fiscalize_automatically: false, ..shop.order(1).await };
        let id = shop.quick_register(order).await.id;
        shop.state(&id, pb::KktState::ReadyToFiscalize).await;
        let owner = Owner { scope: PartnerScope::new(desk.app.partner.id), kkt: KktId::parse(&id).unwrap() };
        let vault = Vault::new([KEY].into_iter(), Clock::system(), Ids::system()).unwrap();
        let answer = |text: String| {
            let (operation, bytes) = ("GET /".to_owned(), text.into_bytes());
            Paper { gateway: Gateway::Device, operation, direction: Direction::Received, effect: None, bytes }
        };
        let before = kept(desk, 1);
        let same = vec![answer("same".into()); 5];
        desk.app.db().keep_documents(&vault, owner, &same).await.unwrap();
        desk.app.db().keep_documents(&vault, owner, &same).await.unwrap();
        assert_eq!(kept(desk, 1).len(), before.len() + 1);
        for start in (0..1_000).step_by(100) {
            let many: Vec<_> = (start..start + 100).map(|n| answer(n.to_string())).collect();
            desk.app.db().keep_documents(&vault, owner, &many).await.unwrap();
        }
        let after = kept(desk, 1);
        assert!(after.len() < 450, "{}", after.len());
        let sent = |documents: &[Value]| documents.iter().filter(|d| d["direction"] == "SENT").count();
        assert_eq!(sent(&after), sent(&before), "what was sent is kept for ever");
        assert!(after.iter().all(|d| d["seq"].as_i64() > Some(0)));
    })
    .await;
}
