//! A replica stands still (SIGSTOP) between its committed intent and the arrival of the first byte, past its lease. The
//! other one takes over and finishes; then the sleeper goes on and its bytes arrive.

use std::sync::Arc;
use std::time::Duration;

use litebox_partner::pb::kkt as pb;
use litebox_partner::sandbox::ledger::{Entry, Kind};
use litebox_partner::sandbox::{Options, start};
use litebox_partner::storage::entity::effect;
use litebox_partner::values::{EffectId, RequestId};
use sea_orm::EntityTrait;
use tokio::time::timeout;
use uuid::Uuid;

use super::amounts::{amount, report};
use super::checker::steps::{BURN, CONNECT, REPORT, STEPS, SUBMIT, Step, id};
use super::checker::{Evidence, assert_clean};
use super::fleet::{Fleet, Profile, possible};
use super::load::Load;
use super::load::book::Answer;
use super::load::caller;
use crate::support::app::until;
use crate::support::gate::Gate;

/// The replica that falls asleep, and the one that takes over.
const SLEEPER: usize = 0;
const OTHER: usize = 1;
/// Longest wait for anything; a round takes about three seconds.
const HANGS: Duration = Duration::from_secs(60);

/// The fleet, with gates before what the sleeper sends by gRPC.
struct Bedroom {
    load: Load,
    fns: Gate,
    ofd: Gate,
    /// Both replicas go through it: a device has one address.
    hub: Gate,
    client: String,
}

impl Bedroom {
    async fn new() -> Self {
        let sandbox = start(Options { argon2: false, fsync: false, ..Options::default() }).await.unwrap();
        let (fns, ofd) = (Gate::before(&sandbox.grpc_url()).await, Gate::before(&sandbox.grpc_url()).await);
        let hub = Gate::before(&sandbox.http_url()).await;
        // Longer than a step takes on a machine that has much to do: else a step that only is slow is taken over as well.
        let mut profile = Profile::pair(1, &[("worker.lease_ms", "3000")]);
        let gates = [("gateways.fns.url", fns.url()), ("gateways.ofd.url", ofd.url())];
        profile.replicas[SLEEPER].extend(gates.map(|(key, url)| (key, url.to_owned())));
        let mut fleet = Fleet::over(sandbox, profile).await;
        hub.url().clone_into(&mut fleet.hub);
        let load = Load::new(fleet);
        let client = load.client(0).await;
        let room = Self { load, fns, ofd, hub, client };
        room.warm_up().await;
        room
    }

    fn gate(&self, step: Step) -> &Gate {
        match step {
            SUBMIT | REPORT => &self.fns,
            BURN => &self.hub,
            _ => &self.ofd,
        }
    }

    /// The sleeper's connections are made and its handshakes done, so that a gate holds nothing but the command.
    async fn warm_up(&self) {
        let other = self.load.fleet.pause(OTHER).await;
        let order = self.load.order(0, &self.client).await;
        let id = self.ordered(order).await;
        self.finished(id).await;
        other.resume();
    }

    /// Orders at the sleeper, the only one there.
    async fn ordered(&self, order: pb::QuickRegisterRequest) -> Uuid {
        self.load.caller(0).quick_register(order).await.unwrap()
    }

    async fn finished(&self, id: Uuid) {
        let caller = self.load.caller(0);
        self.load.reach(&caller, id, |kkt| kkt.state() == pb::KktState::Registered).await;
    }

    /// One registration in whose `step` the sleeper falls asleep.
    async fn round(&self, step: Step) {
        let fleet = Arc::clone(&self.load.fleet);
        let other = fleet.pause(OTHER).await;
        let order = self.load.order(0, &self.client).await;
        let request = RequestId::new(order.request_id.parse().unwrap());
        let effect = EffectId::derive(fleet.partners[0].id, request, step.name, 0);
        let ordered = self.fall_asleep(step, effect, order).await;
        self.intended(effect).await;
        let sleeper = fleet.pause(SLEEPER).await;
        other.resume();
        self.finished(ordered).await;
        assert_eq!(self.arrived(step, effect), usize::from(step == BURN), "{}: not late", step.name);
        self.gate(step).open();
        sleeper.resume();
        self.late(step, effect).await;
    }

