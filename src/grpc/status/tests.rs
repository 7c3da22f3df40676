use super::*;
use crate::failure::{Limit, RegionalManager};
use crate::values::{ClientId, KktId};
use uuid::Uuid;

const TEN: Duration = Duration::from_secs(10);

fn violation(field: &str) -> Violation {
    Violation {
        field: field.into(), reason: "REASON", text: "is wrong".into(), russian: "Укажите иначе".into()
    }
}

fn requirement(code: &'static str) -> Requirement {
    Requirement {
        code, subject: "ofd.inn".into(), text: "wrong".into(), russian: "Выберите другого оператора".into()
    }
}

fn manager() -> RegionalManager {
    RegionalManager { name: "Отдел".into(), phone: "8 800".into(), email: "a@example.ru".into() }
}

fn gateway(gateway: Gateway) -> Failure {
    Failure::GatewayUnavailable { gateway, retry_after: TEN }
}

/// Every failure there is, with the row of the table it belongs to.
fn table() -> Vec<(Failure, Code, &'static str, &'static [&'static str])> {
    use Code::*;
    let some = Uuid::from_u128(7);
    vec![
        (Failure::Validation(vec![violation("inn")]), InvalidArgument, "VALIDATION_FAILED", &["violations"]),
        (Failure::KeyReused, FailedPrecondition, "IDEMPOTENCY_KEY_REUSED", &[]),
        (
            Failure::ClientAlreadyRegistered { client_id: ClientId::new(some) },
            AlreadyExists,
            "CLIENT_ALREADY_REGISTERED",
            &["client_id"],
        ),
        (
            Failure::ClientKnownElsewhere { manager: manager() },
            AlreadyExists,
            "CLIENT_KNOWN_ELSEWHERE",
            &["manager_email", "manager_name", "manager_phone"],
        ),
        (Failure::LoginTaken, AlreadyExists, "LOGIN_TAKEN", &["field"]),
        (Failure::RegistrationUnavailableInTheme, FailedPrecondition, "REGISTRATION_UNAVAILABLE_IN_THEME", &["theme"]),
        (Failure::TaxpayerNotFound, FailedPrecondition, "TAXPAYER_NOT_FOUND", &[]),
        (Failure::TaxpayerNotActive { status: "LIQUIDATED" }, FailedPrecondition, "TAXPAYER_NOT_ACTIVE", &["status"]),
        (
            Failure::KktAlreadyRegistered { kkt_id: KktId::new(some) },
            AlreadyExists,
            "KKT_ALREADY_REGISTERED",
            &["kkt_id"],
        ),
        (Failure::SerialOrFnInUse, AlreadyExists, "SERIAL_OR_FN_IN_USE", &[]),
        (
            Failure::AddressNotResolved { candidates: vec![near()] },
            FailedPrecondition,
            "ADDRESS_NOT_RESOLVED",
            &["candidates"],
        ),
        (
            Failure::RequirementsNotMet(vec![requirement("OFD_PERMIT")]),
            FailedPrecondition,
            "KKT_REQUIREMENTS_NOT_MET",
            &["violations"],
        ),
        (
            Failure::WarningsNotAcknowledged(vec![requirement("SERIAL_PATTERN")]),
            FailedPrecondition,
            "WARNINGS_NOT_ACKNOWLEDGED",
            &["violations"],
        ),
        (
            Failure::AutomaticUnsupported { model: Some("MSPOS-K".into()) },
            FailedPrecondition,
            "AUTOMATIC_UNSUPPORTED",
            &["model"],
        ),
        (Failure::NoRentalDevice, ResourceExhausted, "NO_RENTAL_DEVICE", &[]),
        (Failure::WrongKktState { state: "AWAITING_RNM" }, FailedPrecondition, "WRONG_KKT_STATE", &["state"]),
        (Failure::NotFound { what: "kkt" }, NotFound, "RESOURCE_NOT_FOUND", &["resource"]),
        (Failure::Conflict, Aborted, "CONFLICT", &[]),
        (gateway(Gateway::Taxpayers), Unavailable, "TAXPAYERS_UNAVAILABLE", &[]),
        (gateway(Gateway::Accounts), Unavailable, "ACCOUNTS_UNAVAILABLE", &[]),
        (gateway(Gateway::Fns), Unavailable, "FNS_UNAVAILABLE", &[]),
        (gateway(Gateway::Ofd), Unavailable, "OFD_UNAVAILABLE", &[]),
        (gateway(Gateway::Device), Unavailable, "DEVICE_UNAVAILABLE", &[]),
        (Failure::StorageUnavailable, Unavailable, "STORAGE_UNAVAILABLE", &[]),
        (Failure::StorageBusy, ResourceExhausted, "STORAGE_OVERLOADED", &[]),
        (Failure::Recovering, Unavailable, "RECOVERING", &[]),
        (Failure::RateLimited { limit: Limit::Calls, retry_after: TEN }, ResourceExhausted, "RATE_LIMITED", &["limit"]),
        (Failure::NotOffered { what: "method" }, Unimplemented, "NOT_OFFERED", &["feature"]),
        (Failure::Internal { detail: "secret detail".into() }, Internal, "INTERNAL", &[]),
    ]
}

/// Errors that are no failure of a service.
fn shell() -> Vec<(Status, Code, &'static str)> {
    vec![
        (unauthenticated(), Code::Unauthenticated, "CREDENTIALS_INVALID"),
        (scope_missing("KKT_WRITE"), Code::PermissionDenied, "SCOPE_MISSING"),
        (partner_not_allowed(), Code::PermissionDenied, "PARTNER_NOT_ALLOWED"),
        (overloaded(), Code::ResourceExhausted, "SERVER_OVERLOADED"),
        (deadline_exceeded(), Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
    ]
}

#[test]
fn every_failure_has_its_code_reason_metadata_and_a_russian_sentence() {
    for (failure, code, reason, keys) in table() {
        let status = Status::from(failure);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((status.code(), info.reason.as_str(), info.domain.as_str()), (code, reason, DOMAIN));
        let mut found: Vec<_> = info.metadata.keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, keys, "{reason}");
        let told = details.localized_message().unwrap();
        assert_eq!(told.locale, LOCALE);
        assert!(told.message.chars().any(|c| ('а'..='я').contains(&c)) && told.message.ends_with('.'), "{reason}");
        assert!(!format!("{status:?}").contains("secret detail"));
    }
}

#[test]
fn waiting_helps_exactly_where_retry_info_says_so() {
    for (failure, code, reason, _) in table() {
        let retry = Status::from(failure).get_details_retry_info().is_some();
        let busy = ["RATE_LIMITED", "STORAGE_OVERLOADED", "CONFLICT"].contains(&reason);
        assert_eq!(retry, code == Code::Unavailable || busy, "{reason}");
    }
}

#[test]
fn every_reason_of_the_contract_is_produced() {
    let failures = table().into_iter().map(|(_, _, reason, _)| reason);
    let mut produced: Vec<_> = failures.chain(shell().into_iter().map(|(_, _, reason)| reason)).collect();
    produced.sort_unstable();
    let mut declared: Vec<_> = (1..).map_while(|n| ErrorReason::try_from(n).ok()).map(name).collect();
    declared.sort_unstable();
    assert_eq!(produced, declared);
    for (status, code, reason) in shell() {
        let info = status.get_details_error_info().unwrap();
        assert_eq!((status.code(), info.reason.as_str()), (code, reason));
    }
}

#[test]
fn all_violations_come_at_once_with_their_russian_text() {
    let status = Status::from(Failure::Validation(vec![violation("inn"), violation("phone")]));
    let bad = status.get_details_bad_request().unwrap();
    let fields: Vec<_> = bad.field_violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["inn", "phone"]);
    let first = bad.field_violations.first().unwrap();
    assert_eq!((first.reason.as_str(), first.description.as_str()), ("REASON", "is wrong"));
    assert_eq!(first.localized_message.as_ref().unwrap().message, "Укажите иначе");
}

