//! The pure paths that every call takes, by themselves. Each is checked before it is measured.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use litebox_partner::grpc::convert::client::register;
use litebox_partner::kkt::state::{Event, Numbers, State};
use litebox_partner::page::{PageKeys, Question};
use litebox_partner::pb::client::{Address, ClientType, RegisterRequest};
use litebox_partner::values::{EffectId, Inn, KktSerial, PartnerId, PartnerScope, Rnm, RnmCheck};
use prost::Message as _;
use uuid::Uuid;

const INN: &str = "7707083893";
const SERIAL: &str = "00106100000002";
/// Characters of the shortest password.
const PASSWORD: usize = 8;

fn wished() -> Vec<u8> {
    let address = Address {
        postal_code: "117997".into(),
        region: "г Москва".into(),
        city: "г Москва".into(),
        street: "ул Вавилова".into(),
        house: "д 19".into(),
        ..Address::default()
    };
    let request = RegisterRequest {
        request_id: "5f1d7a52-7a0f-4a8e-9d0a-0f6f3a1f5f10".into(),
        client_type: ClientType::Litebox.into(),
        inn: INN.into(),
        address: Some(address),
        phone: "911-111-1111".into(),
        email: "shop@example.ru".into(),
        password: "Parol-2026-x".into(),
        company: "ООО «Ромашка»".into(),
        ..RegisterRequest::default()
    };
    request.encode_to_vec()
}

fn a_register(c: &mut Criterion) {
    let bytes = wished();
    let read = |bytes: &[u8]| register(RegisterRequest::decode(bytes).unwrap(), PASSWORD);
    assert_eq!(read(&bytes).unwrap().inn.as_str(), INN);
    c.bench_function("a Register: decode, parse and validate", |b| b.iter(|| read(black_box(&bytes)).unwrap()));
}

fn a_registration_number(c: &mut Criterion) {
    let (inn, serial) = (Inn::parse(INN).unwrap(), KktSerial::parse(SERIAL).unwrap());
    let text = Rnm::compose(1_234_567_890, &inn, &serial).unwrap().as_str().to_owned();
    let check = |text: &str| Rnm::parse(text).unwrap().check(&inn, &serial);
    assert_eq!(check(&text), RnmCheck::Fits);
    c.bench_function("an RNM: parse and check against INN and serial", |b| b.iter(|| check(black_box(&text))));
}

fn a_page_token(c: &mut Criterion) {
    let keys = PageKeys::new([[7; 32]]).unwrap();
    let scope = PartnerScope::new(PartnerId::new(Uuid::from_u128(1)));
    let question = Question { scope, method: "/litebox.client.v1.ClientService/List", filter: b"{}" };
    let position = Uuid::from_u128(2).to_string();
    let token = keys.seal(&question, &position).unwrap();
    assert_eq!(keys.open::<String>(&question, &token).unwrap(), position);
    c.bench_function("a page token: seal", |b| b.iter(|| keys.seal(&question, black_box(&position)).unwrap()));
    c.bench_function("a page token: open", |b| b.iter(|| keys.open::<String>(&question, black_box(&token)).unwrap()));
}

fn a_transition(c: &mut Criterion) {
    let (inn, serial) = (Inn::parse(INN).unwrap(), KktSerial::parse(SERIAL).unwrap());
    let rnm = Rnm::compose(1_234_567_890, &inn, &serial).unwrap();
    let numbers = Numbers { application_id: "application-1".into(), rnm, assigned_ms: 1, report_by_ms: 2 };
    let held = Some(EffectId::new(Uuid::from_u128(3)));
    let waits = State::AwaitingRnm { held, application_id: "application-1".into() };
    let assigned = Event::RnmAssigned(numbers.clone());
    let after = waits.after(assigned.clone()).unwrap();
    assert_eq!(after, State::ConnectingOfd { held, stale: None, numbers });
    c.bench_function("a transition: FNS assigned the number", |b| {
        b.iter(|| black_box(&waits).after(assigned.clone()).unwrap())
    });
}

criterion_group!(paths, a_register, a_registration_number, a_page_token, a_transition);
criterion_main!(paths);
