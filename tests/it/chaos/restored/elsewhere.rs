//! What a Cancel and an Amend look for beside the device that the backup names: other hubs, and FNS.

use super::*;

/// A registration of register 1 that waits for Fiscalize.
struct Ready {
    site: Site,
    database: TestDb,
    server: Server,
    client: String,
    id: String,
    /// The hub that an Amend since the backup leads to, and the device at it.
    elsewhere: Sandbox,
    spare: String,
}

impl Ready {
    async fn on(backend: Backend) -> Self {
        let database = TestDb::new(backend).await;
        let site = Site::new(&database).await;
        let elsewhere = start(Options { argon2: false, fsync: false, ..Options::default() }).await.unwrap();
        let spare = device_at(&site.partners, &site.partner, &elsewhere.http_url()).await;
        let server = Server::start(&site.sandbox, &database, &site.partner).await;
        let client = server.clients().register(register(COMPANY)).await.unwrap().into_inner().client.unwrap().id;
        let order = site.order(&client, 1, false).await;
        let id = server.kkts().quick_register(order).await.unwrap().into_inner().kkt.unwrap().id;
        server.state(&id, pb::KktState::ReadyToFiscalize).await;
        Self { site, database, server, client, id, elsewhere, spare }
    }

    /// The same after a restore, and since the backup the burn stands in the queue of the other hub.
    async fn queued_elsewhere(backend: Backend) -> Self {
        let ready = Self::on(backend).await;
        let backup = Backup::take(&ready.database).await;
        ready.amend(&ready.spare).await.unwrap();
        queued(&ready.server, &ready.id, &ready.elsewhere).await;
        ready.restored(backup).await
    }

    async fn amend(&self, device: &str) -> Result<(), Status> {
        amend(&self.server, &self.id, device).await
    }

    /// With the database of the backup, a recovery that is open, and a server over it.
    async fn restored(self, backup: Backup) -> Self {
        self.server.end().await;
        let database = backup.restore().await;
        begin(&database).await;
        confirm(&database, Confirmed::Tokens).await;
        let server = Server::start(&self.site.sandbox, &database, &self.site.partner).await;
        Self { database, server, ..self }
    }

    async fn cancel(&self) -> Result<pb::Kkt, Status> {
        let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: self.id.clone() };
        Ok(self.server.kkts().cancel(cancel).await?.into_inner().kkt.unwrap())
    }

    async fn device_at(&self, hub: &str) -> String {
        let partners =
            Partners::new(self.database.db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act());
        device_at(&partners, &self.site.partner, hub).await
    }

    fn burns_elsewhere(&self) -> usize {
        self.elsewhere.entries().iter().filter(|e| e.is(Kind::Effect, "device.registration")).count()
    }
}

async fn device_at(partners: &Partners, partner: &TestPartner, hub: &str) -> String {
    let (hub, hub_device) = (HubUrl::parse(hub).unwrap(), HubDevice::parse("kkt-1").unwrap());
    let new = NewDevice { id: None, hub, hub_device, note: Label::default() };
    partners.assign(partner.id, new).await.unwrap().id.to_string()
}

async fn amend(server: &Server, id: &str, device: &str) -> Result<(), Status> {
    let change = Some(pb::amend_request::Change::DeviceId(device.into()));
    let request = pb::AmendRequest { request_id: fresh_id(), kkt_id: id.into(), change };
    server.kkts().amend(request).await.map(drop)
}

/// The register answers by another hub since the backup, and its burn stands there.
#[tokio::test]
async fn cancel_finds_a_burn_at_the_hub_of_a_device_that_was_named_since_the_backup() {
    for backend in backends() {
        let ready = Ready::on(backend).await;
        let backup = Backup::take(&ready.database).await;
        ready.amend(&ready.spare).await.unwrap();
        ready.elsewhere.add_fault("device.registration:hold=before_effect").unwrap();
        ready.server.fiscalize(&ready.id).await;
        until("the register is at it", async || !ready.elsewhere.holds().is_empty()).await;
        let restored = ready.restored(backup).await;
        let deaf = restored.elsewhere.add_fault("device.result:drop").unwrap();
        let third = restored.device_at(&restored.site.sandbox.http_url().replace("127.0.0.1", "localhost")).await;
        for refused in [
            restored.cancel().await.map(drop).unwrap_err(),
            amend(&restored.server, &restored.id, &third).await.unwrap_err(),
        ] {
            assert_eq!(refused.code(), Code::Unavailable, "a hub cannot tell: {refused:?}");
        }
        restored.elsewhere.engine().faults.clear(Some(deaf));
        let refused = restored.cancel().await.unwrap_err();
        assert_eq!(refused.code(), Code::Aborted, "the register is at it: {refused:?}");
        restored.elsewhere.clear_faults();
        restored.elsewhere.release_holds();
        until("the hub has the report", async || {
            reason(&restored.cancel().await.unwrap_err()) == "KKT_REQUIREMENTS_NOT_MET"
        })
        .await;
        assert_eq!(restored.burns_elsewhere(), 1);
        restored.server.end().await;
    }
}

/// Asks for the burn and leaves it in the queue of a hub that stands still.
async fn queued(server: &Server, id: &str, hub: &Sandbox) {
    hub.add_fault("device.post:hold,type=registration,times=1").unwrap();
    server.fiscalize(id).await;
    hub.wait_for_holds(|holds| !holds.is_empty()).await;
    hub.patch_device("kkt-1", json!({"paused": true})).unwrap();
    let asked = hub.entries().len();
    assert_eq!(hub.release_holds(), 1);
    hub.wait_until(|entries| entries[asked..].iter().any(|e| e.is(Kind::Question, "device.result"))).await;
}

