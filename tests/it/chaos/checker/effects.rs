//! What happened outside: each thing once, everything that the state promises, nothing that nobody intended.

use std::collections::{BTreeMap, BTreeSet};

use litebox_partner::sandbox::ledger::Kind;
use litebox_partner::storage::entity::{client, effect, kkt};
use litebox_partner::values::{ClientId, EffectId};
use uuid::Uuid;

use super::steps::{BURN, CONNECT, RESERVE, STEPS, Step, behind, id};
use super::{Evidence, Name, Violation, violation};

/// How often each step of each registration happened.
type Counts<'a> = BTreeMap<(Uuid, &'static str), Vec<Uuid>>;

pub fn check(evidence: &Evidence) -> Vec<Violation> {
    let intended: BTreeMap<Uuid, &effect::Model> = evidence.rows.effects.iter().map(|row| (row.id, row)).collect();
    let (mut found, mut counts) = (Vec::new(), Counts::new());
    for step in STEPS {
        for entry in evidence.entries.iter().filter(|entry| step.is_effect(entry) || step.is_command(entry)) {
            match id(entry).and_then(|id| intended.get(&id)).filter(|row| row.step == step.name) {
                Some(row) if step.is_effect(entry) => {
                    counts.entry((row.kkt_id, step.name)).or_default().push(row.id);
                }
                Some(_) => {}
                None => found.push(violation(Name::EffectNotIntended, format!("{entry:?}"))),
            }
        }
    }
    found.extend(evidence.rows.kkts.iter().flat_map(|row| of_one(evidence, row, &counts)));
    found.extend(unproven(evidence, &counts));
    found
}

fn of_one(evidence: &Evidence, row: &kkt::Model, counts: &Counts<'_>) -> Vec<Violation> {
    let happened = |step: Step| counts.get(&(row.id, step.name)).map_or(0, Vec::len);
    let named = |step: Step| format!("{} of {} {} ({})", step.name, row.id, row.state, happened(step));
    let twice = STEPS.into_iter().filter(|step| happened(*step) > 1);
    let mut found: Vec<Violation> = twice.map(|step| violation(Name::EffectTwice, named(step))).collect();
    let promised = &STEPS[..behind(&row.state).unwrap_or(0)];
    let missing = promised.iter().filter(|step| happened(**step) == 0);
    found.extend(missing.map(|step| violation(Name::EffectMissing, named(*step))));
    if ["REJECTED", "CANCELLED"].contains(&row.state.as_str()) {
        found.extend(given_up(evidence, row, counts));
    }
    found
}

/// What ended without a card has burnt nothing and holds nothing.
fn given_up(evidence: &Evidence, row: &kkt::Model, counts: &Counts<'_>) -> Vec<Violation> {
    let of = |step: Step| counts.get(&(row.id, step.name)).cloned().unwrap_or_default();
    let mut found = Vec::new();
    if !of(BURN).is_empty() {
        found.push(violation(Name::BurntAndCancelled, format!("{} is {} and burnt", row.id, row.state)));
    }
    let released: BTreeSet<Uuid> =
        evidence.entries.iter().filter(|e| e.is(Kind::Effect, "ofd.ReleaseCode")).filter_map(id).collect();
    let held = of(CONNECT).is_empty() && of(RESERVE).iter().any(|code| !released.contains(code));
    if held || row.held {
        found.push(violation(
            Name::StillHeld,
            format!("{} is {}: code {held}, register {}", row.id, row.state, row.held),
        ));
    }
    found
}

/// What the database takes for done has happened.
fn unproven(evidence: &Evidence, counts: &Counts<'_>) -> Vec<Violation> {
    let happened: BTreeSet<Uuid> = counts.values().flatten().copied().collect();
    let claimed = evidence.rows.effects.iter().filter(|row| row.state == "DONE" && !happened.contains(&row.id));
    claimed
        .map(|row| violation(Name::DoneWithoutEffect, format!("{} {} of {}", row.step, row.id, row.kkt_id)))
        .collect()
}

pub fn accounts(evidence: &Evidence) -> Vec<Violation> {
    let ensured: Vec<(Option<&str>, Option<Uuid>)> = evidence
        .entries
        .iter()
        .filter(|entry| entry.is(Kind::Effect, "accounts.EnsureAccount"))
        .map(|entry| (entry.facts.get("inn").map(String::as_str), id(entry)))
        .collect();
    evidence.rows.clients.iter().flat_map(|row| account(evidence, row, &ensured)).collect()
}

fn account(evidence: &Evidence, row: &client::Model, ensured: &[(Option<&str>, Option<Uuid>)]) -> Vec<Violation> {
    let ours = EffectId::of_client(ClientId::new(row.id)).uuid();
    let mut found = Vec::new();
    let count = ensured.iter().filter(|(inn, _)| *inn == Some(row.inn.as_str())).count();
    if count > 1 {
        found.push(violation(Name::AccountTwice, format!("{count} accounts of {}", row.inn)));
    }
    let versions: Vec<&str> = evidence
        .entries
        .iter()
        .filter(|e| e.is(Kind::Effect, "accounts.SetInitialPassword") && id(e) == Some(ours))
        .map(|e| e.facts.get("version").map_or("", String::as_str))
        .collect();
    if versions.iter().collect::<BTreeSet<_>>().len() != versions.len() {
        found.push(violation(Name::PasswordVersionTwice, format!("{} of {}", versions.join(", "), row.inn)));
    }
    let made = ensured.iter().any(|(_, id)| *id == Some(ours));
    let current = versions.iter().any(|version| *version == row.password_version.to_string());
    if row.state == "ACTIVE" && !(made && current) {
        found.push(violation(
            Name::AccountMissing,
            format!("{} is ACTIVE: account {made}, password {current}", row.inn),
        ));
    }
    found
}
