//! The outer systems misbehave for about a third of all calls: errors, lost replies, silence, nonsense, old news, delays in
//! which later calls overtake. Every registration ends, and a fault costs at most one question and one repeat.

use std::collections::BTreeMap;

use litebox_partner::sandbox::faults::{Action, Point, Strike};
use litebox_partner::sandbox::ledger::{Entry, Kind};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::amounts::{amount, report};
use super::checker::steps::{BURN, STEPS, Step, generations, id};
use super::checker::{Evidence, assert_clean};
use super::fleet::{Fleet, Profile, possible};
use super::load::Load;

/// What real receivers do when they fail, each in so many of a hundred calls. All that strike a call together come to about
/// a third. A reply that is lost, late or nonsense leaves the effect; an error leaves none.
const FAULTS: [(&str, u32); 24] = [
    ("fns.*:error=UNAVAILABLE", 6),
    ("fns.*:error=INTERNAL", 4),
    ("fns.*:error=DEADLINE_EXCEEDED,at=after_effect", 4),
    ("fns.*:lost_reply", 6),
    ("fns.*:garbage", 4),
    ("fns.*:delay=5s,at=after_effect", 2),
    ("fns.*:delay=150ms", 10),
    ("fns.GetApplication:stale", 20),
    ("ofd.*:error=RESOURCE_EXHAUSTED", 6),
    ("ofd.*:error=INTERNAL", 4),
    ("ofd.*:error=DEADLINE_EXCEEDED,at=after_effect", 4),
    ("ofd.*:lost_reply", 6),
    ("ofd.*:garbage", 4),
    ("ofd.*:delay=5s,at=after_effect", 2),
    ("ofd.*:delay=150ms", 10),
    ("device.post:status=503", 6),
    ("device.post:lost_reply", 6),
    ("device.post:garbage", 4),
    ("device.result:status=500", 3),
    ("device.result:lost_reply", 3),
    ("device.result:stale", 10),
    ("device.registration:delay=150ms", 20),
    ("accounts.*:lost_reply", 20),
    ("taxpayers.*:status=503", 15),
];

