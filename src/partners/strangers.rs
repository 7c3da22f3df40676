//! Look-ups of keys that nobody has seen before. Anybody can make up such keys, and each costs the database a question: so
//! few run at once, few wait, and the rest are told to come back. Keys that let somebody in lately are not held up by them.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::Semaphore;

use super::token::KeyId;

/// Look-ups of strangers that run at once, out of the eight connections that a pool usually has.
const AT_ONCE: usize = 2;
/// Those that run or wait. More wait too long, and would take places of other calls meanwhile.
const IN_ALL: usize = 16;
/// For so long a key that let somebody in is no stranger.
const FRIEND: Duration = Duration::from_secs(3600);
/// Keys that are no strangers, at most.
const FRIENDS: u64 = 10_000;

/// Too many strangers ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowded;

/// Holds strangers up. Cheap to clone.
#[derive(Clone)]
pub struct Strangers {
    room: Arc<Semaphore>,
    desk: Arc<Semaphore>,
    friends: Cache<KeyId, ()>,
}

impl Strangers {
    /// Everybody is one.
    pub fn new() -> Self {
        let friends = Cache::builder().max_capacity(FRIENDS).time_to_live(FRIEND).build();
        Self { room: Arc::new(Semaphore::new(IN_ALL)), desk: Arc::new(Semaphore::new(AT_ONCE)), friends }
    }

    /// Makes the look-up of `key`: at once for a friend, in its turn for a stranger.
    ///
    /// # Errors
    /// [`Crowded`] when too many wait already.
    pub async fn hold<T>(&self, key: &KeyId, look_up: impl Future<Output = T>) -> Result<T, Crowded> {
        if self.friends.contains_key(key) {
            return Ok(look_up.await);
        }
        let _room = self.room.try_acquire().map_err(|_| Crowded)?;
        let _desk = self.desk.acquire().await.map_err(|_| Crowded)?;
        Ok(look_up.await)
    }

    /// This key let somebody in.
    pub async fn befriend(&self, key: &KeyId) {
        if !self.friends.contains_key(key) {
            self.friends.insert(key.clone(), ()).await;
        }
    }
}

impl Default for Strangers {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures::FutureExt;

    use super::*;
    use crate::clock::Ids;
    use crate::partners::token::{Mode, Token};

    fn key() -> KeyId {
        Token::issue(Mode::Test, &Ids::system()).key_id().clone()
    }

    #[tokio::test]
    async fn strangers_take_turns_and_never_hold_up_a_friend() {
        let (strangers, friend) = (Strangers::new(), key());
        strangers.befriend(&friend).await;
        let stranger = key();
        let mut waiting: Vec<_> = (0..IN_ALL).map(|_| Box::pin(strangers.hold(&stranger, pending::<()>()))).collect();
        assert!(waiting.iter_mut().all(|one| one.now_or_never().is_none()));
        assert_eq!(strangers.desk.available_permits(), 0);
        assert_eq!(strangers.hold(&key(), async { 1 }).await, Err(Crowded));
        assert_eq!(strangers.hold(&friend, async { 2 }).await, Ok(2));
        drop(waiting);
        assert_eq!(strangers.hold(&key(), async { 3 }).await, Ok(3));
    }
}
