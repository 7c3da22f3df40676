//! What Register answers.

use litebox_partner::clients::card::Action;
use litebox_partner::failure::Failure;
use litebox_partner::gateways::taxpayers::TaxpayerStatus;
use litebox_partner::storage::entity::client;
use litebox_partner::values::ClientId;
use sea_orm::EntityTrait;

use super::*;
use crate::support::database::on_both_databases;

const SBER: &str = "7707083893";

#[tokio::test]
async fn a_company_gets_an_account_that_signs_in() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        let card = stage.register(&caller, &order(SBER, "Shop@Example.ru")).await.unwrap();
        assert!(is_active(&card));
        assert_eq!(card.client.names.company, "ПАО СБЕРБАНК");
        assert!(!card.client.names.last.is_empty());
        assert_eq!(
            (card.client.email.as_str(), card.sign_in_address.as_str()),
            ("Shop@example.ru", "https://in.litebox.ru")
        );
        assert!(card.handover.contains("телефон, e-mail и пароль") && card.handover.contains("(in.litebox.ru)"));
        let sale = card.next_actions.iter().find(|a| a.action == Action::RegisterSaleKkt).unwrap();
        let pay = card.next_actions.iter().find(|a| a.action == Action::PayKkt).unwrap();
        assert!(sale.why_not.is_none() && pay.why_not.is_some());
        assert!(stage.signs_in("shop@example.ru", "aB1!_-").await);
        assert_eq!(stage.service().get(caller.scope, card.client.id).await, Ok(card));
    })
    .await;
}

#[tokio::test]
async fn an_entrepreneur_is_named_whole() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        let card = stage.register(&caller, &order("500100732259", "ip@example.ru")).await.unwrap();
        let names = &card.client.names;
        assert_eq!(names.company, format!("ИП {} {} {}", names.last, names.first, names.middle));
    })
    .await;
}

#[tokio::test]
async fn given_names_go_into_the_account_and_the_registers_stay_beside() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        let mut order = order(SBER, "shop@example.ru");
        order.last_name = Some("Петрова".into());
        order.company = Some("Ромашка".into());
        let card = stage.register(&caller, &order).await.unwrap();
        assert_eq!((card.client.names.last.as_str(), card.client.names.company.as_str()), ("Петрова", "Ромашка"));
        let row = client::Entity::find_by_id(card.client.id.uuid()).one(stage.db.direct()).await.unwrap().unwrap();
        assert!(row.taxpayer.contains("ПАО СБЕРБАНК") && !row.taxpayer.contains("Петрова"), "{}", row.taxpayer);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_call_answers_the_same_client_and_does_nothing_twice() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        let order = order(SBER, "shop@example.ru");
        let first = stage.register(&caller, &order).await.unwrap();
        assert_eq!(stage.register(&caller, &order).await, Ok(first.clone()));
        assert_eq!(stage.effects("accounts.EnsureAccount"), 1);
        let other_password = Register { password: password("other1"), ..order.clone() };
        assert_eq!(stage.register(&caller, &other_password).await, Err(Failure::KeyReused));
        let other_content = Register { external_ref: Some("1C-1".into()), ..order.clone() };
        assert_eq!(stage.register(&caller, &other_content).await, Err(Failure::KeyReused));
        assert!(stage.signs_in("shop@example.ru", "aB1!_-").await);
        assert_eq!(stage.register(&caller, &order).await, Ok(first.clone()));
        assert_eq!(stage.register(&caller, &other_password).await, Ok(first));
    })
    .await;
}

#[tokio::test]
async fn a_known_tax_number_is_refused_and_names_whom_to_turn_to() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let (ours, theirs) = (stage.partner(1).await, stage.partner(2).await);
        let card = stage.register(&ours, &order(SBER, "shop@example.ru")).await.unwrap();
        let again = stage.register(&ours, &order(SBER, "other@example.ru")).await;
        assert_eq!(again, Err(Failure::ClientAlreadyRegistered { client_id: card.client.id }));
        for (caller, number) in [(&theirs, SBER), (&ours, "7799000076"), (&ours, "779900000733")] {
            let answer = stage.register(caller, &order(number, "third@example.ru")).await;
            let Err(Failure::ClientKnownElsewhere { manager }) = answer else { panic!("{number}") };
            assert!(!manager.name.is_empty() && !manager.phone.is_empty());
        }
        assert_eq!(stage.commands("accounts.EnsureAccount"), 1);
    })
    .await;
}

