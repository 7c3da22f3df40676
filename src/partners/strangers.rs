//! Look-ups of keys that nobody has seen before. Anybody can make up such keys, and each costs the database a question: so
//! few run at once, few wait, of one address fewer still, and the rest are told to come back. Keys that let somebody in lately
//! are not held up by them.

use std::net::IpAddr;
use std::time::Duration;

use moka::future::Cache;

use super::token::KeyId;
use super::turns::{Crowded, Room, Turns};

/// Two at once, out of the eight connections that a pool usually has. More than sixteen would wait too long, and take places
/// of other calls meanwhile.
const ROOM: Room = Room { at_once: 2, in_all: 16, share: 4 };
/// So long after it let somebody in last a key is no stranger.
const FRIEND: Duration = Duration::from_secs(3600);
/// Keys that are no strangers, at most.
pub const FRIENDS: u64 = 10_000;

/// Holds strangers up. Cheap to clone.
#[derive(Clone)]
pub(super) struct Strangers {
    turns: Turns<IpAddr>,
    friends: Cache<KeyId, ()>,
}

impl Strangers {
    /// Everybody is one.
    pub fn new() -> Self {
        let friends = Cache::builder().max_capacity(FRIENDS).time_to_idle(FRIEND).build();
        Self { turns: Turns::new(ROOM), friends }
    }

    /// Makes the look-up of `key`: at once for a friend, in its turn for a stranger.
    ///
    /// # Errors
    /// [`Crowded`] when too many wait already, or too many from this address.
    pub async fn hold<T>(
        &self,
        key: &KeyId,
        from: Option<IpAddr>,
        look_up: impl Future<Output = T>,
    ) -> Result<T, Crowded> {
        if self.knows(key) {
            return Ok(look_up.await);
        }
        self.turns.take(from, look_up).await
    }

    /// Whether this key is a friend's.
    pub fn knows(&self, key: &KeyId) -> bool {
        self.friends.contains_key(key)
    }

    /// The wait of a stranger, without a look-up.
    ///
    /// # Errors
    /// [`Crowded`], when a stranger's look-up would be.
    pub async fn wait(&self, from: Option<IpAddr>) -> Result<(), Crowded> {
        self.turns.take(from, async {}).await
    }

    /// This key let somebody in.
    pub async fn befriend(&self, key: &KeyId) {
        if self.friends.get(key).await.is_none() {
            self.friends.insert(key.clone(), ()).await;
        }
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
        let asked = (0..ROOM.in_all).map(|_| Box::pin(strangers.hold(&stranger, None, pending::<()>())));
        let mut waiting: Vec<_> = asked.collect();
        assert!(waiting.iter_mut().all(|one| one.now_or_never().is_none()));
        assert_eq!(strangers.hold(&key(), None, async { 1 }).await, Err(Crowded));
        assert_eq!(strangers.wait(None).await, Err(Crowded));
        assert_eq!(strangers.hold(&friend, None, async { 2 }).await, Ok(2));
        drop(waiting);
        assert_eq!(strangers.hold(&key(), None, async { 3 }).await, Ok(3));
    }
}
