//! Connections on which nobody has shown a good credential yet: so many at once. One too many pushes an older one out, of
//! the crowd that has the most, and there of the peer that has the most, so that whoever opens many pushes out its own and
//! keeps nobody else out, from however many peers of one network they come.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::places::{Crowd, Peer};

/// The newcomers. Cheap to clone.
#[derive(Clone)]
pub struct Newcomers(Arc<Inner>);

struct Inner {
    most: usize,
    standing: Mutex<Standing>,
}

#[derive(Default)]
struct Standing {
    /// Of each peer the oldest first.
    peers: HashMap<Peer, BTreeMap<u64, CancellationToken>>,
    /// Of each crowd how many.
    crowds: HashMap<Crowd, usize>,
    count: usize,
    next: u64,
}

/// One of them, until it is known or gone.
pub struct Newcomer {
    all: Arc<Inner>,
    peer: Peer,
    number: u64,
    known: AtomicBool,
}

impl Newcomers {
    /// At most so many.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Inner { most, standing: Mutex::default() }))
    }

    /// One more, whose connection `end` ends; and whether another one was ended for it.
    pub fn enter(&self, peer: Peer, end: CancellationToken) -> (Newcomer, bool) {
        let mut standing = self.0.lock();
        let number = standing.next;
        standing.next += 1;
        standing.count += 1;
        standing.peers.entry(peer).or_default().insert(number, end);
        *standing.crowds.entry(peer.crowd()).or_default() += 1;
        let pushed = standing.count > self.0.most && standing.push_out().is_some();
        (Newcomer { all: self.0.clone(), peer, number, known: AtomicBool::new(false) }, pushed)
    }

    /// How many there are.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.0.lock().count
    }
}

impl Standing {
    /// Ends the oldest of the peer that has the most in the crowd that has the most; among equals, the oldest of all.
    fn push_out(&mut self) -> Option<()> {
        let oldest = |own: &BTreeMap<u64, _>| own.keys().next().copied().map(Reverse);
        let among = |peer: &Peer| self.crowds.get(&peer.crowd());
        let (&peer, own) = self.peers.iter().max_by_key(|(peer, own)| (among(peer), own.len(), oldest(own)))?;
        let number = *own.keys().next()?;
        self.remove(peer, number)?.cancel();
        Some(())
    }

    fn remove(&mut self, peer: Peer, number: u64) -> Option<CancellationToken> {
        let own = self.peers.get_mut(&peer)?;
        let end = own.remove(&number)?;
        if own.is_empty() {
            // Strangers come from everywhere: nobody is remembered who has gone.
            self.peers.remove(&peer);
        }
        self.leave(peer.crowd());
        self.count -= 1;
        Some(end)
    }

    fn leave(&mut self, crowd: Crowd) {
        match self.crowds.get_mut(&crowd) {
            Some(has @ 2..) => *has -= 1,
            _ => drop(self.crowds.remove(&crowd)),
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Newcomer {
    /// Whose connection it is, also when it is known.
    pub const fn peer(&self) -> Peer {
        self.peer
    }

    /// Whether it is one no more.
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// It is none any more. Every call says so; the first one does it.
    pub fn known(&self) {
        if !self.known.load(Ordering::Relaxed) && !self.known.swap(true, Ordering::Relaxed) {
            self.all.lock().remove(self.peer, self.number);
        }
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.known();
    }
}

impl fmt::Debug for Newcomer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Newcomer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Came {
        newcomer: Newcomer,
        end: CancellationToken,
    }

    fn come(all: &Newcomers, from: &str) -> Came {
        let end = CancellationToken::new();
        let (newcomer, _) = all.enter(Peer::of(from.parse().unwrap()), end.clone());
        Came { newcomer, end }
    }

    fn ended(came: &[Came]) -> Vec<usize> {
        (0..came.len()).filter(|n| came[*n].end.is_cancelled()).collect()
    }

    #[test]
    fn the_oldest_of_the_peer_that_has_the_most_is_pushed_out() {
        let all = Newcomers::new(3);
        let came: Vec<_> = ["10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3"].map(|from| come(&all, from)).into();
        assert_eq!(ended(&came), [1]);
        // Now each has one: the oldest of all goes, and never the one that comes.
        let last = come(&all, "10.0.0.4");
        assert_eq!((ended(&came), last.end.is_cancelled()), (vec![0, 1], false));
    }

    #[test]
    fn a_network_that_comes_from_many_peers_pushes_out_its_own_and_there_whoever_has_the_most() {
        let all = Newcomers::new(4);
        let from = ["10.0.0.1", "10.0.0.1", "2001:db8:7:1::1", "2001:db8:7:2::1", "2001:db8:7:3::1", "2001:db8:7:3::2"];
        let came: Vec<_> = from.map(|from| come(&all, from)).into();
        // Three of the network against two of one address: the oldest of it goes. Then one peer of it has more than the others.
        assert_eq!(ended(&came), [2, 4]);
        // Another network of the same provider is another crowd.
        let other = come(&all, "2001:db8:8:1::1");
        assert_eq!((ended(&came), other.end.is_cancelled()), (vec![0, 2, 4], false));
    }

    #[test]
    fn who_is_known_or_gone_is_not_counted_and_not_pushed_out() {
        let all = Newcomers::new(1);
        let known = come(&all, "10.0.0.1");
        known.newcomer.known();
        known.newcomer.known();
        let gone = come(&all, "10.0.0.1");
        drop(gone.newcomer);
        let (first, second) = (come(&all, "10.0.0.1"), come(&all, "10.0.0.2"));
        assert_eq!(ended(&[known, first, second]), [1]);
        let left = all.0.lock();
        assert_eq!((left.count, left.peers.len(), left.crowds.len()), (0, 0, 0), "nobody is remembered who has gone");
    }
}
