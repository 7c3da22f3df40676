//! Whether calls can be served: looked at from time to time, told to health, and steady.

use std::time::Duration;

use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::storage::Db;

/// The section `health`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct HealthConfig {
    pub probe_ms: u64,
    pub failures: u32,
    pub successes: u32,
}

/// Readiness that does not flutter: one look that fails among good ones changes nothing. The first good look is believed,
/// so that a start takes no longer than it must.
#[derive(Debug)]
pub struct Steady {
    config: HealthConfig,
    ready: bool,
    begun: bool,
    /// Looks in a row that say otherwise.
    against: u32,
}

impl Steady {
    /// Not ready.
    pub const fn new(config: HealthConfig) -> Self {
        Self { config, ready: false, begun: false, against: 0 }
    }

    /// Whether it is ready after one more look.
    pub const fn after(&mut self, looked: bool) -> bool {
        self.against = if looked == self.ready { 0 } else { self.against.saturating_add(1) };
        let enough = if self.ready { self.config.failures } else { self.config.successes };
        if self.against >= enough || (looked && !self.begun) {
            (self.ready, self.against) = (looked, 0);
        }
        self.begun = self.begun || looked;
        self.ready
    }
}

/// Tells whether calls can be served, until `stop`: the database answers and its schema fits.
pub async fn probe(db: Db, config: HealthConfig, tell: watch::Sender<bool>, stop: CancellationToken) {
    let mut steady = Steady::new(config);
    let every = Duration::from_millis(config.probe_ms);
    loop {
        let looked = tokio::select! {
            // A look that takes its time does not put it off that callers are told to go elsewhere.
            biased;
            () = stop.cancelled() => break,
            serves = serves(&db) => serves,
        };
        let ready = steady.after(looked);
        let changed = tell.send_if_modified(|now| std::mem::replace(now, ready) != ready);
        match ready {
            _ if !changed => {}
            true => tracing::info!("ready"),
            false => tracing::warn!("not ready: the database does not answer, or its schema does not fit"),
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(every) => {}
        }
    }
    tell.send_replace(false);
    // Kept: without a sender nobody could tell draining from gone.
    std::future::pending::<()>().await;
}

/// Single statements and units of work have connections of their own: both must get through.
async fn serves(db: &Db) -> bool {
    matches!(db.schema().await, Ok(schema) if schema.serves()) && db.ping().await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_goes_and_comes_after_several_looks_and_comes_first_after_one() {
        let config = HealthConfig { probe_ms: 1000, failures: 3, successes: 2 };
        for (looks, expected) in [
            ("+", "R"),
            ("--+-", "..RR"),
            ("+--+--+", "RRRRRRR"),
            ("+---", "RRR."),
            ("+---+", "RRR.."),
            ("+---++", "RRR..R"),
            ("+---+-++", "RRR....R"),
            ("+---++--+---", "RRR..RRRRRR."),
        ] {
            let mut steady = Steady::new(config);
            let seen: String = looks.chars().map(|look| if steady.after(look == '+') { 'R' } else { '.' }).collect();
            assert_eq!(seen, expected, "{looks}");
        }
    }
}
