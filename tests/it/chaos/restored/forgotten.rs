//! What the backup has forgotten and no repeated call brings back: a Cancel, a void, a burn in a hub's queue.

use sea_orm::ConnectionTrait;

use super::*;

/// A registration of register 1 whose burn was asked for and waits for paper when the backup is taken; it is cancelled
/// after that, and there is paper again.
struct Forgotten {
    site: Site,
    restored: TestDb,
    id: String,
    cancel: pb::CancelRequest,
}

impl Forgotten {
    async fn cancel(backend: Backend) -> Self {
        let database = TestDb::new(backend).await;
        let site = Site::new(&database).await;
        let server = Server::start(&site.sandbox, &database, &site.partner).await;
        let client = server.clients().register(register(COMPANY)).await.unwrap().into_inner().client.unwrap().id;
        site.sandbox.patch_device("kkt-1", json!({"paper": false})).unwrap();
        let order = site.order(&client, 1, true).await;
        let id = server.kkts().quick_register(order).await.unwrap().into_inner().kkt.unwrap().id;
        server.blocked(&id, "DEVICE_NO_PAPER").await;
        let backup = Backup::take(&database).await;
        let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: id.clone() };
        server.kkts().cancel(cancel.clone()).await.unwrap();
        server.end().await;
        site.sandbox.patch_device("kkt-1", json!({"paper": true})).unwrap();
        Self { site, restored: backup.restore().await, id, cancel }
    }

    async fn server(&self) -> Server {
        Server::start(&self.site.sandbox, &self.restored, &self.site.partner).await
    }

    fn burns(&self) -> usize {
        self.site.effects(1)["device.registration"]
    }
}

#[tokio::test]
async fn what_was_cancelled_since_the_backup_is_not_burnt_before_somebody_asks_for_it_again() {
    for backend in backends() {
        let case = Forgotten::cancel(backend).await;
        begin(&case.restored).await;
        confirm(&case.restored, Confirmed::Tokens).await;
        let server = case.server().await;
        server.blocked(&case.id, "RESTORED_UNCONFIRMED").await;
        assert_eq!(case.burns(), 0);
        server.kkts().cancel(case.cancel.clone()).await.unwrap();
        server.state(&case.id, pb::KktState::Cancelled).await;
        assert_eq!(case.burns(), 0);
        server.end().await;
    }
}

#[tokio::test]
async fn a_burn_asked_for_before_the_backup_goes_on_when_it_is_asked_for_again_also_after_the_end_of_the_recovery() {
    let case = Forgotten::cancel(Backend::Sqlite).await;
    begin(&case.restored).await;
    confirm(&case.restored, Confirmed::All).await;
    assert_eq!(begin(&case.restored).await, Begun::Finished);
    let server = case.server().await;
    server.blocked(&case.id, "RESTORED_UNCONFIRMED").await;
    server.fiscalize(&case.id).await;
    server.state(&case.id, pb::KktState::Registered).await;
    assert_eq!(case.burns(), 1);
}

/// What the two tests above are for: without a recovery the forgotten Cancel is a burnt drive.
#[tokio::test]
async fn without_a_recovery_what_was_cancelled_is_burnt() {
    let case = Forgotten::cancel(Backend::Sqlite).await;
    let server = case.server().await;
    server.state(&case.id, pb::KktState::Registered).await;
    assert_eq!(case.burns(), 1);
}

/// An order whose `lost` command never arrived at its system and was voided by a Cancel, both after the backup was taken: when the
/// command had been tried, or `before`, while this question was asked.
async fn voided_since(backend: Backend, lost: &str, before: Option<&str>) -> (Site, TestDb, String) {
    let database = TestDb::new(backend).await;
    let site = Site::new(&database).await;
    let server = Server::start(&site.sandbox, &database, &site.partner).await;
    let client = server.clients().register(register(COMPANY)).await.unwrap().into_inner().client.unwrap().id;
    let system = lost.split('.').next().unwrap();
    site.sandbox.add_fault(&format!("{lost}:drop=before_receipt")).unwrap();
    let unasked = site.sandbox.add_fault(&format!("{system}.ReportOrVoid:error=UNAVAILABLE")).unwrap();
    if let Some(question) = before {
        site.sandbox.add_fault(&format!("{question}:hold,times=1")).unwrap();
    }
    let order = site.order(&client, 1, true).await;
    let id = server.kkts().quick_register(order).await.unwrap().into_inner().kkt.unwrap().id;
    let mut backup = None;
    if before.is_some() {
        site.holds(1).await;
        backup = Some(Backup::take(&database).await);
        site.sandbox.release_holds();
    }
    server.blocked(&id, &format!("{}_UNAVAILABLE", system.to_uppercase())).await;
    let backup = match backup {
        Some(earlier) => earlier,
        None => Backup::take(&database).await,
    };
    site.sandbox.engine().faults.clear(Some(unasked));
    let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: id.clone() };
    until("cancelled", async || server.kkts().cancel(cancel.clone()).await.is_ok()).await;
    // What a Cancel frees outside is given back by a worker, after the answer.
    until("the code is given back", async || site.sandbox.entries().iter().any(given_back)).await;
    server.end().await;
    site.sandbox.clear_faults();
    let restored = backup.restore().await;
    begin(&restored).await;
    confirm(&restored, Confirmed::Tokens).await;
    (site, restored, id)
}