fn withdrawn(hub: &Sandbox) -> bool {
    hub.entries().iter().any(|e| e.is(Kind::Command, "device.withdraw"))
}

/// One that waits there is ended, and the register is given up.
#[tokio::test]
async fn cancel_ends_a_burn_that_waits_at_the_hub_of_a_device_that_was_named_since_the_backup() {
    for backend in backends() {
        let restored = Ready::queued_elsewhere(backend).await;
        assert_eq!(restored.cancel().await.unwrap().state(), pb::KktState::Cancelled);
        assert!(withdrawn(&restored.elsewhere));
        assert_eq!(restored.burns_elsewhere(), 0);
        restored.server.end().await;
    }
}

/// The burn is asked for once more after the restore, and stands under the same id at two hubs.
#[tokio::test]
async fn cancel_ends_a_burn_at_both_hubs_at_which_it_stands() {
    for backend in backends() {
        let restored = Ready::queued_elsewhere(backend).await;
        queued(&restored.server, &restored.id, &restored.site.sandbox).await;
        assert_eq!(restored.cancel().await.unwrap().state(), pb::KktState::Cancelled);
        assert!(withdrawn(&restored.site.sandbox) && withdrawn(&restored.elsewhere));
        assert_eq!((restored.site.effects(1)["device.registration"], restored.burns_elsewhere()), (0, 0));
        restored.server.end().await;
    }
}

/// Until an operator says that it is gone for good. A hub that only does not answer is not given up with it.
#[tokio::test]
async fn a_hub_that_is_given_up_holds_no_cancel_up_and_the_others_do() {
    for backend in backends() {
        let ready = Ready::on(backend).await;
        let backup = Backup::take(&ready.database).await;
        let restored = ready.restored(backup).await;
        restored.device_at("http://127.0.0.1:1").await;
        let command = |hub: &str, more: &[&str]| {
            printed(&restored.database, &[&["recovery", "give-up-hub", hub, "--reason", "T-1"], more].concat())
        };
        let give_up = |hub: &str| command(hub, &[]);
        let deaf = restored.elsewhere.add_fault("device.result:drop").unwrap();
        assert_eq!(give_up("http://127.0.0.1:1/"), "given up, devices at it: 1");
        assert_eq!(give_up("http://127.0.0.1:1"), "it stood so before");
        assert_eq!(reason(&restored.cancel().await.unwrap_err()), "DEVICE_UNAVAILABLE", "the other one is silent, too");
        restored.elsewhere.engine().faults.clear(Some(deaf));
        assert_eq!(command("http://127.0.0.1:1", &["--undo"]), "taken back, devices at it: 1");
        assert_eq!(reason(&restored.cancel().await.unwrap_err()), "DEVICE_UNAVAILABLE", "it is asked again");
        assert_eq!(give_up("http://127.0.0.1:1"), "given up, devices at it: 1");
        let typo = ["recovery", "give-up-hub", "http://127.0.0.1:11", "--reason", "T-1"];
        assert!(refused(&restored.database, &typo).contains("no device has this hub"));
        assert_eq!(restored.cancel().await.unwrap().state(), pb::KktState::Cancelled);
        let status = printed(&restored.database, &["recovery", "status", "--json"]);
        assert!(status.contains("http://127.0.0.1:1"), "{status}");
        let audit = printed(&restored.database, &["audit", "list"]);
        assert!(audit.contains("RECOVERY_HUB_GIVEN_UP") && audit.contains("RECOVERY_HUB_TAKEN_BACK"), "{audit}");
        confirm(&restored.database, Confirmed::All).await;
        assert_eq!(command("http://127.0.0.1:1", &["--undo"]), "no recovery is open");
        restored.server.end().await;
    }
}

/// A hub that is gone holds a Cancel up, unless its device is the way to the register of somebody else.
#[tokio::test]
async fn only_hubs_that_an_amend_could_have_named_are_asked() {
    let ready = Ready::on(Backend::Sqlite).await;
    let backup = Backup::take(&ready.database).await;
    let restored = ready.restored(backup).await;
    let gone = restored.device_at("http://127.0.0.1:1").await;
    let refused = restored.cancel().await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "DEVICE_UNAVAILABLE"));
    let order = order(&restored.client, &gone, 2);
    restored.server.kkts().quick_register(order).await.unwrap();
    assert_eq!(restored.cancel().await.unwrap().state(), pb::KktState::Cancelled);
}

/// The device is off, and its hub has dropped the task long since: FNS has the report.
#[tokio::test]
async fn cancel_asks_fns_whether_there_is_a_report_already() {
    for backend in backends() {
        let ready = Ready::on(backend).await;
        let backup = Backup::take(&ready.database).await;
        ready.server.fiscalize(&ready.id).await;
        ready.server.state(&ready.id, pb::KktState::Registered).await;
        let restored = ready.restored(backup).await;
        restored.site.sandbox.patch_device("kkt-1", json!({"online": false, "forget": true})).unwrap();
        let unasked = restored.site.sandbox.add_fault("fns.ReportOrVoid:error=UNAVAILABLE").unwrap();
        assert_eq!(restored.cancel().await.unwrap_err().code(), Code::Unavailable, "FNS cannot tell");
        restored.site.sandbox.engine().faults.clear(Some(unasked));
        let refused = restored.cancel().await.unwrap_err();
        assert_eq!(reason(&refused), "KKT_REQUIREMENTS_NOT_MET");
        restored.server.end().await;
    }
}
