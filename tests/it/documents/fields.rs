//! Every field of the order matters: to the application, to the task, or elsewhere by a rule that is named here.

use litebox_partner::pb::DESCRIPTORS;
use litebox_partner::pb::kkt as pb;
use pb::{FfdVersion, QuickRegisterRequest as Request, TaxSystem};
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

use super::documents;
use super::known;
use super::orders::{company, ofd, representative, sale};

/// What changing a field changes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reach {
    Application,
    Task,
    Both,
    /// Neither, and what it is for.
    Elsewhere(&'static str),
}

use Reach::{Application, Both, Elsewhere, Task};

type Change = fn(&mut Request);

macro_rules! mode {
    ($($name:ident: $reach:expr),* $(,)?) => {
        [$((concat!("modes.", stringify!($name)), $reach, (|r| modes(r).$name = true) as Change)),*]
    };
}

/// A representative's order with one of everything that excludes nothing else.
fn rich() -> Request {
    Request {
        signer: Some(representative("Сидоров", "Олег", "Ильич", "Доверенность № 5")),
        modes: Some(pb::Modes { internet: true, ..pb::Modes::default() }),
        automatic_device: Some(pb::AutomaticDevice { numbers: vec!["1".into()], printer: false }),
        tax_systems: vec![TaxSystem::Osn.into(), TaxSystem::Esn.into()],
        default_tax_system: TaxSystem::Osn.into(),
        ffd_version: FfdVersion::FfdVersion11.into(),
        ..company()
    }
}

fn modes(request: &mut Request) -> &mut pb::Modes {
    request.modes.as_mut().unwrap()
}

fn signer(request: &mut Request) -> &mut pb::Signer {
    request.signer.as_mut().unwrap()
}

fn place(request: &mut Request) -> &mut pb::Place {
    request.place.as_mut().unwrap()
}

fn operator(name: &str, inn: &str) -> Option<pb::Operator> {
    Some(pb::Operator { name: name.into(), inn: inn.into() })
}

fn in_parts(change: fn(&mut litebox_partner::pb::client::Address)) -> Option<pb::place::Location> {
    let mut address = litebox_partner::pb::client::Address {
        postal_code: "117997".into(),
        region: "г Москва".into(),
        city: "г Москва".into(),
        house: "19".into(),
        ..Default::default()
    };
    change(&mut address);
    Some(pb::place::Location::Address(address))
}

const RESOLVED: Reach =
    Elsewhere("the address register resolves it, and the address of the register is filed and burnt");

fn simple() -> Vec<(&'static str, Reach, Change)> {
    vec![
        ("request_id", Elsewhere("the id of the effect derives from it"), |r| {
            r.request_id = "5f0c7c1e-0b6a-4c0e-9a53-3f0a8f1f2a13".into();
        }),
        ("client_id", Elsewhere("names the taxpayer, whose data come from the state register"), |r| {
            r.client_id = "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6072".into();
        }),
        ("agents", Task, |r| r.agents.push(pb::Agent::Another.into())),
        ("tax_systems", Task, |r| r.tax_systems.push(TaxSystem::UsnIncome.into())),
        ("default_tax_system", Task, |r| r.default_tax_system = TaxSystem::Esn.into()),
        ("ffd_version", Task, |r| r.ffd_version = FfdVersion::FfdVersion12.into()),
        ("sender_email", Task, |r| r.sender_email = "other@example.ru".into()),
        ("operator.name", Task, |r| r.operator = operator("Кассирова М.П.", "")),
        ("operator.inn", Task, |r| r.operator = operator("Сидоров О.И.", "500100732259")),
        ("ofd.inn", Both, |r| r.ofd = ofd("7704211201")),
        ("ofd.activation_code", Elsewhere("the operator reserves it"), |r| {
            r.ofd.as_mut().unwrap().activation_code = "FD13MM654321".into();
        }),
        ("automatic_device.numbers", Task, |r| r.automatic_device.as_mut().unwrap().numbers.push("2".into())),
        ("automatic_device.printer", Task, |r| r.automatic_device.as_mut().unwrap().printer = true),
        ("acknowledged_warnings", Elsewhere("preflight"), |r| r.acknowledged_warnings.push("SERIAL_PATTERN".into())),
        ("fiscalize_automatically", Elsewhere("the worker burns without a call"), |r| {
            r.fiscalize_automatically = true;
        }),
        ("validate_only", Elsewhere("creates nothing"), |r| r.validate_only = true),
        ("external_ref", Elsewhere("the partner's own key"), |r| r.external_ref = "ORDER-17".into()),
    ]
}

fn equipment() -> Vec<(&'static str, Reach, Change)> {
    const SERIAL: &str = "00106100000001";
    const DRIVE: &str = "7380440800000001";
    vec![
        ("equipment.sale.model", Application, |r| r.equipment = sale("АТОЛ 55Ф", SERIAL, DRIVE)),
        // The task carries it in the RNM alone.
        ("equipment.sale.serial", Both, |r| r.equipment = sale("АТОЛ 30Ф", "00106100000002", DRIVE)),
        ("equipment.sale.fn_serial", Application, |r| r.equipment = sale("АТОЛ 30Ф", SERIAL, "7380440800000002")),
        ("equipment.sale.device_id", Elsewhere("the task is posted there"), |r| {
            let Some(pb::equipment::Kind::Sale(sale)) = &mut r.equipment.as_mut().unwrap().kind else { panic!() };
            sale.device_id = "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6073".into();
        }),
        ("equipment.rental.model", Both, |r| rent(r, 12)),
        ("equipment.rental.months", Elsewhere("the term of the rental"), |_| ()),
    ]
}

