use super::super::kkt_call::{filter, fiscalize};
use super::*;
use crate::kkt::model::Method;
use crate::kkt::state::Name;
use crate::values::Address;

fn good() -> pb::QuickRegisterRequest {
    let sale = pb::SaleEquipment {
        model: "АТОЛ 30Ф".into(),
        serial: "00106100000001".into(),
        fn_serial: "7380440800000001".into(),
        device_id: String::new(),
    };
    pb::QuickRegisterRequest {
        request_id: "5f0c7c1e-0b6a-4c0e-9a53-3f0a8f1f2a12".into(),
        client_id: "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071".into(),
        equipment: Some(pb::Equipment { kind: Some(pb::equipment::Kind::Sale(sale)) }),
        signer: Some(pb::Signer {
            capacity: Some(pb::signer::Capacity::Head(pb::Head {})),
            last_name: "Петрова".into(),
            first_name: "Анна".into(),
            certificate_id: "cert-1".into(),
            ..pb::Signer::default()
        }),
        place: Some(pb::Place {
            name: "Магазин".into(),
            location: Some(pb::place::Location::FiasId("93409D8C-d8d4-4491-838f-f9aa1678b5e6".into())),
            ..pb::Place::default()
        }),
        tax_systems: vec![pb::TaxSystem::Osn.into()],
        ffd_version: pb::FfdVersion::FfdVersion12.into(),
        ..pb::QuickRegisterRequest::default()
    }
}

