use litebox_partner::gateways::ofd::{
    CodeOrder, CodeStanding, ConnectOrder, Ofd, OfdClient, OfdRefusal, OfdRefusalReason, Reserved,
};
use litebox_partner::gateways::{Outcome, Told};
use litebox_partner::sandbox::Sandbox;
use litebox_partner::sandbox::ledger::Kind;
use litebox_partner::values::{ActivationCode, EffectId, FnSerial, Inn, KktSerial, Rnm};

use super::{TEST, count, effect, rpc, sandbox};

const OFD: &str = "7709364346";
const BANK: &str = "7707083893";
const SERIAL: &str = "00106100000001";

fn client(sandbox: &Sandbox) -> OfdClient {
    OfdClient::new(&rpc(sandbox), TEST).unwrap()
}

fn code(text: &str) -> CodeOrder {
    CodeOrder {
        ofd: Inn::parse(OFD).unwrap(),
        code: ActivationCode::parse(text).unwrap(),
        inn: Inn::parse(BANK).unwrap(),
        kkt_model: "АТОЛ 30Ф".into(),
        kkt_serial: KktSerial::parse(SERIAL).unwrap(),
    }
}

fn connection(reservation: EffectId, text: &str, rnm: &str) -> ConnectOrder {
    let CodeOrder { ofd, code, inn, kkt_serial, .. } = code(text);
    let (rnm, fn_serial) = (Rnm::parse(rnm).unwrap(), FnSerial::parse("9999078902000001").unwrap());
    ConnectOrder { reservation, ofd, code, inn, rnm, kkt_serial, fn_serial }
}

fn reason<T: std::fmt::Debug>(outcome: Outcome<T, OfdRefusal>) -> OfdRefusalReason {
    match outcome {
        Outcome::Refused(refusal) => refusal.reason,
        other => panic!("not refused: {other:?}"),
    }
}

const CODE: &str = "FD13MM123456";
const RNM: &str = "0000000001055823";

#[tokio::test]
async fn a_code_is_held_used_up_and_never_given_twice() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let order = code(CODE);
    assert_eq!(client.code(&order.ofd, &order.code).await.unwrap(), Some(CodeStanding::Free));
    assert_eq!(client.reserve(effect(1), &order).await, Outcome::Done(Reserved));
    assert_eq!(client.reserve(effect(1), &order).await, Outcome::Done(Reserved));
    assert_eq!(client.code(&order.ofd, &order.code).await.unwrap(), Some(CodeStanding::Reserved(effect(1))));
    assert_eq!(reason(client.reserve(effect(2), &order).await), OfdRefusalReason::CodeUsed);

    let made = client.connect(effect(3), &connection(effect(1), CODE, RNM)).await;
    assert!(matches!(made, Outcome::Done(_)), "{made:?}");
    assert_eq!(client.connect(effect(3), &connection(effect(1), CODE, RNM)).await, made);
    assert_eq!(client.code(&order.ofd, &order.code).await.unwrap(), Some(CodeStanding::Used(effect(3))));
    assert_eq!(reason(client.release(effect(1)).await), OfdRefusalReason::CodeUsed);
    assert!(matches!(client.connection_or_void(effect(3)).await.unwrap(), Told::Done(_)));
    assert_eq!(count(&sandbox.entries(), Kind::Effect, "ofd.Connect"), 1);
}

#[tokio::test]
async fn a_released_code_is_free_and_its_reservation_void() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    client.reserve(effect(1), &code(CODE)).await;
    assert_eq!(client.release(effect(1)).await, Outcome::Done(()));
    assert_eq!(client.release(effect(1)).await, Outcome::Done(()));
    assert_eq!(reason(client.reserve(effect(1), &code(CODE)).await), OfdRefusalReason::Voided);
    let unheld = client.connect(effect(3), &connection(effect(1), CODE, RNM)).await;
    assert_eq!(reason(unheld), OfdRefusalReason::NotReserved);
    assert_eq!(client.reserve(effect(2), &code(CODE)).await, Outcome::Done(Reserved));
}

#[tokio::test]
async fn refusals_stay_under_their_id_and_magic_codes_have_their_reasons() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    for (number, text, expected) in [
        (1, "FD13MM000001", OfdRefusalReason::CodeUsed),
        (2, "FD13MM000002", OfdRefusalReason::CodeExpired),
        (3, "FD13MM000003", OfdRefusalReason::CodeUnknown),
        (4, "FD13M000004", OfdRefusalReason::CodeWithoutMarking),
    ] {
        assert_eq!(reason(client.reserve(effect(number), &code(text)).await), expected, "{text}");
    }
    sandbox.add_fault("ofd.ReserveCode:refuse=OFD_UNKNOWN,times=1").unwrap();
    for _ in 0..2 {
        assert_eq!(reason(client.reserve(effect(5), &code(CODE)).await), OfdRefusalReason::OfdUnknown);
    }
    assert!(matches!(client.reservation_or_void(effect(5)).await.unwrap(), Told::Refused(_)));
    assert_eq!(reason(client.reserve(effect(5), &code("FD13MM654321")).await), OfdRefusalReason::ContentDiffers);

    client.reserve(effect(6), &code("FD13MM000012")).await;
    let late = client.connect(effect(7), &connection(effect(6), "FD13MM000012", RNM)).await;
    assert_eq!(reason(late), OfdRefusalReason::CodeExpired);
}

#[tokio::test]
async fn one_register_is_connected_once() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    client.reserve(effect(1), &code(CODE)).await;
    client.reserve(effect(2), &code("FD13MM654321")).await;
    client.connect(effect(3), &connection(effect(1), CODE, RNM)).await;
    let again = client.connect(effect(4), &connection(effect(2), "FD13MM654321", RNM)).await;
    assert_eq!(reason(again), OfdRefusalReason::KktAlreadyConnected);
    let strange = client.connect(effect(5), &connection(effect(2), "FD13MM654321", "0000000001055824")).await;
    assert_eq!(reason(strange), OfdRefusalReason::Other);
}

#[tokio::test]
async fn every_reason_of_the_contract_can_be_had_by_a_code() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let reasons = [
        (1, OfdRefusalReason::CodeUsed),
        (2, OfdRefusalReason::CodeExpired),
        (3, OfdRefusalReason::CodeUnknown),
        (4, OfdRefusalReason::CodeWithoutMarking),
        (5, OfdRefusalReason::OfdUnknown),
        (6, OfdRefusalReason::KktAlreadyConnected),
        (7, OfdRefusalReason::NotReserved),
        (8, OfdRefusalReason::Other),
    ];
    for (number, expected) in reasons {
        let refused = client.reserve(effect(number), &code(&format!("FD13MM00000{number}"))).await;
        assert_eq!(reason(refused), expected);
        let text = format!("FD13MM00001{number}");
        assert_eq!(client.reserve(effect(100 + number), &code(&text)).await, Outcome::Done(Reserved));
        let refused = client.connect(effect(200 + number), &connection(effect(100 + number), &text, RNM)).await;
        assert_eq!(reason(refused), expected);
    }
    let stale = code("FD13MM000009");
    assert_eq!(client.reserve(effect(300), &stale).await, Outcome::Done(Reserved));
    assert_eq!(client.code(&stale.ofd, &stale.code).await.unwrap(), Some(CodeStanding::Free));
}
