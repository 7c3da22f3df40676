//! Error reasons that need an outer system or a repeated call, each as a caller of gRPC sees it.

use litebox_partner::pb::{client as cl, kkt as pb};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::kkt::shop::{COMPANY, Shop, address, register};
use crate::support::app::{TestApp, on_both_apps};
use crate::support::fresh_id;

/// Code and reason; an error always tells people in Russian what to do next.
fn told(status: &Status) -> (Code, String) {
    let sentence = status.get_details_localized_message().map(|m| (m.locale, m.message)).unwrap_or_default();
    assert_eq!(sentence.0, "ru-RU");
    assert!(sentence.1.chars().any(|c| ('а'..='я').contains(&c)), "{sentence:?}");
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

async fn refused(app: &TestApp, request: cl::RegisterRequest) -> (Code, String) {
    told(&app.clients().register(request).await.unwrap_err())
}

#[tokio::test]
async fn what_the_state_register_and_the_account_service_say() {
    on_both_apps(async |app| {
        let taken = cl::RegisterRequest { email: "taken@example.ru".into(), ..register(COMPANY) };
        let cases = [
            (register("7799000012"), Code::FailedPrecondition, "TAXPAYER_NOT_FOUND"),
            (register("7799000020"), Code::FailedPrecondition, "TAXPAYER_NOT_ACTIVE"),
            (taken, Code::AlreadyExists, "LOGIN_TAKEN"),
        ];
        for (request, code, reason) in cases {
            assert_eq!(refused(app, request).await, (code, reason.to_owned()));
        }
        let request = register(COMPANY);
        app.clients().register(request.clone()).await.unwrap();
        let other = cl::RegisterRequest { phone: "922-222-2222".into(), ..request };
        assert_eq!(refused(app, other).await, (Code::FailedPrecondition, "IDEMPOTENCY_KEY_REUSED".into()));
        let missing = cl::GetRequest { client_id: fresh_id() };
        let status = app.clients().get(missing).await.unwrap_err();
        assert_eq!(told(&status), (Code::NotFound, "RESOURCE_NOT_FOUND".into()));
    })
    .await;
}

#[tokio::test]
async fn an_outer_system_that_is_down_is_named_with_a_time_to_try_again() {
    on_both_apps(async |app| {
        for (fault, reason) in [
            ("taxpayers.party:status=503,times=1", "TAXPAYERS_UNAVAILABLE"),
            ("accounts.FindByInn:error=UNAVAILABLE,times=1", "ACCOUNTS_UNAVAILABLE"),
        ] {
            app.sandbox.add_fault(fault).unwrap();
            let status = app.clients().register(register(COMPANY)).await.unwrap_err();
            assert_eq!(told(&status), (Code::Unavailable, reason.to_owned()));
            assert!(status.get_details_retry_info().is_some_and(|retry| retry.retry_delay.is_some()));
        }
        app.clients().register(register(COMPANY)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_address_that_is_not_one_address_brings_candidates() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let order = shop.order(1).await;
        for street in ["ул Нигде", "ул Двойная"] {
            let address = cl::Address { street: street.into(), ..address() };
            let place = pb::Place {
                name: "Магазин".into(),
                location: Some(pb::place::Location::Address(address)),
                ..Default::default()
            };
            let order = pb::QuickRegisterRequest { request_id: fresh_id(), place: Some(place), ..order.clone() };
            let status = shop.kkts.clone().quick_register(order).await.unwrap_err();
            assert_eq!(told(&status), (Code::FailedPrecondition, "ADDRESS_NOT_RESOLVED".into()), "{street}");
        }
    })
    .await;
}
