//! What must be so after a schedule: the ledger of the outside, the answers that people got and the database are held
//! against each other.

use std::collections::BTreeMap;

use litebox_partner::kkt::desk::Sent;
use litebox_partner::kkt::effects::{Command, Standing};
use litebox_partner::kkt::model::{Kkt, Step};
use litebox_partner::kkt::state::{Name, State};
use litebox_partner::kkt::store::Store;
use litebox_partner::storage::entity::request;
use litebox_partner::values::EffectId;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::legal::is_legal;
use super::people::Call;
use super::play::Played;
use crate::model::world::{Entry, Kind};

/// A promise that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which check found it.
    pub check: &'static str,
    pub what: String,
}

/// More generations of a step than any schedule starts.
const GENERATIONS: u32 = 24;

/// All that is not as promised.
pub async fn violations(played: &Played<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut breaks = |check: &'static str, what: Vec<String>| {
        found.extend(what.into_iter().map(|what| Violation { check, what }));
    };
    breaks("the outside saw a breach", played.world.lock().breaches.clone());
    let Some(kkt) = &played.kkt else {
        breaks("an order is lost", vec!["there is no registration".into()]);
        return found;
    };
    let ledger = Ledger::of(played, kkt);
    let commands = Store::new(played.stage.db.clone()).commands(played.stage.scope, kkt.id).await.unwrap();
    breaks("an order is carried out once", one_registration(played).await);
    breaks("an effect happens once", ledger.doubles(played));
    breaks("a command is sent once under its id", ledger.resent(played));
    breaks("a new id only after proof", ledger.unproven());
    breaks("what is stored happened", ledger.untrue(&played.history, &commands));
    breaks("the end has its effects", ledger.missing(kkt));
    breaks("the history hangs together", history(kkt, &played.history));
    breaks("what was acknowledged is stored", acknowledged(played, kkt).await);
    breaks("a repeat answers the same", repeated(played, kkt).await);
    breaks("an operator is asked only about what cannot be seen", operator(played));
    breaks("children belong to their parent's partner", played.stage.strays(kkt.id).await);
    breaks("every registration comes to an end", end(played, kkt));
    found
}

async fn one_registration(played: &Played<'_>) -> Vec<String> {
    let made = played.stage.made_by(played.people.order()).await.len();
    (made != 1).then(|| format!("{made} registrations")).into_iter().collect()
}

/// The ledger, with the ids of this registration told apart.
struct Ledger {
    entries: Vec<Entry>,
    /// Step and generation of each id that the registration could use.
    ids: BTreeMap<String, (&'static str, u32)>,
    /// A person made the report. Whether a task did that nobody knows of any more cannot be seen.
    by_hand: bool,
}

impl Ledger {
    fn of(played: &Played<'_>, kkt: &Kkt) -> Self {
        let id = |command: Command, generation| {
            EffectId::derive(played.stage.scope.partner(), kkt.request_id, command.name(), generation).to_string()
        };
        let all = Command::ALL.into_iter().flat_map(|command| (0..GENERATIONS).map(move |n| (command, n)));
        let ids = all.map(|(command, n)| (id(command, n), (command.name(), n))).collect();
        let world = played.world.lock();
        let by_tasks =
            world.ledger.iter().filter(|e| e.kind == Kind::Happened && e.step == Command::Burn.name()).count();
        let burns: usize = world.hubs.values().map(|hub| hub.burns() as usize).sum();
        Self { entries: world.ledger.clone(), ids, by_hand: burns > by_tasks }
    }

    fn count(&self, kind: Kind, effect: &str) -> usize {
        self.entries.iter().filter(|entry| entry.kind == kind && entry.effect == effect).count()
    }

    /// How an id stands at the receiver before the line of this number.
    fn standing(&self, effect: &str, before: usize) -> Option<Kind> {
        let past = self.entries[..before].iter().rev();
        past.filter(|entry| entry.effect == effect && entry.kind != Kind::Received).map(|entry| entry.kind).next()
    }

