//! Registrations at every step when the backup is taken, and finished when it is restored.

use std::collections::BTreeMap;

use super::*;
use crate::chaos::amounts::{amount, report};

/// Where the outside is when the backup is taken: it holds this call, before or after its effect.
const MOMENTS: [&str; 9] = [
    "ofd.ReserveCode:hold=before_effect",
    "ofd.ReserveCode:hold=after_effect",
    "fns.SubmitApplication:hold=before_effect",
    "fns.SubmitApplication:hold=after_effect",
    "ofd.Connect:hold=before_effect",
    "ofd.Connect:hold=after_effect",
    "device.registration:hold=before_effect",
    "fns.SubmitReport:hold=before_effect",
    "fns.SubmitReport:hold=after_effect",
];

/// Registrations stand at every step when the backup is taken and go on to their card; more are made after it. The backup
/// is restored, everybody repeats what they did: the same ids, the same ends, and nothing happened twice.
async fn ahead(backend: Backend, rounds: u32) -> u64 {
    let database = TestDb::new(backend).await;
    let site = Site::new(&database).await;
    let server = Server::start(&site.sandbox, &database, &site.partner).await;
    let first = register(COMPANY);
    let client = server.clients().register(first.clone()).await.unwrap().into_inner().client.unwrap().id;
    let mut orders = BTreeMap::new();
    let early = u32::try_from(MOMENTS.len()).unwrap() * rounds;
    for n in 1..=early {
        let moment = MOMENTS[(n as usize - 1) % MOMENTS.len()];
        site.sandbox.add_fault(&format!("{moment},times=1,serial={}", serial(n))).unwrap();
        orders.insert(n, site.order(&client, n, true).await);
        server.kkts().quick_register(orders[&n].clone()).await.unwrap();
    }
    site.holds(early as usize).await;
    for n in early + 1..=early + 4 * rounds {
        // Whose backup already has the device: it may be asked for again.
        orders.insert(n, site.order(&client, n, false).await);
    }
    let later = register(ENTREPRENEUR);
    let backup = Backup::take(&database).await;
    site.sandbox.release_holds();

    let after = server.clients().register(later.clone()).await.unwrap().into_inner().client.unwrap().id;
    let mut fiscalize = BTreeMap::new();
    let mut ids = BTreeMap::new();
    for (n, order) in &mut orders {
        if *n > early && n % 2 == 0 {
            order.client_id.clone_from(&after);
        }
        let answer = server.kkts().quick_register(order.clone()).await.unwrap();
        ids.insert(*n, answer.into_inner().kkt.unwrap().id);
    }
    for n in early + 1..=early + 4 * rounds {
        server.state(&ids[&n], pb::KktState::ReadyToFiscalize).await;
        let call = server.fiscalize(&ids[&n]).await;
        fiscalize.insert(n, call);
    }
    for id in ids.values() {
        server.state(id, pb::KktState::Registered).await;
    }
    server.end().await;

    let restored = backup.restore().await;
    assert_eq!(begin(&restored).await, Begun::Now);
    assert_eq!(begin(&restored).await, Begun::Before);
    let server = Server::start(&site.sandbox, &restored, &site.partner).await;
    let refused = server.clients().register(first.clone()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "RECOVERING"));
    assert!(refused.get_details_retry_info().is_some());
    confirm(&restored, Confirmed::Tokens).await;

    for (call, id) in [(&first, &client), (&later, &after)] {
        let again = server.clients().register(call.clone()).await.unwrap().into_inner().client.unwrap();
        assert_eq!((&again.id, again.state()), (id, cl::ClientState::Active));
    }
    for (n, order) in &orders {
        let again = server.kkts().quick_register(order.clone()).await.unwrap().into_inner().kkt.unwrap();
        assert_eq!(again.id, ids[n], "the same call makes the same registration");
    }
    for (n, call) in fiscalize {
        // FNS and the operator have it already, so it comes this far by asking alone.
        server.reach(&ids[&n], "ready", |kkt| kkt.state() as i32 >= pb::KktState::ReadyToFiscalize as i32).await;
        server.kkts().fiscalize(call).await.unwrap();
    }
    for (n, id) in &ids {
        server.state(id, pb::KktState::Registered).await;
        site.once(*n);
    }
    server.end().await;
    ids.len() as u64
}

#[tokio::test]
async fn a_restored_backup_takes_over_what_was_done_since_and_does_nothing_twice() {
    let rounds = u32::try_from(amount("RESTORED", 1, 8)).unwrap();
    for backend in backends() {
        let tried = ahead(backend, rounds).await;
        report(
            "backup restored while the outside was ahead (registrations)",
            tried,
            &format!("{backend:?}: 0 doubled"),
        );
    }
}