fn near() -> Candidate {
    Candidate { text: "г Москва".into(), fias_id: Some("29251dcf-00a1-4e34-98d4-5c47484a36d4".into()) }
}

#[test]
fn warnings_stand_beside_what_blocks() {
    let (blocking, warnings) = (vec![requirement("OFD_PERMIT")], vec![requirement("SERIAL_PATTERN")]);
    let status = Status::from(Failure::OrderNotMet { blocking, warnings });
    assert_eq!(status.get_details_error_info().unwrap().metadata["warnings"], "SERIAL_PATTERN");
    let told = status.get_details_precondition_failure().unwrap().violations;
    assert_eq!(told.iter().map(|v| v.r#type.as_str()).collect::<Vec<_>>(), ["OFD_PERMIT", "SERIAL_PATTERN"]);
}

#[test]
fn rules_and_candidates_are_precondition_violations() {
    let rules = Status::from(Failure::RequirementsNotMet(vec![requirement("OFD_PERMIT")]));
    let violation = rules.get_details_precondition_failure().unwrap().violations.remove(0);
    assert_eq!((violation.r#type.as_str(), violation.subject.as_str()), ("OFD_PERMIT", "ofd.inn"));
    let many = Failure::AddressNotResolved { candidates: vec![near(); 9] };
    assert_eq!(Status::from(many).get_details_precondition_failure().unwrap().violations.len(), 5);
}

#[test]
fn details_fit_into_the_headers_of_common_clients() {
    let many = (0..200).map(|n| violation(&format!("equipment.sale.some_long_field[{n}]"))).collect();
    let mut headers = http::HeaderMap::new();
    let call = CallId("019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071".into());
    complete(&Status::from(Failure::Validation(many)), &call).status.add_header(&mut headers).unwrap();
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    assert!(size < 8 * 1024, "{size}");
}

#[test]
fn errors_made_elsewhere_are_completed() {
    let call = CallId("019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071".into());
    let cases = [
        (Status::unimplemented(""), Code::Unimplemented, "NOT_OFFERED"),
        (Status::internal("failed to decode Protobuf message"), Code::InvalidArgument, "VALIDATION_FAILED"),
        (Status::out_of_range("too large"), Code::InvalidArgument, "VALIDATION_FAILED"),
        (Status::unknown("driver text"), Code::Internal, "INTERNAL"),
        (Failure::Conflict.into(), Code::Aborted, "CONFLICT"),
    ];
    for (status, code, reason) in cases {
        let Completed { status, reason: told, shed } = complete(&status, &call);
        assert_eq!((told.as_deref(), shed), (Some(reason), None));
        let details = status.get_error_details();
        assert_eq!((status.code(), details.error_info().unwrap().reason.as_str()), (code, reason));
        assert_eq!(details.request_info().unwrap().request_id, call.0);
        assert!(!status.message().contains("driver"));
    }
}

#[test]
fn an_overloaded_server_says_when_to_come_back() {
    let status = overloaded();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.get_details_error_info().unwrap().reason, "SERVER_OVERLOADED");
    assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(OVERLOAD_RETRY));
}
