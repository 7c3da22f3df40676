//! Why a registration hangs, in plain sentences. Pure.

use super::blocks;
use super::service::Case;
use crate::clock::from_ms;
use crate::kkt::desk::Sent;
use crate::kkt::effects::Standing;
use crate::kkt::guide;
use crate::kkt::model::Kkt;
use crate::kkt::state::Name;

/// All that is to be said about a registration, one sentence or two a line.
pub fn explain(case: &Case) -> Vec<String> {
    let mut lines = vec![what(case), state(case)];
    lines.extend(block(case));
    lines.extend(attempts(case));
    lines.extend(case.sent.iter().filter_map(command));
    lines.extend(stopped(case));
    lines.extend(overdue(case));
    lines.push(next(case));
    lines.push(exits(case));
    lines
}

fn what(case: &Case) -> String {
    let (kkt, register) = (case.kkt(), &case.kkt().facts.register);
    let rnm = kkt.rnm().map_or_else(|| "none yet".to_owned(), ToString::to_string);
    format!(
        "Registration {} of {}: {} {}, FN {}, RNM {rnm}.",
        kkt.id, case.partner, register.model, register.serial, register.fn_serial
    )
}

fn state(case: &Case) -> String {
    let kkt = case.kkt();
    let (name, since) = (kkt.state.name(), kkt.since_ms);
    format!("{} since {} ({}): {}", name.as_str(), at(since), lasted(case.now_ms - since), meaning(name))
}

/// What a state means to somebody who has never seen one.
pub const fn meaning(state: Name) -> &'static str {
    match state {
        Name::Reserving => "the activation code of the OFD is being held; nothing has been filed.",
        Name::Submitting => "the application is being filed with FNS.",
        Name::AwaitingRnm => "FNS examines the application; its registration number is awaited.",
        Name::ConnectingOfd => "the register is being connected to its OFD.",
        Name::ReadyToFiscalize => "everything is ready; the partner has to call Fiscalize.",
        Name::Fiscalizing => "the register is to write the registration report into its fiscal drive.",
        Name::Reporting => "the drive is burnt; the report is being filed with FNS.",
        Name::AwaitingCard => "FNS has the report and makes the registration card.",
        Name::Registered => "done; there is nothing to wait for.",
        Name::Rejected => "FNS refused the application; the partner starts anew with corrected data.",
        Name::Cancelled => "given up by the partner, or ended by support: the history says by whom.",
    }
}

fn block(case: &Case) -> Vec<String> {
    let Some(block) = &case.kkt().block else { return Vec::new() };
    let head = format!("Blocked: {}, waiting for {}.", block.reason, block.waiting_for.name());
    let mut lines = vec![match blocks::find(&block.reason) {
        Some(note) => format!("{head} {}", note.meaning),
        None => format!("{head} This program does not know the reason; a newer one does."),
    }];
    lines.push(format!("The partner is told: {}", block.advice));
    lines.extend(blocks::find(&block.reason).map(|note| format!("To do: {}", note.todo)));
    lines
}

fn attempts(case: &Case) -> Option<String> {
    let (tried, failed) = (case.found.attempts, case.found.failures);
    let failures = match failed {
        0 => String::new(),
        n => format!(", the last {n} without an answer"),
    };
    (tried > 0).then(|| format!("Tried {} in this state{failures}.", times(tried)))
}

/// Only what is unclear is worth a line; the rest is in `kkt show`.
fn command(sent: &Sent) -> Option<String> {
    let unclear = match sent.effect.standing {
        Standing::Intended => {
            "may have been carried out: the receiver is asked under this id before anything else, and it is never sent \
             under another id until that is known"
        }
        Standing::Unsent => "certainly did not get through: it is sent again under the same id",
        Standing::Done | Standing::Refused | Standing::Void => return None,
    };
    let when = at(sent.created_ms);
    Some(format!("Command {} {}, of {when}, {unclear}.", sent.step, sent.effect.id))
}

fn stopped(case: &Case) -> Vec<String> {
    let line = |stop: &crate::storage::switches::Stop| {
        format!("Gateway {} is stopped since {} by {}: {}.", stop.gateway, at(stop.since_ms), stop.actor, stop.reason)
    };
    let open = !case.kkt().state.is_final();
    case.stops.iter().filter(|_| open).map(line).collect()
}

fn overdue(case: &Case) -> Option<String> {
    let late = guide::overdue(&case.kkt().state, case.now_ms);
    let by = case.kkt().state.numbers().map(|n| n.report_by_ms).filter(|_| late)?;
    Some(format!("Overdue: the report should have been filed by {}. That cancels nothing.", at(by)))
}

fn next(case: &Case) -> String {
    let kkt = case.kkt();
    if case.found.lease_until_ms > case.now_ms {
        return format!("Next: a worker is at it now, until {} at the latest.", at(case.found.lease_until_ms));
    }
    match kkt.next_attempt_ms {
        Some(due) if due <= case.now_ms => "Next: it is due; the next free worker takes it.".to_owned(),
        Some(due) => format!("Next: by itself at {}.", at(due)),
        None if kkt.state.is_final() => "Next: nothing, it has ended.".to_owned(),
        None => "Next: nothing by itself; somebody has to act.".to_owned(),
    }
}

fn exits(case: &Case) -> String {
    let kkt = case.kkt();
    let resolve = outcomes(kkt.state.name()).map(|outcomes| format!("`kkt resolve {} --outcome {outcomes}`", kkt.id));
    let retry = (!kkt.state.is_final()).then(|| format!("`kkt retry {}`", kkt.id));
    let doubt = kkt.state.holds_drive() && kkt.state.is_final();
    let seen = if doubt { " --drive-is-unburnt` (look at the drive first)" } else { "`" };
    let release = holds_something(kkt).then(|| format!("`kkt release {}{seen}", kkt.id));
    let papers = (case.documents > 0).then(|| format!("`kkt documents {}` ({} kept)", kkt.id, case.documents));
    let all: Vec<String> = [retry, resolve, release, papers].into_iter().flatten().collect();
    if all.is_empty() { "Commands: none would help.".to_owned() } else { format!("Commands: {}.", all.join("; ")) }
}

/// An ended registration that has not let go of everything.
pub fn holds_something(kkt: &Kkt) -> bool {
    kkt.state.is_final() && super::findings::released(kkt, true).is_ok()
}

/// The outcomes that `kkt resolve` takes in a state.
pub const fn outcomes(state: Name) -> Option<&'static str> {
    Some(match state {
        Name::Reserving => "reserved",
        Name::Submitting => "filed|rejected",
        Name::AwaitingRnm => "rnm|rejected",
        Name::ConnectingOfd => "connected|reserved",
        Name::ReadyToFiscalize => "burnt",
        Name::Fiscalizing => "burnt|not-burnt",
        Name::Reporting => "report-filed|not-burnt",
        Name::AwaitingCard => "card|not-burnt",
        Name::Registered | Name::Rejected | Name::Cancelled => return None,
    })
}

fn times(n: i32) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}

fn at(ms: i64) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    from_ms(ms).format(format).unwrap_or_default()
}

fn lasted(ms: i64) -> String {
    let minutes = ms.max(0) / 60_000;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, m) => format!("{m} min"),
        (0, h, m) => format!("{h} h {m} min"),
        (d, h, _) => format!("{d} d {h} h"),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::states as samples;
