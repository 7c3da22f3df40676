//! The history is whole, hangs together, makes only moves that the state machine has, and everything belongs to one
//! partner.

use std::collections::BTreeMap;

use litebox_partner::storage::entity::{kkt, kkt_history};
use uuid::Uuid;

use super::{Evidence, Name, Violation, violation};

/// The moves of the state machine without those that only support makes. Staying is allowed everywhere but at REGISTERED.
const MOVES: [(&str, &str); 20] = [
    ("RESERVING", "SUBMITTING"),
    ("SUBMITTING", "AWAITING_RNM"),
    ("AWAITING_RNM", "CONNECTING_OFD"),
    ("AWAITING_RNM", "READY_TO_FISCALIZE"),
    ("CONNECTING_OFD", "READY_TO_FISCALIZE"),
    ("READY_TO_FISCALIZE", "FISCALIZING"),
    ("READY_TO_FISCALIZE", "REPORTING"),
    ("FISCALIZING", "REPORTING"),
    ("REPORTING", "AWAITING_CARD"),
    ("AWAITING_CARD", "REPORTING"),
    ("AWAITING_CARD", "REGISTERED"),
    ("SUBMITTING", "REJECTED"),
    ("AWAITING_RNM", "REJECTED"),
    ("RESERVING", "CANCELLED"),
    ("SUBMITTING", "CANCELLED"),
    ("AWAITING_RNM", "CANCELLED"),
    ("CONNECTING_OFD", "CANCELLED"),
    ("READY_TO_FISCALIZE", "CANCELLED"),
    ("FISCALIZING", "CANCELLED"),
    ("", "RESERVING"),
];

/// Blocks by which an operator is told that the truth cannot be found out, or that the outside contradicts itself.
const SUPPORT: [&str; 12] = [
    "APPLICATION_INCOMPLETE",
    "FNS_NEEDS_SUPPORT",
    "FNS_UNEXPECTED_STATE",
    "FNS_APPLICATION_LOST",
    "RNM_DOES_NOT_FIT",
    "OFD_NEEDS_SUPPORT",
    "CODE_NOT_RELEASED",
    "DEVICE_NOT_ASSIGNED",
    "DEVICE_TASK_INCOMPLETE",
    "DEVICE_TASK_MALFORMED",
    "DEVICE_REFUSED_NUMBERS",
    "REPORT_MISMATCH",
];

pub fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut lines: BTreeMap<Uuid, Vec<&kkt_history::Model>> = BTreeMap::new();
    for line in &evidence.rows.history {
        lines.entry(line.kkt_id).or_default().push(line);
    }
    lines.values_mut().for_each(|lines| lines.sort_by_key(|line| line.revision));
    let each = |row: &kkt::Model| of_one(row, lines.get(&row.id).map_or(&[], Vec::as_slice));
    let mut found: Vec<Violation> = evidence.rows.kkts.iter().flat_map(each).collect();
    found.extend(foreign(evidence));
    found
}

fn of_one(row: &kkt::Model, lines: &[&kkt_history::Model]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut say = |wrong: bool, name: Name, what: String| found.extend(wrong.then(|| violation(name, what)));
    let revisions: Vec<i64> = lines.iter().map(|line| line.revision).collect();
    let whole = revisions.iter().copied().eq(1..=row.revision);
    say(!whole, Name::HistoryGap, format!("{} at {} has the revisions {revisions:?}", row.id, row.revision));
    let last = lines.last().map_or("", |line| line.to_state.as_str());
    say(last != row.state, Name::StateDiffers, format!("{} is {} and its history ends {last}", row.id, row.state));
    let mut state = "";
    for line in lines {
        let (from, to) = (line.from_state.as_deref().unwrap_or_default(), line.to_state.as_str());
        say(from != state, Name::HistoryBroken, format!("{} goes from {from} and was {state}", row.id));
        say(!legal(from, to), Name::IllegalMove, format!("{} goes from {from} to {to}", row.id));
        let called = SUPPORT.contains(&line.detail.as_str());
        say(called, Name::OperatorCalled, format!("{} in {to}: {}", row.id, line.detail));
        state = to;
    }
    let waits = row.waiting_for.as_deref() == Some("OPERATOR");
    say(waits, Name::OperatorCalled, format!("{} waits in {}: {:?}", row.id, row.state, row.block));
    found
}

fn legal(from: &str, to: &str) -> bool {
    (from == to && to != "REGISTERED") || MOVES.contains(&(from, to))
}

/// Children belong to the partner of their parent.
fn foreign(evidence: &Evidence) -> Vec<Violation> {
    let rows = &evidence.rows;
    let kkts = rows.kkts.iter().map(|row| (row.id, row.partner_id));
    let owners: BTreeMap<Uuid, Uuid> = kkts.chain(rows.clients.iter().map(|row| (row.id, row.partner_id))).collect();
    let effects = rows.effects.iter().map(|row| ("effect", row.kkt_id, row.partner_id));
    let history = rows.history.iter().map(|row| ("kkt_history", row.kkt_id, row.partner_id));
    let documents = rows.documents.iter().map(|row| ("document", row.kkt_id, row.partner_id));
    let requests = rows.requests.iter().map(|row| ("request", row.resource_id, row.partner_id));
    let clients = rows.kkts.iter().map(|row| ("kkt", row.client_id, row.partner_id));
    let all = effects.chain(history).chain(documents).chain(requests).chain(clients);
    let strange = all.filter(|(_, parent, partner)| owners.get(parent) != Some(partner));
    strange
        .map(|(table, of, partner)| violation(Name::ForeignChild, format!("{table} of {of} has {partner}")))
        .collect()
}
