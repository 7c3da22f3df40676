//! Time and randomness as parameters, so that tests decide both.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use time::OffsetDateTime;
use uuid::Uuid;

/// Where the time comes from.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `ms` Unix milliseconds until it is moved.
    pub fn fixed(ms: i64) -> Self {
        Self(Source::Set(Arc::new(AtomicI64::new(ms))))
    }

    /// Moves a fixed clock; the machine's clock is not moved.
    pub fn advance(&self, ms: i64) {
        if let Source::Set(now) = &self.0 {
            now.fetch_add(ms, Ordering::SeqCst);
        }
    }

    /// Now, in UTC, to the millisecond.
    pub fn now(&self) -> OffsetDateTime {
        from_ms(self.now_ms())
    }

    /// Now, in Unix milliseconds.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Source::System => to_ms(OffsetDateTime::now_utc()),
            Source::Set(now) => now.load(Ordering::SeqCst),
        }
    }
}

/// The instant of `ms` Unix milliseconds; an impossible value becomes the epoch.
pub fn from_ms(ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Unix milliseconds of an instant.
pub fn to_ms(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// Where ids and random bytes come from.
#[derive(Clone)]
pub struct Ids(Fill);

#[derive(Clone)]
enum Fill {
    System,
    Counted(Arc<AtomicI64>),
}

impl Ids {
    /// The machine's random numbers.
    pub fn system() -> Self {
        Self(Fill::System)
    }

    /// Predictable bytes that never repeat, for tests.
    pub fn counted(first: i64) -> Self {
        Self(Fill::Counted(Arc::new(AtomicI64::new(first))))
    }

    /// A new UUIDv7 at the clock's time.
    pub fn uuid_v7(&self, clock: &Clock) -> Uuid {
        let mut random = [0; 10];
        self.random(&mut random);
        let ms = u64::try_from(clock.now_ms()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid()
    }

    /// Fills `bytes` with random ones. Ends the process when the machine has none: nothing may go on without.
    pub fn random(&self, bytes: &mut [u8]) {
        match &self.0 {
            Fill::System => {
                if getrandom::fill(bytes).is_err() {
                    std::process::abort();
                }
            }
            Fill::Counted(next) => {
                let count = next.fetch_add(1, Ordering::SeqCst).to_be_bytes();
                for (to, from) in bytes.iter_mut().rev().zip(count.iter().rev().chain(std::iter::repeat(&0))) {
                    *to = *from;
                }
            }
        }
    }
}

/// The timestamp inside a UUIDv7, Unix milliseconds; `None` for other versions.
pub fn uuid_ms(id: Uuid) -> Option<i64> {
    let (secs, nanos) = id.get_timestamp()?.to_unix();
    i64::try_from(secs * 1000 + u64::from(nanos) / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_stands_until_it_is_moved() {
        let clock = Clock::fixed(1_000);
        assert_eq!(clock.now_ms(), 1_000);
        clock.advance(500);
        assert_eq!(to_ms(clock.now()), 1_500);
    }

    #[test]
    fn a_new_id_carries_the_clocks_time_and_never_repeats() {
        let (clock, ids) = (Clock::fixed(1_795_000_000_123), Ids::counted(1));
        let (a, b) = (ids.uuid_v7(&clock), ids.uuid_v7(&clock));
        assert_ne!(a, b);
        assert_eq!(a.get_version_num(), 7);
        assert_eq!(uuid_ms(a), Some(1_795_000_000_123));
    }
}