fn violations<T>(parsed: Result<T, Failure>) -> Vec<(String, &'static str)> {
    match parsed {
        Err(Failure::Validation(list)) => list.into_iter().map(|v| (v.field, v.reason)).collect(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => Vec::new(),
    }
}

fn pairs<const N: usize>(expected: [(&str, &'static str); N]) -> Vec<(String, &'static str)> {
    expected.into_iter().map(|(field, reason)| (field.to_owned(), reason)).collect()
}

#[test]
fn a_whole_order_becomes_a_command() {
    let command = quick_register(good()).unwrap();
    let spec = command.spec;
    assert_eq!(spec.default_tax_system, TaxSystem::Osn);
    assert_eq!(spec.place.address, PlaceAddress::Fias("93409d8c-d8d4-4491-838f-f9aa1678b5e6".into()));
    assert_eq!((spec.ffd, spec.ofd, spec.operator), (Ffd::V1_2, None, None));
}

#[test]
fn an_empty_order_names_every_required_field_at_once() {
    let required = ["request_id", "client_id", "equipment", "signer", "place", "tax_systems", "ffd_version"];
    let expected: Vec<_> = required.map(|field| (field.to_owned(), "REQUIRED")).into();
    assert_eq!(violations(quick_register(pb::QuickRegisterRequest::default())), expected);
}

#[test]
fn messages_without_content_name_their_parts() {
    let request = pb::QuickRegisterRequest {
        equipment: Some(pb::Equipment::default()),
        signer: Some(pb::Signer::default()),
        place: Some(pb::Place::default()),
        automatic_device: Some(pb::AutomaticDevice::default()),
        ofd: Some(pb::Ofd::default()),
        operator: Some(pb::Operator::default()),
        ..good()
    };
    let expected = [
        "equipment",
        "signer.capacity",
        "signer.last_name",
        "signer.first_name",
        "signer.certificate_id",
        "place.name",
        "place.location",
        "automatic_device.numbers",
        "ofd.inn",
        "ofd.activation_code",
        "operator.name",
    ];
    let expected: Vec<_> = expected.map(|field| (field.to_owned(), "REQUIRED")).into();
    assert_eq!(violations(quick_register(request)), expected);
}

#[test]
fn bad_values_are_named_by_their_path() {
    let rental = pb::RentalEquipment { model: "АТОЛ 30Ф".into(), months: 0 };
    let request = pb::QuickRegisterRequest {
        equipment: Some(pb::Equipment { kind: Some(pb::equipment::Kind::Rental(rental)) }),
        agents: vec![1, 1],
        tax_systems: vec![1, 99],
        ffd_version: 9,
        ofd: Some(pb::Ofd { inn: "500100732259".into(), activation_code: "FD13MM123456".into() }),
        operator: Some(pb::Operator { name: "Иванов И.И.".into(), inn: "7707083893".into() }),
        acknowledged_warnings: vec!["lower".into()],
        sender_email: "nobody".into(),
        ..good()
    };
    let expected = pairs([
        ("acknowledged_warnings[0]", "WARNING_FORMAT"),
        ("equipment.rental.months", "MONTHS_RANGE"),
        ("agents", "DUPLICATE"),
        ("tax_systems[1]", "UNKNOWN_VALUE"),
        ("ffd_version", "UNKNOWN_VALUE"),
        ("ofd.inn", "INN_KIND"),
        ("operator.inn", "INN_KIND"),
        ("sender_email", "EMAIL_FORMAT"),
    ]);
    assert_eq!(violations(quick_register(request)), expected);
}

#[test]
fn a_default_tax_system_must_be_said_when_there_is_a_choice() {
    let two = vec![pb::TaxSystem::Osn.into(), pb::TaxSystem::Patent.into()];
    let unsaid = pb::QuickRegisterRequest { tax_systems: two.clone(), ..good() };
    assert_eq!(violations(quick_register(unsaid)), pairs([("default_tax_system", "REQUIRED")]));
    let default = pb::TaxSystem::Patent.into();
    let said = pb::QuickRegisterRequest { tax_systems: two, default_tax_system: default, ..good() };
    assert_eq!(quick_register(said).unwrap().spec.default_tax_system, TaxSystem::Patent);
}

#[test]
fn an_address_in_parts_is_parsed_as_a_whole() {
    let parts = crate::pb::client::Address {
        postal_code: "117997".into(),
        region: "г Москва".into(),
        city: "г Москва".into(),
        house: "19".into(),
        ..Default::default()
    };
    let place = pb::Place {
        name: "Магазин".into(),
        location: Some(pb::place::Location::Address(parts)),
        ..pb::Place::default()
    };
    let request = pb::QuickRegisterRequest { place: Some(place), ..good() };
    let PlaceAddress::Parts(Address { house, .. }) = quick_register(request).unwrap().spec.place.address else {
        panic!("not in parts")
    };
    assert_eq!(house, "19");
}

#[test]
fn a_manual_report_is_taken_as_printed() {
    let manual = |local_time: &str, fiscal_sign: &str| pb::FiscalizeRequest {
        request_id: "5f0c7c1e-0b6a-4c0e-9a53-3f0a8f1f2a12".into(),
        kkt_id: "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071".into(),
        how: Some(pb::fiscalize_request::How::Manual(pb::ManualReport {
            fn_serial: "7380440800000001".into(),
            rnm: "0149060006035849".into(),
            fd_number: 1,
            local_time: local_time.into(),
            fiscal_sign: fiscal_sign.into(),
        })),
    };
    let Method::Manual(report) = fiscalize(manual("2026-11-23T13:12", "24109209")).unwrap().method else {
        panic!("not manual")
    };
    assert_eq!((report.local_time.as_str(), report.fiscal_sign.as_str()), ("2026-11-23T13:12:00", "0024109209"));
    let bad = violations(fiscalize(manual("2026-02-30T13:12", "4294967296")));
    assert_eq!(bad, pairs([("manual.local_time", "LOCAL_TIME_FORMAT"), ("manual.fiscal_sign", "FISCAL_SIGN_FORMAT")]));
}

#[test]
fn fiscalize_must_say_how() {
    let missing = ["request_id", "kkt_id", "how"].map(|field| (field.to_owned(), "REQUIRED"));
    assert_eq!(violations(fiscalize(pb::FiscalizeRequest::default())), missing);
}

#[test]
fn a_filter_takes_every_state_of_the_contract() {
    let all = (1..=11).collect();
    let filter = Fields::of(|f| filter(f, &pb::ListRequest { states: all, ..pb::ListRequest::default() })).unwrap();
    assert_eq!(filter.states, Name::ALL);
}
