//! Two partners who each have everything: clients, registrations at their end, under way and erased, devices, tokens of pages
//! and streams, request ids.

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::erasure::key::Key;
use litebox_partner::erasure::service::{Done, Erasures};
use litebox_partner::partners::model::{HubDevice, HubUrl, Label, Theme};
use litebox_partner::partners::service::NewDevice;
use litebox_partner::pb::client as cl;
use litebox_partner::pb::kkt as pb;
use litebox_partner::storage::entity::client;
use litebox_partner::values::ClientId;
use pb::kkt_service_client::KktServiceClient;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::clients::inn;
use crate::kkt::shop;
use crate::support::app::{TestApp, TestPartner, Wire, until};
use crate::support::desk::SECRET;
use crate::support::{act, fresh_id};

/// Everything that a partner has.
pub struct World {
    pub partner: TestPartner,
    pub inn: String,
    pub client: String,
    /// A client that came to nothing.
    pub ended_client: String,
    /// A client whose personal data were erased.
    pub erased_client: String,
    /// Registered to the end.
    pub kkt: pb::Kkt,
    /// Waits for Fiscalize.
    pub ready: pb::Kkt,
    /// Cancelled.
    pub ended_kkt: String,
    /// Cancelled, and erased with its client.
    pub erased_kkt: String,
    pub device: String,
    /// Accepted request ids: of Register, QuickRegister, Fiscalize, Amend, Cancel; then those of what was erased.
    pub requests: Vec<(&'static str, String)>,
    pub client_page: String,
    pub kkt_page: String,
    /// Of a stream of one registration, and of one of all.
    pub resume: String,
    pub resume_all: String,
    /// A text that stands in what it has stored.
    pub canary: String,
    /// Number of its first register; the next ones follow.
    pub first: u32,
}

impl World {
    /// Makes a partner with everything: four clients, four registrations.
    pub async fn new(app: &TestApp, name: &str, first: u32) -> Self {
        let partner = app.other_partner(name, Theme::LiteBox).await;
        let credentials = format!("Bearer {}", partner.token);
        let (mut clients, kkts) = (app.clients_as(Some(&credentials)), app.kkts_as(Some(&credentials)));
        let canary = format!("CANARY-{name}");
        let inns = [0, 1, 2, 3].map(|n| inn(773_605_000 + first + n).as_str().to_owned());
        let order = cl::RegisterRequest { external_ref: canary.clone(), ..shop::register(&inns[0]) };
        let registered = order.request_id.clone();
        let mut ids = Vec::new();
        let erased = shop::register(&inns[3]);
        let erased_request = erased.request_id.clone();
        for order in [order, shop::register(&inns[1]), shop::register(&inns[2]), erased] {
            let answer = clients.register(order).await.unwrap().into_inner();
            ids.push(answer.client.unwrap().id);
        }
        let list = cl::ListRequest { page_size: 1, ..Default::default() };
        let client_page = clients.list(list).await.unwrap().into_inner().next_page_token;
        abandon(app, &ids[2]).await;
        let mut world = Self {
            partner,
            inn: inns[0].clone(),
            client: ids[0].clone(),
            ended_client: ids[2].clone(),
            erased_client: ids[3].clone(),
            kkt: pb::Kkt::default(),
            ready: pb::Kkt::default(),
            ended_kkt: String::new(),
            erased_kkt: String::new(),
            device: String::new(),
            requests: vec![("Register", registered)],
            client_page,
            kkt_page: String::new(),
            resume: String::new(),
            resume_all: String::new(),
            canary,
            first,
        };
        world.register_kkts(app, kkts.clone()).await;
        world.requests.push(("Register", erased_request));
        world.erase(app, kkts).await;
        world
    }

    async fn register_kkts(&mut self, app: &TestApp, mut kkts: KktServiceClient<Wire>) {
        self.device = self.new_device(app, self.first).await;
        let order = self.order(self.first, &self.device);
        let ordered = order.request_id.clone();
        self.kkt = quick_register(&mut kkts, order).await;
        let ended = self.order(self.first + 1, &self.new_device(app, self.first + 1).await);
        let ended = quick_register(&mut kkts, ended).await;
        let ready = self.order(self.first + 2, &self.new_device(app, self.first + 2).await);
        self.ready = quick_register(&mut kkts, ready).await;
        for kkt in [&self.kkt, &ended, &self.ready] {
            reached(&kkts, &kkt.id, pb::KktState::ReadyToFiscalize).await;
        }
        let other = self.new_device(app, self.first + 3).await;
        let change = pb::amend_request::Change::DeviceId(other);
        let amend = pb::AmendRequest { request_id: fresh_id(), kkt_id: ended.id.clone(), change: Some(change) };
        let amended = amend.request_id.clone();
        kkts.amend(amend).await.unwrap();
        let cancelled = cancel(&mut kkts, &ended.id).await;
        self.ended_kkt = ended.id;
        let how = pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {});
        let burn = pb::FiscalizeRequest { request_id: fresh_id(), kkt_id: self.kkt.id.clone(), how: Some(how) };
        let burnt = burn.request_id.clone();
        let accepted = [("QuickRegister", ordered), ("Fiscalize", burnt), ("Amend", amended), ("Cancel", cancelled)];
        self.requests.extend(accepted);
        kkts.fiscalize(burn).await.unwrap();
        self.kkt = reached(&kkts, &self.kkt.id, pb::KktState::Registered).await;
        let list = pb::ListRequest { page_size: 1, ..Default::default() };
        self.kkt_page = kkts.list(list).await.unwrap().into_inner().next_page_token;
        self.resume = resume(&mut kkts, vec![self.kkt.id.clone()]).await;
        self.resume_all = resume(&mut kkts, Vec::new()).await;
    }

