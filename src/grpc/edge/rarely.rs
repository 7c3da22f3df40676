//! Log lines that strangers can cause as often as they like, written at most once a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::places::Full;

/// Between two lines.
const BETWEEN: Duration = Duration::from_secs(1);

/// What was turned away since the last line.
pub struct Turned {
    since: Instant,
    /// Milliseconds after `since` from which the next line may be written.
    next: AtomicU64,
    full: AtomicU64,
    peer: AtomicU64,
    newcomers: AtomicU64,
    silent: AtomicU64,
}

/// Why a connection was closed before anybody has shown a credential on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// No place.
    Full(Full),
    /// A newer one came, and too many had shown no credential yet.
    Newcomers,
    /// It did not show in time that it speaks TLS and HTTP/2, or showed something else.
    Silent,
}

/// Turned away since the last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    full: u64,
    peer: u64,
    newcomers: u64,
    silent: u64,
}

impl Turned {
    /// Nobody yet.
    pub fn new() -> Self {
        let none = AtomicU64::default;
        Self { since: Instant::now(), next: none(), full: none(), peer: none(), newcomers: none(), silent: none() }
    }

    /// Counts one, and writes a line when none was written for a second.
    pub fn away(&self, why: Why) {
        self.count(why);
        if let Some(Counts { full, peer, newcomers, silent }) = self.due(self.since.elapsed()) {
            tracing::warn!(full, peer, newcomers, silent, "connections were turned away");
        }
    }

    fn count(&self, why: Why) {
        let counter = match why {
            Why::Full(Full::All) => &self.full,
            Why::Full(Full::Peer) => &self.peer,
            Why::Newcomers => &self.newcomers,
            Why::Silent => &self.silent,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What to tell at this instant, if anything: whoever gets it has the only right to this second.
    fn due(&self, at: Duration) -> Option<Counts> {
        let now = u64::try_from(at.as_millis()).ok()?;
        let next = self.next.load(Ordering::Relaxed);
        let then = now + u64::try_from(BETWEEN.as_millis()).ok()?;
        let mine = || self.next.compare_exchange(next, then, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        (now >= next && mine()).then(|| Counts {
            full: take(&self.full),
            peer: take(&self.peer),
            newcomers: take(&self.newcomers),
            silent: take(&self.silent),
        })
    }
}

impl Default for Turned {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_one_line_that_tells_all_since_the_last() {
        let turned = Turned::new();
        let at = |ms| turned.due(Duration::from_millis(ms));
        turned.count(Why::Silent);
        assert_eq!(at(5), Some(Counts { full: 0, peer: 0, newcomers: 0, silent: 1 }));
        turned.count(Why::Full(Full::All));
        assert_eq!(at(1_004), None);
        turned.count(Why::Full(Full::Peer));
        turned.count(Why::Newcomers);
        assert_eq!(at(1_005), Some(Counts { full: 1, peer: 1, newcomers: 1, silent: 0 }));
    }
}
