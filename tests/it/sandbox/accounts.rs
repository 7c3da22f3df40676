use std::sync::Arc;

use litebox_partner::gateways::accounts::{
    AccountOrder, AccountRefusal, Accounts, AccountsClient, Known, PasswordRefusal,
};
use litebox_partner::gateways::{Outcome, SetbackKind, Told, World};
use litebox_partner::sandbox::ledger::Kind;
use litebox_partner::sandbox::{Environment, Options, Sandbox, start};
use litebox_partner::values::{Email, Inn, Password, Phone};

use super::{TEST, count, effect, on_file, rpc, sandbox};

const BANK: &str = "7707083893";

fn client(sandbox: &Sandbox) -> AccountsClient {
    AccountsClient::new(&rpc(sandbox), TEST).unwrap()
}

fn order(number: u32, inn: &str, login: &str) -> AccountOrder {
    AccountOrder {
        effect: effect(number),
        inn: Inn::parse(inn).unwrap(),
        login: Email::parse(login).unwrap(),
        last_name: "Песочная".into(),
        first_name: "Анна".into(),
        company: "ООО «Ромашка»".into(),
        phone: Phone::parse("911-111-1111").unwrap(),
    }
}

fn password(text: &str) -> Password {
    Password::parse(text, 6).unwrap()
}

async fn sign_in(sandbox: &Sandbox, login: &str, password: &str) -> u16 {
    let body = serde_json::json!({ "login": login, "password": password });
    let url = format!("{}/sandbox/sign-in", sandbox.http_url());
    reqwest::Client::new().post(url).json(&body).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn an_account_is_created_once_and_its_password_signs_in() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let first = client.ensure_account(&order(1, BANK, "shop@example.ru")).await;
    assert!(matches!(&first, Outcome::Done(account) if account.password_version == 0));
    assert_eq!(client.ensure_account(&order(1, BANK, "shop@example.ru")).await, first);
    assert_eq!(sign_in(&sandbox, "shop@example.ru", "aB1!_-").await, 401);

    assert_eq!(client.set_initial_password(effect(1), 1, &password("aB1!_-")).await, Outcome::Done(()));
    assert_eq!(client.set_initial_password(effect(1), 1, &password("aB1!_-")).await, Outcome::Done(()));
    let other = client.set_initial_password(effect(1), 1, &password("other-one")).await;
    assert_eq!(other, Outcome::Refused(PasswordRefusal::OtherPassword));
    assert_eq!(client.set_initial_password(effect(1), 2, &password("newer-one")).await, Outcome::Done(()));
    let stale = client.set_initial_password(effect(1), 1, &password("aB1!_-")).await;
    assert_eq!(stale, Outcome::Refused(PasswordRefusal::StaleVersion));

    assert_eq!(sign_in(&sandbox, "shop@example.ru", "aB1!_-").await, 401);
    assert_eq!(sign_in(&sandbox, "SHOP@example.ru", "newer-one").await, 200);
    let late = client.set_initial_password(effect(1), 3, &password("late-one")).await;
    assert_eq!(late, Outcome::Refused(PasswordRefusal::InUse));

    let entries = sandbox.entries();
    assert_eq!(count(&entries, Kind::Command, "accounts.EnsureAccount"), 2);
    assert_eq!(count(&entries, Kind::Effect, "accounts.EnsureAccount"), 1);
    assert!(!serde_json::to_string(&entries).unwrap().contains("newer-one"));
}

#[tokio::test]
async fn what_is_taken_is_refused_and_what_is_voided_stays_void() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    client.ensure_account(&order(1, BANK, "shop@example.ru")).await;
    let cases = [
        (order(2, BANK, "b@example.ru"), AccountRefusal::InnKnown),
        (order(2, "7736050003", "Shop@example.ru"), AccountRefusal::LoginTaken),
        (order(2, "7736050003", "taken@example.ru"), AccountRefusal::LoginTaken),
        (order(2, "7799000076", "b@example.ru"), AccountRefusal::InnKnown),
        (order(1, BANK, "b@example.ru"), AccountRefusal::ContentDiffers),
    ];
    for (order, expected) in cases {
        assert_eq!(client.ensure_account(&order).await, Outcome::Refused(expected));
    }
    assert_eq!(client.report_or_void(effect(1)).await.unwrap(), Told::Void);
    let late = client.ensure_account(&order(1, BANK, "shop@example.ru")).await;
    assert_eq!(late, Outcome::Refused(AccountRefusal::Voided));
    assert_eq!(client.find_by_inn(&Inn::parse(BANK).unwrap()).await.unwrap(), Known::default());
    assert!(matches!(client.ensure_account(&order(3, BANK, "shop@example.ru")).await, Outcome::Done(_)));
}

