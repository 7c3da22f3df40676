use super::*;
use crate::gateways::SetbackKind;
use crate::gateways::tests::{STATUSES, fails, says};
use crate::values::{FnSerial, KktSerial, Rnm};

fn client(url: &str) -> OfdClient {
    OfdClient::new(&RpcConfig { timeout_ms: 300, ..RpcConfig::at(url) }, World::Test).unwrap()
}

fn effect() -> EffectId {
    EffectId::parse("019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071").unwrap()
}

fn inn() -> Inn {
    Inn::parse("7709364346").unwrap()
}

fn code() -> ActivationCode {
    ActivationCode::parse("FD13MM123456").unwrap()
}

fn serial() -> KktSerial {
    KktSerial::parse("00106100000651").unwrap()
}

fn order() -> CodeOrder {
    CodeOrder { ofd: inn(), code: code(), inn: inn(), kkt_model: "АТОЛ 30Ф".into(), kkt_serial: serial() }
}

fn connection() -> ConnectOrder {
    ConnectOrder {
        reservation: effect(),
        ofd: inn(),
        code: code(),
        inn: inn(),
        rnm: Rnm::parse("0149060006035849").unwrap(),
        kkt_serial: serial(),
        fn_serial: FnSerial::parse("9999078900000961").unwrap(),
    }
}

fn refused(reason: pb::RefusalReason) -> pb::Refusal {
    pb::Refusal { reason: reason.into(), message: "Отказано".into() }
}

fn connected(number: &str) -> pb::Connected {
    pb::Connected { contract_number: number.into(), connect_time: None }
}

fn garbled<T, R>(outcome: &Outcome<T, R>) -> bool {
    matches!(outcome, Outcome::Unknown(s) if s.kind == SetbackKind::Garbled)
}

#[tokio::test]
async fn a_code_is_held_or_refused() {
    use pb::reserve_code_response::Outcome as Said;
    let reserve = async |outcome: Option<Said>| {
        client(&says(pb::ReserveCodeResponse { outcome }).await).reserve(effect(), &order()).await
    };
    assert_eq!(reserve(Some(Said::Reserved(pb::CodeReserved::default()))).await, Outcome::Done(Reserved));
    assert!(garbled(&reserve(None).await));
    assert!(garbled(&reserve(Some(Said::Refused(refused(pb::RefusalReason::Unspecified)))).await));
    for number in 1..=10 {
        let reason = pb::RefusalReason::try_from(number).unwrap();
        let Outcome::Refused(told) = reserve(Some(Said::Refused(refused(reason)))).await else { panic!("{reason:?}") };
        assert_eq!(format!("{:?}", told.reason), format!("{reason:?}"));
    }
    assert!(pb::RefusalReason::try_from(11).is_err());
}

#[tokio::test]
async fn a_register_is_connected_or_refused() {
    use pb::connect_response::Outcome as Said;
    let connect = async |outcome: Option<Said>| {
        client(&says(pb::ConnectResponse { outcome }).await).connect(effect(), &connection()).await
    };
    let contract = Contract { number: "ofd-1".into() };
    assert_eq!(connect(Some(Said::Connected(connected("ofd-1")))).await, Outcome::Done(contract));
    assert!(garbled(&connect(Some(Said::Connected(connected("")))).await));
    let no = connect(Some(Said::Refused(refused(pb::RefusalReason::NotReserved)))).await;
    assert!(matches!(no, Outcome::Refused(r) if r.reason == OfdRefusalReason::NotReserved));
    assert!(garbled(&connect(None).await));
}

#[tokio::test]
async fn a_code_is_released_or_refused() {
    use pb::release_code_response::Outcome as Said;
    let release =
        async |outcome: Option<Said>| client(&says(pb::ReleaseCodeResponse { outcome }).await).release(effect()).await;
    assert_eq!(release(Some(Said::Released(pb::CodeReleased {}))).await, Outcome::Done(()));
    let no = release(Some(Said::Refused(refused(pb::RefusalReason::CodeUsed)))).await;
    assert!(matches!(no, Outcome::Refused(r) if r.reason == OfdRefusalReason::CodeUsed));
    assert!(garbled(&release(None).await));
}

