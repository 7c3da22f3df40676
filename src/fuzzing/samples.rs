//! Good requests, by the name of their reader. Together those of one message say something in each of its fields.

use crate::pb::kkt::{amend_request, equipment, fiscalize_request, place, signer};
use crate::pb::{client as cl, kkt};

const ID: &str = "0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f";
const INN: &str = "7707083893";
const PERSON: &str = "500100732259";
const SERIAL: &str = "00106100000001";
const FN: &str = "9999078902000001";
const RNM: &str = "0000000001055823";
const CODE: &str = "FD13MM710001";
const EMAIL: &str = "shop@example.ru";

pub fn lookup_taxpayer() -> [cl::LookupTaxpayerRequest; 1] {
    [cl::LookupTaxpayerRequest { inn: INN.into() }]
}

pub fn register() -> [cl::RegisterRequest; 1] {
    [cl::RegisterRequest {
        request_id: ID.into(),
        client_type: cl::ClientType::Litebox.into(),
        inn: INN.into(),
        address: Some(address()),
        phone: "911-111-1111".into(),
        email: EMAIL.into(),
        password: "aB1!_-".into(),
        last_name: "Иванов".into(),
        first_name: "Иван".into(),
        company: "ООО «Магазин»".into(),
        external_ref: "№ 1".into(),
        validate_only: true,
    }]
}

pub fn get_client() -> [cl::GetRequest; 1] {
    [cl::GetRequest { client_id: ID.into() }]
}

pub fn list_clients() -> [cl::ListRequest; 1] {
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 1_000_000 });
    [cl::ListRequest {
        page_size: 5,
        page_token: "AQAA".into(),
        inn: INN.into(),
        text: "маг".into(),
        states: vec![cl::ClientState::Active.into()],
        external_ref: "№ 1".into(),
        order_by: cl::ClientOrder::CompanyAsc.into(),
        created_from: at(1_795_000_000),
        created_before: at(1_795_000_001),
    }]
}

pub fn quick_register() -> [kkt::QuickRegisterRequest; 2] {
    let sale = kkt::SaleEquipment {
        model: "АТОЛ 30Ф".into(),
        serial: SERIAL.into(),
        fn_serial: FN.into(),
        device_id: ID.into(),
    };
    let rental = kkt::RentalEquipment { model: "АТОЛ 30Ф".into(), months: 12 };
    let by = kkt::Representative { authority_document: "доверенность № 1".into() };
    let (sale, rental) = (equipment::Kind::Sale(sale), equipment::Kind::Rental(rental));
    let (head, by) = (signer::Capacity::Head(kkt::Head {}), signer::Capacity::Representative(by));
    let fias = place::Location::FiasId("5c8b06f1-518e-496e-b683-7bf917e0d70b".into());
    [order(sale, head, place::Location::Address(address())), order(rental, by, fias)]
}

fn order(kind: equipment::Kind, capacity: signer::Capacity, location: place::Location) -> kkt::QuickRegisterRequest {
    kkt::QuickRegisterRequest {
        request_id: ID.into(),
        client_id: ID.into(),
        equipment: Some(kkt::Equipment { kind: Some(kind) }),
        signer: Some(signed_by(capacity)),
        place: Some(placed_at(location)),
        modes: Some(modes()),
        agents: vec![kkt::Agent::Attorney.into(), kkt::Agent::Another.into()],
        automatic_device: Some(kkt::AutomaticDevice { numbers: vec!["1".into()], printer: true }),
        tax_systems: vec![kkt::TaxSystem::Osn.into(), kkt::TaxSystem::Patent.into()],
        default_tax_system: kkt::TaxSystem::Osn.into(),
        ffd_version: kkt::FfdVersion::FfdVersion12.into(),
        ofd: Some(kkt::Ofd { inn: INN.into(), activation_code: CODE.into() }),
        operator: Some(kkt::Operator { name: "Кассир".into(), inn: PERSON.into() }),
        sender_email: EMAIL.into(),
        acknowledged_warnings: vec!["SERIAL_PATTERN".into()],
        fiscalize_automatically: true,
        validate_only: true,
        external_ref: "№ 1".into(),
    }
}

fn signed_by(capacity: signer::Capacity) -> kkt::Signer {
    kkt::Signer {
        capacity: Some(capacity),
        last_name: "Иванов".into(),
        first_name: "Иван".into(),
        middle_name: "Иванович".into(),
        position: "директор".into(),
        certificate_id: "cert-1".into(),
    }
}

fn placed_at(location: place::Location) -> kkt::Place {
    kkt::Place {
        name: "Магазин".into(),
        location: Some(location),
        tax_office: "7736".into(),
        kpp: "773601001".into(),
        site_urls: vec!["https://shop.ru".into()],
    }
}

const fn modes() -> kkt::Modes {
    kkt::Modes {
        autonomous: true,
        bso: true,
        internet: true,
        delivery: true,
        services: true,
        excise: true,
        marking: true,
        gambling: true,
        lottery: true,
        casino: true,
        pawnshop: true,
        insurance: true,
        catering: true,
        wholesale: true,
        vending: true,
        encryption: true,
        bank_payment_agent: true,
        payment_agent: true,
    }
}

pub fn fiscalize() -> [kkt::FiscalizeRequest; 2] {
    let automatic = fiscalize_request::How::Automatic(kkt::AutomaticFiscalization {});
    [automatic, fiscalize_request::How::Manual(report())].map(|how| kkt::FiscalizeRequest {
        request_id: ID.into(),
        kkt_id: ID.into(),
        how: Some(how),
    })
}

pub fn amend() -> [kkt::AmendRequest; 3] {
    let (code, device) = (CODE.into(), ID.into());
    let (code, device) = (amend_request::Change::ActivationCode(code), amend_request::Change::DeviceId(device));
    [code, device, amend_request::Change::Report(report())].map(|change| kkt::AmendRequest {
        request_id: ID.into(),
        kkt_id: ID.into(),
        change: Some(change),
    })
}

pub fn cancel() -> [kkt::CancelRequest; 1] {
    [kkt::CancelRequest { request_id: ID.into(), kkt_id: ID.into() }]
}

pub fn get_kkt() -> [kkt::GetRequest; 1] {
    [kkt::GetRequest { kkt_id: ID.into() }]
}

pub fn list_kkts() -> [kkt::ListRequest; 1] {
    [kkt::ListRequest {
        page_size: 5,
        page_token: "AQAA".into(),
        client_id: ID.into(),
        states: vec![kkt::KktState::Registered.into()],
        serial: SERIAL.into(),
        fn_serial: FN.into(),
        rnm: RNM.into(),
        inn: INN.into(),
        waiting_for: kkt::WaitingFor::Fns.into(),
        overdue: Some(true),
        external_ref: "№ 1".into(),
    }]
}

pub fn watch() -> [kkt::WatchRequest; 1] {
    [kkt::WatchRequest { kkt_ids: vec![ID.into()], resume_token: "AQAA".into() }]
}

fn report() -> kkt::ManualReport {
    kkt::ManualReport {
        fn_serial: FN.into(),
        rnm: RNM.into(),
        fd_number: 1,
        local_time: "2026-11-23T13:12".into(),
        fiscal_sign: "0024109209".into(),
    }
}

fn address() -> cl::Address {
    cl::Address {
        postal_code: "117312".into(),
        region: "Москва".into(),
        city: "Москва".into(),
        settlement: "п Мирный".into(),
        street: "Вавилова".into(),
        house: "19".into(),
        building: "1".into(),
        flat: "2".into(),
    }
}