/// Shorter than a late answer, and long enough for a busy machine: a time-out is a fault of the sandbox then. The lease is
/// longer than any call, as it must be.
const TIMES: [(&str, &str); 4] = [
    ("gateways.fns.timeout_ms", "4000"),
    ("gateways.ofd.timeout_ms", "4000"),
    ("gateways.device.timeout_ms", "4000"),
    ("worker.lease_ms", "20000"),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_outer_systems_do_every_registration_ends_and_a_fault_costs_one_question() {
    if !possible() {
        return;
    }
    let (count, seed) = (amount("OUTER", 40, 2_000), amount("SEED", 1, 1));
    println!("OUTER={count} SEED={seed}");
    let load = Load::new(Fleet::start(Profile::pair(2, &TIMES)).await);
    for (n, (rule, percent)) in FAULTS.iter().enumerate() {
        let rule = format!("{rule},percent={percent},seed={}", seed * 1_000 + n as u64);
        load.fleet.sandbox.add_fault(&rule).unwrap();
    }
    let mut ends = load.run(20, count / 4, seed, CancellationToken::new()).await;
    let warm = load.fleet.memory();
    ends.join(load.run(20, count - count / 4, seed + 1, CancellationToken::new()).await);
    let evidence = Evidence::gather(&load).await;
    assert_clean(&evidence);
    assert_eq!(costs(&evidence), [""; 0]);
    let struck = share(&evidence);
    assert!(count < 20 || struck > 20, "only {struck} of a hundred calls were struck");
    let outcome = format!("{struck} of 100 calls struck; {}; {}", ends.summary(), kinds(&evidence.strikes));
    report("registrations with failing outer systems", ends.all(), &outcome);
    memory(&warm, &load.fleet.memory(), count);
}

/// Of a hundred calls of the outer systems so many were struck by something.
fn share(evidence: &Evidence) -> usize {
    let calls = evidence.entries.iter().filter(|entry| matches!(entry.kind, Kind::Command | Kind::Question)).count();
    evidence.strikes.len() * 100 / calls.max(1)
}

fn kinds(strikes: &[Strike]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for strike in strikes {
        let name = format!("{:?}", strike.action);
        let name = name.split(['(', ' ']).next().unwrap_or_default().to_lowercase();
        *counts.entry(name).or_default() += 1;
    }
    counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

/// Effects that cost more questions, or more commands, than faults struck them. Cancel asks too, once an attempt; and a worker
/// whose claim an attempt has taken away asks once when that attempt comes to nothing.
fn costs(evidence: &Evidence) -> Vec<String> {
    let mut found = Vec::new();
    for ((kkt, name), rows) in generations(evidence) {
        let Some(step) = Step::named(name) else { continue };
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let faults = ids.iter().map(|id| unclear(evidence, step, *id)).sum::<usize>();
        let sent = evidence.entries.iter().filter(|e| step.is_command(e) && about(e, &ids)).count();
        let asked = evidence.entries.iter().filter(|e| is_question(e, step) && about(e, &ids)).count();
        if sent > 1 + faults {
            found.push(format!("{name} of {kkt} was sent {sent} times after {faults} faults"));
        }
        let cancels = cancels(evidence, kkt);
        // A hub is asked in any case: before the task is posted, and for its result.
        if step != BURN && asked > faults + 2 * cancels {
            found.push(format!(
                "{name} of {kkt} was asked about {asked} times after {faults} faults and {cancels} cancels"
            ));
        }
    }
    found
}

fn cancels(evidence: &Evidence, kkt: Uuid) -> usize {
    let calls = evidence.calls.iter().filter(|(asked, _)| asked.method == "Cancel" && asked.subject == kkt.to_string());
    calls.map(|(_, answers)| answers.len()).sum()
}

fn about(entry: &Entry, ids: &[Uuid]) -> bool {
    id(entry).is_some_and(|id| ids.contains(&id))
}

fn is_question(entry: &Entry, step: Step) -> bool {
    let protocol = step.command.split('.').next().unwrap_or_default();
    entry.protocol == protocol && entry.operation == "ReportOrVoid" && entry.kind == Kind::Command
}

/// Strikes by which a command or a question about it stayed without a proper answer.
fn unclear(evidence: &Evidence, step: Step, id: Uuid) -> usize {
    let (id, protocol) = (id.to_string(), step.command.split('.').next().unwrap_or_default());
    let ours = |strike: &&Strike| {
        strike.effect_id.as_ref() == Some(&id)
            && strike.operation.starts_with(protocol)
            && match strike.action {
                Action::Delay(_) => strike.point == Point::AfterEffect,
                Action::Stale => false,
                _ => true,
            }
    };
    evidence.strikes.iter().filter(ours).count()
}

/// Warm servers do not grow; only long runs are warm enough to tell.
fn memory(warm: &[u64], end: &[u64], count: u64) {
    for (at, (warm, end)) in warm.iter().zip(end).enumerate() {
        let percent = *end * 100 / (*warm).max(1);
        let outcome = format!("{warm} after a quarter, {end} at the end: {percent} %");
        report(&format!("memory of replica {at}, KiB"), count, &outcome);
        assert!(count < 1_000 || percent <= 110, "{outcome}");
    }
}

/// The costs are really counted: a question and a repeat without a fault are noticed.
#[test]
fn a_question_and_a_repeat_without_a_fault_are_noticed() {
    let made = super::checker::made::registered();
    assert_eq!(costs(&made.evidence()), [""; 0]);
    for step in STEPS.into_iter().filter(|step| *step != BURN) {
        let mut asked = super::checker::made::registered();
        asked.ask_about(step);
        assert_eq!(costs(&asked.evidence()).len(), 1, "{}", step.name);
        let mut sent = super::checker::made::registered();
        sent.send_again(step);
        assert_eq!(costs(&sent.evidence()).len(), 1, "{}", step.name);
    }
}
