//! What needs no database: `tests/it/clients` has the rest.

use std::collections::HashSet;

use uuid::Uuid;

use super::card::{Action, card};
use super::model::{Client, ClientsConfig, Draft, Register, State, fold};
use crate::gateways::taxpayers::{PersonName, Taxpayer, TaxpayerKind, TaxpayerStatus};
use crate::values::{Address, AddressParts, ClientId, Email, Inn, Password, Phone, RequestId};

fn parts() -> AddressParts {
    let text = |t: &str| t.to_owned();
    AddressParts {
        postal_code: text("117997"),
        region: text("г Москва"),
        city: text("Москва"),
        house: text("19"),
        ..AddressParts::default()
    }
}

pub(super) fn order() -> Register {
    Register {
        request_id: RequestId::new(Uuid::from_u128(1)),
        inn: Inn::parse("7707083893").unwrap(),
        address: Address::parse(parts()).unwrap(),
        phone: Phone::parse("911-111-1111").unwrap(),
        email: Email::parse("shop@example.ru").unwrap(),
        password: Password::parse("aB1!_-", 6).unwrap(),
        last_name: None,
        first_name: None,
        company: None,
        external_ref: None,
        validate_only: false,
    }
}

fn organization(head: Option<PersonName>) -> Taxpayer {
    Taxpayer {
        inn: Inn::parse("7707083893").unwrap(),
        ogrn: None,
        kind: TaxpayerKind::Organization {
            full_name: "Общество «Ёлка»".into(),
            short_name: "ООО «Ёлка»".into(),
            kpp: None,
            head,
        },
        status: TaxpayerStatus::Active,
        address: None,
    }
}

fn head() -> PersonName {
    PersonName { last: "Иванов".into(), first: "Иван".into(), middle: Some("Иванович".into()) }
}

pub(super) fn draft(order: &Register) -> Draft {
    order.draft(organization(Some(head()))).unwrap_or_else(|_| panic!("the names are there"))
}

pub(super) fn client(state: State) -> Client {
    let draft = draft(&order());
    Client {
        id: ClientId::new(Uuid::from_u128(7)),
        inn: draft.inn,
        state,
        email: draft.email,
        phone: draft.phone,
        names: draft.names,
        address: draft.address,
        external_ref: None,
        password_version: 1,
        created_ms: 1,
        updated_ms: 1,
    }
}

#[test]
fn the_fingerprint_covers_all_content_and_never_the_password() {
    let same = [
        Register { password: Password::parse("other-one", 6).unwrap(), ..order() },
        Register { validate_only: true, ..order() },
        Register { request_id: RequestId::new(Uuid::from_u128(2)), ..order() },
    ];
    for order in same {
        assert_eq!(order.fingerprint(), self::order().fingerprint());
    }
    let at = |change: fn(&mut AddressParts)| {
        let mut parts = parts();
        change(&mut parts);
        Register { address: Address::parse(parts).unwrap(), ..order() }
    };
    let others = [
        order(),
        Register { inn: Inn::parse("7736050003").unwrap(), ..order() },
        Register { phone: Phone::parse("911-111-1112").unwrap(), ..order() },
        Register { email: Email::parse("shop2@example.ru").unwrap(), ..order() },
        Register { last_name: Some("А".into()), ..order() },
        Register { first_name: Some("А".into()), ..order() },
        Register { company: Some("А".into()), ..order() },
        Register { external_ref: Some("А".into()), ..order() },
        at(|a| a.postal_code = "117998".into()),
        at(|a| a.region = "А".into()),
        at(|a| a.city = "А".into()),
        at(|a| a.settlement = "А".into()),
        at(|a| a.street = "А".into()),
        at(|a| a.house = "А".into()),
        at(|a| a.building = "А".into()),
        at(|a| a.flat = "А".into()),
    ];
    let count = others.len();
    assert_eq!(others.iter().map(Register::fingerprint).collect::<HashSet<_>>().len(), count);
}

#[test]
fn names_come_from_the_call_and_then_from_the_register() {
    let names = draft(&order()).names;
    assert_eq!((names.last.as_str(), names.first.as_str(), names.middle.as_str()), ("Иванов", "Иван", "Иванович"));
    assert_eq!(names.company, "ООО «Ёлка»");
    let given = Register { last_name: Some("Петрова".into()), company: Some("Ель".into()), ..order() };
    let names = draft(&given).names;
    assert_eq!((names.last.as_str(), names.first.as_str(), names.company.as_str()), ("Петрова", "Иван", "Ель"));
    let Err(wrong) = given.draft(organization(None)) else { panic!("the first name is nowhere") };
    assert_eq!(wrong.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), ["first_name"]);
}

#[test]
fn a_search_looks_through_all_that_people_remember() {
    let looked = draft(&order()).search();
    for text in ["ёлка", "ЕЛКА", "иванов", "911-111", "9111111111", "Shop@"] {
        assert!(looked.contains(&fold(text)), "{text}");
    }
    assert!(!looked.contains("7707083893") && !looked.contains("вавилова"));
}

#[test]
fn what_can_be_done_next_follows_the_state() {
    let can = |state: State| {
        let card = card(client(state), "https://in.litebox.ru/");
        assert!(card.next_actions.iter().all(|a| a.why_not.is_none_or(|why| why.ends_with('.'))));
        let free = card.next_actions.iter().filter(|a| a.why_not.is_none()).map(|a| a.action).collect::<Vec<_>>();
        (free, card.handover)
    };
    let (free, handover) = can(State::Active { account_id: "acc-1".into() });
    assert_eq!(free, [Action::OpenCard, Action::RegisterSaleKkt, Action::RegisterRentalKkt]);
    assert!(handover.contains("телефон, e-mail и пароль") && handover.contains("(in.litebox.ru)"));
    let (free, _) = can(State::AccountPending);
    assert_eq!(free, [Action::OpenCard, Action::ContinueRegistration]);
    let (free, handover) = can(State::Abandoned);
    assert_eq!(free, [Action::OpenCard]);
    assert!(handover.contains("заново"));
}

#[test]
fn a_liquidated_taxpayer_is_never_accepted() {
    let config = ClientsConfig {
        accept_statuses: vec![TaxpayerStatus::Liquidated, TaxpayerStatus::Bankrupt],
        ..ClientsConfig::default()
    };
    assert!(config.accepts(TaxpayerStatus::Active) && config.accepts(TaxpayerStatus::Bankrupt));
    assert!(!config.accepts(TaxpayerStatus::Liquidated) && !config.accepts(TaxpayerStatus::Liquidating));
}

#[test]
fn debug_shows_nothing_personal() {
    let shown = format!("{:?}", card(client(State::Active { account_id: "acc-1".into() }), "https://in.litebox.ru"));
    for personal in ["7707083893", "Иванов", "911-111", "shop@", "Ёлка"] {
        assert!(!shown.contains(personal), "{personal} in {shown}");
    }
}
