//! Replicas die by kill -9 under load, wherever they are; every registration comes to its end all the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use litebox_partner::pb::kkt as pb;
use litebox_partner::sandbox::holds::Hold;
use litebox_partner::storage::entity::{effect, kkt};
use sea_orm::EntityTrait;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::amounts::{amount, report};
use super::checker::{Evidence, assert_clean};
use super::fleet::{Fleet, Profile, possible};
use super::load::Load;
use super::load::watcher::Watcher;
use crate::model::dice::Dice;
use crate::support::app::until;

/// Calls in whose middle a replica is killed.
const CALLS: [&str; 7] = [
    "ofd.ReserveCode",
    "fns.SubmitApplication",
    "ofd.Connect",
    "device.post",
    "fns.SubmitReport",
    "ofd.ReleaseCode",
    "fns.GetApplication",
];
const POINTS: [&str; 3] = ["before_receipt", "before_effect", "after_effect"];

/// Kills, and what they were aimed at.
#[derive(Default)]
struct Tally {
    kills: u64,
    aimed: u64,
    both: u64,
    taken_over: Vec<Duration>,
}

struct Killer {
    load: Load,
    dice: Dice,
    tally: Tally,
}

impl Killer {
    /// Kills once or, when both replicas die together, twice.
    async fn strike(&mut self) {
        let (aimed, both) = (self.dice.percent(70), self.dice.percent(25));
        let parked = if aimed { self.park().await } else { None };
        let victim = usize::try_from(self.dice.roll(2)).unwrap();
        let fleet = Arc::clone(&self.load.fleet);
        fleet.kill(victim);
        let died = Instant::now();
        if both {
            fleet.kill(1 - victim);
            self.tally.both += 1;
        }
        self.tally.kills += 1 + u64::from(both);
        self.tally.aimed += u64::from(parked.is_some());
        let at = self.standing(parked.as_ref()).await;
        // A dead caller's call goes on at its receiver, or never arrived.
        fleet.sandbox.release_holds();
        if !both {
            self.taken_over(at, died).await;
        }
        fleet.restart(victim).await;
        if both {
            fleet.restart(1 - victim).await;
        }
    }

    /// Waits until some call is at the chosen point; none comes when there is too little load for it.
    async fn park(&mut self) -> Option<Hold> {
        let (call, point) = (self.dice.pick(&CALLS), self.dice.pick(&POINTS));
        let sandbox = &self.load.fleet.sandbox;
        sandbox.add_fault(&format!("{call}:hold={point},times=1")).unwrap();
        let _ = timeout(Duration::from_secs(2), sandbox.wait_for_holds(|holds| !holds.is_empty())).await;
        sandbox.clear_faults();
        sandbox.holds().into_iter().next()
    }

    /// Registration, fence and revision of the parked call.
    async fn standing(&self, parked: Option<&Hold>) -> Option<kkt::Model> {
        let id = parked?.effect_id.as_ref()?.parse::<uuid::Uuid>().unwrap();
        let db = self.load.fleet.database.db.direct();
        let effect = effect::Entity::find_by_id(id).one(db).await.unwrap()?;
        kkt::Entity::find_by_id(effect.kkt_id).one(db).await.unwrap()
    }

