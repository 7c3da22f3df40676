//! Every error reason of the contract, produced through gRPC, compared with its documented example and written down as
//! a caller sees it: `UPDATE=1 cargo test --test it examples` renews the page.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::partners::model::{Label, Scope, Scopes, Theme};
use litebox_partner::partners::service::NewToken;
use litebox_partner::pb::DESCRIPTORS;
use litebox_partner::pb::{client as cl, kkt as pb};
use litebox_partner::sandbox::ledger::{Entry, Kind};
use litebox_partner::storage::Backend;
use litebox_partner::storage::audit::{Deed, Desk};
use prost_reflect::DescriptorPool;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::contract::comments;
use crate::kkt::shop::{COMPANY, ENTREPRENEUR, Shop, address, register};
use crate::support::app::{TestApp, until};
use crate::support::database::backends;
use crate::support::{act, fresh_id, postgres};

const PAGE: &str = "docs/error-examples.md";
const HEAD: &str = "# Errors as a caller sees them

Written by the test that produces every reason through gRPC; do not edit. [errors.md](errors.md) says what each means and what to do next.
`<id>` stands for a UUID, `<s>` for a time to wait. Details come in `google.rpc` messages; grpcurl prints them, since reflection serves them.
";

/// What callers have seen, by reason.
#[derive(Default)]
struct Gallery(BTreeMap<String, String>);

impl Gallery {
    fn hang(&mut self, expected: &str, status: &Status) {
        let details = status.get_error_details();
        let info = details.error_info().unwrap_or_else(|| panic!("{expected}: {status:?}"));
        assert_eq!(info.reason, expected, "{status:?}");
        let russian = details.localized_message().unwrap();
        assert_eq!(russian.locale, "ru-RU");
        assert!(russian.message.chars().any(|c| ('а'..='я').contains(&c)), "{expected}");
        assert!(!details.request_info().unwrap().request_id.is_empty(), "{expected}");
        let code = format!("{:?}", status.code());
        let shown = serde_json::to_string_pretty(&shown(status, &details)).unwrap();
        let text = format!("\n## {expected}\n\n`{code}`: {}\n\n```json\n{}\n```\n", status.message(), normal(&shown));
        println!("{expected}");
        self.0.insert(expected.to_owned(), text);
    }
}

