use prost::Message;

use super::*;
use crate::gateways::SetbackKind;
use crate::gateways::tests::{STATUSES, fails, nobody, says};
use crate::gateways::transcript::{self, Direction};
use crate::values::{FiscalSign, FnSerial};

fn client(url: &str) -> FnsClient {
    FnsClient::new(&RpcConfig { timeout_ms: 300, ..RpcConfig::at(url) }, World::Test).unwrap()
}

fn effect() -> EffectId {
    EffectId::parse("019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071").unwrap()
}

fn document() -> SignedDocument {
    SignedDocument { file_id: "KO_ZVLREGKKT_1".into(), xml: b"<x/>".to_vec(), certificate_id: "cert-1".into() }
}

fn report() -> ReportToFile {
    ReportToFile {
        application_id: "app-1".into(),
        rnm: Rnm::parse("0149060006035849").unwrap(),
        fn_serial: FnSerial::parse("9999078900000961").unwrap(),
        fd_number: 1,
        local_time: "2026-11-23T13:12:00".into(),
        fiscal_sign: FiscalSign::parse("0024109209").unwrap(),
        certificate_id: "cert-1".into(),
    }
}

fn refused(reason: pb::RefusalReason) -> pb::Refusal {
    pb::Refusal { reason: reason.into(), message: "Отказано".into() }
}

fn accepted(id: &str) -> pb::ApplicationAccepted {
    pb::ApplicationAccepted { application_id: id.into(), received_time: None }
}

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 500_000_000 })
}

async fn submit(outcome: Option<pb::submit_application_response::Outcome>) -> Outcome<Filed, FnsRefusal> {
    client(&says(pb::SubmitApplicationResponse { outcome }).await).submit(effect(), &document()).await
}

async fn standing(told: pb::GetApplicationResponse) -> Result<Option<Application>, Setback> {
    client(&says(told).await).application("app-1").await
}

fn garbled<T, R>(outcome: &Outcome<T, R>) -> bool {
    matches!(outcome, Outcome::Unknown(s) if s.kind == SetbackKind::Garbled)
}

#[tokio::test]
async fn an_application_is_filed_or_refused() {
    use pb::submit_application_response::Outcome as Said;
    let filed = Filed { application_id: "app-1".into() };
    assert_eq!(submit(Some(Said::Accepted(accepted("app-1")))).await, Outcome::Done(filed));
    assert!(garbled(&submit(Some(Said::Accepted(accepted("")))).await));
    assert!(garbled(&submit(None).await));
    assert!(garbled(&submit(Some(Said::Refused(refused(pb::RefusalReason::Unspecified)))).await));
}

#[tokio::test]
async fn every_reason_of_a_refusal_keeps_its_name() {
    use pb::submit_application_response::Outcome as Said;
    for number in 1..=18 {
        let reason = pb::RefusalReason::try_from(number).unwrap();
        let Outcome::Refused(told) = submit(Some(Said::Refused(refused(reason)))).await else { panic!("{reason:?}") };
        assert_eq!(format!("{:?}", told.reason), format!("{reason:?}"));
        assert_eq!(told.text, "Отказано");
    }
    assert!(pb::RefusalReason::try_from(19).is_err());
}

#[tokio::test]
async fn every_state_of_an_application_is_told() {
    use pb::ApplicationState as State;
    let told = |state: State| pb::GetApplicationResponse { state: state.into(), ..Default::default() };
    assert_eq!(standing(told(State::InReview)).await, Ok(Some(Application::InReview)));
    assert_eq!(standing(told(State::AwaitingSignature)).await, Ok(Some(Application::AwaitingSignature)));
    assert_eq!(standing(told(State::ReportInReview)).await, Ok(Some(Application::ReportInReview)));
    let rnm =
        pb::GetApplicationResponse { rnm: "0149060006035849".into(), rnm_time: at(7), ..told(State::RnmAssigned) };
    let Ok(Some(Application::RnmAssigned { rnm, assigned })) = standing(rnm).await else { panic!() };
    assert_eq!((rnm.as_str(), to_ms(assigned)), ("0149060006035849", 7_500));
    let card = pb::RegistrationCard { number: "7701000001".into(), issue_time: at(9) };
    let card = pb::GetApplicationResponse { card: Some(card), ..told(State::Registered) };
    let expected = Application::Registered { card: Card { number: "7701000001".into(), issued_ms: 9_500 } };
    assert_eq!(standing(card).await, Ok(Some(expected)));
    let why = FnsRefusal { reason: FnsRefusalReason::FnUnknown, text: "Отказано".into() };
    let no = |state| pb::GetApplicationResponse { refused: Some(refused(pb::RefusalReason::FnUnknown)), ..told(state) };
    assert_eq!(standing(no(State::Refused)).await, Ok(Some(Application::Refused(why.clone()))));
    assert_eq!(standing(no(State::ReportRefused)).await, Ok(Some(Application::ReportRefused(why))));
}

#[tokio::test]
async fn a_standing_with_a_hole_is_garbled() {
    use pb::ApplicationState as State;
    let told = |state: State| pb::GetApplicationResponse { state: state.into(), ..Default::default() };
    let bad_rnm = pb::GetApplicationResponse { rnm: "1".into(), rnm_time: at(7), ..told(State::RnmAssigned) };
    let no_time = pb::GetApplicationResponse { rnm: "0149060006035849".into(), ..told(State::RnmAssigned) };
    let no_card = told(State::Registered);
    for hole in [told(State::Unspecified), bad_rnm, no_time, no_card, told(State::Refused), told(State::ReportRefused)]
    {
        assert_eq!(standing(hole).await.unwrap_err().kind, SetbackKind::Garbled);
    }
}

