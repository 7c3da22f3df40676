//! When nobody works, nothing is held; and no server has said that something is wrong with itself.

use super::{Evidence, Name, Violation, violation};

pub fn check(evidence: &Evidence) -> Vec<Violation> {
    let busy = evidence.rest.busy.iter().map(|what| violation(Name::LeaseHeld, what));
    let sessions = evidence.rest.sessions.iter().map(|what| violation(Name::InTransaction, what));
    let logged = evidence.logs.iter().flat_map(|log| log.lines()).filter(|line| is_error(line));
    let logged = logged.map(|line| violation(Name::ErrorLogged, line));
    busy.chain(sessions).chain(logged).collect()
}

/// An ERROR says that the server takes itself for broken. What the outside does wrong is a WARN.
fn is_error(line: &str) -> bool {
    line.contains("panicked at") || line.contains("\"level\":\"ERROR\"")
}
