//! Complete orders, as a partner sends them.

use litebox_partner::pb::kkt as pb;
use pb::{Agent, FfdVersion as Ffd, Modes, TaxSystem as Tax};

use super::known::{self, Known};

/// An order and its surroundings; the expected documents have its name.
pub struct Order {
    pub name: &'static str,
    pub request: pb::QuickRegisterRequest,
    pub known: Known,
}

/// All orders of the table.
pub fn all() -> Vec<Order> {
    [organizations(), entrepreneurs(), modes(), agents(), equipment()].into_iter().flatten().collect()
}

fn order(name: &'static str, request: pb::QuickRegisterRequest) -> Order {
    Order { name, request, known: known::company() }
}

/// A company sells goods in Moscow: nothing but the required fields, and an operator.
pub fn company() -> pb::QuickRegisterRequest {
    pb::QuickRegisterRequest {
        request_id: "5f0c7c1e-0b6a-4c0e-9a53-3f0a8f1f2a12".into(),
        client_id: "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071".into(),
        equipment: sale("АТОЛ 30Ф", "00106100000001", "7380440800000001"),
        signer: Some(head("Петрова", "Анна", "Сергеевна")),
        place: Some(pb::Place {
            name: "Магазин «Ромашка»".into(),
            location: Some(pb::place::Location::FiasId("93409d8c-d8d4-4491-838f-f9aa1678b5e6".into())),
            ..pb::Place::default()
        }),
        tax_systems: taxes(&[Tax::Osn]),
        ffd_version: Ffd::FfdVersion12.into(),
        ofd: ofd("7709364346"),
        ..pb::QuickRegisterRequest::default()
    }
}

pub fn sale(model: &str, serial: &str, fn_serial: &str) -> Option<pb::Equipment> {
    let device_id = String::new();
    let (model, serial, fn_serial) = (model.into(), serial.into(), fn_serial.into());
    let sale = pb::SaleEquipment { model, serial, fn_serial, device_id };
    Some(pb::Equipment { kind: Some(pb::equipment::Kind::Sale(sale)) })
}

pub fn head(last: &str, first: &str, middle: &str) -> pb::Signer {
    pb::Signer {
        capacity: Some(pb::signer::Capacity::Head(pb::Head {})),
        last_name: last.into(),
        first_name: first.into(),
        middle_name: middle.into(),
        position: "Генеральный директор".into(),
        certificate_id: "cert-1".into(),
    }
}

pub fn representative(last: &str, first: &str, middle: &str, document: &str) -> pb::Signer {
    let authority_document = document.into();
    let capacity = Some(pb::signer::Capacity::Representative(pb::Representative { authority_document }));
    pb::Signer { capacity, ..head(last, first, middle) }
}

pub fn ofd(inn: &str) -> Option<pb::Ofd> {
    Some(pb::Ofd { inn: inn.into(), activation_code: "FD13MM123456".into() })
}

pub fn taxes(list: &[Tax]) -> Vec<i32> {
    list.iter().map(|tax| (*tax).into()).collect()
}

fn place(name: &str) -> pb::Place {
    pb::Place { name: name.into(), ..company().place.unwrap() }
}

fn organizations() -> Vec<Order> {
    let represented = pb::QuickRegisterRequest {
        signer: Some(representative("Сидоров", "Олег", "Ильич", "Доверенность № 5 от 01.11.2026")),
        ofd: ofd("7704211201"),
        operator: Some(pb::Operator { name: "Кассирова М.П.".into(), inn: "500100732259".into() }),
        sender_email: "checks@romashka.example.ru".into(),
        ..company()
    };
    let operating = pb::QuickRegisterRequest {
        signer: Some(representative("Ли", "Юн", "", "Приказ <7> & доверенность")),
        ..company()
    };
    let branch = pb::QuickRegisterRequest {
        equipment: sale("Атол 55ф", "00106200000777", "9961440300000001"),
        place: Some(pb::Place {
            tax_office: "7801".into(), kpp: "784043001".into(), ..place("Ромашка на Невском")
        }),
        tax_systems: taxes(&[Tax::UsnIncomeOutcome]),
        ffd_version: Ffd::FfdVersion105.into(),
        ofd: ofd("6658497833"),
        ..company()
    };
    let there = Known { address: known::petersburg(), sequence: 7, ..known::company() };
    vec![
        order("organization_head", company()),
        order("organization_representative", represented),
        order("representative_is_operator", operating),
        Order { known: there, ..order("organization_branch", branch) },
    ]
}