    /// Effects of a step beyond the one, and ids that are not of this registration.
    fn doubles(&self, played: &Played<'_>) -> Vec<String> {
        let mut happened: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.kind == Kind::Happened) {
            *happened.entry(entry.step).or_default() += 1;
        }
        let burns = played.world.lock().hubs.values().map(|hub| hub.burns() as usize).sum();
        happened.insert("BURN", happened.get("BURN").copied().unwrap_or(0).max(burns));
        let most = |step| if played.scenario.again.contains(step) { 2 } else { 1 };
        let strangers = self.entries.iter().filter(|entry| !self.ids.contains_key(&entry.effect));
        let doubles = happened.iter().filter(|(step, count)| **count > most(step));
        doubles
            .map(|(step, count)| format!("{step} happened {count} times"))
            .chain(strangers.map(|entry| format!("{} under an id of nobody", entry.step)))
            .collect()
    }

    /// FNS and the operator get every id at most once: what is unclear is asked. A hub may get it once more from everybody
    /// who slept over the first time.
    fn resent(&self, played: &Played<'_>) -> Vec<String> {
        let sleepers = played.fired.iter().filter(|(_, fault)| fault.sleeps()).count();
        let most = |step: &str| if step == Command::Burn.name() { 1 + sleepers } else { 1 };
        let received = self.ids.iter().map(|(id, (step, n))| (*step, *n, self.count(Kind::Received, id)));
        let resent = received.filter(|(step, _, count)| *count > most(step));
        resent.map(|(step, n, count)| format!("{step} {n} was received {count} times")).collect()
    }

    /// Commands under a new id whose former ones were neither refused nor void nor undone by then.
    fn unproven(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (line, entry) in self.entries.iter().enumerate().filter(|(_, entry)| entry.kind == Kind::Received) {
            let Some((step, generation)) = self.ids.get(&entry.effect) else { continue };
            let former = self.ids.iter().filter(|(_, (other, n))| other == step && n < generation);
            let open = former.filter(|(id, _)| {
                !matches!(self.standing(id, line), Some(Kind::Refused | Kind::Voided | Kind::Undone))
            });
            found.extend(open.map(|(_, (_, n))| format!("{step} {generation} was sent while {n} was open")));
        }
        found
    }

    /// Lines of the history and outcomes in the database that the receivers do not know.
    fn untrue(&self, history: &[Step], commands: &[Sent]) -> Vec<String> {
        let happened = |id: &str| self.count(Kind::Happened, id) > 0 || self.by_hand;
        let claims = ["CODE_RESERVED", "FILED", "CONNECTED", "BURNT", "REPORT_FILED"];
        let told = history.iter().filter(|step| claims.contains(&step.detail.as_str()) && stands(commands, step));
        let lines = told.filter_map(|step| Some((step, step.effect?.to_string())));
        let invented = lines.filter(|(_, id)| !happened(id)).map(|(step, _)| format!("{} did not happen", step.detail));
        let wrong = commands.iter().filter(|sent| !self.agrees(sent));
        let wrong = wrong.map(|sent| format!("{} {} is {:?}", sent.step, sent.effect.generation, sent.effect.standing));
        invented.chain(wrong).collect()
    }

    /// What is known of a command here is what its receiver knows.
    fn agrees(&self, sent: &Sent) -> bool {
        let id = sent.effect.id.to_string();
        let there = self.standing(&id, self.entries.len());
        match sent.effect.standing {
            Standing::Intended => sent.command == Some(Command::Burn),
            Standing::Unsent => there.is_none(),
            // What was taken back later, or refused after review, has been done all the same.
            Standing::Done => self.count(Kind::Happened, &id) > 0 || self.by_hand && there.is_none(),
            Standing::Refused | Standing::Void => !matches!(there, None | Some(Kind::Happened)),
        }
    }

    /// Effects that the state says happened and that did not.
    fn missing(&self, kkt: &Kkt) -> Vec<String> {
        let State::Registered { .. } = kkt.state else { return Vec::new() };
        let connected = kkt.spec.ofd.is_some();
        let needed = [
            ("SUBMIT_APPLICATION", true),
            ("SUBMIT_REPORT", true),
            ("RESERVE_CODE", connected),
            ("CONNECT", connected),
        ];
        let there = |step| self.entries.iter().any(|entry| entry.kind == Kind::Happened && entry.step == step);
        let missing = needed.iter().filter(|(step, needed)| *needed && !there(*step));
        missing.map(|(step, _)| format!("{step} never happened")).collect()
    }
}

/// The line says that its effect is the cause: an effect that was refused is only what the line ended.
fn stands(commands: &[Sent], line: &Step) -> bool {
    let refused = commands.iter().find(|sent| Some(sent.effect.id) == line.effect);
    refused.is_none_or(|sent| sent.effect.standing != Standing::Refused)
}