fn shown(status: &Status, details: &ErrorDetails) -> Value {
    let info = details.error_info().unwrap();
    let metadata: BTreeMap<_, _> = info.metadata.iter().collect();
    let russian = &details.localized_message().unwrap().message;
    let mut all = json!({
        "ErrorInfo": {"reason": info.reason, "domain": info.domain, "metadata": metadata},
        "LocalizedMessage": {"locale": "ru-RU", "message": russian},
        "RequestInfo": {"request_id": "<id>"},
    });
    if let Some(bad) = details.bad_request() {
        let fields = bad.field_violations.iter().map(|v| json!({"field": v.field, "description": v.description}));
        all["BadRequest"] = fields.collect();
    }
    if let Some(broken) = details.precondition_failure() {
        let one = |v: &tonic_types::PreconditionViolation| json!({"type": v.r#type, "subject": v.subject, "description": v.description});
        all["PreconditionFailure"] = broken.violations.iter().map(one).collect();
    }
    if status.get_details_retry_info().is_some() {
        all["RetryInfo"] = json!({"retry_delay": "<s>"});
    }
    all
}

/// Ids differ from run to run.
fn normal(text: &str) -> String {
    let id = regex::Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    id.replace_all(text, "<id>").into_owned()
}

#[tokio::test]
async fn every_reason_is_seen_as_it_is_documented() {
    let mut gallery = Gallery::default();
    let app = TestApp::start(Backend::Sqlite).await;
    callers(&app, &mut gallery).await;
    clients(&app, &mut gallery).await;
    orders(&app, &mut gallery).await;
    calls(&app, &mut gallery).await;
    limits(&mut gallery).await;
    overloaded(&mut gallery).await;
    recovering(&mut gallery).await;
    if backends().contains(&Backend::Postgres) {
        busy(&mut gallery).await;
        storage(&mut gallery).await;
        compare(&gallery);
    }
}

async fn callers(app: &TestApp, gallery: &mut Gallery) {
    let missing = cl::GetRequest { client_id: fresh_id() };
    gallery.hang("CREDENTIALS_INVALID", &app.clients_as(None).get(missing.clone()).await.unwrap_err());
    let scopes: Scopes = [Scope::KktRead].into_iter().collect();
    let new = NewToken { scopes, note: Label::default(), expires_ms: None };
    let (token, _) = app.partners.issue(app.partner.id, new).await.unwrap();
    let shown = format!("Bearer {}", token.reveal().as_str());
    gallery.hang("SCOPE_MISSING", &app.clients_as(Some(&shown)).get(missing.clone()).await.unwrap_err());
    let mut foreign = tonic::Request::new(missing.clone());
    foreign.metadata_mut().insert("x-litebox-partner-id", fresh_id().parse().unwrap());
    gallery.hang("PARTNER_NOT_ALLOWED", &app.clients().get(foreign).await.unwrap_err());
    gallery.hang("RESOURCE_NOT_FOUND", &app.clients().get(missing).await.unwrap_err());
    gallery.hang("NOT_OFFERED", &unknown_method(app).await);
}

async fn unknown_method(app: &TestApp) -> Status {
    let mut grpc = tonic::client::Grpc::new(app.channel());
    grpc.ready().await.unwrap();
    let mut request = tonic::Request::new(pb::GetRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {}", app.partner.token).parse().unwrap());
    let path = http::uri::PathAndQuery::from_static("/litebox.kkt.v1.KktService/PayKkt");
    let codec = tonic_prost::ProstCodec::<pb::GetRequest, pb::GetResponse>::default();
    grpc.unary(request, path, codec).await.unwrap_err()
}

async fn refused(app: &TestApp, request: cl::RegisterRequest) -> Status {
    app.clients().register(request).await.unwrap_err()
}

async fn clients(app: &TestApp, gallery: &mut Gallery) {
    let bad =
        cl::RegisterRequest {
            phone: "+79111111111".into(), password: "короткий".into(), ..register("7707083894")
        };
    gallery.hang("VALIDATION_FAILED", &refused(app, bad).await);
    gallery.hang("TAXPAYER_NOT_FOUND", &refused(app, register("7799000012")).await);
    gallery.hang("TAXPAYER_NOT_ACTIVE", &refused(app, register("7799000020")).await);
    gallery.hang("CLIENT_KNOWN_ELSEWHERE", &refused(app, register("7799000076")).await);
    for (fault, reason) in [
        ("taxpayers.party:status=503,times=1", "TAXPAYERS_UNAVAILABLE"),
        ("accounts.FindByInn:error=UNAVAILABLE,times=1", "ACCOUNTS_UNAVAILABLE"),
    ] {
        app.sandbox.add_fault(fault).unwrap();
        gallery.hang(reason, &refused(app, register(COMPANY)).await);
    }
    let taken = cl::RegisterRequest { email: "taken@example.ru".into(), ..register(COMPANY) };
    gallery.hang("LOGIN_TAKEN", &refused(app, taken).await);
    let mts = app.other_partner("МТС", Theme::Mts).await;
    let mut theirs = app.clients_as(Some(&format!("Bearer {}", mts.token)));
    gallery.hang("REGISTRATION_UNAVAILABLE_IN_THEME", &theirs.register(register(COMPANY)).await.unwrap_err());
    let request = register(ENTREPRENEUR);
    app.clients().register(request.clone()).await.unwrap();
    let other = cl::RegisterRequest { phone: "922-222-2222".into(), ..request };
    gallery.hang("IDEMPOTENCY_KEY_REUSED", &refused(app, other).await);
    let again = cl::RegisterRequest { email: "another@example.ru".into(), ..register(ENTREPRENEUR) };
    gallery.hang("CLIENT_ALREADY_REGISTERED", &refused(app, again).await);
}

async fn ordered(shop: &Shop<'_>, order: pb::QuickRegisterRequest) -> Status {
    let order = pb::QuickRegisterRequest { request_id: fresh_id(), ..order };
    shop.kkts.clone().quick_register(order).await.unwrap_err()
}

async fn orders(app: &TestApp, gallery: &mut Gallery) {
    let shop = Shop::open(app, COMPANY).await;
    let order = shop.order(1).await;
    let lost = cl::Address { street: "ул Двойная".into(), ..address() };
    let place = pb::Place {
        name: "Магазин".into(),
        location: Some(pb::place::Location::Address(lost)),
        ..pb::Place::default()
    };
    let elsewhere = pb::QuickRegisterRequest { place: Some(place), ..order.clone() };
    gallery.hang("ADDRESS_NOT_RESOLVED", &ordered(&shop, elsewhere).await);
    let modes = pb::Modes { autonomous: true, ..pb::Modes::default() };
    let both = pb::QuickRegisterRequest { modes: Some(modes), ..order.clone() };
    gallery.hang("KKT_REQUIREMENTS_NOT_MET", &ordered(&shop, both).await);
    let unread = pb::QuickRegisterRequest { acknowledged_warnings: Vec::new(), ..order.clone() };
    gallery.hang("WARNINGS_NOT_ACKNOWLEDGED", &ordered(&shop, unread).await);
    let mut undriven = order.clone();
    if let Some(pb::Equipment { kind: Some(pb::equipment::Kind::Sale(sale)) }) = &mut undriven.equipment {
        sale.model = "ПТК «MSPOS-K»".into();
        sale.serial = "199036000001".into();
    }
    gallery.hang("AUTOMATIC_UNSUPPORTED", &ordered(&shop, undriven).await);
    let rental = pb::RentalEquipment { model: "АТОЛ 30Ф".into(), months: 12 };
    let rental = pb::Equipment { kind: Some(pb::equipment::Kind::Rental(rental)) };
    let rental = pb::QuickRegisterRequest { equipment: Some(rental), ..order.clone() };
    gallery.hang("NO_RENTAL_DEVICE", &ordered(&shop, rental).await);
    shop.quick_register(order.clone()).await;
    gallery.hang("KKT_ALREADY_REGISTERED", &ordered(&shop, order.clone()).await);
    gallery.hang("SERIAL_OR_FN_IN_USE", &of_a_stranger(app, order).await);
}

async fn of_a_stranger(app: &TestApp, order: pb::QuickRegisterRequest) -> Status {
    let stranger = app.other_partner("Другой", Theme::LiteBox).await;
    let shown = format!("Bearer {}", stranger.token);
    let answer = app.clients_as(Some(&shown)).register(register("7736050010")).await.unwrap().into_inner();
    let mut order = pb::QuickRegisterRequest {
        request_id: fresh_id(),
        client_id: answer.client.unwrap().id,
        fiscalize_automatically: false,
        ..order
    };
    if let Some(pb::Equipment { kind: Some(pb::equipment::Kind::Sale(sale)) }) = &mut order.equipment {
        sale.device_id.clear();
    }
    app.kkts_as(Some(&shown)).quick_register(order).await.unwrap_err()
}

fn cancel(kkt_id: &str) -> pb::CancelRequest {
    pb::CancelRequest { request_id: fresh_id(), kkt_id: kkt_id.into() }
}

async fn calls(app: &TestApp, gallery: &mut Gallery) {
    let shop = Shop { app, client_id: client_of(app).await, kkts: app.kkts() };
    let cancelled = async |id: &str| shop.kkts.clone().cancel(cancel(id)).await.unwrap_err();
    // Register 9700 stays in review at FNS.
    let id = shop.quick_register(shop.order(9700).await).await.id;
    shop.state(&id, pb::KktState::AwaitingRnm).await;
    let how = Some(pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {}));
    let early = pb::FiscalizeRequest { request_id: fresh_id(), kkt_id: id, how };
    gallery.hang("WRONG_KKT_STATE", &shop.kkts.clone().fiscalize(early).await.unwrap_err());
    // FNS is carrying the command out: nobody can say yet what becomes of it.
    app.sandbox.add_fault("fns.SubmitApplication:hold,times=1").unwrap();
    let id = shop.quick_register(shop.order(20).await).await.id;
    app.sandbox.wait_for_holds(|holds| !holds.is_empty()).await;
    gallery.hang("CONFLICT", &cancelled(&id).await);
    app.sandbox.release_holds();
    for (n, step, asked, reason) in [
        (21, "fns.SubmitApplication", "fns.ReportOrVoid", "FNS_UNAVAILABLE"),
        (22, "ofd.ReserveCode", "ofd.ReportOrVoid", "OFD_UNAVAILABLE"),
        (23, "device.post", "device.*", "DEVICE_UNAVAILABLE"),
    ] {
        let only = if n == 23 { ",type=registration" } else { "" };
        app.sandbox.add_fault(&format!("{step}:lost_reply{only}")).unwrap();
        let before = app.sandbox.entries().len();
        let id = shop.quick_register(shop.order(n).await).await.id;
        let sent = |e: &Entry| {
            let of = |value: &str| e.facts.values().any(|v| v == value);
            e.is(Kind::Command, step) && (n != 23 || of("registration") && of("kkt-23"))
        };
        app.sandbox.wait_until(|all| all.iter().skip(before).any(sent)).await;
        let down = if n == 23 { "status=503" } else { "error=UNAVAILABLE" };
        app.sandbox.add_fault(&format!("{asked}:{down}")).unwrap();
        gallery.hang(reason, &cancelled(&id).await);
        app.sandbox.clear_faults();
    }
    // A row that nobody can read is a defect of ours, and says no more than that.
    let id = shop.quick_register(shop.order(30).await).await.id;
    shop.state(&id, pb::KktState::Registered).await;
    let spoil = "UPDATE kkt SET spec = '{}' WHERE serial = '00106100000030'";
    sea_orm::ConnectionTrait::execute_unprepared(app.db().direct(), spoil).await.unwrap();
    let get = pb::GetRequest { kkt_id: id };
    gallery.hang("INTERNAL", &shop.kkts.clone().get(get).await.unwrap_err());
}

async fn client_of(app: &TestApp) -> String {
    let list = cl::ListRequest { inn: COMPANY.into(), ..cl::ListRequest::default() };
    app.clients().list(list).await.unwrap().into_inner().clients.remove(0).id
}

async fn limits(gallery: &mut Gallery) {
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        config.server.deadline_ms = 300;
        config.limits.lookups_per_hour = 2;
    })
    .await;
    let look = || cl::LookupTaxpayerRequest { inn: COMPANY.into() };
    app.sandbox.add_fault("taxpayers.party:delay=2s,times=1").unwrap();
    gallery.hang("DEADLINE_EXCEEDED", &app.clients().lookup_taxpayer(look()).await.unwrap_err());
    app.clients().lookup_taxpayer(look()).await.unwrap();
    gallery.hang("RATE_LIMITED", &app.clients().lookup_taxpayer(look()).await.unwrap_err());
}