/// The move to the step is made anew, and the command is not intended with it: its receiver is asked first.
#[tokio::test]
async fn a_command_voided_since_the_backup_waits_for_support_also_when_the_backup_is_a_step_behind() {
    for backend in backends() {
        let (site, restored, id) = voided_since(backend, "ofd.Connect", Some("fns.GetApplication")).await;
        let server = Server::start(&site.sandbox, &restored, &site.partner).await;
        server.blocked(&id, "RESTORED_VOIDED").await;
        assert_eq!(server.get(&id).await.unwrap().state(), pb::KktState::ConnectingOfd);
        assert_eq!(site.effects(1)["ofd.Connect"], 0);
        server.end().await;
    }
}

#[tokio::test]
async fn a_command_voided_since_the_backup_waits_for_support() {
    for backend in backends() {
        let (site, restored, id) = voided_since(backend, "fns.SubmitApplication", None).await;
        let server = Server::start(&site.sandbox, &restored, &site.partner).await;
        server.blocked(&id, "RESTORED_VOIDED").await;
        assert_eq!(site.effects(1)["fns.SubmitApplication"], 0);
        let retried = run(&restored, &["kkt", "retry", &id, "--reason", "the partner says it was not cancelled"]);
        assert!(retried.status.success(), "{retried:?}");
        // The Cancel had given the code back, so the operator does not connect with it.
        server.blocked(&id, "OFD_NEEDS_SUPPORT").await;
        let change = Some(pb::amend_request::Change::ActivationCode("FD13MM900001".into()));
        let amend = pb::AmendRequest { request_id: fresh_id(), kkt_id: id.clone(), change };
        server.kkts().amend(amend).await.unwrap();
        server.blocked(&id, "RESTORED_UNCONFIRMED").await;
        server.fiscalize(&id).await;
        server.state(&id, pb::KktState::Registered).await;
        let effects = site.effects(1);
        assert!(
            effects.iter().all(|(step, times)| *times == 1 + usize::from(*step == "ofd.ReserveCode")),
            "{effects:?}"
        );
        server.end().await;
    }
}

fn given_back(entry: &Entry) -> bool {
    entry.is(Kind::Effect, "ofd.ReleaseCode")
}

/// A burn stands in the hub's queue that the backup knows nothing of: Cancel looks for it before it frees anything, and
/// when it cannot be stopped any more the registration is not cancelled. With a step, the backup is taken while this step of an automatic order is sent; else once Fiscalize is awaited.
async fn forgotten_burn(backend: Backend, sent: Option<&str>) {
    let database = TestDb::new(backend).await;
    let site = Site::new(&database).await;
    let server = Server::start(&site.sandbox, &database, &site.partner).await;
    let client = server.clients().register(register(COMPANY)).await.unwrap().into_inner().client.unwrap().id;
    if let Some(step) = sent {
        site.sandbox.add_fault(&format!("{step}:hold,times=1")).unwrap();
    }
    let order = site.order(&client, 1, sent.is_some()).await;
    let id = server.kkts().quick_register(order).await.unwrap().into_inner().kkt.unwrap().id;
    match sent {
        Some(_) => site.holds(1).await,
        None => server.state(&id, pb::KktState::ReadyToFiscalize).await,
    }
    let backup = Backup::take(&database).await;
    site.sandbox.add_fault("device.registration:hold=before_effect").unwrap();
    match sent {
        Some(_) => drop(site.sandbox.release_holds()),
        None => drop(server.fiscalize(&id).await),
    }
    until("the register is at it", async || site.sandbox.holds().iter().any(|h| h.operation == "device.registration"))
        .await;
    server.end().await;
    told_in_the_end(&site, &backup.restore().await, &id).await;
}