fn rent(request: &mut Request, months: i32) {
    let rental = pb::RentalEquipment { model: "АТОЛ 11Ф".into(), months };
    request.equipment = Some(pb::Equipment { kind: Some(pb::equipment::Kind::Rental(rental)) });
}

fn people_and_place() -> Vec<(&'static str, Reach, Change)> {
    vec![
        ("signer.head", Both, |r| signer(r).capacity = Some(pb::signer::Capacity::Head(pb::Head {}))),
        ("signer.representative.authority_document", Application, |r| {
            r.signer = Some(representative("Сидоров", "Олег", "Ильич", "Доверенность № 6"));
        }),
        ("signer.last_name", Both, |r| signer(r).last_name = "Сидорчук".into()),
        ("signer.first_name", Both, |r| signer(r).first_name = "Пётр".into()),
        ("signer.middle_name", Both, |r| signer(r).middle_name = "Петрович".into()),
        ("signer.position", Elsewhere("the known tree of the form has no place for it"), |r| {
            signer(r).position = "Бухгалтер".into();
        }),
        ("signer.certificate_id", Elsewhere("goes to FNS beside the document, to sign it"), |r| {
            signer(r).certificate_id = "cert-2".into();
        }),
        ("place.name", Both, |r| place(r).name = "Другой магазин".into()),
        ("place.fias_id", RESOLVED, |r| {
            place(r).location = Some(pb::place::Location::FiasId("93409d8c-d8d4-4491-838f-f9aa1678b5e7".into()));
        }),
        ("place.tax_office", Application, |r| place(r).tax_office = "7701".into()),
        ("place.kpp", Application, |r| place(r).kpp = "770143001".into()),
        ("place.site_urls", Application, |r| place(r).site_urls.push("https://shop.example.ru".into())),
        ("place.address.postal_code", RESOLVED, |r| place(r).location = in_parts(|a| a.postal_code = "117998".into())),
        ("place.address.region", RESOLVED, |r| place(r).location = in_parts(|a| a.region = "Тульская обл".into())),
        ("place.address.city", RESOLVED, |r| place(r).location = in_parts(|a| a.city = "г Тула".into())),
        ("place.address.settlement", RESOLVED, |r| place(r).location = in_parts(|a| a.settlement = "д Вязы".into())),
        ("place.address.street", RESOLVED, |r| place(r).location = in_parts(|a| a.street = "ул Мира".into())),
        ("place.address.house", RESOLVED, |r| place(r).location = in_parts(|a| a.house = "20".into())),
        ("place.address.building", RESOLVED, |r| place(r).location = in_parts(|a| a.building = "2".into())),
        ("place.address.flat", RESOLVED, |r| place(r).location = in_parts(|a| a.flat = "3".into())),
    ]
}

fn flags() -> Vec<(&'static str, Reach, Change)> {
    let any = mode! {
        autonomous: Both, bso: Task, delivery: Application, services: Task, excise: Both, marking: Both, gambling: Both,
        lottery: Both, casino: Application, encryption: Task, bank_payment_agent: Application, payment_agent: Application,
        pawnshop: Task, insurance: Task, catering: Task, wholesale: Task, vending: Task,
    };
    let internet: (&str, Reach, Change) = ("modes.internet", Both, |r| modes(r).internet = false);
    any.into_iter().chain([internet]).collect()
}

fn table() -> Vec<(&'static str, Reach, Change)> {
    [simple(), equipment(), people_and_place(), flags()].into_iter().flatten().collect()
}

#[test]
fn every_field_of_an_order_changes_the_documents_or_is_for_something_else() {
    for (path, reach, change) in table() {
        // What FFD 1.2 alone has is tried in FFD 1.2; tag 1057 is tried in FFD 1.1, which alone has it.
        let base = match path {
            "modes.marking" | "modes.pawnshop" | "modes.insurance" | "modes.catering" | "modes.wholesale"
            | "modes.vending" => Request { ffd_version: FfdVersion::FfdVersion12.into(), ..rich() },
            "equipment.rental.months" => {
                let mut rented = rich();
                rent(&mut rented, 13);
                rented
            }
            _ => rich(),
        };
        let mut changed = base.clone();
        change(&mut changed);
        if path == "equipment.rental.months" {
            rent(&mut changed, 12);
        }
        assert_ne!(base, changed, "{path}");
        let (before, after) = (documents(base, &known::company()), documents(changed, &known::company()));
        let found = match (before.application != after.application, before.task != after.task) {
            (true, true) => Both,
            (true, false) => Application,
            (false, true) => Task,
            (false, false) => Elsewhere(""),
        };
        let same = std::mem::discriminant(&found) == std::mem::discriminant(&reach);
        assert!(same, "{path}: expected {reach:?}, found {found:?}");
    }
}

#[test]
fn the_table_of_fields_is_the_contract() {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let mut expected = Vec::new();
    leaves(&pool.get_message_by_name("litebox.kkt.v1.QuickRegisterRequest").unwrap(), "", &mut expected);
    expected.sort();
    let mut listed: Vec<_> = table().into_iter().map(|(path, ..)| path.to_owned()).collect();
    listed.sort();
    assert_eq!(listed, expected);
}

/// Paths of all fields that hold no further message; a message without fields is one itself.
fn leaves(message: &MessageDescriptor, before: &str, to: &mut Vec<String>) {
    for field in message.fields() {
        let path = format!("{before}{}", field.name());
        match field.kind() {
            Kind::Message(inner) if inner.fields().len() > 0 => leaves(&inner, &format!("{path}."), to),
            _ => to.push(path),
        }
    }
}
