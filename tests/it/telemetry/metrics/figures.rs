//! What the database tells: registrations under way, overdue reports, stopped gateways, clients.

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::gateways::Gateway;
use litebox_partner::pb::kkt as pb;
use litebox_partner::storage::audit::Desk;
use litebox_partner::support::switches;
use sea_orm::ConnectionTrait;

use super::{scrape, shows};
use crate::kkt::shop::{COMPANY, order, register};
use crate::support::app::until;
use crate::support::database::backends;
use crate::support::stage::Stage;
use crate::support::{act, fresh_id};

const WAITS: [(&str, &str); 2] = [("state", "READY_TO_FISCALIZE"), ("waiting_for", "PARTNER")];

#[tokio::test]
async fn a_registration_is_seen_by_its_state_and_by_who_is_waited_for_until_it_is_registered() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let server = stage.server().await;
        let client = stage.client(&server).await;
        let by_hand =
            pb::QuickRegisterRequest { fiscalize_automatically: false, ..order(&client, &stage.device(1).await, 1) };
        let mut kkts = server.kkts(&stage.partner.token);
        let id = kkts.quick_register(by_hand).await.unwrap().into_inner().kkt.unwrap().id;
        until("it waits", async || shows(&server, "litebox_registrations", &WAITS).await == 1.0).await;
        let shown = scrape(&server).await;
        assert_eq!(shown.sum("litebox_registrations"), 1.0);
        let oldest =
            |state, who| shown.get("litebox_registration_oldest_seconds", &[("state", state), ("waiting_for", who)]);
        let age = oldest("READY_TO_FISCALIZE", "PARTNER");
        assert!(age > 0.0 && age < 60.0 && shown.sum("litebox_registration_oldest_seconds") == age);
        assert_eq!((oldest("SUBMITTING", "NOBODY"), shown.get("litebox_reports_overdue", &[])), (0.0, 0.0));

        late(&stage).await;
        until("it is overdue", async || shows(&server, "litebox_reports_overdue", &[]).await == 1.0).await;
        let age = shows(&server, "litebox_registration_oldest_seconds", &WAITS).await;
        assert!((3_600.0..3_700.0).contains(&age), "{age}");

        let how = pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {});
        let fiscalize = pb::FiscalizeRequest { request_id: fresh_id(), kkt_id: id.clone(), how: Some(how) };
        kkts.fiscalize(fiscalize).await.unwrap();
        stage.registered(&server, &id).await;
        until("nothing is under way", async || scrape(&server).await.sum("litebox_registrations") == 0.0).await;
        let shown = scrape(&server).await;
        let nothing = ["litebox_registration_oldest_seconds", "litebox_reports_overdue"].map(|name| shown.sum(name));
        assert_eq!(nothing, [0.0, 0.0]);
    }
}

/// As if it had waited for an hour, beyond the day on which FNS should have the report.
async fn late(stage: &Stage) {
    let since = Clock::system().now_ms() - 3_600_000;
    let sql = format!("UPDATE kkt SET report_by_ms = 1, since_ms = {since}");
    stage.database.db.direct().execute_unprepared(&sql).await.unwrap();
}

#[tokio::test]
async fn a_stopped_gateway_and_a_client_without_an_account_are_seen() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let server = stage.server().await;
        until("figures", async || scrape(&server).await.find("litebox_clients_pending", &[]) == Some(0.0)).await;
        stage.sandbox.add_fault("accounts.EnsureAccount:error=UNAVAILABLE").unwrap();
        server.clients(&stage.partner.token).register(register(COMPANY)).await.unwrap_err();
        until("it is pending", async || shows(&server, "litebox_clients_pending", &[]).await == 1.0).await;
        stage.sandbox.clear_faults();

        let desk = Desk::new(Clock::system(), Ids::system(), act());
        let stopped = async || {
            let shown = scrape(&server).await;
            [Gateway::Fns, Gateway::Ofd].map(|g| shown.get("litebox_gateway_stopped", &[("gateway", g.name())]) as u8)
        };
        assert_eq!(stopped().await, [0, 0]);
        assert!(switches::stop(&stage.database.db, &desk, &Clock::system(), Gateway::Fns).await.unwrap());
        until("FNS is stopped", async || stopped().await == [1, 0]).await;
        assert!(switches::start(&stage.database.db, &desk, Gateway::Fns).await.unwrap());
        until("FNS is started", async || stopped().await == [0, 0]).await;
    }
}
