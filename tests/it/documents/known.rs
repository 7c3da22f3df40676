//! What the registers and the fleet know about the clients of the orders.

use litebox_partner::gateways::taxpayers::{
    AddressPart, PersonName, RegisteredAddress, Taxpayer, TaxpayerKind, TaxpayerStatus,
};
use litebox_partner::kkt::model::SoldRegister;
use litebox_partner::values::{FnSerial, Inn, KktSerial, Kpp, Ogrn};

/// The surroundings of an order.
#[derive(Clone)]
pub struct Known {
    pub taxpayer: Taxpayer,
    pub address: RegisteredAddress,
    /// The device that a rental gets.
    pub fleet: SoldRegister,
    /// The running number in the RNM that FNS gives.
    pub sequence: u64,
}

fn person(last: &str, first: &str, middle: Option<&str>) -> PersonName {
    PersonName { last: last.into(), first: first.into(), middle: middle.map(str::to_owned) }
}

fn part(kind: &str, name: &str) -> Option<AddressPart> {
    Some(AddressPart { kind: kind.into(), name: name.into() })
}

fn fleet() -> SoldRegister {
    SoldRegister {
        model: "АТОЛ 11Ф".into(),
        serial: KktSerial::parse("00106700000015").unwrap(),
        fn_serial: FnSerial::parse("7382440900000015").unwrap(),
        device_id: None,
    }
}

/// A company in Moscow.
pub fn company() -> Known {
    let kind = TaxpayerKind::Organization {
        full_name: "ОБЩЕСТВО С ОГРАНИЧЕННОЙ ОТВЕТСТВЕННОСТЬЮ \"РОМАШКА\"".into(),
        short_name: "ООО \"РОМАШКА\"".into(),
        kpp: Some(Kpp::parse("770701001").unwrap()),
        head: Some(person("Петрова", "Анна", Some("Сергеевна"))),
    };
    let (inn, ogrn) = (Inn::parse("7707083893").unwrap(), Ogrn::parse("1027700132195").ok());
    let taxpayer = Taxpayer { inn, ogrn, kind, status: TaxpayerStatus::Active, address: None };
    Known { taxpayer, address: moscow(), fleet: fleet(), sequence: 1 }
}

/// An entrepreneur in a village.
pub fn entrepreneur() -> Known {
    let kind = TaxpayerKind::Entrepreneur { name: person("Иванов", "Пётр", None) };
    let (inn, ogrn) = (Inn::parse("500100732259").unwrap(), Ogrn::parse("304500116000157").ok());
    let taxpayer = Taxpayer { inn, ogrn, kind, status: TaxpayerStatus::Active, address: None };
    Known { taxpayer, address: village(), fleet: fleet(), sequence: 1 }
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

/// Where the branch stands.
pub fn petersburg() -> RegisteredAddress {
    RegisteredAddress {
        text: "191186, г Санкт-Петербург, Невский пр-кт, д 20".into(),
        postal_code: Some("191186".into()),
        region_code: Some("78".into()),
        region: part("г", "Санкт-Петербург"),
        city: part("г", "Санкт-Петербург"),
        street: part("пр-кт", "Невский"),
        house: part("д", "20"),
        block: None,
        flat: None,
        fias_id: Some("2f1c3a44-5b6d-4e7f-8a90-b1c2d3e4f506".into()),
        tax_office: Some("7841".into()),
        ..moscow()
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