    /// Registers and cancels a register for a client of its own, and erases both.
    async fn erase(&mut self, app: &TestApp, mut kkts: KktServiceClient<Wire>) {
        let order = self.order(self.first + 4, &self.new_device(app, self.first + 4).await);
        let order = pb::QuickRegisterRequest { client_id: self.erased_client.clone(), ..order };
        self.requests.push(("QuickRegister", order.request_id.clone()));
        self.erased_kkt = quick_register(&mut kkts, order).await.id;
        reached(&kkts, &self.erased_kkt, pb::KktState::ReadyToFiscalize).await;
        let cancelled = cancel(&mut kkts, &self.erased_kkt).await;
        self.requests.push(("Cancel", cancelled));
        until("nobody is at work on it", async || {
            let request = pb::GetRequest { kkt_id: self.erased_kkt.clone() };
            kkts.get(request).await.unwrap().into_inner().kkt.unwrap().next_attempt_time.is_none()
        })
        .await;
        let client = ClientId::parse(&self.erased_client).unwrap();
        // Whoever says so has removed the account.
        let came = erasures(app).erase(client, true, act()).await;
        assert!(matches!(came, Ok(Done::Now(_))), "{:?}", came.err());
    }

    /// An order of this partner for register number `n`, not burnt by itself.
    pub fn order(&self, n: u32, device: &str) -> pb::QuickRegisterRequest {
        let order = shop::order(&self.client, device, n);
        pb::QuickRegisterRequest { fiscalize_automatically: false, external_ref: self.canary.clone(), ..order }
    }

    /// Puts the sandbox's device `kkt-N` at the partner's disposal.
    pub async fn new_device(&self, app: &TestApp, n: u32) -> String {
        let hub = HubUrl::parse(&app.sandbox.http_url()).unwrap();
        let hub_device = HubDevice::parse(&format!("kkt-{n}")).unwrap();
        let new = NewDevice { id: None, hub, hub_device, note: Label::default() };
        app.partners.assign(self.partner.id, new).await.unwrap().id.to_string()
    }

    /// What nobody else may ever get to see.
    pub fn secrets(&self) -> Vec<String> {
        let register = [&self.kkt, &self.ready].map(|kkt| kkt.id.clone());
        let numbers = [shop::serial(self.first), self.kkt.rnm.clone(), format!("9999078902{:06}", self.first)];
        let ids = [&self.client, &self.ended_client, &self.erased_client, &self.ended_kkt, &self.erased_kkt];
        let ids = ids.into_iter().chain([&self.device, &self.canary]).cloned();
        let own = [self.inn.clone(), self.partner.id.to_string(), format!("shop{}@example.ru", self.inn)];
        register.into_iter().chain(numbers).chain(ids).chain(own).collect()
    }
}

async fn quick_register(kkts: &mut KktServiceClient<Wire>, order: pb::QuickRegisterRequest) -> pb::Kkt {
    kkts.quick_register(order).await.unwrap().into_inner().kkt.unwrap()
}

/// The token that the first message of a stream of these registrations brings.
async fn resume(kkts: &mut KktServiceClient<Wire>, kkt_ids: Vec<String>) -> String {
    let watch = pb::WatchRequest { kkt_ids, ..Default::default() };
    let first = kkts.watch(watch).await.unwrap().into_inner().message().await.unwrap();
    first.unwrap().resume_token
}

/// Cancels a registration; the request id.
async fn cancel(kkts: &mut KktServiceClient<Wire>, id: &str) -> String {
    let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: id.to_owned() };
    let request = cancel.request_id.clone();
    kkts.cancel(cancel).await.unwrap();
    request
}

/// What `client erase` does, in this process.
pub fn erasures(app: &TestApp) -> Erasures {
    let key = Some(Key::parse(SECRET).unwrap());
    Erasures { db: app.db().clone(), key, clock: Clock::system(), ids: Ids::system() }
}

async fn reached(kkts: &KktServiceClient<Wire>, id: &str, state: pb::KktState) -> pb::Kkt {
    let get = async || {
        let request = pb::GetRequest { kkt_id: id.to_owned() };
        kkts.clone().get(request).await.unwrap().into_inner().kkt.unwrap()
    };
    until(state.as_str_name(), async || get().await.state() == state).await;
    get().await
}

/// As if the registration of the client had come to nothing.
async fn abandon(app: &TestApp, id: &str) {
    let ended = client::Entity::update_many()
        .col_expr(client::Column::State, Expr::val("ABANDONED"))
        .filter(client::Column::Id.eq(id.parse::<uuid::Uuid>().unwrap()));
    assert_eq!(ended.exec(app.db().direct()).await.unwrap().rows_affected, 1);
}