fn entrepreneurs() -> Vec<Order> {
    let patent = pb::QuickRegisterRequest {
        equipment: sale("АТОЛ 77Ф", "00106900000012", "7381440800000012"),
        signer: Some(head("Иванов", "Пётр", "")),
        place: Some(place("Парикмахерская \"У Петра\" & Ко ₽")),
        modes: Some(Modes { services: true, ..Modes::default() }),
        tax_systems: taxes(&[Tax::UsnIncome, Tax::Patent]),
        default_tax_system: Tax::Patent.into(),
        ..company()
    };
    let autonomous = pb::QuickRegisterRequest {
        equipment: company().equipment,
        modes: Some(Modes { services: true, autonomous: true, ..Modes::default() }),
        ffd_version: Ffd::FfdVersion105.into(),
        ofd: None,
        operator: Some(pb::Operator { name: "Сидорова О.О.".into(), inn: String::new() }),
        ..patent.clone()
    };
    let entrepreneur =
        |name, request, sequence| Order { known: Known { sequence, ..known::entrepreneur() }, ..order(name, request) };
    vec![entrepreneur("entrepreneur_patent", patent, 12), entrepreneur("entrepreneur_autonomous", autonomous, 1)]
}

fn modes() -> Vec<Order> {
    let with = |modes| pb::QuickRegisterRequest { modes: Some(modes), ..company() };
    let marking = Modes { marking: true, wholesale: true, ..Modes::default() };
    let internet = Modes { internet: true, delivery: true, encryption: true, ..Modes::default() };
    let sites = vec!["https://shop.example.ru".into(), "https://m.example.ru".into()];
    let gambling = Modes { services: true, gambling: true, lottery: true, casino: true, ..Modes::default() };
    let bar = Modes { excise: true, marking: true, catering: true, ..Modes::default() };
    let pawnshop = pb::QuickRegisterRequest {
        equipment: sale("АТОЛ 30Ф", "00106100000001", "7385440900000013"),
        tax_systems: taxes(&[Tax::UsnIncome]),
        ..with(Modes { services: true, pawnshop: true, insurance: true, ..Modes::default() })
    };
    let vending = pb::QuickRegisterRequest {
        automatic_device: Some(pb::AutomaticDevice { numbers: vec!["000042".into(), "000043".into()], printer: true }),
        ..with(Modes { vending: true, ..Modes::default() })
    };
    let shop = pb::Place { site_urls: sites, ..place("Магазин «Ромашка»") };
    vec![
        order("marking_wholesale", pb::QuickRegisterRequest { ofd: ofd("7841465198"), ..with(marking) }),
        order("automatic_device", vending),
        order("internet_shop", pb::QuickRegisterRequest { place: Some(shop), ..with(internet) }),
        order("gambling_hall", with(gambling)),
        order("pawnshop", pawnshop),
        order("excise_bar", with(bar)),
    ]
}

fn agents() -> Vec<Order> {
    let payment = Modes { payment_agent: true, ..Modes::default() };
    let both = Modes { bank_payment_agent: true, ..payment };
    let all = pb::QuickRegisterRequest {
        modes: Some(both),
        agents: (1..=7).collect(),
        tax_systems: taxes(&[Tax::Osn, Tax::Esn]),
        default_tax_system: Tax::Esn.into(),
        ffd_version: Ffd::FfdVersion105.into(),
        ..company()
    };
    let some = pb::QuickRegisterRequest {
        modes: Some(Modes { bso: true, ..payment }),
        agents: vec![Agent::PayingAgent.into(), Agent::CommissionAgent.into()],
        ffd_version: Ffd::FfdVersion11.into(),
        ..company()
    };
    let silent =
        pb::QuickRegisterRequest { modes: Some(payment), agents: vec![Agent::PayingAgent.into()], ..company() };
    vec![order("agents_ffd_1_05", all), order("agents_ffd_1_1", some), order("agents_ffd_1_2", silent)]
}

fn equipment() -> Vec<Order> {
    let rental = pb::RentalEquipment { model: "АТОЛ 11Ф".into(), months: 12 };
    let rented = pb::QuickRegisterRequest {
        equipment: Some(pb::Equipment { kind: Some(pb::equipment::Kind::Rental(rental)) }),
        ..company()
    };
    // Its model, its FN and the operator's server for marking codes are in no catalogue; warnings say so.
    let unknown = pb::QuickRegisterRequest {
        equipment: sale("КАССА \"Новая\"", "00001600000000000016", "1234567890123456"),
        modes: Some(Modes { marking: true, ..Modes::default() }),
        ofd: ofd("7713076301"),
        ..company()
    };
    let numbered = |sequence, order: Order| Order { known: Known { sequence, ..known::company() }, ..order };
    vec![numbered(15, order("rental", rented)), numbered(16, order("unknown_equipment", unknown))]
}