/// The only place is a call's that waits outside.
async fn overloaded(gallery: &mut Gallery) {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.limits.in_flight = 1).await;
    app.sandbox.add_fault("taxpayers.party:hold,times=1").unwrap();
    let look = cl::LookupTaxpayerRequest { inn: COMPANY.into() };
    let mut clients = app.clients();
    let waits = tokio::spawn(async move { clients.lookup_taxpayer(look).await });
    app.sandbox.wait_for_holds(|holds| !holds.is_empty()).await;
    gallery.hang("SERVER_OVERLOADED", &app.kkts().list(pb::ListRequest::default()).await.unwrap_err());
    app.sandbox.release_holds();
    waits.await.unwrap().unwrap();
}

/// The one connection of the pool waits for a lock that somebody else has.
async fn busy(gallery: &mut Gallery) {
    let app = TestApp::start_with(Backend::Postgres, |config| {
        config.database.pool_size = 1;
        config.database.acquire_timeout_ms = 300;
        config.database.lock_timeout_ms = 60_000;
        config.database.statement_timeout_ms = 60_000;
    })
    .await;
    let list = pb::ListRequest::default();
    app.kkts().list(list.clone()).await.unwrap();
    let mut other = PgConnection::connect(app.database.config.url.expose_secret()).await.unwrap();
    other.execute("BEGIN; LOCK TABLE kkt").await.unwrap();
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'kkt'::regclass";
    until("the server waits for the lock", async || {
        sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut other).await.unwrap() == 1
    })
    .await;
    gallery.hang("STORAGE_OVERLOADED", &app.kkts().list(list.clone()).await.unwrap_err());
    other.close().await.unwrap();
    until("the pool recovers by itself", async || app.kkts().list(list.clone()).await.is_ok()).await;
}

