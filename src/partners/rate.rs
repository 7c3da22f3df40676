//! How fast a partner may call, and how fast a service may be refused. Counted by each replica alone: it protects the replica.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::model::Holder;
use crate::clock::Clock;
use crate::failure::{Failure, Limit};

const SECOND: i64 = 1_000_000;

/// The calls of each partner. Cheap to clone.
///
/// `at_once` calls may come in one moment; after that each is free again when its share of a second has passed.
#[derive(Clone)]
pub struct Rate {
    /// Share of a second that one call takes, and the time that may be spoken for ahead, microseconds; `None` = no bound.
    bound: Option<(i64, i64)>,
    clock: Clock,
    /// Until when their time is spoken for, Unix microseconds. Only who has good credentials is in it.
    spent: Arc<Mutex<HashMap<Holder, i64>>>,
}

impl Rate {
    /// `a_second` calls for each partner, 0 for no bound; `at_once` of them, at least one, in one moment.
    pub fn new(a_second: u32, at_once: u32, clock: Clock) -> Self {
        let share = |a_second: u32| (SECOND / i64::from(a_second)).max(1);
        let bound = (a_second > 0).then(|| (share(a_second), share(a_second) * i64::from(at_once.max(1))));
        Self { bound, clock, spent: Arc::default() }
    }

    /// Counts one call.
    ///
    /// # Errors
    /// `RateLimited` with the time after which a call is free again; the refused one is not counted.
    pub fn spend(&self, holder: Holder) -> Result<(), Failure> {
        let Some((share, ahead)) = self.bound else { return Ok(()) };
        let now = self.clock.now_ms() * 1000;
        let mut holders = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = holders.entry(holder).or_insert(now);
        let until = now.max(*spent) + share;
        match until - now - ahead {
            over if over > 0 => {
                let retry_after = Duration::from_micros(over.unsigned_abs()).max(Duration::from_millis(1));
                Err(Failure::RateLimited { limit: Limit::Calls, retry_after })
            }
            _ => {
                *spent = until;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::values::PartnerId;

    fn partner(n: u128) -> Holder {
        Holder::Partner(PartnerId::new(Uuid::from_u128(n)))
    }

    fn passed(rate: &Rate, n: u128, tried: usize) -> usize {
        (0..tried).filter(|_| rate.spend(partner(n)).is_ok()).count()
    }

    #[test]
    fn some_calls_may_come_at_once_and_then_so_many_a_second() {
        let clock = Clock::fixed(1_000_000);
        let rate = Rate::new(10, 3, clock.clone());
        assert_eq!(passed(&rate, 1, 10), 3);
        assert_eq!(passed(&rate, 2, 10), 3, "each partner has its own");
        clock.advance(100);
        assert_eq!(passed(&rate, 1, 10), 1);
        clock.advance(60_000);
        assert_eq!(passed(&rate, 1, 10), 3, "what was not called is not saved up");
    }

    #[test]
    fn a_refused_call_is_told_when_to_come_again_and_is_let_in_then() {
        let clock = Clock::fixed(1_000_000);
        let rate = Rate::new(4, 1, clock.clone());
        rate.spend(partner(1)).unwrap();
        let Err(Failure::RateLimited { limit: Limit::Calls, retry_after }) = rate.spend(partner(1)) else { panic!() };
        assert_eq!(retry_after, Duration::from_millis(250));
        clock.advance(250);
        rate.spend(partner(1)).unwrap();
    }

    #[test]
    fn without_a_bound_nothing_is_counted() {
        let rate = Rate::new(0, 0, Clock::fixed(0));
        assert_eq!(passed(&rate, 1, 10_000), 10_000);
        assert!(rate.spent.lock().unwrap().is_empty());
    }

    #[test]
    fn very_many_calls_a_second_are_still_counted() {
        assert_eq!(passed(&Rate::new(u32::MAX, 5, Clock::fixed(0)), 1, 10), 5);
        assert_eq!(passed(&Rate::new(u32::MAX, u32::MAX, Clock::fixed(0)), 1, 10), 10);
    }
}
