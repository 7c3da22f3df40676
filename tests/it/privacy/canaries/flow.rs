//! What the run does: everything that the demo does, then everything that can go wrong.

use futures::future::join_all;
use litebox_partner::pb::client as cl;
use litebox_partner::pb::kkt as pb;
use prost_reflect::prost::Message;
use tonic::transport::Channel;

use super::requests::{address, company, en, order, order_at, person, register, ru};
use super::run::{Run, call, method};
use super::stage::Stage;
use crate::support::app::until;
use crate::support::fresh_id;
use crate::tenancy::fields::{Field, Thing, classified, methods};
use crate::tenancy::wire::{dynamic, is_text, with};

/// A register that no program can drive.
const UNDRIVEN: (&str, &str, &str) = ("ПТК «MSPOS-K»", "199036000123", "9999078902000123");

/// What a run leaves to go on with.
pub struct Shop {
    pub client: String,
    /// Ready to be fiscalized.
    pub ready: String,
    /// Waits for an operator of fiscal data.
    pub held: String,
    /// Registered.
    pub done: String,
}

/// Everything that goes well.
pub async fn job(stage: &Stage, run: &mut Run) -> Shop {
    for inn in [company(11), person(22)] {
        run.told::<cl::LookupTaxpayerResponse>("ClientService/LookupTaxpayer", &cl::LookupTaxpayerRequest { inn })
            .await;
    }
    let client = client(run, &company(11), 0).await;
    let entrepreneur = client_of_person(run).await;
    clients(run, &client).await;
    let device = async |n: u32| stage.device(&format!("kkt-{n}")).await;
    let first = device(1).await;
    let check = pb::QuickRegisterRequest { validate_only: true, ..order_at(&client, &first, 1) };
    run.told::<pb::QuickRegisterResponse>("KktService/QuickRegister", &check).await;
    let done = ordered(run, order(&client, &first, 1)).await;
    let rented = ordered(run, rented(&entrepreneur)).await;
    for id in [&done, &rented] {
        run.reach(id, "REGISTERED", |kkt| kkt.state() == pb::KktState::Registered).await;
    }
    by_hand(run, &client).await;
    amended(stage, run, &client).await;
    refused(stage, run, &client).await;
    kkts(run, &done).await;
    let ready = waiting(run, &client, &device(4).await, 4).await;
    let cancelled = waiting(run, &client, &device(5).await, 5).await;
    let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: cancelled };
    run.told::<pb::CancelResponse>("KktService/Cancel", &cancel).await;
    stage.sandbox.add_fault("ofd.ReserveCode:error=UNAVAILABLE,code=FD13MM710006").unwrap();
    let held = ordered(run, order(&client, &device(6).await, 6)).await;
    run.reach(&held, "the operator does not answer", |kkt| kkt.blocked.is_some()).await;
    Shop { client, ready, held, done }
}

async fn client(run: &mut Run, inn: &str, n: usize) -> String {
    let check = cl::RegisterRequest { validate_only: true, ..register(inn, n) };
    run.told::<cl::RegisterResponse>("ClientService/Register", &check).await;
    run.told::<cl::RegisterResponse>("ClientService/Register", &register(inn, n)).await.client.unwrap().id
}

async fn client_of_person(run: &mut Run) -> String {
    client(run, &person(22), 20).await
}

async fn clients(run: &mut Run, id: &str) {
    let get = cl::GetRequest { client_id: id.into() };
    let client = run.told::<cl::GetResponse>("ClientService/Get", &get).await.client.unwrap();
    let all = cl::ListRequest { page_size: 1, ..Default::default() };
    let page_token = run.told::<cl::ListResponse>("ClientService/List", &all).await.next_page_token;
    let lists = [
        cl::ListRequest { page_size: 1, page_token, ..Default::default() },
        cl::ListRequest { inn: client.inn, ..Default::default() },
        cl::ListRequest { external_ref: client.external_ref, ..Default::default() },
        cl::ListRequest {
            text: client.company.trim_start_matches("ООО ").trim_matches(['«', '»']).into(),
            ..Default::default()
        },
    ];
    for list in lists {
        let found = run.told::<cl::ListResponse>("ClientService/List", &list).await.clients;
        assert_eq!(found.len(), 1, "{list:?}");
    }
}

