use litebox_partner::grpc::health::LIVENESS;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
use tonic_types::StatusExt;

use super::*;

fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    assert!(!details.request_info().unwrap().request_id.is_empty());
    details.error_info().unwrap().reason.clone()
}

#[tokio::test]
async fn a_client_is_looked_up_registered_shown_and_listed() {
    let front = Front::new().await;
    let mut clients = front.clients(&front.partner().await);
    let inn = "7707083893".to_owned();
    let found = clients.lookup_taxpayer(client::LookupTaxpayerRequest { inn: inn.clone() }).await.unwrap().into_inner();
    let taxpayer = found.taxpayer.unwrap();
    assert_eq!((taxpayer.inn.as_str(), taxpayer.status()), (inn.as_str(), client::TaxpayerStatus::Active));

    // The registered address can be given back as it is.
    let request = client::RegisterRequest { address: taxpayer.address, ..registration(&inn, "shop@example.ru") };
    let card = clients.register(request.clone()).await.unwrap().into_inner().client.unwrap();
    assert_eq!((card.state(), card.login.as_str()), (client::ClientState::Active, "shop@example.ru"));
    assert!(card.handover.contains("пароль") && card.handover.contains("in.litebox.ru"));
    let pay = card.next_actions.iter().find(|a| a.action() == client::ClientAction::PayKkt).unwrap();
    assert!(!pay.available && !pay.why_not.is_empty());

    let again = clients.register(request).await.unwrap().into_inner().client.unwrap();
    assert_eq!(again.id, card.id);
    let got = clients.get(client::GetRequest { client_id: card.id.clone() }).await.unwrap().into_inner();
    assert_eq!(got.client.as_ref(), Some(&card));
    let listed =
        clients.list(client::ListRequest { inn, ..client::ListRequest::default() }).await.unwrap().into_inner();
    assert_eq!(listed.clients, [card]);
}

#[tokio::test]
async fn checking_only_creates_nothing() {
    let front = Front::new().await;
    let mut clients = front.clients(&front.partner().await);
    let request = client::RegisterRequest { validate_only: true, ..registration("7707083893", "shop@example.ru") };
    assert_eq!(clients.register(request).await.unwrap().into_inner().client, None);
    assert_eq!(clients.list(client::ListRequest::default()).await.unwrap().into_inner().clients, []);
}

#[tokio::test]
async fn bad_fields_come_at_once_with_russian_words() {
    let front = Front::new().await;
    let mut clients = front.clients(&front.partner().await);
    let request = client::RegisterRequest { phone: "+79111111111".into(), ..registration("7707083894", "nobody") };
    let status = clients.register(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "VALIDATION_FAILED"));
    let details = status.get_error_details();
    let fields: Vec<_> = details.bad_request().unwrap().field_violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["inn", "phone", "email"]);
    assert!(details.localized_message().unwrap().message.contains("Исправьте"));
}

#[tokio::test]
async fn a_partner_of_the_mts_theme_registers_nobody() {
    let front = Front::new().await;
    let mut clients = front.clients(&front.token(Theme::Mts, Scopes::all()).await);
    let status = clients.register(registration("7707083893", "shop@example.ru")).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::FailedPrecondition, "REGISTRATION_UNAVAILABLE_IN_THEME")
    );
}