/// A register is at its burn: it is not cancelled before, nor after it, and there is no second burn.
async fn told_in_the_end(site: &Site, restored: &TestDb, id: &str) {
    begin(restored).await;
    confirm(restored, Confirmed::Tokens).await;
    // Cancel finds the registration as the backup has it: the worker comes later.
    due(restored, i64::MAX).await;
    let server = Server::start(&site.sandbox, restored, &site.partner).await;
    let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: id.into() };
    let deaf = site.sandbox.add_fault("device.result:drop").unwrap();
    let change = Some(pb::amend_request::Change::DeviceId(site.device_in(restored, 2).await));
    let amend = pb::AmendRequest { request_id: fresh_id(), kkt_id: id.into(), change };
    for refused in [
        server.kkts().cancel(cancel.clone()).await.map(drop).unwrap_err(),
        server.kkts().amend(amend).await.map(drop).unwrap_err(),
    ] {
        assert!(matches!(refused.code(), Code::Aborted | Code::Unavailable), "the hub cannot tell: {refused:?}");
    }
    site.sandbox.engine().faults.clear(Some(deaf));
    let refused = server.kkts().cancel(cancel.clone()).await.unwrap_err();
    assert!(matches!(refused.code(), Code::Aborted | Code::Unavailable), "the register is at it: {refused:?}");
    due(restored, 0).await;
    site.sandbox.clear_faults();
    site.sandbox.release_holds();
    let burnt = |entries: &[Entry]| entries.iter().any(|e| e.is(Kind::Effect, "device.registration"));
    site.sandbox.wait_until(burnt).await;
    until("the drive tells", async || {
        let refused = server.kkts().cancel(cancel.clone()).await.unwrap_err();
        ["KKT_REQUIREMENTS_NOT_MET", "WRONG_KKT_STATE"].contains(&reason(&refused).as_str())
    })
    .await;
    assert_eq!(site.effects(1)["device.registration"], 1);
    server.end().await;
}

/// When the worker looks after the registrations.
async fn due(database: &TestDb, ms: i64) {
    database.db.direct().execute_unprepared(&format!("UPDATE kkt SET due_ms = {ms}")).await.unwrap();
}

#[tokio::test]
async fn cancel_finds_a_burn_that_the_backup_has_forgotten() {
    for backend in backends() {
        forgotten_burn(backend, None).await;
    }
}

#[tokio::test]
async fn cancel_of_what_the_backup_has_just_begun_waits_until_the_truth_is_known() {
    for backend in backends() {
        forgotten_burn(backend, Some("ofd.ReserveCode")).await;
    }
}

/// The backup knows that the application was being sent, and neither its number nor what came of it.
#[tokio::test]
async fn cancel_of_what_the_backup_was_just_filing_waits_until_the_truth_is_known() {
    for backend in backends() {
        forgotten_burn(backend, Some("fns.SubmitApplication")).await;
    }
}

/// The backup knows of a burn that failed later, and not of the one that was sent after it.
#[tokio::test]
async fn cancel_finds_a_burn_behind_the_one_that_the_backup_knows() {
    for backend in backends() {
        let database = TestDb::new(backend).await;
        let site = Site::new(&database).await;
        let server = Server::start(&site.sandbox, &database, &site.partner).await;
        let client = server.clients().register(register(COMPANY)).await.unwrap().into_inner().client.unwrap().id;
        site.sandbox.add_fault("device.registration:hold=before_effect,times=1").unwrap();
        let order = site.order(&client, 1, true).await;
        let id = server.kkts().quick_register(order).await.unwrap().into_inner().kkt.unwrap().id;
        site.holds(1).await;
        let backup = Backup::take(&database).await;
        site.sandbox.patch_device("kkt-1", json!({"paper": false})).unwrap();
        site.sandbox.release_holds();
        server.blocked(&id, "DEVICE_NO_PAPER").await;
        site.sandbox.add_fault("device.registration:hold=before_effect").unwrap();
        site.sandbox.patch_device("kkt-1", json!({"paper": true})).unwrap();
        site.holds(1).await;
        server.end().await;
        told_in_the_end(&site, &backup.restore().await, &id).await;
    }
}