async fn kkts(run: &mut Run, id: &str) {
    let kkt = run.kkt(id).await;
    let all = pb::ListRequest { page_size: 1, ..Default::default() };
    let page_token = run.told::<pb::ListResponse>("KktService/List", &all).await.next_page_token;
    let lists = [
        pb::ListRequest { page_size: 1, page_token, ..Default::default() },
        pb::ListRequest { inn: kkt.inn, external_ref: kkt.external_ref, ..Default::default() },
    ];
    for list in lists {
        assert!(!run.told::<pb::ListResponse>("KktService/List", &list).await.kkts.is_empty(), "{list:?}");
    }
    let watch = pb::WatchRequest { kkt_ids: vec![id.into()], ..Default::default() };
    let resume_token = run.told::<pb::WatchResponse>("KktService/Watch", &watch).await.resume_token;
    run.told::<pb::WatchResponse>("KktService/Watch", &pb::WatchRequest { resume_token, ..watch }).await;
}

/// Orders; what must be acknowledged is.
async fn ordered(run: &mut Run, mut order: pb::QuickRegisterRequest) -> String {
    order.acknowledged_warnings.extend(["MODEL_UNKNOWN", "SERIAL_PATTERN"].map(str::to_owned));
    run.told::<pb::QuickRegisterResponse>("KktService/QuickRegister", &order).await.kkt.unwrap().id
}

fn rented(client: &str) -> pb::QuickRegisterRequest {
    let kind = pb::equipment::Kind::Rental(pb::RentalEquipment { model: "АТОЛ 30Ф".into(), months: 6 });
    pb::QuickRegisterRequest { equipment: Some(pb::Equipment { kind: Some(kind) }), ..order(client, "", 2) }
}

async fn waiting(run: &mut Run, client: &str, device: &str, n: u32) -> String {
    let order = pb::QuickRegisterRequest { fiscalize_automatically: false, ..order(client, device, n) };
    let id = ordered(run, order).await;
    run.reach(&id, "READY", |kkt| kkt.state() == pb::KktState::ReadyToFiscalize).await;
    id
}

async fn by_hand(run: &mut Run, client: &str) {
    let mut order = pb::QuickRegisterRequest { fiscalize_automatically: false, ..order(client, "", 3) };
    let (model, serial, fn_serial) = UNDRIVEN;
    let sale = pb::SaleEquipment {
        model: model.into(),
        serial: serial.into(),
        fn_serial: fn_serial.into(),
        device_id: String::new(),
    };
    order.equipment = Some(pb::Equipment { kind: Some(pb::equipment::Kind::Sale(sale)) });
    let id = ordered(run, order).await;
    let ready = run.reach(&id, "READY", |kkt| kkt.state() == pb::KktState::ReadyToFiscalize).await;
    let burn = |how| pb::FiscalizeRequest { request_id: fresh_id(), kkt_id: id.clone(), how: Some(how) };
    let automatic = pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {});
    run.ask("KktService/Fiscalize", &burn(automatic)).await;
    assert_eq!(run.reason, "AUTOMATIC_UNSUPPORTED");
    let local = litebox_partner::clock::from_ms(litebox_partner::clock::Clock::system().now_ms() + 3 * 3_600_000);
    let report = pb::ManualReport {
        fn_serial: fn_serial.into(),
        rnm: ready.rnm,
        fd_number: 1,
        local_time: format!("{}T{:02}:{:02}", local.date(), local.hour(), local.minute()),
        fiscal_sign: "0024109209".into(),
    };
    run.told::<pb::FiscalizeResponse>("KktService/Fiscalize", &burn(pb::fiscalize_request::How::Manual(report))).await;
    run.reach(&id, "REGISTERED by hand", |kkt| kkt.state() == pb::KktState::Registered).await;
}

/// The operator refuses one code, and takes another.
async fn amended(stage: &Stage, run: &mut Run, client: &str) {
    stage.sandbox.add_fault("ofd.Connect:refuse=CODE_USED,times=1,code=FD13MM710007").unwrap();
    let id = ordered(run, order(client, &stage.device("kkt-7").await, 7)).await;
    run.reach(&id, "the code is used", |kkt| kkt.blocked.as_ref().is_some_and(|b| b.reason == "OFD_CODE_USED")).await;
    let change = Some(pb::amend_request::Change::ActivationCode("FD13MM718888".into()));
    let amend = pb::AmendRequest { request_id: fresh_id(), kkt_id: id.clone(), change };
    run.told::<pb::AmendResponse>("KktService/Amend", &amend).await;
    run.reach(&id, "REGISTERED with another code", |kkt| kkt.state() == pb::KktState::Registered).await;
}