/// Revisions from 1 without a gap, each line from where the one before led to, by a move that the machine knows.
fn history(kkt: &Kkt, lines: &[Step]) -> Vec<String> {
    let mut found = Vec::new();
    if !lines.iter().map(|line| line.revision).eq(1..=kkt.revision) {
        found.push(format!("the history has a gap before revision {}", kkt.revision));
    }
    if lines.last().is_none_or(|line| line.to != kkt.state.name()) {
        found.push(format!("the history does not lead to {:?}", kkt.state.name()));
    }
    let mut before = None;
    for line in lines {
        if line.from != before {
            found.push(format!("line {} goes on from {:?} after {before:?}", line.revision, line.from));
        }
        if line.from.is_some_and(|from| !is_legal(from, line.to)) {
            found.push(format!("line {} leads from {:?} to {:?}", line.revision, line.from, line.to));
        }
        before = Some(line.to);
    }
    found
}

/// Each acknowledged call stands under its request id, and in the history once.
async fn acknowledged(played: &Played<'_>, kkt: &Kkt) -> Vec<String> {
    let (mut found, mut expected) = (Vec::new(), BTreeMap::<&str, usize>::new());
    for call in &played.people.calls {
        let stored = stored(played, call).await;
        *expected.entry(call.line()).or_default() += usize::from(stored.is_some());
        found.extend(unkept(call, stored, kkt).map(|what| format!("{}: {what}", call.what())));
    }
    for (line, count) in expected {
        let lines = played.history.iter().filter(|step| step.detail == line && step.actor == "partner").count();
        if lines != count {
            found.push(format!("{line} stands {lines} times in the history, for {count} calls"));
        }
    }
    found
}

/// What the request id of a call stands for.
async fn stored(played: &Played<'_>, call: &Call) -> Option<Uuid> {
    let key = request::Column::RequestId.eq(call.request_id().uuid()).and(request::Column::Method.eq(call.what()));
    let row = request::Entity::find().filter(key).one(played.stage.db.direct()).await.unwrap();
    row.map(|row| row.resource_id)
}

/// What of an answer is not so.
fn unkept(call: &Call, stored: Option<Uuid>, kkt: &Kkt) -> impl Iterator<Item = &'static str> {
    let answers = call.acknowledged();
    let unknown = answers.iter().any(|answer| answer.id != kkt.id || answer.revision > kkt.revision);
    let undone = call.line() == "CANCELLED" && !answers.is_empty() && kkt.state.name() != Name::Cancelled;
    [
        (unknown, "answered what is not there"),
        (stored.is_none() && !answers.is_empty(), "was acknowledged and is not stored"),
        (stored.is_some_and(|id| id != kkt.id.uuid()), "stands for something else"),
        (undone, "was acknowledged, and the registration goes on"),
    ]
    .into_iter()
    .filter_map(|(so, what)| so.then_some(what))
}

/// A call that was acknowledged answers the same registration once more, and changes nothing.
async fn repeated(played: &Played<'_>, kkt: &Kkt) -> Vec<String> {
    let mut found = Vec::new();
    for call in played.people.calls.iter().filter(|call| !call.acknowledged().is_empty()) {
        call.send(played.quiet_service(), played.stage.scope).await;
        let last = call.answers().pop();
        if !matches!(&last, Some(Ok(again)) if again.id == kkt.id && again.revision == kkt.revision) {
            found.push(format!("{} again: {:?}", call.what(), last.map(|answer| answer.map(|kkt| kkt.revision))));
        }
    }
    found
}

fn operator(played: &Played<'_>) -> Vec<String> {
    // When an outer system does not answer three times in a row, nobody can see anything.
    let allowed = |reason: &str| played.scenario.operator.contains(&reason) || reason == "TAXPAYERS_UNAVAILABLE";
    played.operator.iter().filter(|reason| !allowed(reason)).cloned().collect()
}

fn end(played: &Played<'_>, kkt: &Kkt) -> Vec<String> {
    let name = kkt.state.name();
    if played.quiet && played.scenario.ends.contains(&name) {
        return Vec::new();
    }
    vec![format!("{name:?}, waiting for {:?}: {:?}", kkt.waiting_for(), kkt.block)]
}
