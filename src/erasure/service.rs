//! What operators and periods do: erase a client, and look whether the records of that are as they were.

use super::key::{Key, PublicKey};
use super::obstacle::Obstacle;
use super::record::{Record, Verdict, verify};
use super::store::{self, Came, Order};
use crate::clock::{Clock, Ids};
use crate::storage::audit::{Act, Desk};
use crate::storage::crossing::erasure;
use crate::storage::{Db, StoreError};
use crate::values::{ClientId, Inn};

/// Why nothing was erased or verified.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Nothing signs the record.
    #[error("erasure.key is empty: `litebox-partner client erasure-key` makes one for the configuration")]
    NoKey,
    /// Nothing to verify with.
    #[error("give --public-key, or set erasure.key")]
    NoPublicKey,
    /// No client has this id.
    #[error("there is no such client")]
    NoClient,
    /// Something stands in the way: all of it.
    #[error("not erased: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    InTheWay(Vec<Obstacle>),
    /// Somebody was at work on it.
    #[error("it is being changed: repeat the command")]
    Changed,
    /// The database.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        if error == StoreError::Contention { Self::Changed } else { Self::Store(error) }
    }
}

/// An erasure that is done.
pub enum Done {
    /// Now.
    Now(Box<Record>),
    /// Before; its record, if it is still there.
    Before(Option<Box<Record>>),
}

/// A record, and what is found of it.
pub struct Verified {
    /// The record.
    pub record: Record,
    /// What is found of it.
    pub verdict: Verdict,
}

/// Erases and verifies.
#[derive(Clone)]
#[expect(missing_docs, reason = "each type says it")]
pub struct Erasures {
    pub db: Db,
    pub key: Option<Key>,
    pub clock: Clock,
    pub ids: Ids,
}

impl Erasures {
    /// Erases the personal data of a client and of its registrations. `removed`: whoever acts says that its LiteBox account
    /// has been removed. Once erased, it says so and does nothing.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    pub async fn erase(&self, client: ClientId, removed: bool, act: Act) -> Result<Done, Refused> {
        let order = Order {
            client,
            removed,
            key: self.key.clone().ok_or(Refused::NoKey)?,
            desk: Desk::new(self.clock.clone(), self.ids.clone(), act),
            id: self.ids.uuid_v7(&self.clock),
            at_ms: self.clock.now_ms(),
        };
        match store::erase(&self.db, order).await? {
            Came::Erased(record) => Ok(Done::Now(record)),
            Came::Before(record) => Ok(Done::Before(record)),
            Came::Refused(obstacles) => Err(Refused::InTheWay(obstacles)),
            Came::Missing => Err(Refused::NoClient),
        }
    }

    /// All records, the oldest first, verified with these public keys and that of the configured key.
    ///
    /// # Errors
    /// [`Refused::NoPublicKey`] without any key.
    pub async fn records(&self, mut keys: Vec<PublicKey>) -> Result<Vec<Verified>, Refused> {
        if keys.is_empty() {
            keys.extend(self.key.as_ref().map(Key::public));
        }
        if keys.is_empty() {
            return Err(Refused::NoPublicKey);
        }
        let records: Vec<Record> = erasure::all(&self.db).await?.into_iter().map(Record).collect();
        let verdicts = verify(&records, &keys);
        Ok(records.into_iter().zip(verdicts).map(|(record, verdict)| Verified { record, verdict }).collect())
    }

    /// Whether a record is about this tax number; `None` when it was made under another key than the configured one, which
    /// cannot tell.
    ///
    /// # Errors
    /// [`Refused::NoKey`]: the hash is keyed.
    pub fn is_about(&self, record: &Record, inn: &Inn) -> Result<Option<bool>, Refused> {
        let key = self.key.as_ref().ok_or(Refused::NoKey)?;
        let told = record.0.public_key == key.public().as_str();
        Ok(told.then(|| record.0.inn_hash == key.hash_of(inn)))
    }
}