#[tokio::test]
async fn an_unknown_application_is_an_answer() {
    let url = fails(tonic::Status::not_found("")).await;
    assert_eq!(client(&url).application("app-1").await, Ok(None));
    assert_eq!(client(&nobody().await).application("app-1").await.unwrap_err().kind, SetbackKind::Unreachable);
}

#[tokio::test]
async fn a_report_is_filed_or_refused() {
    use pb::submit_report_response::Outcome as Said;
    let file = async |outcome: Option<Said>| {
        client(&says(pb::SubmitReportResponse { outcome }).await).submit_report(effect(), &report()).await
    };
    assert_eq!(file(Some(Said::Accepted(pb::ReportAccepted::default()))).await, Outcome::Done(ReportFiled));
    let mismatch = file(Some(Said::Refused(refused(pb::RefusalReason::ReportMismatch)))).await;
    assert!(matches!(mismatch, Outcome::Refused(r) if r.reason == FnsRefusalReason::ReportMismatch));
    assert!(garbled(&file(None).await));
}

#[tokio::test]
async fn what_became_of_an_effect_is_told_by_its_kind() {
    use pb::report_or_void_response::Outcome as Said;
    let party = async |outcome: Option<Said>| client(&says(pb::ReportOrVoidResponse { outcome }).await);
    let application = party(Some(Said::Application(accepted("app-1")))).await;
    let filed = Filed { application_id: "app-1".into() };
    assert_eq!(application.application_or_void(effect()).await, Ok(Told::Done(filed)));
    assert_eq!(application.report_or_void(effect()).await.unwrap_err().kind, SetbackKind::Garbled);
    let report = party(Some(Said::Report(pb::ReportAccepted::default()))).await;
    assert_eq!(report.report_or_void(effect()).await, Ok(Told::Done(ReportFiled)));
    assert_eq!(report.application_or_void(effect()).await.unwrap_err().kind, SetbackKind::Garbled);
    let refusal = party(Some(Said::Refused(refused(pb::RefusalReason::Other)))).await;
    assert!(matches!(refusal.application_or_void(effect()).await, Ok(Told::Refused(_))));
    assert!(matches!(refusal.report_or_void(effect()).await, Ok(Told::Refused(_))));
    let busy = party(Some(Said::InProgress(pb::InProgress {}))).await;
    assert_eq!(busy.application_or_void(effect()).await, Ok(Told::InProgress));
    assert_eq!(busy.report_or_void(effect()).await, Ok(Told::InProgress));
    let void = party(Some(Said::Voided(pb::Voided {}))).await;
    assert_eq!(void.application_or_void(effect()).await, Ok(Told::Void));
    assert_eq!(void.report_or_void(effect()).await, Ok(Told::Void));
    assert_eq!(party(None).await.report_or_void(effect()).await.unwrap_err().kind, SetbackKind::Garbled);
}

#[tokio::test]
async fn a_status_tells_whether_anything_can_have_been_filed() {
    for (code, kind, nothing) in STATUSES {
        let url = fails(tonic::Status::new(code, "")).await;
        let client = client(&url);
        let submitted = matches!(client.submit(effect(), &document()).await, Outcome::NotNow(s) if s.kind == kind);
        let reported = matches!(client.submit_report(effect(), &report()).await, Outcome::NotNow(s) if s.kind == kind);
        assert_eq!((submitted, reported), (nothing, nothing), "{code:?}");
    }
}

#[tokio::test]
async fn what_was_filed_and_answered_is_kept_as_it_was_on_the_wire() {
    use pb::submit_application_response::Outcome as Said;
    let told = pb::SubmitApplicationResponse { outcome: Some(Said::Accepted(accepted("app-1"))) };
    let client = client(&says(told.clone()).await);
    let (outcome, said) = transcript::record(client.submit(effect(), &document())).await;
    assert!(matches!(outcome, Outcome::Done(_)));
    let heads: Vec<_> = said.iter().map(|e| (e.gateway, e.operation.as_str(), e.direction)).collect();
    let head = |direction| (Gateway::Fns, "SubmitApplication", direction);
    assert_eq!(heads, [head(Direction::Sent), head(Direction::Received)]);
    let sent = pb::SubmitApplicationRequest::decode(said[0].bytes.as_slice()).unwrap();
    assert_eq!((sent.effect_id, sent.document), (effect().to_string(), document().xml));
    assert_eq!(pb::SubmitApplicationResponse::decode(said[1].bytes.as_slice()).unwrap(), told);
}

#[tokio::test]
async fn what_failed_is_kept_with_the_words_of_the_other_side() {
    let client = client(&fails(tonic::Status::internal("ошибка 17")).await);
    let (outcome, said) = transcript::record(client.submit_report(effect(), &report())).await;
    assert!(matches!(outcome, Outcome::Unknown(_)));
    assert_eq!((said.len(), said[1].direction), (2, Direction::Failed));
    assert_eq!(String::from_utf8(said[1].bytes.clone()).unwrap(), "gRPC Internal: ошибка 17");
}
