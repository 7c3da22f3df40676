//! What was acknowledged is stored, what is stored was asked for, and a request id has one answer.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{Evidence, Name, Violation, violation};
use crate::chaos::load::book::{Answer, Asked, Told};

/// What names a call for the server.
type Key<'a> = (Uuid, &'a str, Uuid);

fn key(asked: &Asked) -> Key<'_> {
    (asked.partner, asked.method, asked.request_id)
}

pub fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    let stored: BTreeMap<Key<'_>, Uuid> = evidence
        .rows
        .requests
        .iter()
        .map(|row| ((row.partner_id, row.method.as_str(), row.request_id), row.resource_id))
        .collect();
    found.extend(one_answer(evidence));
    for (asked, answers) in &evidence.calls {
        for told in answers.iter().filter_map(told) {
            found.extend(not_stored(evidence, asked, told, stored.get(&key(asked))));
        }
        found.extend(ended(asked, answers, &stored));
    }
    found.extend(not_asked_for(evidence, &stored));
    found
}

fn told(answer: &Answer) -> Option<&Told> {
    match answer {
        Answer::Told(told) => Some(told),
        _ => None,
    }
}

/// Over all contents that were sent under a request id.
fn one_answer(evidence: &Evidence) -> Vec<Violation> {
    let mut ids: BTreeMap<Key<'_>, BTreeSet<(Uuid, &str)>> = BTreeMap::new();
    for (asked, answers) in &evidence.calls {
        let told = answers.iter().filter_map(told).map(|told| (told.id, asked.content.as_str()));
        ids.entry(key(asked)).or_default().extend(told);
    }
    let twice = ids.into_iter().filter(|(_, ids)| ids.len() > 1);
    twice.map(|(key, ids)| violation(Name::TwoAnswers, format!("{key:?} was answered with {ids:?}"))).collect()
}

/// Why an OK answer is not what the database holds.
fn not_stored(evidence: &Evidence, asked: &Asked, told: &Told, kept: Option<&Uuid>) -> Option<Violation> {
    let whole = match asked.method {
        "Register" => client(evidence, asked, told),
        _ => registration(evidence, asked, told),
    };
    let good = whole && asked.subject == told.subject && kept == Some(&told.id);
    (!good).then(|| violation(Name::AnswerNotStored, format!("{asked:?} was answered with {told:?}")))
}

fn client(evidence: &Evidence, asked: &Asked, told: &Told) -> bool {
    let same = |row: &&_| is_client(row, asked, told);
    evidence.rows.clients.iter().any(|row| same(&row))
}

fn is_client(row: &litebox_partner::storage::entity::client::Model, asked: &Asked, told: &Told) -> bool {
    (row.id, row.partner_id, row.inn.as_str(), row.state.as_str())
        == (told.id, asked.partner, asked.subject.as_str(), told.state.as_str())
}

/// The row, and the line of the history that the answer shows.
fn registration(evidence: &Evidence, asked: &Asked, told: &Told) -> bool {
    let ordered = asked.method == "QuickRegister";
    let row = evidence.rows.kkts.iter().any(|row| {
        let named = if ordered { row.serial == asked.subject && row.request_id == asked.request_id } else { true };
        named && (row.id, row.partner_id) == (told.id, asked.partner)
    });
    let line = evidence.rows.history.iter().any(|line| {
        (line.kkt_id, line.revision, line.to_state.as_str()) == (told.id, told.revision, told.state.as_str())
    });
    row && line
}

/// A call ends answered; a refused one has left nothing.
fn ended(asked: &Asked, answers: &[Answer], stored: &BTreeMap<Key<'_>, Uuid>) -> Option<Violation> {
    let final_one = answers.iter().find(|answer| !matches!(answer, Answer::Unclear(_)));
    match final_one {
        None => Some(violation(Name::NeverAnswered, format!("{asked:?} got {answers:?}"))),
        Some(Answer::Refused(reason)) => {
            // The other content under this id is what is stored then.
            let fits = stored.contains_key(&key(asked)) == (reason == "IDEMPOTENCY_KEY_REUSED");
            (!fits).then(|| violation(Name::RefusedAndStored, format!("{asked:?} was refused: {reason}")))
        }
        Some(_) => None,
    }
}

fn not_asked_for(evidence: &Evidence, stored: &BTreeMap<Key<'_>, Uuid>) -> Vec<Violation> {
    let asked: BTreeSet<Key<'_>> = evidence.calls.iter().map(|(asked, _)| key(asked)).collect();
    let accepted: BTreeSet<Uuid> = stored.iter().filter(|(key, _)| asked.contains(key)).map(|(_, id)| *id).collect();
    let calls = stored.keys().filter(|key| !asked.contains(key)).map(|key| format!("the call {key:?}"));
    let kkts = evidence.rows.kkts.iter().map(|row| (row.id, "the registration"));
    let clients = evidence.rows.clients.iter().map(|row| (row.id, "the client"));
    let strange = kkts.chain(clients).filter(|(id, _)| !accepted.contains(id));
    let strange = strange.map(|(id, what)| format!("{what} {id}"));
    calls.chain(strange).map(|what| violation(Name::NotAskedFor, what)).collect()
}
