//! Servers that are broken on purpose, and the checker that finds them out. The switch is the environment variable
//! `LITEBOX_CHAOS_BREAK`, which only builds with the feature `chaos` look at.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use litebox_partner::chaos::Broken;
use litebox_partner::pb::kkt as pb;
use litebox_partner::sandbox::ledger::{Entry, Kind};
use litebox_partner::storage::entity::kkt;
use sea_orm::EntityTrait;
use tokio::time::timeout;
use uuid::Uuid;

use super::amounts::report;
use super::checker::{Evidence, Name, check, names};
use super::fleet::{Fleet, Profile, possible};
use super::load::Load;
use crate::support::app::until;

const HANGS: Duration = Duration::from_secs(30);

/// Quick to take over; an answer that comes after a sleep is not too late.
async fn fleet(breaks: Option<&str>) -> Load {
    let mut profile = Profile::pair(1, &[("worker.lease_ms", "1000"), ("gateways.fns.timeout_ms", "60000")]);
    profile.variables.extend(breaks.map(|name| ("LITEBOX_CHAOS_BREAK", name.to_owned())));
    Load::new(Fleet::start(profile).await)
}

/// Replies of every one-way step get lost, one registration for each; what the checker says then.
async fn with_lost_replies(breaks: Option<&str>) -> BTreeSet<Name> {
    let load = fleet(breaks).await;
    let client = load.client(0).await;
    for call in ["ofd.ReserveCode", "fns.SubmitApplication", "ofd.Connect", "fns.SubmitReport"] {
        let sandbox = &load.fleet.sandbox;
        sandbox.add_fault(&format!("{call}:lost_reply,times=1")).unwrap();
        let order = load.order(0, &client).await;
        load.caller(0).quick_register(order).await.unwrap();
        let again = tokio::select! {
            biased;
            () = sandbox.wait_until(|entries: &[Entry]| tried_again(entries, call)) => true,
            () = at_rest(&load) => false,
            () = tokio::time::sleep(HANGS) => false,
        };
        // What is sent under a new id may be refused, and the registration blocked, before it comes to this call.
        assert!(again || breaks == Some(Broken::NewIdOnRetry.name()), "{call} was not tried again");
    }
    let evidence = settled(&load).await;
    names(&check(&evidence))
}

/// Whoever lost the reply has tried again: by asking, by sending again, by a new id.
fn tried_again(entries: &[Entry], call: &str) -> bool {
    let first = entries.iter().rposition(|entry| entry.is(Kind::Effect, call));
    let protocol = call.split('.').next().unwrap_or_default();
    let again = |entry: &Entry| {
        entry.kind == Kind::Command
            && entry.protocol == protocol
            && (entry.operation == "ReportOrVoid" || entry.is(Kind::Command, call))
    };
    first.is_some_and(|first| entries[first..].iter().any(again))
}

/// What is known once the registrations have ended, or hang: a broken server need not come to rest.
async fn settled(load: &Load) -> Evidence {
    let _ = timeout(Duration::from_secs(5), at_rest(load)).await;
    Evidence::now(load).await
}

/// All registrations have ended or are blocked.
async fn at_rest(load: &Load) {
    let db = load.fleet.database.db.direct();
    loop {
        let rows = kkt::Entity::find().all(db).await.unwrap();
        if rows.iter().all(|row| row.state == "REGISTERED" || row.block.is_some()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// One replica sleeps with the answer of FNS in its hands; the other goes on to the end; the first one writes late.
async fn with_a_late_write(breaks: &str) -> BTreeSet<Name> {
    let load = fleet(Some(breaks)).await;
    let client = load.client(0).await;
    let fleet = Arc::clone(&load.fleet);
    let other = fleet.pause(1).await;
    fleet.sandbox.add_fault("fns.SubmitApplication:hold=after_effect,times=1").unwrap();
    let order = pb::QuickRegisterRequest { fiscalize_automatically: true, ..load.order(0, &client).await };
    let id = load.caller(0).quick_register(order).await.unwrap();
    timeout(HANGS, fleet.sandbox.wait_for_holds(|holds| !holds.is_empty())).await.unwrap();
    let sleeper = fleet.pause(0).await;
    other.resume();
    let caller = load.caller(0);
    load.reach(&caller, id, |kkt| kkt.state() == pb::KktState::Registered).await;
    fleet.sandbox.release_holds();
    sleeper.resume();
    moved_back(&load, id).await;
    names(&check(&Evidence::now(&load).await))
}

/// The late write is seen in the row when the server lets it through.
async fn moved_back(load: &Load, id: Uuid) {
    let db = load.fleet.database.db.direct();
    until("the late write has changed the row", async || {
        let row = kkt::Entity::find_by_id(id).one(db).await.unwrap().unwrap();
        row.state != "REGISTERED"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_server_is_not_suspected_for_lost_replies() {
    if possible() {
        assert_eq!(with_lost_replies(None).await, BTreeSet::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_sends_again_without_asking_is_found_out() {
    if !possible() {
        return;
    }
    let found = with_lost_replies(Some("blind-resend")).await;
    report("broken on purpose: sends again without asking", 4, &format!("{found:?}"));
    assert!(found.contains(&Name::SentAgain), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_a_new_id_for_a_repeat_is_found_out() {
    if !possible() {
        return;
    }
    let found = with_lost_replies(Some("new-id-on-retry")).await;
    report("broken on purpose: a new id for every repeat", 4, &format!("{found:?}"));
    assert!(found.contains(&Name::NewIdTooEarly) || found.contains(&Name::EffectTwice), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_writes_without_comparing_is_found_out() {
    if !possible() {
        return;
    }
    let found = with_a_late_write("no-compare-and-set").await;
    report("broken on purpose: writes without comparing", 1, &format!("{found:?}"));
    let torn = [Name::StateDiffers, Name::HistoryGap, Name::HistoryBroken, Name::IllegalMove, Name::EffectMissing];
    assert!(torn.iter().any(|name| found.contains(name)), "{found:?}");
}