    /// Waits until somebody else has gone on with what was parked, and keeps how long it took when the dead one had it. A
    /// kill that was not aimed does not wait: the replica is back at once.
    async fn taken_over(&mut self, at: Option<kkt::Model>, died: Instant) {
        let Some(at) = at else { return };
        let db = self.load.fleet.database.db.direct();
        let mut claimed = false;
        until("another replica goes on", async || {
            let now = kkt::Entity::find_by_id(at.id).one(db).await.unwrap().unwrap();
            claimed = now.fence > at.fence;
            claimed || now.revision > at.revision
        })
        .await;
        if claimed {
            self.tally.taken_over.push(died.elapsed());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_killed_at_any_moment_under_load_lose_no_registration_and_do_nothing_twice() {
    if !possible() {
        return;
    }
    let (kills, seed) = (amount("KILLS", 15, 1_000), amount("SEED", 1, 1));
    println!("KILLS={kills} SEED={seed}");
    let load = Load::new(Fleet::start(Profile::pair(3, &[])).await);
    let watchers: Vec<Watcher> = (0..3).map(|partner| Watcher::start(load.caller(partner))).collect();
    let enough = CancellationToken::new();
    let (running, told) = (load.clone(), enough.clone());
    let work = tokio::spawn(async move { running.run(8, u64::MAX, seed, told).await });
    let mut killer = Killer { load: load.clone(), dice: Dice::new(seed ^ 0x5EED), tally: Tally::default() };
    while killer.tally.kills < kills {
        killer.strike().await;
        assert!(!work.is_finished(), "the load has ended early");
    }
    enough.cancel();
    let ends = work.await.unwrap();
    all_told(&load, &watchers).await;
    let evidence = Evidence { late: true, ..Evidence::gather(&load).await };
    assert_clean(&evidence);
    let Tally { kills, aimed, both, taken_over } = killer.tally;
    report(&format!("kill -9 under load ({aimed} aimed, {both} of both replicas)"), kills, &ends.summary());
    report("takeover among these kills", taken_over.len() as u64, &spread(taken_over));
}

/// How long nobody goes on with what a dead replica held. The other one sleeps until then, so that the dead one has it.
async fn takeover(load: &Load, client: &str) -> Duration {
    let fleet = Arc::clone(&load.fleet);
    let other = fleet.pause(1).await;
    fleet.sandbox.add_fault("fns.SubmitApplication:hold,times=1").unwrap();
    let order = load.order(0, client).await;
    let id = load.caller(0).quick_register(order).await.unwrap();
    timeout(Duration::from_secs(30), fleet.sandbox.wait_for_holds(|holds| !holds.is_empty())).await.unwrap();
    let fence = async || kkt::Entity::find_by_id(id).one(fleet.database.db.direct()).await.unwrap().unwrap().fence;
    let held = fence().await;
    fleet.kill(0);
    let died = Instant::now();
    other.resume();
    fleet.sandbox.release_holds();
    until("the other replica takes over", async || fence().await > held).await;
    let took = died.elapsed();
    load.reach(&load.caller(0), id, |kkt| kkt.state() == pb::KktState::Registered).await;
    fleet.restart(0).await;
    took
}

/// The middle and the longest.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let ms = |time: Option<&Duration>| time.map_or(0, Duration::as_millis);
    format!("median {} ms, longest {} ms", ms(times.get(times.len() / 2)), ms(times.last()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_replicas_registration_is_taken_over_when_its_lease_ends() {
    if !possible() {
        return;
    }
    let rounds = amount("TAKEOVERS", 2, 20);
    let load = Load::new(Fleet::start(Profile::pair(1, &[])).await);
    let client = load.client(0).await;
    let mut took = Vec::new();
    for _ in 0..rounds {
        took.push(takeover(&load, &client).await);
    }
    assert_clean(&Evidence { late: true, ..Evidence::gather(&load).await });
    let outcome = format!("lease 2000 ms; {}", spread(took));
    report("takeover of a dead replica's registration", rounds, &outcome);
}

/// Every stream has told how every registration ended, and none went backwards.
pub async fn all_told(load: &Load, watchers: &[Watcher]) {
    let rows = kkt::Entity::find().all(load.fleet.database.db.direct()).await.unwrap();
    for (watcher, partner) in watchers.iter().zip(&load.fleet.partners) {
        let ours: Vec<_> = rows.iter().filter(|row| row.partner_id == partner.id.uuid()).collect();
        until("the stream has told every end", async || {
            let latest = watcher.latest();
            ours.iter().all(|row| latest.get(&row.id).is_some_and(|told| told.state == row.state))
        })
        .await;
        let (streams, backwards) = watcher.summary();
        assert!(backwards.is_empty(), "{backwards:?}");
        println!("{} registrations watched over {streams} streams", ours.len());
    }
}
