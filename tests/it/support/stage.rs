//! One sandbox, one database and one partner, for servers that come and go as processes.

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::partners::model::{HubDevice, HubUrl, Label, Theme};
use litebox_partner::partners::service::{NewDevice, Partners};
use litebox_partner::partners::token::Mode;
use litebox_partner::pb::kkt as pb;
use litebox_partner::sandbox::{Options, Sandbox, start};
use litebox_partner::storage::Backend;

use super::act;
use super::app::{TestPartner, partner, until};
use super::database::TestDb;
use super::process::Server;
use crate::kkt::shop::{COMPANY, order, register};

/// One sandbox and one database; servers come and go.
pub struct Stage {
    pub sandbox: Sandbox,
    pub database: TestDb,
    pub partners: Partners,
    pub partner: TestPartner,
}

impl Stage {
    pub async fn new(backend: Backend) -> Self {
        Self::on(TestDb::new(backend).await).await
    }

    pub async fn on(database: TestDb) -> Self {
        let sandbox = start(Options { argon2: false, fsync: false, ..Options::default() }).await.unwrap();
        let partners = Partners::new(database.db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act());
        let partner = partner(&partners, "Партнёр", Theme::LiteBox).await;
        Self { sandbox, database, partners, partner }
    }

    pub async fn server(&self) -> Server {
        Server::start(&self.sandbox, &self.database).await
    }

    /// A server with other settings.
    pub async fn server_with(&self, other: &[(&'static str, String)]) -> Server {
        Server::start_with(&self.sandbox, &self.database, other, &[]).await
    }

    pub async fn device(&self, n: u32) -> String {
        let (hub, name) = (HubUrl::parse(&self.sandbox.http_url()).unwrap(), format!("kkt-{n}"));
        let new = NewDevice { id: None, hub, hub_device: HubDevice::parse(&name).unwrap(), note: Label::default() };
        self.partners.assign(self.partner.id, new).await.unwrap().id.to_string()
    }

    pub async fn client(&self, server: &Server) -> String {
        let answer = server.clients(&self.partner.token).register(register(COMPANY)).await.unwrap();
        answer.into_inner().client.unwrap().id
    }

    /// Sells register `n`; the id of its registration.
    pub async fn sell(&self, server: &Server, client: &str, n: u32) -> String {
        let order = order(client, &self.device(n).await, n);
        server.kkts(&self.partner.token).quick_register(order).await.unwrap().into_inner().kkt.unwrap().id
    }

    pub async fn registered(&self, server: &Server, id: &str) {
        let mut kkts = server.kkts(&self.partner.token);
        let request = || pb::GetRequest { kkt_id: id.into() };
        until("REGISTERED", async || {
            let kkt = kkts.get(request()).await.unwrap().into_inner().kkt.unwrap();
            kkt.state() == pb::KktState::Registered
        })
        .await;
    }
}