#[tokio::test]
async fn a_code_stands_as_told() {
    use pb::CodeState as State;
    let ask = async |state: State, effect_id: &str| {
        let told = pb::GetCodeResponse { state: state.into(), effect_id: effect_id.into() };
        client(&says(told).await).code(&inn(), &code()).await
    };
    let by = effect().to_string();
    assert_eq!(ask(State::Free, "").await, Ok(Some(CodeStanding::Free)));
    assert_eq!(ask(State::Expired, "").await, Ok(Some(CodeStanding::Expired)));
    assert_eq!(ask(State::Reserved, &by).await, Ok(Some(CodeStanding::Reserved(effect()))));
    assert_eq!(ask(State::Used, &by).await, Ok(Some(CodeStanding::Used(effect()))));
    for (state, by) in [(State::Unspecified, ""), (State::Reserved, ""), (State::Used, "x")] {
        assert_eq!(ask(state, by).await.unwrap_err().kind, SetbackKind::Garbled);
    }
    let url = fails(tonic::Status::not_found("")).await;
    assert_eq!(client(&url).code(&inn(), &code()).await, Ok(None));
}

#[tokio::test]
async fn what_became_of_an_effect_is_told_by_its_kind() {
    use pb::report_or_void_response::Outcome as Said;
    let party = async |outcome: Option<Said>| client(&says(pb::ReportOrVoidResponse { outcome }).await);
    let held = party(Some(Said::Reserved(pb::CodeReserved::default()))).await;
    assert_eq!(held.reservation_or_void(effect()).await, Ok(Told::Done(Reserved)));
    assert_eq!(held.connection_or_void(effect()).await.unwrap_err().kind, SetbackKind::Garbled);
    let joined = party(Some(Said::Connected(connected("ofd-1")))).await;
    assert_eq!(joined.connection_or_void(effect()).await, Ok(Told::Done(Contract { number: "ofd-1".into() })));
    assert_eq!(joined.reservation_or_void(effect()).await.unwrap_err().kind, SetbackKind::Garbled);
    let refusal = party(Some(Said::Refused(refused(pb::RefusalReason::CodeExpired)))).await;
    assert!(matches!(refusal.reservation_or_void(effect()).await, Ok(Told::Refused(_))));
    assert!(matches!(refusal.connection_or_void(effect()).await, Ok(Told::Refused(_))));
    let busy = party(Some(Said::InProgress(pb::InProgress {}))).await;
    assert_eq!(busy.reservation_or_void(effect()).await, Ok(Told::InProgress));
    assert_eq!(busy.connection_or_void(effect()).await, Ok(Told::InProgress));
    let void = party(Some(Said::Voided(pb::Voided {}))).await;
    assert_eq!(void.reservation_or_void(effect()).await, Ok(Told::Void));
    assert_eq!(void.connection_or_void(effect()).await, Ok(Told::Void));
    assert_eq!(party(None).await.connection_or_void(effect()).await.unwrap_err().kind, SetbackKind::Garbled);
}

#[tokio::test]
async fn a_status_tells_whether_anything_can_have_happened() {
    for (status, kind, nothing) in STATUSES {
        let url = fails(tonic::Status::new(status, "")).await;
        let client = client(&url);
        let reserved = matches!(client.reserve(effect(), &order()).await, Outcome::NotNow(s) if s.kind == kind);
        let joined = matches!(client.connect(effect(), &connection()).await, Outcome::NotNow(s) if s.kind == kind);
        let freed = matches!(client.release(effect()).await, Outcome::NotNow(s) if s.kind == kind);
        assert_eq!((reserved, joined, freed), (nothing, nothing, nothing), "{status:?}");
    }
}
