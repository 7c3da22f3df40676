//! Whose a connection is on which somebody has shown a good credential: so many of each. One too many ends the one whose last
//! call is longest ago, so that whoever opens many ends its own and keeps nobody else out.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::rarely::{Turned, Why};
use crate::partners::model::Holder;

/// The connections of all holders. Cheap to clone.
#[derive(Clone)]
pub struct Holders(Arc<Inner>);

struct Inner {
    most: usize,
    turned: Arc<Turned>,
    standing: Mutex<Standing>,
}

#[derive(Default)]
struct Standing {
    /// Of each holder the one first whose last call is longest ago.
    of: HashMap<Holder, BTreeMap<u64, CancellationToken>>,
    next: u64,
}

/// One connection, until it is gone.
pub struct Held {
    all: Arc<Inner>,
    end: CancellationToken,
    now: Mutex<Option<(Holder, u64)>>,
}

impl Holders {
    /// At most so many of each; what is ended is counted in `turned`.
    pub fn new(most: usize, turned: Arc<Turned>) -> Self {
        Self(Arc::new(Inner { most, turned, standing: Mutex::default() }))
    }

    /// A connection that `end` ends, and that is nobody's yet.
    pub fn enter(&self, end: CancellationToken) -> Held {
        Held { all: self.0.clone(), end, now: Mutex::default() }
    }
}

impl Held {
    /// It is this holder's from now on: every call says so.
    pub fn called(&self, holder: Holder) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let mut standing = self.all.lock();
        if let Some((before, number)) = now.take() {
            standing.remove(&before, number);
        }
        if self.end.is_cancelled() {
            return;
        }
        let number = standing.add(holder.clone(), self.end.clone());
        let pushed = standing.push_out(&holder, self.all.most);
        *now = Some((holder, number));
        drop(standing);
        if let Some(end) = pushed {
            end.cancel();
            self.all.turned.away(Why::Holder);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let now = self.now.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((holder, number)) = now.take() {
            self.all.lock().remove(&holder, number);
        }
    }
}

impl Standing {
    fn add(&mut self, holder: Holder, end: CancellationToken) -> u64 {
        let number = self.next;
        self.next += 1;
        self.of.entry(holder).or_default().insert(number, end);
        number
    }

    /// The one to end, if there are more than `most`.
    fn push_out(&mut self, holder: &Holder, most: usize) -> Option<CancellationToken> {
        let own = self.of.get_mut(holder)?;
        (own.len() > most).then(|| own.pop_first())?.map(|(_, end)| end)
    }

    fn remove(&mut self, holder: &Holder, number: u64) {
        if let Some(own) = self.of.get_mut(holder) {
            own.remove(&number);
            if own.is_empty() {
                self.of.remove(holder);
            }
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::metrics::Meters;
    use crate::values::PartnerId;

    fn partner(n: u128) -> Holder {
        Holder::Partner(PartnerId::new(Uuid::from_u128(n)))
    }

    fn come(all: &Holders, holder: Holder) -> (Held, CancellationToken) {
        let end = CancellationToken::new();
        let held = all.enter(end.clone());
        held.called(holder);
        (held, end)
    }

    #[test]
    fn the_one_that_called_longest_ago_is_ended_of_whoever_has_too_many() {
        let all = Holders::new(2, Arc::new(Turned::new(&Meters::default())));
        let other = come(&all, partner(2));
        let own: Vec<_> = (0..2).map(|_| come(&all, partner(1))).collect();
        own[0].0.called(partner(1));
        let last = come(&all, partner(1));
        let ended = [&other, &own[0], &own[1], &last].map(|(_, end)| end.is_cancelled());
        assert_eq!(ended, [false, false, true, false]);
        // What another one calls on is the other's.
        own[0].0.called(partner(2));
        let next = come(&all, partner(1));
        assert!(![&other, &own[0], &last, &next].iter().any(|(_, end)| end.is_cancelled()));
        // What was ended is nobody's any more, whatever it still says.
        own[1].0.called(partner(1));
        assert!(!last.1.is_cancelled() && !next.1.is_cancelled());
        drop((other, own, last, next));
        assert!(all.0.lock().of.is_empty(), "nobody is remembered who has gone");
    }
}
