//! Registrations for tests: a company with everything usual, and an entrepreneur.

use crate::gateways::taxpayers::{AddressPart, PersonName, RegisteredAddress, Taxpayer, TaxpayerKind, TaxpayerStatus};
use crate::kkt::model::*;
use crate::values::{ActivationCode, Email, FnSerial, Inn, KktSerial, Kpp, Ogrn};

/// 23 November 2026, 13:12 in Moscow.
pub const ACCEPTED_MS: i64 = 1_795_428_720_000;

/// A person.
pub fn person(last: &str, first: &str, middle: Option<&str>) -> PersonName {
    PersonName { last: last.into(), first: first.into(), middle: middle.map(str::to_owned) }
}

fn part(kind: &str, name: &str) -> Option<AddressPart> {
    Some(AddressPart { kind: kind.into(), name: name.into() })
}

/// A company sells goods in Moscow, driven by this service.
pub fn company() -> (Spec, Facts) {
    let register = SoldRegister {
        model: "АТОЛ 30Ф".into(),
        serial: KktSerial::parse("00106100000001").unwrap(),
        fn_serial: FnSerial::parse("7380440800000001").unwrap(),
        device_id: Some("0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f".parse().unwrap()),
    };
    let spec = Spec {
        equipment: Equipment::Sale(register.clone()),
        signer: Signer {
            capacity: Capacity::Head,
            name: person("Петрова", "Анна", Some("Сергеевна")),
            position: Some("Генеральный директор".into()),
            certificate_id: "cert-1".into(),
        },
        place: Place {
            name: "Магазин «Ромашка»".into(),
            address: PlaceAddress::Fias("93409d8c-d8d4-4491-838f-f9aa1678b5e6".into()),
            tax_office: None,
            kpp: None,
            site_urls: vec![],
        },
        modes: Modes::default(),
        agents: vec![],
        automatic_device: None,
        tax_systems: vec![TaxSystem::Osn],
        default_tax_system: TaxSystem::Osn,
        ffd: Ffd::V1_2,
        ofd: Some(OfdChoice {
            inn: Inn::parse("7709364346").unwrap(),
            code: ActivationCode::parse("FD13MM123456").unwrap(),
        }),
        operator: None,
        sender_email: None,
        fiscalize_automatically: true,
    };
    (spec, Facts { taxpayer: romashka(), address: moscow(), register, sender_email: email(), accepted_ms: ACCEPTED_MS })
}

/// An entrepreneur in a village, with services, without an operator.
pub fn entrepreneur() -> (Spec, Facts) {
    let (mut spec, mut facts) = company();
    spec.signer.name = person("Иванов", "Пётр", None);
    spec.signer.position = None;
    spec.place.name = "Парикмахерская \"У Петра\" & Ко ₽".into();
    spec.modes = Modes { autonomous: true, services: true, ..Modes::default() };
    spec.tax_systems = vec![TaxSystem::UsnIncome, TaxSystem::Patent];
    spec.default_tax_system = TaxSystem::Patent;
    spec.ffd = Ffd::V1_05;
    spec.ofd = None;
    spec.operator = Some(Operator { name: "Сидорова О.О.".into(), inn: None });
    facts.taxpayer = ivanov();
    facts.address = village();
    (spec, facts)
}

fn email() -> Email {
    Email::parse("shop@example.ru").unwrap()
}

fn romashka() -> Taxpayer {
    Taxpayer {
        inn: Inn::parse("7707083893").unwrap(),
        ogrn: Some(Ogrn::parse("1027700132195").unwrap()),
        kind: TaxpayerKind::Organization {
            full_name: "ОБЩЕСТВО С ОГРАНИЧЕННОЙ ОТВЕТСТВЕННОСТЬЮ \"РОМАШКА\"".into(),
            short_name: "ООО \"РОМАШКА\"".into(),
            kpp: Some(Kpp::parse("770701001").unwrap()),
            head: Some(person("Петрова", "Анна", Some("Сергеевна"))),
        },
        status: TaxpayerStatus::Active,
        address: None,
    }
}

fn ivanov() -> Taxpayer {
    Taxpayer {
        inn: Inn::parse("500100732259").unwrap(),
        ogrn: Some(Ogrn::parse("304500116000157").unwrap()),
        kind: TaxpayerKind::Entrepreneur { name: person("Иванов", "Пётр", None) },
        status: TaxpayerStatus::Active,
        address: None,
    }
}

fn moscow() -> RegisteredAddress {
    RegisteredAddress {
        text: "117997, г Москва, ул Вавилова, д 19".into(),
        postal_code: Some("117997".into()),
        region_code: Some("77".into()),
        region: part("г", "Москва"),
        area: None,
        city: part("г", "Москва"),
        settlement: None,
        street: part("ул", "Вавилова"),
        house: part("д", "19"),
        block: part("стр", "2"),
        flat: part("офис", "5"),
        fias_id: Some("93409d8c-d8d4-4491-838f-f9aa1678b5e6".into()),
        fias_level: Some("8".into()),
        tax_office: Some("7736".into()),
        time_zone: Some("UTC+3".into()),
    }
}

fn village() -> RegisteredAddress {
    RegisteredAddress {
        text: "301000, Тульская обл, Заокский р-н, г Тула, д Малахово, д 2А".into(),
        postal_code: Some("301000".into()),
        region_code: Some("71".into()),
        region: part("обл", "Тульская"),
        area: part("р-н", "Заокский"),
        city: part("г", "Тула"),
        settlement: part("д", "Малахово"),
        street: None,
        house: part("д", "2А"),
        block: None,
        flat: None,
        fias_id: None,
        fias_level: None,
        tax_office: Some("7154".into()),
        time_zone: None,
    }
}