#[tokio::test]
async fn a_restarted_sandbox_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.jsonl");
    let sandbox = on_file(&path).await;
    client(&sandbox).ensure_account(&order(1, BANK, "shop@example.ru")).await;
    client(&sandbox).set_initial_password(effect(1), 1, &password("aB1!_-")).await;
    sandbox.shutdown().await;

    let sandbox = on_file(&path).await;
    let told = client(&sandbox).report_or_void(effect(1)).await.unwrap();
    assert!(matches!(told, Told::Done(account) if account.password_version == 1));
    assert_eq!(sign_in(&sandbox, "shop@example.ru", "aB1!_-").await, 200);
}

#[tokio::test]
async fn a_command_whose_caller_is_gone_goes_on_when_released() {
    let sandbox = sandbox().await;
    sandbox.add_fault("accounts.EnsureAccount:hold=before_effect,times=1").unwrap();
    let held = Arc::new(client(&sandbox));
    let caller = tokio::spawn({
        let held = held.clone();
        async move { held.ensure_account(&order(1, BANK, "shop@example.ru")).await }
    });
    sandbox.wait_for_holds(|holds| holds.len() == 1).await;
    caller.abort();
    drop(held);
    assert_eq!(client(&sandbox).report_or_void(effect(1)).await.unwrap(), Told::InProgress);
    assert_eq!(sandbox.release_holds(), 1);
    sandbox.wait_until(|entries| count(entries, Kind::Effect, "accounts.EnsureAccount") == 1).await;
}

#[tokio::test]
async fn a_command_held_before_receipt_is_gone_with_its_caller() {
    let sandbox = sandbox().await;
    sandbox.add_fault("accounts.EnsureAccount:hold=before_receipt,times=1").unwrap();
    let held = client(&sandbox);
    let caller = tokio::spawn(async move { held.ensure_account(&order(1, BANK, "shop@example.ru")).await });
    sandbox.wait_for_holds(|holds| holds.len() == 1).await;
    caller.abort();
    sandbox.wait_for_holds(<[_]>::is_empty).await;
    assert_eq!(client(&sandbox).report_or_void(effect(1)).await.unwrap(), Told::Void);
    assert_eq!(count(&sandbox.entries(), Kind::Command, "accounts.EnsureAccount"), 0);
}

#[tokio::test]
async fn a_lost_reply_and_a_cut_connection_leave_the_caller_in_doubt() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    sandbox.add_fault("accounts.EnsureAccount:lost_reply,times=1").unwrap();
    let lost = client.ensure_account(&order(1, BANK, "shop@example.ru")).await;
    assert!(matches!(lost, Outcome::Unknown(_)), "{lost:?}");
    sandbox.add_fault("accounts.SetInitialPassword:drop=after_effect,times=1").unwrap();
    let cut = client.set_initial_password(effect(1), 1, &password("aB1!_-")).await;
    assert!(matches!(cut, Outcome::Unknown(_)), "{cut:?}");
    assert!(matches!(client.report_or_void(effect(1)).await.unwrap(), Told::Done(_)));
}

#[tokio::test]
async fn the_worlds_keep_apart() {
    let sandbox = sandbox().await;
    let live = AccountsClient::new(&rpc(&sandbox), World::Live).unwrap();
    let refused = live.find_by_inn(&Inn::parse(BANK).unwrap()).await.unwrap_err();
    assert_eq!(refused.kind, SetbackKind::WrongWorld);

    let liar = start(Options { environment: Environment::Live, ..Options::default() }).await.unwrap();
    let refused = client(&liar).find_by_inn(&Inn::parse(BANK).unwrap()).await.unwrap_err();
    assert_eq!(refused.kind, SetbackKind::WrongWorld);
}

#[tokio::test]
async fn every_refusal_of_the_contract_can_be_had_by_a_login() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    for (number, (name, expected)) in (1..).zip([
        ("taken", AccountRefusal::LoginTaken),
        ("inn-known", AccountRefusal::InnKnown),
        ("voided", AccountRefusal::Voided),
        ("differs", AccountRefusal::ContentDiffers),
    ]) {
        let refused = client.ensure_account(&order(number, BANK, &format!("{name}@example.ru"))).await;
        assert_eq!(refused, Outcome::Refused(expected));
    }
    let shops = ["7707083893", "7736050003", "7719402047", "500100732259", "7700000070"];
    let refusals = [
        ("stale-version", PasswordRefusal::StaleVersion),
        ("other-password", PasswordRefusal::OtherPassword),
        ("in-use", PasswordRefusal::InUse),
        ("no-account", PasswordRefusal::NoAccount),
        ("voided-password", PasswordRefusal::Voided),
    ];
    for (number, (inn, (name, expected))) in (10..).zip(shops.into_iter().zip(refusals)) {
        let made = client.ensure_account(&order(number, inn, &format!("{name}@example.ru"))).await;
        assert!(matches!(made, Outcome::Done(_)), "{made:?}");
        let refused = client.set_initial_password(effect(number), 1, &password("aB1!_-")).await;
        assert_eq!(refused, Outcome::Refused(expected));
    }
}
