//! Removes what its period has ended for. Any number of replicas may do it: each pass is short, bounded and harmless to repeat.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::config::RetentionConfig;
use super::service::{Done, Erasures, Refused};
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
}

/// Removes what is older than its period.
#[derive(Clone)]
pub struct Retention {
    erasures: Erasures,
    config: RetentionConfig,
}

impl Retention {
    /// With these periods; erasing is done and recorded by `erasures`.
    pub const fn new(erasures: Erasures, config: RetentionConfig) -> Self {
        Self { erasures, config }
    }

    /// Works until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            match self.pass().await {
                Ok(pass) if pass != Pass::default() => info!(?pass, "removed what its period has ended for"),
                Ok(_) => {}
                Err(error) => warn!(%error, "what its period has ended for is not removed"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// One pass.
    ///
    /// # Errors
    /// [`Refused`] when the database does not answer; what was removed stays removed.
    pub async fn pass(&self) -> Result<Pass, Refused> {
        let db = &self.erasures.db;
        let requests = match self.before(self.config.requests_days) {
            Some(before_ms) => erasure::drop_requests(db, before_ms, BATCH).await?,
            None => 0,
        };
        let documents = match self.before(self.config.documents_days) {
            Some(before_ms) => erasure::drop_documents(db, before_ms, BATCH).await?,
            None => 0,
        };
        Ok(Pass { requests, documents, clients: self.abandoned().await? })
    }

    async fn abandoned(&self) -> Result<u64, Refused> {
        let days = self.config.abandoned_days;
        let Some(before_ms) = self.before(days) else { return Ok(0) };
        let Ok(act) = Act::new("retention", &format!("ABANDONED for {days} days")) else { return Ok(0) };
        let mut erased = 0;
        for id in erasure::abandoned(&self.erasures.db, before_ms, CLIENTS).await? {
            match self.erasures.erase(ClientId::new(id), false, act.clone()).await {
                Ok(Done::Now(_)) => erased += 1,
                // Another replica was faster, or somebody is at work on it: the next pass looks again.
                Ok(Done::Before(_)) | Err(Refused::InTheWay(_) | Refused::Changed | Refused::NoClient) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(erased)
    }

    /// The instant before which a period of so many days has ended.
    fn before(&self, days: u32) -> Option<i64> {
        (days > 0).then(|| self.erasures.clock.now_ms() - i64::from(days) * DAY_MS)
    }
}
