//! Work that anybody may ask for: a few pieces at once, while some wait for their turn, and each asker has a share of those.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

/// How many may ask.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Worked on at once.
    pub at_once: usize,
    /// Worked on or waiting.
    pub in_all: usize,
    /// Of those, one asker's.
    pub share: usize,
}

/// Too many ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crowded;

/// The turns. Cheap to clone.
#[derive(Clone)]
pub(super) struct Turns<K> {
    room: Arc<Semaphore>,
    desk: Arc<Semaphore>,
    share: usize,
    askers: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Clone + Eq + Hash> Turns<K> {
    /// Nobody asks yet.
    pub fn new(Room { at_once, in_all, share }: Room) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { room: places(in_all), desk: places(at_once), share, askers: Arc::default() }
    }

    /// Does the work when its turn comes. Without an asker it is nobody's share.
    ///
    /// # Errors
    /// [`Crowded`] when too many wait already, or too many of this asker's.
    pub async fn take<T>(&self, who: Option<K>, work: impl Future<Output = T>) -> Result<T, Crowded> {
        let _share = who.map(|who| self.share(who)).transpose()?;
        let _room = self.room.try_acquire().map_err(|_| Crowded)?;
        let _desk = self.desk.acquire().await.map_err(|_| Crowded)?;
        Ok(work.await)
    }

    fn share(&self, who: K) -> Result<Share<'_, K>, Crowded> {
        let mut askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
        let has = askers.get(&who).copied().unwrap_or(0);
        if has >= self.share {
            return Err(Crowded);
        }
        askers.insert(who.clone(), has + 1);
        Ok(Share { turns: self, who })
    }
}

/// One of an asker's, until it is dropped.
struct Share<'a, K: Eq + Hash> {
    turns: &'a Turns<K>,
    who: K,
}

impl<K: Eq + Hash> Drop for Share<'_, K> {
    fn drop(&mut self) {
        let mut askers = self.turns.askers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(has) = askers.get_mut(&self.who) {
            *has -= 1;
            if *has == 0 {
                // Nobody is remembered who has gone.
                askers.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn some_work_others_wait_and_nobody_takes_the_share_of_others() {
        let turns = Turns::new(Room { at_once: 1, in_all: 3, share: 2 });
        let mut greedy: Vec<_> = (0..2).map(|_| Box::pin(turns.take(Some(1), pending::<()>()))).collect();
        assert!(greedy.iter_mut().all(|one| one.now_or_never().is_none()));
        assert_eq!(turns.take(Some(1), async {}).await, Err(Crowded));
        let mut other = Box::pin(turns.take(Some(2), async { 7 }));
        assert_eq!((&mut other).now_or_never(), None, "it waits");
        assert_eq!(turns.take(None, async {}).await, Err(Crowded), "a fourth of all");
        drop(greedy);
        assert_eq!(other.await, Ok(7));
        assert!(turns.askers.lock().unwrap().is_empty(), "nobody is remembered who has gone");
    }
}
