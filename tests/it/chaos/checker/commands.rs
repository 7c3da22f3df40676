//! What was sent: a blind repeat is seen here although receivers deduplicate.

use std::collections::BTreeMap;

use litebox_partner::sandbox::faults::Strike;
use litebox_partner::sandbox::ledger::{Entry, Kind};
use litebox_partner::storage::entity::effect;
use uuid::Uuid;

use super::steps::{BURN, STEPS, Step, generations, id};
use super::{Evidence, Name, Violation, violation};

pub fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut found = sent_again(evidence);
    for ((kkt, name), rows) in generations(evidence) {
        let Some(step) = Step::named(name) else { continue };
        let early = rows.windows(2).filter(|pair| too_early(evidence, step, pair[0], pair[1]));
        found.extend(early.map(|pair| {
            let what = format!("{name} {} of {kkt} after {} {}", pair[1].id, pair[0].id, pair[0].state);
            violation(Name::NewIdTooEarly, what)
        }));
    }
    found
}

/// FNS and operators get each effect id once: whatever becomes of the command is asked. A hub may get a burn again under
/// its uuid, when the posting before was struck, or when a replica that was stopped posts late.
fn sent_again(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    for step in STEPS {
        let mut counts: BTreeMap<Uuid, usize> = BTreeMap::new();
        for id in evidence.entries.iter().filter(|entry| step.is_command(entry)).filter_map(id) {
            *counts.entry(id).or_default() += 1;
        }
        for (id, count) in counts {
            let more = if step == BURN { usize::from(evidence.late) + struck(&evidence.strikes, id) } else { 0 };
            if count > 1 + more {
                found.push(violation(Name::SentAgain, format!("{} {id} was sent {count} times", step.command)));
            }
        }
    }
    found
}

fn struck(strikes: &[Strike], id: Uuid) -> usize {
    let id = id.to_string();
    let about = |strike: &&Strike| strike.operation == BURN.command && strike.effect_id.as_ref() == Some(&id);
    strikes.iter().filter(about).count()
}

/// A new id is sent only when the one before is known to have no effect, here and at the receiver.
fn too_early(evidence: &Evidence, step: Step, before: &effect::Model, after: &effect::Model) -> bool {
    let settled = ["REFUSED", "VOID"].contains(&before.state.as_str());
    let gap = after.generation != before.generation + 1;
    !settled || gap || (step != BURN && sent_before_settled(&evidence.entries, step, before.id, after.id))
}

/// A hub keeps no record of refusals under the effect id; there the drive itself decides.
fn sent_before_settled(entries: &[Entry], step: Step, before: Uuid, after: Uuid) -> bool {
    let Some(sent) = entries.iter().position(|entry| step.is_command(entry) && id(entry) == Some(after)) else {
        return false;
    };
    let protocol = step.command.split('.').next().unwrap_or_default();
    let ends = |entry: &Entry| {
        let voided = entry.kind == Kind::Effect && entry.operation == "ReportOrVoid";
        entry.protocol == protocol && id(entry) == Some(before) && (voided || entry.kind == Kind::Refusal)
    };
    !entries[..sent].iter().any(ends)
}
