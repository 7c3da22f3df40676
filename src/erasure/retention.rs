//! Removes what its period has ended for. Any number of replicas may do it: each pass is short, bounded and harmless to repeat.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::config::RetentionConfig;
use super::service::{Done, Erasures, Refused};
use crate::storage::StoreError;
use crate::storage::audit::Act;
use crate::storage::crossing::erasure;
use crate::values::ClientId;

/// Most rows of a kind in one pass, so that no statement takes long.
const BATCH: u64 = 500;
/// Clients in one pass: each is a transaction of its own.
const CLIENTS: u64 = 20;
const PAUSE: Duration = Duration::from_secs(60);
const DAY_MS: i64 = 24 * 60 * 60_000;

/// What one pass removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pass {
    /// Request ids.
    pub requests: u64,
    /// Documents.
    pub documents: u64,
    /// Abandoned clients that were erased.
    pub clients: u64,
    /// Of these three kinds, those of which something is not removed that should be; the log tells why.
    pub failed: u64,
}

/// What a pass has come to with one kind.
#[derive(Default)]
struct Removed {
    count: u64,
    /// The first of those that there were.
    error: Option<Refused>,
}

impl From<Result<u64, StoreError>> for Removed {
    fn from(done: Result<u64, StoreError>) -> Self {
        match done {
            Ok(count) => Self { count, error: None },
            Err(error) => Self { count: 0, error: Some(error.into()) },
        }
    }
}

impl Removed {
    /// Logs what went wrong, if anything did.
    fn told(&self, kind: &str) -> bool {
        if let Some(error) = &self.error {
            warn!(%error, kind, "what its period has ended for is not removed");
        }
        self.error.is_some()
    }
}

/// Removes what is older than its period.
#[derive(Clone)]
pub struct Retention {
    erasures: Erasures,
    config: RetentionConfig,
    /// The last abandoned client that was tried; `None` at the beginning.
    tried: Arc<Mutex<Option<erasure::Place>>>,
}

impl Retention {
    /// With these periods; erasing is done and recorded by `erasures`.
    pub fn new(erasures: Erasures, config: RetentionConfig) -> Self {
        Self { erasures, config, tried: Arc::default() }
    }

    /// Works until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            let pass = self.pass(&stop).await;
            if pass != (Pass { failed: pass.failed, ..Pass::default() }) {
                info!(?pass, "removed what its period has ended for");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// One pass: each kind is tried, whatever became of the others, and one that fails is logged once. After `stop` no more clients
    /// are begun.
    pub async fn pass(&self, stop: &CancellationToken) -> Pass {
        let kinds = [
            ("requests", self.requests().await),
            ("documents", self.documents().await),
            ("clients", self.abandoned(stop).await),
        ];
        let failed = kinds.iter().filter(|(kind, removed)| removed.told(kind)).count() as u64;
        let [requests, documents, clients] = kinds.map(|(_, removed)| removed.count);
        Pass { requests, documents, clients, failed }
    }

    async fn requests(&self) -> Removed {
        let Some(before_ms) = self.before(self.config.requests_days) else { return Removed::default() };
        erasure::drop_requests(&self.erasures.db, before_ms, BATCH).await.into()
    }

    async fn documents(&self) -> Removed {
        let Some(before_ms) = self.before(self.config.documents_days) else { return Removed::default() };
        erasure::drop_documents(&self.erasures.db, before_ms, BATCH).await.into()
    }

    /// Clients that cannot be erased keep no other one: the next pass goes on behind them, and behind the last one from the
    /// beginning.
    async fn abandoned(&self, stop: &CancellationToken) -> Removed {
        let (mut removed, days) = (Removed::default(), self.config.abandoned_days);
        let Some(before_ms) = self.before(days) else { return removed };
        let Ok(act) = Act::new("retention", &format!("ABANDONED for {days} days")) else { return removed };
        let tried = *self.tried();
        let found = match erasure::abandoned(&self.erasures.db, before_ms, tried, CLIENTS).await {
            Ok(found) => found,
            Err(error) => return Removed { error: Some(error.into()), ..removed },
        };
        *self.tried() = found.last().filter(|_| found.len() as u64 == CLIENTS).copied();
        for (_, id) in found.into_iter().take_while(|_| !stop.is_cancelled()) {
            match self.erasures.erase(ClientId::new(id), false, act.clone()).await {
                Ok(Done::Now(_)) => removed.count += 1,
                // Another replica was faster, or somebody is at work on it: the next pass looks again.
                Ok(Done::Before(_)) | Err(Refused::InTheWay(_) | Refused::Changed | Refused::NoClient) => {}
                Err(other) => removed.error = removed.error.or(Some(other)),
            }
        }
        removed
    }

    fn tried(&self) -> MutexGuard<'_, Option<erasure::Place>> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The instant before which a period of so many days has ended.
    fn before(&self, days: u32) -> Option<i64> {
        (days > 0).then(|| self.erasures.clock.now_ms() - i64::from(days) * DAY_MS)
    }
}
