use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prost::Message;
use tonic::{Code, Status};

use super::*;
use crate::gateways::SetbackKind;
use crate::gateways::tests::{STATUSES, breaks, fails, grpc, handshake, hangs, nobody, says, silent};
use crate::gateways::transcript;
use crate::values::{Email, Phone};

fn client(url: &str, world: World) -> AccountsClient {
    AccountsClient::new(&RpcConfig { timeout_ms: 300, ..RpcConfig::at(url) }, world).unwrap()
}

fn effect() -> EffectId {
    EffectId::parse("019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071").unwrap()
}

fn inn() -> Inn {
    Inn::parse("7707083893").unwrap()
}

fn order() -> AccountOrder {
    AccountOrder {
        effect: effect(),
        inn: inn(),
        login: Email::parse("shop@example.ru").unwrap(),
        last_name: "Петрова".into(),
        first_name: "Анна".into(),
        company: "ООО «Ромашка»".into(),
        phone: Phone::parse("911-111-1111").unwrap(),
    }
}

fn password() -> Password {
    Password::parse("aB1!_-", 6).unwrap()
}

async fn ensure(url: &str) -> Outcome<Account, AccountRefusal> {
    client(url, World::Test).ensure_account(&order()).await
}

async fn set(url: &str) -> Outcome<(), PasswordRefusal> {
    client(url, World::Test).set_initial_password(effect(), 3, &password()).await
}

fn wire_account() -> pb::Account {
    pb::Account { account_id: "acc-1".into(), login: "shop@example.ru".into(), password_version: 2 }
}

fn account() -> Account {
    wire_account().into()
}

fn garbled<T, R>(outcome: &Outcome<T, R>) -> bool {
    matches!(outcome, Outcome::Unknown(s) if s.kind == SetbackKind::Garbled)
}

#[tokio::test]
async fn an_account_is_ordered_with_all_its_data_and_no_password() {
    let url = grpc(|method, message| {
        if method == "Handshake" {
            return Ok(handshake(2));
        }
        let told = pb::EnsureAccountRequest::decode(message).unwrap();
        assert_eq!((told.inn.as_str(), told.login.as_str()), ("7707083893", "shop@example.ru"));
        assert_eq!((told.last_name.as_str(), told.phone.as_str()), ("Петрова", "911-111-1111"));
        assert_eq!(told.effect_id, effect().to_string());
        let outcome = pb::ensure_account_response::Outcome::Account(wire_account());
        Ok(pb::EnsureAccountResponse { outcome: Some(outcome) }.encode_to_vec())
    })
    .await;
    assert_eq!(ensure(&url).await, Outcome::Done(account()));
}

#[tokio::test]
async fn every_refusal_of_an_account_is_told() {
    use pb::AccountRefusalReason as Reason;
    for (reason, expected) in [
        (Reason::LoginTaken, Some(AccountRefusal::LoginTaken)),
        (Reason::InnKnown, Some(AccountRefusal::InnKnown)),
        (Reason::Voided, Some(AccountRefusal::Voided)),
        (Reason::ContentDiffers, Some(AccountRefusal::ContentDiffers)),
        (Reason::Unspecified, None),
    ] {
        let refusal = pb::AccountRefusal { reason: reason.into(), detail: String::new() };
        let outcome = Some(pb::ensure_account_response::Outcome::Refused(refusal));
        let told = ensure(&says(pb::EnsureAccountResponse { outcome }).await).await;
        match expected {
            Some(expected) => assert_eq!(told, Outcome::Refused(expected)),
            None => assert!(garbled(&told), "{told:?}"),
        }
    }
    assert!(garbled(&ensure(&says(pb::EnsureAccountResponse::default()).await).await));
}

#[tokio::test]
async fn a_password_counts_only_when_its_own_version_is_acknowledged() {
    use pb::set_initial_password_response::Outcome as Said;
    let answer = |version| {
        let outcome = Some(Said::Acknowledged(pb::PasswordAcknowledged { version }));
        says(pb::SetInitialPasswordResponse { outcome })
    };
    assert_eq!(set(&answer(3).await).await, Outcome::Done(()));
    assert!(garbled(&set(&answer(2).await).await));
    assert!(garbled(&set(&says(pb::SetInitialPasswordResponse::default()).await).await));
}

#[tokio::test]
async fn every_refusal_of_a_password_is_told() {
    use pb::PasswordRefusalReason as Reason;
    for (reason, expected) in [
        (Reason::StaleVersion, Some(PasswordRefusal::StaleVersion)),
        (Reason::OtherPassword, Some(PasswordRefusal::OtherPassword)),
        (Reason::InUse, Some(PasswordRefusal::InUse)),
        (Reason::NoAccount, Some(PasswordRefusal::NoAccount)),
        (Reason::Voided, Some(PasswordRefusal::Voided)),
        (Reason::Unspecified, None),
    ] {
        let refusal = pb::PasswordRefusal { reason: reason.into(), detail: String::new() };
        let outcome = Some(pb::set_initial_password_response::Outcome::Refused(refusal));
        let told = set(&says(pb::SetInitialPasswordResponse { outcome }).await).await;
        match expected {
            Some(expected) => assert_eq!(told, Outcome::Refused(expected)),
            None => assert!(garbled(&told), "{told:?}"),
        }
    }
}

