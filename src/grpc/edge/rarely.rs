//! What strangers can cause as often as they like: counted each time, logged at most once a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;

use super::places::Full;
use crate::metrics::Meters;

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
    holders: AtomicU64,
    silent: AtomicU64,
    meters: Counters,
}

/// The same since the start of the process.
struct Counters {
    full: Counter,
    peer: Counter,
    newcomers: Counter,
    holders: Counter,
    silent: Counter,
}

/// Why a connection was closed that had done no wrong by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// No place.
    Full(Full),
    /// A newer one came, and too many had shown no credential yet.
    Newcomers,
    /// Whoever has shown a good credential on it has shown one on too many.
    Holder,
    /// It did not show in time that it speaks TLS and HTTP/2, or showed something else.
    Silent,
}

/// Turned away since the last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    full: u64,
    peer: u64,
    newcomers: u64,
    holders: u64,
    silent: u64,
}

impl Turned {
    /// Nobody yet.
    pub fn new(meters: &Meters) -> Self {
        let none = AtomicU64::default;
        let of = |reason| meters.turned_away(reason);
        let meters = Counters {
            full: of("full"),
            peer: of("peer_full"),
            newcomers: of("newcomers"),
            holders: of("holder_full"),
            silent: of("silent"),
        };
        let (since, next) = (Instant::now(), none());
        let (full, peer, newcomers, holders, silent) = (none(), none(), none(), none(), none());
        Self { since, next, full, peer, newcomers, holders, silent, meters }
    }

    /// Counts one, and writes a line when none was written for a second.
    pub fn away(&self, why: Why) {
        self.count(why);
        if let Some(Counts { full, peer, newcomers, holders, silent }) = self.due(self.since.elapsed()) {
            tracing::warn!(full, peer, newcomers, holders, silent, "connections were turned away");
        }
    }

    fn count(&self, why: Why) {
        let (lately, ever) = match why {
            Why::Full(Full::All) => (&self.full, &self.meters.full),
            Why::Full(Full::Peer) => (&self.peer, &self.meters.peer),
            Why::Newcomers => (&self.newcomers, &self.meters.newcomers),
            Why::Holder => (&self.holders, &self.meters.holders),
            Why::Silent => (&self.silent, &self.meters.silent),
        };
        lately.fetch_add(1, Ordering::Relaxed);
        ever.inc();
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
            holders: take(&self.holders),
            silent: take(&self.silent),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_one_line_that_tells_all_since_the_last() {
        let turned = Turned::new(&Meters::default());
        let at = |ms| turned.due(Duration::from_millis(ms));
        turned.count(Why::Silent);
        assert_eq!(at(5), Some(Counts { full: 0, peer: 0, newcomers: 0, holders: 0, silent: 1 }));
        turned.count(Why::Full(Full::All));
        assert_eq!(at(1_004), None);
        turned.count(Why::Full(Full::Peer));
        turned.count(Why::Newcomers);
        turned.count(Why::Holder);
        assert_eq!(at(1_005), Some(Counts { full: 1, peer: 1, newcomers: 1, holders: 1, silent: 0 }));
    }
}