/// FNS refuses one, with a text of its own.
async fn refused(stage: &Stage, run: &mut Run, client: &str) {
    let id = ordered(run, order(client, &stage.device("kkt-9906").await, 9906)).await;
    let kkt = run.reach(&id, "REJECTED", |kkt| kkt.state() == pb::KktState::Rejected).await;
    let message = kkt.rejection.unwrap().message;
    assert!(message.contains("‹i›канарэ "), "the partner is told what FNS says, made harmless: {message:?}");
    run.ask("KktService/Cancel", &pb::CancelRequest { request_id: fresh_id(), kkt_id: id }).await;
    assert_eq!(run.reason, "WRONG_KKT_STATE");
}

/// Calls that cannot be accepted though their values are right.
pub async fn conflicts(stage: &Stage, run: &mut Run, shop: &Shop) {
    let first = register(&company(33), 40);
    run.told::<cl::RegisterResponse>("ClientService/Register", &first).await;
    let other = cl::RegisterRequest { last_name: ru(500), ..first.clone() };
    let again = register(&company(33), 60);
    let taken = cl::RegisterRequest { email: first.email.clone(), ..register(&company(34), 60) };
    let magic = |inn: &str| cl::RegisterRequest { inn: inn.into(), ..register(&company(34), 60) };
    for (request, reason) in [
        (other, "IDEMPOTENCY_KEY_REUSED"),
        (again, "CLIENT_ALREADY_REGISTERED"),
        (taken, "LOGIN_TAKEN"),
        (magic("7799000012"), "TAXPAYER_NOT_FOUND"),
        (magic("7799000020"), "TAXPAYER_NOT_ACTIVE"),
        (magic("7799000076"), "CLIENT_KNOWN_ELSEWHERE"),
    ] {
        run.ask("ClientService/Register", &request).await;
        assert_eq!(run.reason, reason);
    }
    let device = stage.device("kkt-8").await;
    let two = cl::Address { street: format!("ул Двойная {}", ru(501)), ..address(90) };
    let mut unclear = order(&shop.client, &device, 8);
    unclear.place.as_mut().unwrap().location = Some(pb::place::Location::Address(two));
    let mut unmet = order(&shop.client, &device, 8);
    unmet.modes = Some(pb::Modes { excise: true, gambling: true, ..Default::default() });
    let mut silent = pb::QuickRegisterRequest { acknowledged_warnings: Vec::new(), ..order(&shop.client, &device, 8) };
    silent.signer.as_mut().unwrap().capacity = Some(pb::signer::Capacity::Head(pb::Head {}));
    for (request, reason) in [
        (order(&shop.client, &device, 1), "KKT_ALREADY_REGISTERED"),
        (unclear, "ADDRESS_NOT_RESOLVED"),
        (unmet, "KKT_REQUIREMENTS_NOT_MET"),
        (silent, "WARNINGS_NOT_ACKNOWLEDGED"),
    ] {
        run.ask("KktService/QuickRegister", &request).await;
        assert_eq!(run.reason, reason);
    }
    let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: shop.done.clone() };
    run.ask("KktService/Cancel", &cancel).await;
    assert_eq!(run.reason, "WRONG_KKT_STATE");
}

/// A request that is right but for what a field is given.
fn right(shop: &Shop, named: &str) -> prost_reflect::DynamicMessage {
    let method = method(named);
    let (request_id, kkt_id) = (fresh_id(), shop.done.clone());
    match named {
        "ClientService/LookupTaxpayer" => dynamic(&method, &cl::LookupTaxpayerRequest { inn: company(11) }),
        "ClientService/Register" => {
            dynamic(&method, &cl::RegisterRequest { validate_only: true, ..register(&company(44), 60) })
        }
        "KktService/QuickRegister" => {
            dynamic(&method, &pb::QuickRegisterRequest { validate_only: true, ..order(&shop.client, "", 8) })
        }
        "KktService/Fiscalize" => {
            let how = Some(pb::fiscalize_request::How::Manual(pb::ManualReport::default()));
            dynamic(&method, &pb::FiscalizeRequest { request_id, kkt_id, how })
        }
        "KktService/Amend" => {
            let change = Some(pb::amend_request::Change::Report(pb::ManualReport::default()));
            dynamic(&method, &pb::AmendRequest { request_id, kkt_id, change })
        }
        "KktService/Cancel" => dynamic(&method, &pb::CancelRequest { request_id, kkt_id }),
        _ => prost_reflect::DynamicMessage::new(method.input()),
    }
}

