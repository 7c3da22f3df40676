//! Erasing the personal data of clients and keeping them no longer than is said: by command and through gRPC.

mod command;
mod everything;
mod plans;
mod records;
mod retention;
mod together;

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::erasure::key::Key;
use litebox_partner::erasure::service::Erasures;
use litebox_partner::pb::client as cl;
use litebox_partner::pb::kkt as pb;
use litebox_partner::storage::Backend;
use sea_orm::{ConnectionTrait, QueryResult, Statement};

use crate::kkt::shop::{COMPANY, Shop, register};
use crate::support::desk::{Desk, SECRET, on_both_desks};
use crate::support::fresh_id;

impl Desk {
    /// Erases the client, whose account has been removed.
    fn erase(&self, client: &str) -> String {
        self.says(&erase(client))
    }

    /// The same inside this process.
    fn erasures(&self) -> Erasures {
        let key = Some(Key::parse(SECRET).unwrap());
        Erasures { db: self.app.db().clone(), key, clock: Clock::system(), ids: Ids::system() }
    }

    /// Changes rows behind the service's back.
    async fn sql(&self, sql: &str) -> u64 {
        self.app.db().direct().execute_unprepared(sql).await.unwrap().rows_affected()
    }

    async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        let direct = self.app.db().direct();
        direct.query_all_raw(Statement::from_string(direct.get_database_backend(), sql)).await.unwrap()
    }

    async fn count(&self, sql: &str) -> i64 {
        self.rows(&format!("SELECT COUNT(*) AS n FROM {sql}")).await[0].try_get("", "n").unwrap()
    }

    /// An id as a literal of this database.
    fn literal(&self, id: &str) -> String {
        match self.app.db().backend() {
            Backend::Sqlite => format!("X'{}'", id.replace('-', "")),
            Backend::Postgres => format!("'{id}'"),
        }
    }

    /// A client that came to nothing, by its INN; its id.
    async fn abandoned(&self, inn: &str) -> String {
        self.app.sandbox.add_fault("accounts.SetInitialPassword:drop=before_effect").unwrap();
        self.app.clients().register(register(inn)).await.unwrap_err();
        self.app.sandbox.clear_faults();
        let pending = self.tells(&["client", "list", "--state", "ACCOUNT_PENDING", "--inn", inn]);
        let id = pending[0]["id"].as_str().unwrap().to_owned();
        self.says(&["client", "resolve", &id, "--outcome", "abandoned", "--reason", "T-1"]);
        id
    }
}

/// The command that erases a client whose account has been removed.
const fn erase(client: &str) -> [&str; 8] {
    ["client", "erase", client, "--removed", "--unasked", "--yes", "--reason", "T-1"]
}

/// A shop with a registration at its end, and another one that was cancelled; the calls that made them.
struct Made<'a> {
    shop: Shop<'a>,
    register: cl::RegisterRequest,
    order: pb::QuickRegisterRequest,
    kkt: pb::Kkt,
    cancelled_order: pb::QuickRegisterRequest,
    cancelled: String,
}

impl<'a> Made<'a> {
    async fn new(desk: &'a Desk) -> Self {
        let register = marked(register(COMPANY));
        let client = desk.app.clients().register(register.clone()).await.unwrap().into_inner().client.unwrap();
        let shop = Shop { app: &desk.app, client_id: client.id, kkts: desk.app.kkts() };
        let order = marked_order(shop.order(1).await);
        let id = shop.quick_register(order.clone()).await.id;
        let kkt = shop.state(&id, pb::KktState::Registered).await;
        let cancelled_order = pb::QuickRegisterRequest { fiscalize_automatically: false, ..shop.order(2).await };
        let cancelled = shop.quick_register(cancelled_order.clone()).await.id;
        shop.state(&cancelled, pb::KktState::ReadyToFiscalize).await;
        let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: cancelled.clone() };
        shop.kkts.clone().cancel(cancel).await.unwrap();
        shop.reach(&cancelled, "it holds no code", |kkt| {
            kkt.state() == pb::KktState::Cancelled && kkt.next_attempt_time.is_none()
        })
        .await;
        Self { shop, register, order, kkt, cancelled_order, cancelled }
    }
}

/// Texts that a partner gives about people, to be looked for in the database.
const MARKS: [&str; 15] = [
    COMPANY,
    "911-111-1111",
    "shop7736050003@example.ru",
    "канарейкина",
    "пеночка",
    "кенар и птицы",
    "стр 7171",
    "canary-client",
    "canary-kkt",
    "сигнерова",
    "зяблик",
    "директор птиц",
    "cert-1",
    "магазин «чиж»",
    "sender-canary@example.ru",
];

fn marked(call: cl::RegisterRequest) -> cl::RegisterRequest {
    let address = cl::Address { building: "стр 7171".into(), ..call.address.clone().unwrap() };
    cl::RegisterRequest {
        last_name: "Канарейкина".into(),
        first_name: "Пеночка".into(),
        company: "Кенар и птицы".into(),
        external_ref: "canary-client".into(),
        address: Some(address),
        ..call
    }
}

fn marked_order(call: pb::QuickRegisterRequest) -> pb::QuickRegisterRequest {
    let signer = pb::Signer {
        last_name: "Сигнерова".into(),
        first_name: "Зяблик".into(),
        position: "Директор птиц".into(),
        ..call.signer.clone().unwrap()
    };
    let place = pb::Place { name: "Магазин «Чиж»".into(), ..call.place.clone().unwrap() };
    pb::QuickRegisterRequest {
        external_ref: "canary-kkt".into(),
        signer: Some(signer),
        place: Some(place),
        sender_email: "sender-canary@example.ru".into(),
        ..call
    }
}