/// Ordered and cancelled since the backup, and the order is repeated first: it is no new wish to burn.
#[tokio::test]
async fn an_order_that_is_repeated_does_not_burn_by_itself_what_was_cancelled_since() {
    for backend in backends() {
        let database = TestDb::new(backend).await;
        let site = Site::new(&database).await;
        let server = Server::start(&site.sandbox, &database, &site.partner).await;
        let client = server.clients().register(register(COMPANY)).await.unwrap().into_inner().client.unwrap().id;
        let order = site.order(&client, 1, true).await;
        let backup = Backup::take(&database).await;
        site.sandbox.patch_device("kkt-1", json!({"paper": false})).unwrap();
        let id = server.kkts().quick_register(order.clone()).await.unwrap().into_inner().kkt.unwrap().id;
        server.blocked(&id, "DEVICE_NO_PAPER").await;
        let cancel = pb::CancelRequest { request_id: fresh_id(), kkt_id: id.clone() };
        server.kkts().cancel(cancel.clone()).await.unwrap();
        server.end().await;
        site.sandbox.patch_device("kkt-1", json!({"paper": true})).unwrap();

        let restored = backup.restore().await;
        begin(&restored).await;
        confirm(&restored, Confirmed::Tokens).await;
        let server = Server::start(&site.sandbox, &restored, &site.partner).await;
        server.kkts().quick_register(order).await.unwrap();
        server.blocked(&id, "RESTORED_UNCONFIRMED").await;
        server.kkts().cancel(cancel).await.unwrap();
        server.state(&id, pb::KktState::Cancelled).await;
        assert_eq!(site.effects(1)["device.registration"], 0);
        server.end().await;
    }
}

#[tokio::test]
async fn the_fleet_is_held_back_until_it_is_confirmed() {
    let app = TestApp::start(Backend::Sqlite).await;
    begin(&app.database).await;
    confirm(&app.database, Confirmed::Tokens).await;
    let shop = Shop::open(&app, COMPANY).await;
    let mut order = order(&shop.client_id, "", 1);
    let rental = pb::RentalEquipment { model: "АТОЛ 30Ф".into(), months: 12 };
    order.equipment = Some(pb::Equipment { kind: Some(pb::equipment::Kind::Rental(rental)) });
    let refused = app.kkts().quick_register(order.clone()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "RECOVERING"));
    confirm(&app.database, Confirmed::Fleet).await;
    let refused = app.kkts().quick_register(order).await.unwrap_err();
    assert_eq!(reason(&refused), "NO_RENTAL_DEVICE");
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_and_confirm_what_is_held_back() {
    let database = TestDb::new(Backend::Sqlite).await;
    assert!(!printed(&database, &["recovery", "status"]).contains("open"));
    begin(&database).await;
    let seen = || -> serde_json::Value {
        serde_json::from_str(&printed(&database, &["recovery", "status", "--json"])).unwrap()
    };
    assert_eq!(
        (&seen()[0]["state"], &seen()[0]["tokens"], &seen()[0]["fleet"]),
        (&json!("open"), &json!("held back"), &json!("held back"))
    );
    assert_eq!(printed(&database, &["recovery", "confirm", "tokens", "--reason", "T-1"]), "confirmed");
    assert_eq!(
        printed(&database, &["recovery", "confirm", "tokens", "--reason", "T-1"]),
        "there was nothing to confirm"
    );
    assert_eq!((&seen()[0]["tokens"], &seen()[0]["fleet"]), (&json!("free"), &json!("held back")));
    assert_eq!(printed(&database, &["recovery", "finish", "--reason", "T-1"]), "confirmed");
    assert_eq!((&seen()[0]["state"], &seen()[0]["fleet"]), (&json!("finished"), &json!("free")));
    let audit = printed(&database, &["audit", "list"]);
    assert!(audit.contains("RECOVERY_TOKENS_CONFIRMED") && audit.contains("RECOVERY_FINISHED"), "{audit}");
}

/// The server as it is started: the option opens the recovery before anything is driven or answered.
#[tokio::test]
async fn a_server_that_is_told_to_recover_opens_the_recovery_once_and_holds_back() {
    let database = TestDb::new(Backend::Sqlite).await;
    let site = Site::new(&database).await;
    for _ in 0..2 {
        let config = settings(&site.sandbox, &database);
        let app = App::build(config, Clock::system(), Ids::system()).await.unwrap();
        app.recover("2026-11-24").await.unwrap();
        assert!(app.recover("another").await.unwrap_err().to_string().contains("another recovery is open"));
    }
    let server = Server::start(&site.sandbox, &database, &site.partner).await;
    assert_eq!(reason(&server.get(&fresh_id()).await.unwrap_err()), "RECOVERING", "also without the option");
    let audit = printed(&database, &["audit", "list"]);
    assert_eq!(audit.matches("RECOVERY_BEGUN").count(), 1, "{audit}");
}
