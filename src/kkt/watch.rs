//! Following changes: every change is told at least once, in the order in which they happened, across restarts and
//! replicas.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::service::Service;
use super::view::View;
use crate::failure::{Failure, Violation};
use crate::page::Question;
use crate::values::{KktId, PartnerScope};

const WATCH: &str = "/litebox.kkt.v1.KktService/Watch";
/// A change gets its time before its transaction ends, so a later look may find an earlier time: longer than any
/// transaction lives.
const OVERLAP_MS: i64 = 5_000;
/// New changes that one look brings at most.
const BATCH: u64 = 200;

/// Where a stream stands.
pub struct Watch {
    service: Service,
    scope: PartnerScope,
    /// Empty for all of the partner.
    ids: Vec<KktId>,
    /// What the first look brings before any change.
    first: Vec<View>,
    /// Looks begin here; the database's clock.
    since_ms: i64,
    /// What has been told of changes since then: revision, and time of the change.
    told: HashMap<KktId, (i64, i64)>,
}

/// A registration that the stream tells.
pub struct News {
    /// As it is now.
    pub kkt: View,
    /// Where to go on once it has been told.
    pub then: Position,
}

/// Where a later stream goes on; travels inside a resume token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// By the database's clock; absent while not all of the first look has been told: the stream begins anew.
    since_ms: Option<i64>,
}

impl Service {
    /// Follows the registrations `ids`, or all of the partner. Without `resume` the first look brings each of `ids` as it
    /// is now; with the token of an earlier stream over the same ids it brings what has changed since. A change close to
    /// the token may come again.
    ///
    /// # Errors
    /// `NotFound` when one of `ids` is not the partner's; `Validation` for a token of another question.
    pub async fn watch(&self, scope: PartnerScope, ids: Vec<KktId>, resume: Option<&str>) -> Result<Watch, Failure> {
        let now_ms = self.store.now_ms().await?;
        let mut first = Vec::new();
        for id in &ids {
            first.push(self.store.seen(scope, *id).await?.ok_or(Failure::NotFound { what: "kkt" })?);
        }
        let filter = filter(&ids)?;
        let question = Question { scope, method: WATCH, filter: &filter };
        let open = |token| self.pages.open::<Position>(&question, token).map_err(|_| bad_token());
        let since_ms = match resume.map(open).transpose()?.and_then(|position| position.since_ms) {
            None => now_ms - OVERLAP_MS,
            Some(since_ms) => {
                first.clear();
                since_ms
            }
        };
        let told = first.iter().map(|kkt| (kkt.id, (kkt.revision, now_ms))).collect();
        Ok(Watch { service: self.clone(), scope, ids, first, since_ms, told })
    }
}

impl Watch {
    /// What has changed since the last look; empty when nothing has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn look(&mut self) -> Result<Vec<News>, Failure> {
        let mut news = self.first();
        // What was told already is read again as long as it lies within the overlap, so it must not use up the batch.
        let limit = BATCH + self.told.len() as u64;
        for (changed_ms, kkt) in self.service.store.changed(self.scope, &self.ids, self.since_ms, limit).await? {
            self.since_ms = self.since_ms.max(changed_ms - OVERLAP_MS);
            if self.told.get(&kkt.id).is_none_or(|(revision, _)| *revision < kkt.revision) {
                self.told.insert(kkt.id, (kkt.revision, changed_ms));
                news.push(News { kkt, then: self.position() });
            }
        }
        self.told.retain(|_, (_, changed_ms)| *changed_ms >= self.since_ms);
        Ok(news)
    }

    /// The registrations asked for, as they were when the stream began. Only the last of them is a place to go on from.
    fn first(&mut self) -> Vec<News> {
        let all = std::mem::take(&mut self.first);
        let last = all.len().saturating_sub(1);
        let then = |at| if at == last { self.position() } else { Position { since_ms: None } };
        all.into_iter().enumerate().map(|(at, kkt)| News { kkt, then: then(at) }).collect()
    }

    /// Where to go on when everything that [`Self::look`] has brought has been told.
    pub const fn position(&self) -> Position {
        Position { since_ms: Some(self.since_ms) }
    }

    /// The token of a position.
    ///
    /// # Errors
    /// `Internal` when it cannot be written.
    pub fn token(&self, position: Position) -> Result<String, Failure> {
        let filter = filter(&self.ids)?;
        let question = Question { scope: self.scope, method: WATCH, filter: &filter };
        let sealed = self.service.pages.seal(&question, &position);
        sealed.map_err(|_| Failure::Internal { detail: "a resume token cannot be written".into() })
    }
}

/// The ids in a stable order: the token belongs to the set.
fn filter(ids: &[KktId]) -> Result<Vec<u8>, Failure> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    serde_json::to_vec(&ids).map_err(|_| Failure::Internal { detail: "ids cannot be written as JSON".into() })
}

fn bad_token() -> Failure {
    Failure::Validation(vec![Violation {
        field: "resume_token".into(),
        reason: "RESUME_TOKEN_INVALID",
        text: "must be the resume_token of a stream over the same registrations".into(),
        russian: "Передайте resume_token прежнего потока по тем же регистрациям или начните без него".into(),
    }])
}
