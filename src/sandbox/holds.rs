//! Calls that a rule has parked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::{oneshot, watch};

use super::faults::Point;
use super::ledger::Facts;

/// A parked call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// Id, for releasing it alone.
    pub id: u64,
    /// `protocol.Operation`.
    pub operation: String,
    /// Where it is parked.
    pub point: Point,
    /// Effect id of the command, when it has one.
    pub effect_id: Option<String>,
    /// Facts of the call.
    pub facts: Facts,
}

/// All parked calls of one sandbox.
#[derive(Default)]
pub struct Holds {
    parked: Mutex<Parked>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Parked {
    last: u64,
    calls: BTreeMap<u64, (Hold, oneshot::Sender<()>)>,
}

/// Takes the call off the list, also when its future is dropped.
struct Leave {
    holds: Arc<Holds>,
    id: u64,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.holds.parked().calls.remove(&self.id);
        self.holds.changes.send_modify(|n| *n += 1);
    }
}

impl Holds {
    fn parked(&self) -> MutexGuard<'_, Parked> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Parks the call until it is released.
    pub async fn park(self: &Arc<Self>, operation: &str, point: Point, effect_id: Option<&str>, facts: &Facts) {
        let (release, released) = oneshot::channel();
        let id = {
            let mut parked = self.parked();
            parked.last += 1;
            let id = parked.last;
            let (operation, effect_id) = (operation.to_owned(), effect_id.map(str::to_owned));
            parked.calls.insert(id, (Hold { id, operation, point, effect_id, facts: facts.clone() }, release));
            id
        };
        let _leave = Leave { holds: self.clone(), id };
        self.changes.send_modify(|n| *n += 1);
        // An error means that the list is gone, and the sandbox with it.
        let _ = released.await;
    }

    /// The parked calls, oldest first.
    pub fn list(&self) -> Vec<Hold> {
        self.parked().calls.values().map(|(hold, _)| hold.clone()).collect()
    }

    /// Lets one call go on, or all; tells how many.
    pub fn release(&self, id: Option<u64>) -> usize {
        let mut parked = self.parked();
        let ids: Vec<u64> = parked.calls.keys().copied().filter(|at| id.is_none_or(|id| id == *at)).collect();
        let released = ids.iter().filter_map(|id| parked.calls.remove(id)).map(|(_, call)| call.send(()));
        released.count()
    }

    /// Waits until the parked calls fulfil a condition. Woken by each change; no polling.
    pub async fn wait_until(&self, mut fulfilled: impl FnMut(&[Hold]) -> bool) {
        let mut news = self.changes.subscribe();
        while !fulfilled(&self.list()) {
            if news.changed().await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_parked_call_is_listed_until_released() {
        let holds = Arc::new(Holds::default());
        let parked = tokio::spawn({
            let holds = holds.clone();
            async move { holds.park("fns.SubmitApplication", Point::AfterEffect, Some("e"), &Facts::new()).await }
        });
        holds.wait_until(|h| h.len() == 1).await;
        assert_eq!(holds.list()[0].effect_id.as_deref(), Some("e"));
        assert_eq!(holds.release(None), 1);
        parked.await.unwrap();
        assert!(holds.list().is_empty());
    }

    #[tokio::test]
    async fn a_call_whose_future_is_dropped_leaves_the_list() {
        let holds = Arc::new(Holds::default());
        let parked = tokio::spawn({
            let holds = holds.clone();
            async move { holds.park("a.b", Point::BeforeReceipt, None, &Facts::new()).await }
        });
        holds.wait_until(|h| h.len() == 1).await;
        parked.abort();
        holds.wait_until(<[Hold]>::is_empty).await;
    }
}
