//! A backup is restored while the outside is ahead: what was done since is found and taken over, never done again.

use std::collections::BTreeMap;

use litebox_partner::app::App;
use litebox_partner::clock::{Clock, Ids};
use litebox_partner::partners::model::{HubDevice, HubUrl, Label, Theme};
use litebox_partner::partners::service::{NewDevice, Partners};
use litebox_partner::partners::token::Mode;
use litebox_partner::pb::client::client_service_client::ClientServiceClient;
use litebox_partner::pb::kkt::kkt_service_client::KktServiceClient;
use litebox_partner::pb::{client as cl, kkt as pb};
use litebox_partner::sandbox::ledger::{Entry, Kind};
use litebox_partner::sandbox::{Options, Sandbox, start};
use litebox_partner::storage::Backend;
use litebox_partner::storage::audit::{Deed, Desk};
use litebox_partner::storage::recovery::{Begun, Confirmed};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::cli::{printed, refused, run};
use crate::kkt::shop::{COMPANY, ENTREPRENEUR, ONE_WAY, Shop, order, register, serial};
use crate::support::app::{TestApp, TestPartner, Wire, partner, settings, shown, until};
use crate::support::backup::Backup;
use crate::support::database::{TestDb, backends};
use crate::support::{act, fresh_id};

mod ahead;
mod elsewhere;
mod forgotten;
mod waits;

/// A running server of the site. Ends when it is dropped.
struct Server {
    channel: Channel,
    credentials: String,
    stop: CancellationToken,
    run: JoinHandle<()>,
}

impl Server {
    async fn start(sandbox: &Sandbox, database: &TestDb, partner: &TestPartner) -> Self {
        let mut config = settings(sandbox, database);
        // What was claimed when the backup was taken is free again after this.
        config.worker.lease_ms = 1_000;
        config.database.acquire_timeout_ms = 10_000;
        let app = App::build(config, Clock::system(), Ids::system()).await.unwrap();
        let (address, stop) = (app.address().unwrap(), CancellationToken::new());
        let told = stop.clone();
        let run = tokio::spawn(async move { app.run(told).await.unwrap() });
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        Self { channel, credentials: format!("Bearer {}", partner.token), stop, run }
    }

    fn kkts(&self) -> KktServiceClient<Wire> {
        KktServiceClient::with_interceptor(self.channel.clone(), shown(Some(&self.credentials)))
    }

    fn clients(&self) -> ClientServiceClient<Wire> {
        ClientServiceClient::with_interceptor(self.channel.clone(), shown(Some(&self.credentials)))
    }

    async fn get(&self, id: &str) -> Result<pb::Kkt, Status> {
        let answer = self.kkts().get(pb::GetRequest { kkt_id: id.into() }).await?;
        Ok(answer.into_inner().kkt.unwrap())
    }

    /// Asks for the burn; the call, to be repeated.
    async fn fiscalize(&self, id: &str) -> pb::FiscalizeRequest {
        let how = Some(pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {}));
        let call = pb::FiscalizeRequest { request_id: fresh_id(), kkt_id: id.into(), how };
        self.kkts().fiscalize(call.clone()).await.unwrap();
        call
    }

    async fn reach(&self, id: &str, what: &str, wanted: impl Fn(&pb::Kkt) -> bool) {
        let mut seen = String::new();
        until(what, async || {
            let kkt = self.get(id).await.unwrap();
            // Shown when the test fails.
            let now = format!("{id}: {} {:?}", kkt.state().as_str_name(), kkt.blocked);
            if now != seen {
                println!("{now}");
                seen = now;
            }
            wanted(&kkt)
        })
        .await;
    }

    async fn state(&self, id: &str, state: pb::KktState) {
        self.reach(id, state.as_str_name(), |kkt| kkt.state() == state).await;
    }

    async fn blocked(&self, id: &str, reason: &str) {
        self.reach(id, reason, |kkt| kkt.blocked.as_ref().is_some_and(|block| block.reason == reason)).await;
    }

    async fn end(self) {
        self.stop.cancel();
        self.run.await.unwrap();
    }
}

/// The outside, which is never restored, and who calls.
struct Site {
    sandbox: Sandbox,
    partners: Partners,
    partner: TestPartner,
}

impl Site {
    async fn new(database: &TestDb) -> Self {
        let sandbox = start(Options { argon2: false, fsync: false, ..Options::default() }).await.unwrap();
        let partners = Partners::new(database.db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act());
        let partner = partner(&partners, "Партнёр", Theme::LiteBox).await;
        Self { sandbox, partners, partner }
    }

    async fn device(&self, n: u32) -> String {
        self.device_of(&self.partners, n).await
    }

    /// The same in a database that was restored.
    async fn device_in(&self, restored: &TestDb, n: u32) -> String {
        let partners = Partners::new(restored.db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act());
        self.device_of(&partners, n).await
    }

    async fn device_of(&self, partners: &Partners, n: u32) -> String {
        let (hub, name) = (HubUrl::parse(&self.sandbox.http_url()).unwrap(), format!("kkt-{n}"));
        let new = NewDevice { id: None, hub, hub_device: HubDevice::parse(&name).unwrap(), note: Label::default() };
        partners.assign(self.partner.id, new).await.unwrap().id.to_string()
    }

    /// An order for register `n`.
    async fn order(&self, client: &str, n: u32, automatic: bool) -> pb::QuickRegisterRequest {
        let order = order(client, &self.device(n).await, n);
        pb::QuickRegisterRequest { fiscalize_automatically: automatic, ..order }
    }

    /// How often each one-way effect happened to register `n`.
    fn effects(&self, n: u32) -> BTreeMap<&'static str, usize> {
        let (entries, drive) = (self.sandbox.entries(), format!("9999078902{n:06}"));
        let about = |e: &&Entry| e.facts.values().any(|v| *v == serial(n) || *v == drive);
        let count = |step: &str| entries.iter().filter(|e| e.is(Kind::Effect, step)).filter(about).count();
        ONE_WAY.map(|step| (step, count(step))).into()
    }

    fn once(&self, n: u32) {
        assert!(self.effects(n).values().all(|times| *times == 1), "register {n}: {:?}", self.effects(n));
    }

    async fn holds(&self, count: usize) {
        until("the outside holds its calls", async || self.sandbox.holds().len() >= count).await;
    }
}

/// What `serve --recover 2026-11-24` does.
async fn begin(database: &TestDb) -> Begun {
    let record = Desk::new(Clock::system(), Ids::system(), act()).record(Deed::default());
    database.db.begin_recovery("2026-11-24", Clock::system().now_ms(), record).await.unwrap()
}

async fn confirm(database: &TestDb, what: Confirmed) {
    let record = Desk::new(Clock::system(), Ids::system(), act()).record(Deed::default());
    assert!(database.db.confirm_recovery(what, Clock::system().now_ms(), record).await.unwrap());
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}