/// A backup was restored.
async fn recovering(gallery: &mut Gallery) {
    let app = TestApp::start(Backend::Sqlite).await;
    let record = Desk::new(Clock::system(), Ids::system(), act()).record(Deed::default());
    app.db().begin_recovery("2026-11-24", Clock::system().now_ms(), record).await.unwrap();
    gallery.hang("RECOVERING", &app.kkts().list(pb::ListRequest::default()).await.unwrap_err());
}

/// The database refuses everybody, in the middle of a day's work.
async fn storage(gallery: &mut Gallery) {
    let app = TestApp::start(Backend::Postgres).await;
    let list = pb::ListRequest::default();
    app.kkts().list(list.clone()).await.unwrap();
    let url = app.database.config.url.expose_secret().to_owned();
    let name = url.rsplit('/').find_map(|part| part.split('?').next().filter(|n| n.starts_with("test_"))).unwrap();
    let server = postgres::server().unwrap();
    server.admin(format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname";
    server.admin(format!("{end} = '{name}'")).await.unwrap();
    // Whether a connection breaks under the call or none can be opened for it.
    for _ in 0..3 {
        gallery.hang("STORAGE_UNAVAILABLE", &app.kkts().list(list.clone()).await.unwrap_err());
    }
}

/// All of the contract's reasons are there, with the metadata of their documented example.
fn compare(gallery: &Gallery) {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let reasons = pool.get_enum_by_name("litebox.error.v1.ErrorReason").unwrap();
    let mut page = HEAD.to_owned();
    for (name, comment) in comments(&reasons) {
        let seen = gallery.0.get(&name).unwrap_or_else(|| panic!("nobody has seen {name}"));
        let (_, rest) = comment.split_once("Example:").unwrap();
        let example: Value = serde_json::from_str(rest.split_once("Next:").unwrap().0.trim()).unwrap();
        let json = seen.split("```json").nth(1).unwrap().split("```").next().unwrap();
        let shown: Value = serde_json::from_str(json).unwrap();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&shown["ErrorInfo"]["metadata"]), keys(&example["metadata"]), "{name}");
        assert_eq!(comment.contains("with RetryInfo"), shown.get("RetryInfo").is_some(), "{name}");
        write!(page, "{seen}").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "{PAGE} is out of date: UPDATE=1 cargo test --test it examples");
}
