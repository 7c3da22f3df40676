//! LiteBox's page «Регистрация нового клиента», sentence by sentence, through gRPC.
//!
//! Sentences that belong to a later release: paying for a register and rented registers; both are listed among the next
//! actions, with why not.

use litebox_partner::partners::model::Theme;
use litebox_partner::pb::client as cl;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::kkt::shop::{COMPANY, ENTREPRENEUR, register};
use crate::support::app::{TestApp, on_both_apps};
use crate::support::fresh_id;

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn fields(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|b| b.field_violations).unwrap_or_default();
    violations.into_iter().map(|v| v.field).collect()
}

async fn refused(app: &TestApp, request: cl::RegisterRequest) -> Status {
    app.clients().register(request).await.unwrap_err()
}

async fn accepted(app: &TestApp, request: cl::RegisterRequest) -> cl::Client {
    app.clients().register(request).await.unwrap().into_inner().client.unwrap()
}

#[tokio::test]
async fn a_client_known_to_the_cabinet_or_to_the_inventory_goes_to_the_regional_manager() {
    on_both_apps(async |app| {
        let first = accepted(app, register(COMPANY)).await;
        let own = refused(app, register(COMPANY)).await;
        assert_eq!((own.code(), reason(&own).as_str()), (Code::AlreadyExists, "CLIENT_ALREADY_REGISTERED"));
        assert_eq!(own.get_details_error_info().unwrap().metadata["client_id"], first.id);

        let stranger = app.other_partner("Чужой", Theme::LiteBox).await;
        let mut theirs = app.clients_as(Some(&format!("Bearer {}", stranger.token)));
        // 7799000076: the sandbox's inventory system knows it. One answer for both.
        for inn in [COMPANY, "7799000076"] {
            let known = theirs.register(register(inn)).await.unwrap_err();
            assert_eq!((known.code(), reason(&known).as_str()), (Code::AlreadyExists, "CLIENT_KNOWN_ELSEWHERE"));
            let metadata = known.get_details_error_info().unwrap().metadata;
            assert!(metadata.keys().any(|k| k.contains("manager")), "{metadata:?}");
            assert!(known.get_details_localized_message().unwrap().message.contains("менеджер"));
            assert!(!format!("{known:?}").contains(&first.id));
        }
    })
    .await;
}

#[tokio::test]
async fn the_client_type_is_litebox_and_in_the_mts_theme_nobody_registers() {
    on_both_apps(async |app| {
        let untyped = cl::RegisterRequest { client_type: 0, ..register(COMPANY) };
        assert_eq!(fields(&refused(app, untyped).await), ["client_type"]);
        let mts = app.other_partner("МТС", Theme::Mts).await;
        let status =
            app.clients_as(Some(&format!("Bearer {}", mts.token))).register(register(COMPANY)).await.unwrap_err();
        assert_eq!(reason(&status), "REGISTRATION_UNAVAILABLE_IN_THEME");
        assert_eq!(status.code(), Code::FailedPrecondition);
    })
    .await;
}

#[tokio::test]
async fn the_inn_of_a_company_or_an_entrepreneur_fills_in_the_name_and_the_company() {
    on_both_apps(async |app| {
        for inn in [COMPANY, ENTREPRENEUR] {
            let look_up = cl::LookupTaxpayerRequest { inn: inn.into() };
            let taxpayer = app.clients().lookup_taxpayer(look_up).await.unwrap().into_inner().taxpayer.unwrap();
            assert!(!taxpayer.last_name.is_empty() && !taxpayer.first_name.is_empty());
            assert!(!taxpayer.company.is_empty());
            let client = accepted(app, register(inn)).await;
            assert_eq!((client.last_name, client.company), (taxpayer.last_name, taxpayer.company));
        }
    })
    .await;
}

#[tokio::test]
async fn the_phone_has_the_form_911_111_1111() {
    on_both_apps(async |app| {
        for bad in ["8-911-111-11-11", "+79111111111", "9111111111", "911-1111111", "911-111-111", "911-111-11111", ""]
        {
            let status = refused(app, cl::RegisterRequest { phone: bad.into(), ..register(COMPANY) }).await;
            assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec!["phone".to_owned()]), "{bad}");
        }
        accepted(app, cl::RegisterRequest { phone: "911-111-1111".into(), ..register(COMPANY) }).await;
    })
    .await;
}

#[tokio::test]
async fn the_password_has_six_of_the_letters_digits_and_signs_of_the_page() {
    on_both_apps(async |app| {
        for bad in ["abcde", "abc def1", "пароль1", "abc%123", "abc.123", "", &"a".repeat(129)] {
            let status = refused(app, cl::RegisterRequest { password: bad.into(), ..register(COMPANY) }).await;
            assert_eq!(fields(&status), ["password"], "{bad}");
            assert!(bad.is_empty() || !format!("{status:?}").contains(bad), "an error never repeats a password");
        }
        accepted(app, cl::RegisterRequest { password: "aB1!@#$_-".into(), ..register(COMPANY) }).await;
    })
    .await;
}

#[tokio::test]
async fn phone_mail_and_password_are_recorded_and_handed_over_and_the_card_leads_on() {
    on_both_apps(async |app| {
        let request = register(COMPANY);
        let client = accepted(app, request.clone()).await;
        assert_eq!(client.login, request.email);
        assert_eq!(client.sign_in_address, "https://in.litebox.ru");
        for word in ["телефон", "парол"] {
            assert!(client.handover.to_lowercase().contains(word), "{}", client.handover);
        }
        for now in [cl::ClientAction::RegisterSaleKkt, cl::ClientAction::RegisterRentalKkt] {
            assert!(client.next_actions.iter().any(|a| a.action() == now && a.available));
        }
        for later in [cl::ClientAction::PayKkt, cl::ClientAction::Edit] {
            assert!(client.next_actions.iter().any(|a| a.action() == later && !a.available && !a.why_not.is_empty()));
        }
        let found = app.clients().get(cl::GetRequest { client_id: client.id.clone() }).await.unwrap().into_inner();
        assert_eq!(found.client.unwrap().id, client.id);
    })
    .await;
}

#[tokio::test]
async fn the_same_inn_from_two_partners_at_once_yields_one_client() {
    on_both_apps(async |app| {
        let stranger = app.other_partner("Чужой", Theme::LiteBox).await;
        let (mut ours, mut theirs) = (app.clients(), app.clients_as(Some(&format!("Bearer {}", stranger.token))));
        let other =
            cl::RegisterRequest { email: "other@example.ru".into(), request_id: fresh_id(), ..register(COMPANY) };
        let (one, two) = tokio::join!(ours.register(register(COMPANY)), theirs.register(other));
        assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1, "{one:?} {two:?}");
        let status = one.and(two).unwrap_err();
        assert_eq!(reason(&status), "CLIENT_KNOWN_ELSEWHERE");
    })
    .await;
}