#[tokio::test]
async fn a_taken_login_leaves_request_id_and_tax_number_free() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        stage.register(&caller, &order(SBER, "shop@example.ru")).await.unwrap();
        let mut second = order("7736050003", "SHOP@example.ru");
        assert_eq!(stage.register(&caller, &second).await, Err(Failure::LoginTaken));
        second.email = Email::parse("second@example.ru").unwrap();
        assert!(is_active(&stage.register(&caller, &second).await.unwrap()));
    })
    .await;
}

#[tokio::test]
async fn clients_are_not_registered_in_the_mts_theme() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = Caller { theme: Theme::Mts, ..stage.partner(1).await };
        let answer = stage.register(&caller, &order(SBER, "shop@example.ru")).await;
        assert_eq!(answer, Err(Failure::RegistrationUnavailableInTheme));
        assert!(stage.sandbox.entries().is_empty());
    })
    .await;
}

#[tokio::test]
async fn only_taxpayers_in_business_are_registered_unless_configuration_says_more() {
    on_both_databases(|database| async move {
        let accept_statuses = vec![TaxpayerStatus::Reorganizing, TaxpayerStatus::Liquidated];
        let stage = Stage::with(database, ClientsConfig { accept_statuses, ..ClientsConfig::default() }).await;
        let caller = stage.partner(1).await;
        for (number, expected) in [
            ("7799000012", Failure::TaxpayerNotFound),
            ("7799000020", Failure::TaxpayerNotActive { status: "LIQUIDATED" }),
            ("7799000037", Failure::TaxpayerNotActive { status: "LIQUIDATING" }),
            ("7799000044", Failure::TaxpayerNotActive { status: "BANKRUPT" }),
        ] {
            assert_eq!(stage.register(&caller, &order(number, "a@example.ru")).await, Err(expected), "{number}");
        }
        assert!(stage.register(&caller, &order("7799000051", "a@example.ru")).await.is_ok());
        let shown = stage.service().lookup_taxpayer(caller.scope, &Inn::parse("7799000020").unwrap()).await.unwrap();
        assert_eq!(shown.status, TaxpayerStatus::Liquidated);
    })
    .await;
}

#[tokio::test]
async fn names_that_the_register_lacks_must_be_given() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        let mut order = order("7799000083", "shop@example.ru");
        let Err(Failure::Validation(wrong)) = stage.register(&caller, &order).await else { panic!() };
        assert_eq!(wrong.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), ["last_name", "first_name"]);
        (order.last_name, order.first_name) = (Some("Петрова".into()), Some("Анна".into()));
        assert!(stage.register(&caller, &order).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_check_creates_nothing_and_burns_no_request_id() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        let order = order(SBER, "shop@example.ru");
        let check = Register { validate_only: true, ..order.clone() };
        assert_eq!(stage.service().register(&caller, &check).await, Ok(None));
        assert_eq!(stage.commands("accounts.EnsureAccount"), 0);
        let card = stage.register(&caller, &order).await.unwrap();
        let taken = Err(Failure::ClientAlreadyRegistered { client_id: card.client.id });
        assert_eq!(stage.service().register(&caller, &check).await, taken);
    })
    .await;
}

#[tokio::test]
async fn a_strangers_client_is_not_found() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let (ours, theirs) = (stage.partner(1).await, stage.partner(2).await);
        let card = stage.register(&ours, &order(SBER, "shop@example.ru")).await.unwrap();
        let missing = ClientId::new(Uuid::from_u128(9));
        for id in [card.client.id, missing] {
            let answer = stage.service().get(theirs.scope, id).await;
            assert_eq!(answer, Err(Failure::NotFound { what: "client" }));
        }
    })
    .await;
}

#[tokio::test]
async fn no_trace_of_the_password_is_stored() {
    let database = TestDb::new(litebox_partner::storage::Backend::Sqlite).await;
    let url = database.config.url.clone();
    let stage = Stage::new(database).await;
    let caller = stage.partner(1).await;
    let order = Register { password: password("canary-in-the-mine"), ..order(SBER, "shop@example.ru") };
    stage.register(&caller, &order).await.unwrap();
    let file = secrecy::ExposeSecret::expose_secret(&url).trim_start_matches("sqlite:").to_owned();
    for file in [file.clone(), format!("{file}-wal")] {
        let Ok(bytes) = std::fs::read(&file) else { continue };
        assert!(!bytes.windows(6).any(|w| w == b"canary"), "{file}");
    }
}
