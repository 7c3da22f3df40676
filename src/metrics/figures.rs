//! What the database tells, read from time to time and never by a scrape: with the database away the last figures stay, and
//! their age grows.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::clock::Clock;
use crate::gateways::Gateway;
use crate::kkt::guide::REPORT_IS_DUE;
use crate::kkt::model::WaitingFor;
use crate::kkt::state::Name;
use crate::storage::Db;
use crate::storage::crossing::operations::{self, Open, Operations};

/// The word for what is in no list: a state of a newer program.
pub(super) const OTHER: &str = "_OTHER";
/// Nobody is waited for: the service itself is at work.
pub(super) const NOBODY: &str = "NOBODY";

/// What stands in the database, in the words of closed lists.
#[derive(Clone)]
pub(super) struct Figures {
    /// By state and by who is waited for.
    pub open: HashMap<(&'static str, &'static str), Open>,
    /// Clients without a confirmed account.
    pub pending_clients: u64,
    /// The gateways that are stopped.
    pub stopped: Vec<Gateway>,
}

impl From<Operations> for Figures {
    fn from(told: Operations) -> Self {
        let mut open: HashMap<_, Open> = HashMap::new();
        for row in told.open {
            let state = Name::parse(&row.state).map_or(OTHER, Name::as_str);
            let waits =
                row.waiting_for.as_deref().map_or(Some(NOBODY), |who| WaitingFor::parse(who).map(WaitingFor::name));
            let sum = open.entry((state, waits.unwrap_or(OTHER))).or_default();
            *sum = sum.with(row.open);
        }
        Self { open, pending_clients: told.pending_clients, stopped: told.stopped }
    }
}

impl Figures {
    /// Reports that FNS should have by now.
    pub fn overdue(&self) -> u64 {
        self.open.values().map(|open| open.overdue).sum()
    }
}

/// What was read last.
#[derive(Clone)]
pub(super) struct Read {
    /// When; since the start of the process while nothing was read.
    pub at: Instant,
    /// Absent until the database has told something.
    pub figures: Option<Figures>,
}

/// Reads the figures from time to time.
pub(super) struct Follower {
    db: Db,
    clock: Clock,
    every: Duration,
    tell: watch::Sender<Read>,
}

impl Follower {
    /// Reads every so often.
    pub fn new(db: Db, clock: Clock, every: Duration) -> Self {
        let tell = watch::Sender::new(Read { at: Instant::now(), figures: None });
        Self { db, clock, every, tell }
    }

    /// What was read last.
    pub(super) fn last(&self) -> watch::Receiver<Read> {
        self.tell.subscribe()
    }

    /// Reads for ever.
    pub async fn run(self) {
        let mut away = false;
        loop {
            // As old as the question, not as the answer.
            let at = Instant::now();
            match operations::read(&self.db, &REPORT_IS_DUE, self.clock.now_ms()).await {
                Ok(told) => {
                    self.tell.send_replace(Read { at, figures: Some(told.into()) });
                    away = false;
                }
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(%error, "figures for operators cannot be read: the last ones stay");
                    }
                }
            }
            tokio::time::sleep(self.every).await;
        }
    }
}