/// Every text of every request, wrong in these ways; what is refused tells nothing of it.
pub async fn malformed(run: &mut Run, shop: &Shop, wrong: impl Fn(usize) -> Vec<String>) -> usize {
    let (mut refused, mut at) = (0, 0);
    for method in methods() {
        for (path, field) in classified(&method).into_iter().filter(|(path, _)| is_text(&method.input(), path)) {
            let named = crate::tenancy::fields::name(&method);
            at += 1;
            for value in wrong(at) {
                let request = with(&right(shop, &named), &path, &value);
                run.marks.add(&format!("malformed {named}.{path}"), &value);
                let accepted = run.send(&method, &request).await.is_some();
                refused += usize::from(!accepted);
                assert!(!accepted || !matches!(field, Field::Id(Thing::Kkt | Thing::Client)), "{named}.{path}");
            }
        }
    }
    refused
}

/// Ways in which a marked value can be wrong.
pub fn wrong_ways(at: usize) -> Vec<String> {
    let word = en(200 + at);
    vec![format!("{word}\u{7}"), format!("7736591110{word}"), format!("{} {}", ru(200 + at), "ж".repeat(3000))]
}

/// Several who register the same taxpayer at once: the database refuses all but one.
pub async fn races(run: &mut Run) {
    let method = method("ClientService/Register");
    let calls: Vec<_> =
        (0..8).map(|n| cl::RegisterRequest { external_ref: ru(520 + n), ..register(&company(55), 60) }).collect();
    calls.iter().for_each(|request| run.marks.learn(&method, &dynamic(&method, request)));
    let answers = calls.iter().map(|request| call(&run.channel, &run.credentials, &method, request.encode_to_vec()));
    let errors: Vec<_> = join_all(answers).await.into_iter().filter_map(Result::err).collect();
    assert!(!errors.is_empty());
    errors.iter().for_each(|status| run.refused("Register at once", status));
}

/// Bad credentials: a token with another secret, one that was made up, signed tokens that nobody vouches for.
pub async fn strangers(stage: &Stage, run: &mut Run, channel: &Channel) {
    let token = run.credentials.trim_start_matches("Bearer ").to_owned();
    let secret = format!("{}Kanarsecret0123456789{}", &token[..21], &token[42..]);
    let made_up = format!("lbp_test_{}", "Kanartoken0123456789abcdefghijklmnopqrstuvwxyz0123".get(..50).unwrap());
    let mut bad = vec![secret, made_up, "kanarbasic:7788".to_owned()];
    bad.extend(stage.signed_tokens());
    for text in bad {
        run.marks.add("credentials", &text);
        let request = cl::GetRequest { client_id: fresh_id() };
        for credentials in [format!("Bearer {text}"), text] {
            let refused = call(channel, &credentials, &method("ClientService/Get"), request.encode_to_vec()).await;
            run.refused("bad credentials", &refused.unwrap_err());
        }
    }
}

/// What a server does whose outer systems fail; `n` tells who asks this time.
pub async fn among_enemies(stage: &Stage, run: &mut Run, shop: &Shop, n: u32) {
    let asked = stage.asked();
    run.ask("ClientService/LookupTaxpayer", &cl::LookupTaxpayerRequest { inn: company(n) }).await;
    run.ask("ClientService/Register", &register(&company(n), 60)).await;
    let enemy = stage.device_of_an_enemy(&format!("kkt-{n}")).await;
    let change = Some(pb::amend_request::Change::DeviceId(enemy));
    let amend = pb::AmendRequest { request_id: fresh_id(), kkt_id: shop.ready.clone(), change };
    run.ask("KktService/Amend", &amend).await;
    let automatic = pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {});
    let burn = pb::FiscalizeRequest { request_id: fresh_id(), kkt_id: shop.ready.clone(), how: Some(automatic) };
    run.ask("KktService/Fiscalize", &burn).await;
    run.ask("KktService/Cancel", &pb::CancelRequest { request_id: fresh_id(), kkt_id: shop.ready.clone() }).await;
    until("the worker has met the enemy", async || stage.asked() > asked + 3).await;
}