    /// Goes as far as the first byte of the step, which stays on the way.
    async fn fall_asleep(&self, step: Step, effect: EffectId, order: pb::QuickRegisterRequest) -> Uuid {
        let sandbox = &self.load.fleet.sandbox;
        // The gate must let the calls before through: the registration is parked in front of the step meanwhile.
        let before = match step {
            CONNECT => Some("fns.GetApplication"),
            REPORT => Some("ofd.Connect"),
            _ => None,
        };
        if let Some(call) = before {
            sandbox.add_fault(&format!("{call}:hold,times=1,serial={}", caller::serial(&order))).unwrap();
        }
        let gate = self.gate(step);
        match step {
            // The hub is asked about the id before the task is posted: only the post is caught.
            BURN => gate.trap(&format!("\"uuid\":\"{effect}\"")),
            CONNECT | REPORT => {}
            _ => gate.close(),
        }
        let ordered = self.ordered(order).await;
        if before.is_some() {
            self.parked().await;
            gate.close();
            sandbox.release_holds();
        }
        timeout(HANGS, gate.holds()).await.unwrap();
        ordered
    }

    async fn parked(&self) {
        let parked = self.load.fleet.sandbox.wait_for_holds(|holds| !holds.is_empty());
        timeout(HANGS, parked).await.unwrap();
    }

    /// The intent is committed.
    async fn intended(&self, effect: EffectId) {
        let db = self.load.fleet.database.db.direct();
        until("the intent is committed", async || {
            let row = effect::Entity::find_by_id(effect.uuid()).one(db).await.unwrap();
            row.is_some_and(|row| row.state == "INTENDED")
        })
        .await;
    }

    fn arrived(&self, step: Step, effect: EffectId) -> usize {
        commands(&self.load.fleet.sandbox.entries(), step, effect)
    }

    /// The late command arrives: a void id at FNS and operators, a uuid that the hub knows already.
    async fn late(&self, step: Step, effect: EffectId) {
        let expected = if step == BURN { 2 } else { 1 };
        let arrived = self.load.fleet.sandbox.wait_until(|entries| commands(entries, step, effect) >= expected);
        timeout(HANGS, arrived).await.unwrap_or_else(|_| panic!("the late {} never came", step.command));
        let entries = self.load.fleet.sandbox.entries();
        let effects = entries.iter().filter(|e| step.is_effect(e) && id(e) == Some(effect.uuid())).count();
        assert_eq!(effects, usize::from(step == BURN), "{}: a late command had an effect", step.name);
    }
}

fn commands(entries: &[Entry], step: Step, effect: EffectId) -> usize {
    entries.iter().filter(|entry| step.is_command(entry) && id(entry) == Some(effect.uuid())).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_sleeps_past_its_lease_sends_late_and_does_nothing_twice() {
    if !possible() {
        return;
    }
    let rounds = amount("PAUSES", 5, 50);
    let room = Bedroom::new().await;
    for step in STEPS.into_iter().cycle().take(usize::try_from(rounds).unwrap()) {
        println!("asleep in {}", step.name);
        timeout(HANGS * 2, room.round(step)).await.unwrap_or_else(|_| panic!("{} hangs", step.name));
    }
    let evidence = Evidence { late: true, ..Evidence::gather(&room.load).await };
    let voided = evidence.entries.iter().filter(|e| e.kind == Kind::Effect && e.operation == "ReportOrVoid").count();
    assert_clean(&evidence);
    let unclear = evidence.calls.iter().flat_map(|(_, answers)| answers);
    let unclear = unclear.filter(|answer| matches!(answer, Answer::Unclear(_))).count();
    let outcome = format!("{voided} ids voided, {unclear} calls repeated, 0 late effects, 0 violations");
    report("replica stopped (SIGSTOP) between intent and first byte", rounds, &outcome);
}
