//! The command, what it refuses, and what partners and operators see afterwards.

use litebox_partner::pb::client as cl;
use litebox_partner::pb::kkt as pb;
use litebox_partner::sandbox::{Options, start};
use litebox_partner::storage::Backend;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{Desk, Made, erase, on_both_desks};
use crate::kkt::shop::{COMPANY, ENTREPRENEUR, Shop, order, register, serial};
use crate::support::fresh_id;

/// Code, text and reason.
fn told(status: &Status) -> (Code, String, String) {
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    (status.code(), status.message().to_owned(), reason)
}

/// Everything that a partner can ask about an id; the device is one of the partner's.
async fn asked(shop: &Shop<'_>, device: &str, client: &str, kkt: &str) -> Vec<(Code, String, String)> {
    let (mut clients, mut kkts) = (shop.app.clients(), shop.kkts.clone());
    let order = order(client, device, 3);
    let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: kkt.into() };
    let change = pb::amend_request::Change::DeviceId(device.into());
    let amend = pb::AmendRequest { request_id: fresh_id(), kkt_id: kkt.into(), change: Some(change) };
    let how = pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {});
    let burn = pb::FiscalizeRequest { request_id: fresh_id(), kkt_id: kkt.into(), how: Some(how) };
    let watch = pb::WatchRequest { kkt_ids: vec![kkt.into()], ..Default::default() };
    let answers = [
        clients.get(cl::GetRequest { client_id: client.into() }).await.unwrap_err(),
        kkts.get(pb::GetRequest { kkt_id: kkt.into() }).await.unwrap_err(),
        kkts.quick_register(order).await.unwrap_err(),
        kkts.cancel(cancel).await.unwrap_err(),
        kkts.amend(amend).await.unwrap_err(),
        kkts.fiscalize(burn).await.unwrap_err(),
        kkts.watch(watch).await.map(drop).unwrap_err(),
    ];
    answers.iter().map(told).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_client_is_as_missing_for_partners_and_known_as_erased_to_operators() {
    on_both_desks(async |desk| {
        let made = Made::new(desk).await;
        let (client, kkt) = (made.shop.client_id.as_str(), made.kkt.id.as_str());
        let (mut clients, mut kkts) = (desk.app.clients(), made.shop.kkts.clone());
        desk.erase(client);
        let mut stream = kkts.watch(pb::WatchRequest::default()).await.unwrap().into_inner();

        let device = made.shop.device(3).await;
        let never = asked(&made.shop, &device, &fresh_id(), &fresh_id()).await;
        assert_eq!(asked(&made.shop, &device, client, kkt).await, never);
        assert!(never.iter().all(|(code, ..)| *code == Code::NotFound), "{never:?}");
        assert!(clients.list(cl::ListRequest::default()).await.unwrap().into_inner().clients.is_empty());
        for filter in [made.kkt.rnm.as_str(), ""] {
            let list = pb::ListRequest { rnm: filter.into(), ..Default::default() };
            assert!(kkts.list(list).await.unwrap().into_inner().kkts.is_empty());
        }

        let effects = desk.app.sandbox.entries().len();
        let again = [
            clients.register(made.register.clone()).await.map(drop).unwrap_err(),
            kkts.quick_register(made.order.clone()).await.map(drop).unwrap_err(),
            kkts.quick_register(made.cancelled_order.clone()).await.map(drop).unwrap_err(),
        ];
        for status in &again {
            assert_eq!(told(status).2, "RESOURCE_NOT_FOUND", "an old call does nothing");
        }
        assert_eq!(desk.app.sandbox.entries().len(), effects, "nobody was even asked");
        // Also when its request id was forgotten before: an old call brings nobody back.
        desk.sql("DELETE FROM request").await;
        let forgotten = clients.register(made.register.clone()).await.map(drop).unwrap_err();
        assert_eq!(told(&forgotten).2, "RESOURCE_NOT_FOUND", "{forgotten:?}");
        assert!(clients.list(cl::ListRequest::default()).await.unwrap().into_inner().clients.is_empty());

        let other = Shop::open(&desk.app, ENTREPRENEUR).await;
        let held = other.kkts.clone().quick_register(order(&other.client_id, &device, 1)).await.unwrap_err();
        assert_eq!(told(&held).2, "SERIAL_OR_FN_IN_USE", "a burnt drive stays known");
        let own = pb::ListRequest { client_id: other.client_id.clone(), ..Default::default() };
        assert!(kkts.list(own).await.unwrap().into_inner().kkts.is_empty());
        let next = other.quick_register(other.order(5).await).await.id;
        let news = loop {
            let message = stream.message().await.unwrap().unwrap();
            if let Some(pb::watch_response::Event::Kkt(kkt)) = message.event {
                break kkt;
            }
        };
        assert_eq!(news.id, next, "the stream tells of nothing that was erased");

        let listed = desk.tells(&["client", "list"]);
        let erased = listed.as_array().unwrap().iter().find(|one| one["id"] == client).unwrap();
        assert_eq!((&erased["state"], &erased["inn"]), (&json!("ERASED"), &json!(null)));
        assert_eq!(desk.tells(&["client", "list", "--state", "ACTIVE"]).as_array().unwrap().len(), 1);
        for number in [kkt, &serial(1), &made.kkt.rnm] {
            let shown = desk.declines(&["kkt", "show", number]);
            assert!(shown.contains("ERASED") && shown.contains(kkt) && shown.contains("REGISTERED"), "{shown}");
        }
        let audit = desk.says(&["audit", "list"]);
        assert_eq!(audit.matches("CLIENT_ERASED").count(), 1, "{audit}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_in_use_is_not_erased_and_every_reason_is_named() {
    on_both_desks(async |desk| {
        let shop = Shop::open(&desk.app, COMPANY).await;
        let client = shop.client_id.as_str();
        let order = pb::QuickRegisterRequest { fiscalize_automatically: false, ..shop.order(1).await };
        let id = shop.quick_register(order).await.id;
        shop.state(&id, pb::KktState::ReadyToFiscalize).await;
        let kept = ["client", "erase", client, "--yes", "--reason", "T-1"];
        let said = desk.declines(&kept);
        assert!(said.contains("the client is ACTIVE") && said.contains("is READY_TO_FISCALIZE"), "{said}");
        assert!(desk.declines(&erase(client)).contains("is READY_TO_FISCALIZE"));
        let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: id.clone() };
        shop.kkts.clone().cancel(cancel).await.unwrap();
        shop.reach(&id, "it rests", |kkt| kkt.next_attempt_time.is_none()).await;

        for (table, words) in [("client", "the client"), ("kkt", "registration")] {
            desk.sql(&format!("UPDATE {table} SET lease_until_ms = 9000000000000")).await;
            let said = desk.declines(&erase(client));
            assert!(said.contains(words) && said.contains("being worked on"), "{said}");
            desk.sql(&format!("UPDATE {table} SET lease_until_ms = 0")).await;
        }
        let open = "UPDATE effect SET state = 'INTENDED' WHERE step = 'SUBMIT_APPLICATION'";
        assert_eq!(desk.sql(open).await, 1);
        assert!(desk.declines(&erase(client)).contains("what became of SUBMIT_APPLICATION is unclear"));
        desk.sql(&open.replace("'INTENDED'", "'DONE'")).await;

        assert!(desk.declines(&erase(&fresh_id())).contains("no such client"));
        let keyless = desk.run_with(&[("LITEBOX_ERASURE_KEY", "")], &erase(client));
        assert!(String::from_utf8_lossy(&keyless.stderr).contains("erasure.key"), "it says which setting to set");
        let malformed = desk.run_with(&[("LITEBOX_ERASURE_KEY", "c2hvcnQ=")], &erase(client));
        assert!(String::from_utf8_lossy(&malformed.stderr).contains("32 bytes in base64"));
        assert_eq!(desk.count("erasure").await, 0);
        assert_eq!(shop.get(&id).await.state(), pb::KktState::Cancelled, "nothing was erased");
        desk.erase(client);
        assert_eq!(desk.count("erasure").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_client_is_erased_and_its_tax_number_can_be_registered_again() {
    on_both_desks(async |desk| {
        let pending = pending(desk).await;
        let kept = ["client", "erase", &pending, "--removed", "--unasked", "--yes", "--reason", "T-1"];
        assert!(desk.declines(&kept).contains("the client is ACCOUNT_PENDING"));
        desk.says(&["client", "resolve", &pending, "--outcome", "abandoned", "--reason", "T-1"]);
        let line = ["client", "erase", &pending, "--yes", "--reason", "T-1"];
        let record = desk.says(&line);
        assert_eq!(desk.says(&line), record, "once erased, it says so");
        assert_eq!(desk.count("erasure").await, 1);
        let about = desk.tells(&["client", "erasures", "--inn", COMPANY]);
        assert_eq!((&about[0]["client"], &about[0]["id"]), (&json!(pending), &json!(record)));
        assert_eq!(desk.tells(&["client", "erasures", "--inn", ENTREPRENEUR]), json!([]));
        let again = desk.app.clients().register(register(COMPANY)).await.unwrap().into_inner().client.unwrap();
        assert_eq!(again.state(), cl::ClientState::Active);
        assert_ne!(again.id, pending);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_an_account_is_removed_is_asked_unless_somebody_answers_for_it() {
    let desk = Desk::open(Backend::Sqlite).await;
    let shop = Shop::open(&desk.app, COMPANY).await;
    let line = ["client", "erase", &shop.client_id, "--removed", "--yes", "--reason", "T-1"];
    assert!(desk.declines(&line).contains("the account is still there"));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = desk.run_with(&[("LITEBOX_GATEWAYS_ACCOUNTS_URL", &format!("http://{nobody}"))], &line);
    let said = String::from_utf8(away.stderr).unwrap();
    assert!(!away.status.success() && said.contains("--unasked"), "{said}");
    assert_eq!(desk.count("erasure").await, 0);
    // Another account service, which has no account of this client any more.
    let other = start(Options { argon2: false, fsync: false, ..Options::default() }).await.unwrap();
    let gone = desk.run_with(&[("LITEBOX_GATEWAYS_ACCOUNTS_URL", &other.grpc_url())], &line);
    assert!(gone.status.success(), "{}", String::from_utf8_lossy(&gone.stderr));
    assert_eq!(desk.count("erasure").await, 1);
    assert!(desk.says(&line).len() > 10, "once erased, it says so without asking");
}

/// A client whose account has no password yet.
async fn pending(desk: &Desk) -> String {
    desk.app.sandbox.add_fault("accounts.SetInitialPassword:drop=before_effect").unwrap();
    desk.app.clients().register(register(COMPANY)).await.unwrap_err();
    desk.app.sandbox.clear_faults();
    desk.tells(&["client", "list"])[0]["id"].as_str().unwrap().to_owned()
}