#[tokio::test]
async fn a_tax_number_is_known_under_an_effect_or_to_the_inventory() {
    let find = async |told: pb::FindByInnResponse| client(&says(told).await, World::Test).find_by_inn(&inn()).await;
    assert_eq!(find(pb::FindByInnResponse::default()).await, Ok(Known::default()));
    let known =
        pb::FindByInnResponse { has_account: true, in_inventory: true, account_effect_id: effect().to_string() };
    assert_eq!(find(known).await, Ok(Known { account: Some(effect()), in_inventory: true }));
    let nameless = pb::FindByInnResponse { has_account: true, ..Default::default() };
    assert_eq!(find(nameless).await.unwrap_err().kind, SetbackKind::Garbled);
}

#[tokio::test]
async fn what_became_of_an_effect_is_told() {
    use pb::report_or_void_response::Outcome as Said;
    let ask = async |outcome: Option<Said>| {
        client(&says(pb::ReportOrVoidResponse { outcome }).await, World::Test).report_or_void(effect()).await
    };
    assert_eq!(ask(Some(Said::Done(wire_account()))).await, Ok(Told::Done(account())));
    assert_eq!(ask(Some(Said::InProgress(pb::InProgress {}))).await, Ok(Told::InProgress));
    assert_eq!(ask(Some(Said::Voided(pb::Voided {}))).await, Ok(Told::Void));
    assert_eq!(ask(None).await.unwrap_err().kind, SetbackKind::Garbled);
}

#[tokio::test]
async fn a_status_tells_whether_anything_can_have_happened() {
    for (code, kind, nothing) in STATUSES {
        match ensure(&fails(Status::new(code, "тайна")).await).await {
            Outcome::NotNow(setback) => assert!(nothing && setback.kind == kind, "{code:?}: {setback}"),
            Outcome::Unknown(setback) => {
                assert!(!nothing && setback.kind == kind, "{code:?}: {setback}");
                assert!(!setback.to_string().contains("тайна"));
            }
            other => panic!("{code:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn only_a_failure_to_connect_proves_that_nothing_was_sent() {
    let kind = async |url: String| match ensure(&url).await {
        Outcome::NotNow(setback) => ("not now", setback.kind),
        Outcome::Unknown(setback) => ("unknown", setback.kind),
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(nobody().await).await, ("not now", SetbackKind::Unreachable));
    // These two fall silent before the handshake is answered, and so before the command is sent.
    assert_eq!(kind(silent().await).await, ("not now", SetbackKind::TimedOut));
    assert_eq!(kind(breaks().await).await.0, "not now");
}

#[tokio::test]
async fn a_command_that_is_not_answered_is_unknown() {
    let outcome = ensure(&hangs().await).await;
    assert!(matches!(&outcome, Outcome::Unknown(s) if s.kind == SetbackKind::TimedOut), "{outcome:?}");
}

#[tokio::test]
async fn no_command_is_sent_to_the_other_world() {
    for (ours, theirs) in [(World::Live, 2), (World::Test, 1), (World::Test, 0)] {
        let url = grpc(move |method, _| match method {
            "Handshake" => Ok(handshake(theirs)),
            _ => panic!("a command was sent"),
        })
        .await;
        let outcome = client(&url, ours).ensure_account(&order()).await;
        assert!(matches!(&outcome, Outcome::NotNow(s) if s.kind == SetbackKind::WrongWorld), "{outcome:?}");
    }
}

#[tokio::test]
async fn the_handshake_is_asked_once_and_again_after_a_failure() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let url = grpc(move |method, _| match method {
        "Handshake" if count.fetch_add(1, Ordering::SeqCst) == 0 => Err(Status::new(Code::Unavailable, "")),
        "Handshake" => Ok(handshake(2)),
        _ => Ok(Vec::new()),
    })
    .await;
    let client = client(&url, World::Test);
    assert!(client.find_by_inn(&inn()).await.is_err());
    for _ in 0..3 {
        client.find_by_inn(&inn()).await.unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn the_wire_never_shows_the_password() {
    let request = pb::SetInitialPasswordRequest { password: "aB1!_-".into(), ..Default::default() };
    assert!(!format!("{request:?}").contains("aB1"));
}

#[tokio::test]
async fn no_transcript_holds_what_the_account_service_was_told() {
    let client = client(&says(pb::EnsureAccountResponse::default()).await, World::Test);
    let (_, said) = transcript::record(async {
        let _ = client.ensure_account(&order()).await;
        let _ = client.set_initial_password(effect(), 1, &password()).await;
    })
    .await;
    assert_eq!(said, Vec::new());
}