#[tokio::test]
async fn another_partners_client_is_not_found() {
    let front = Front::new().await;
    let mut ours = front.clients(&front.partner().await);
    let request = registration("7707083893", "shop@example.ru");
    let card = ours.register(request).await.unwrap().into_inner().client.unwrap();
    let mut theirs = front.clients(&front.token(Theme::LiteBox, Scopes::all()).await);
    let foreign = theirs.get(client::GetRequest { client_id: card.id }).await.unwrap_err();
    let missing = theirs.get(client::GetRequest { client_id: new_id() }).await.unwrap_err();
    assert_eq!((foreign.code(), foreign.message()), (missing.code(), missing.message()));
    assert_eq!(reason(&foreign), "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn no_token_and_a_token_without_the_scope_are_refused_before_validation() {
    let front = Front::new().await;
    let bad = client::GetRequest { client_id: "not an id".into() };
    let status = ClientServiceClient::new(front.channel.clone()).get(bad.clone()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "CREDENTIALS_INVALID"));
    let token = front.token(Theme::LiteBox, [Scope::KktRead, Scope::KktWrite].into_iter().collect()).await;
    let status = front.clients(&token).get(bad).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "SCOPE_MISSING"));

    let burn = kkt::QuickRegisterRequest { fiscalize_automatically: true, ..kkt::QuickRegisterRequest::default() };
    let status = front.kkts(&token).quick_register(burn).await.unwrap_err();
    assert_eq!(status.get_details_error_info().unwrap().metadata["scope"], "KKT_FISCALIZE");
}

#[tokio::test]
async fn ids_are_checked_before_anything_is_looked_up() {
    let front = Front::new().await;
    let mut kkts = front.kkts(&front.partner().await);
    let request = kkt::CancelRequest { request_id: new_id(), kkt_id: new_id() };
    let status = kkts.cancel(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    let status = kkts.cancel(kkt::CancelRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn health_is_open_and_follows_readiness() {
    let front = Front::new().await;
    let mut health = HealthClient::new(front.channel.clone());
    let mut ask = async |name: &str| {
        let request = HealthCheckRequest { service: name.into() };
        health.check(request).await.unwrap().into_inner().status()
    };
    // Ready is told by a task of its own.
    while ask("").await != ServingStatus::Serving {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask("litebox.kkt.v1.KktService").await, ServingStatus::Serving);
    front.ready.send(false).unwrap();
    while ask("").await != ServingStatus::NotServing {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(LIVENESS).await, ServingStatus::Serving);
}

#[tokio::test]
async fn reflection_lists_the_services_and_explains_errors() {
    let front = Front::new().await;
    let token = front.partner().await;
    let mut reflection = ServerReflectionClient::with_interceptor(front.channel.clone(), bearer(&token));
    let questions = [
        MessageRequest::ListServices(String::new()),
        MessageRequest::FileContainingSymbol("google.rpc.LocalizedMessage".into()),
        MessageRequest::FileContainingSymbol("litebox.error.v1.ErrorReason".into()),
    ];
    let asked =
        questions.map(|question| ServerReflectionRequest { host: String::new(), message_request: Some(question) });
    let mut answers = reflection.server_reflection_info(tokio_stream::iter(asked)).await.unwrap().into_inner();
    let mut next = async || answers.message().await.unwrap().and_then(|a: ServerReflectionResponse| a.message_response);
    let Some(MessageResponse::ListServicesResponse(list)) = next().await else { panic!("no list") };
    let names: Vec<_> = list.service.iter().map(|s| s.name.as_str()).collect();
    assert!(names.contains(&"litebox.client.v1.ClientService") && names.contains(&"litebox.kkt.v1.KktService"));
    for _ in 0..2 {
        let Some(MessageResponse::FileDescriptorResponse(file)) = next().await else { panic!("no file") };
        assert!(!file.file_descriptor_proto.is_empty());
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused_with_a_reason() {
    let front = Front::new().await;
    let mut clients = front.clients(&front.partner().await);
    let request = client::ListRequest { text: "a".repeat(300 * 1024), ..client::ListRequest::default() };
    let status = clients.list(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "VALIDATION_FAILED"));
}

#[tokio::test]
async fn an_open_health_stream_does_not_keep_a_stop_waiting_for_ever() {
    let front = Front::new().await;
    let mut health = HealthClient::new(front.channel.clone());
    let mut open = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    open.message().await.unwrap();
    front.stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), front.serving).await.unwrap().unwrap().unwrap();
}
