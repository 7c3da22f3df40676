//! How many questions about taxpayers a partner may ask: the register's answers are not to be collected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::values::{PartnerId, PartnerScope};

/// The time over which questions are counted, microseconds.
const HOUR: i64 = 3_600_000_000;

/// The questions of each partner, counted by this replica alone. Cheap to clone.
///
/// A whole hour's questions may be asked at once; after that each is free again when its share of an hour has passed.
#[derive(Clone)]
pub struct Quota {
    /// Share of an hour that one question takes, microseconds.
    share: i64,
    clock: Clock,
    /// Until when the hours are spoken for, Unix microseconds.
    spent: Arc<Mutex<HashMap<PartnerId, i64>>>,
}

impl Quota {
    /// `an_hour` questions for each partner, at least one.
    pub fn new(an_hour: u32, clock: Clock) -> Self {
        Self { share: HOUR / i64::from(an_hour.max(1)), clock, spent: Arc::default() }
    }

    /// Whether one more question may be asked; spends nothing.
    ///
    /// # Errors
    /// How long to wait.
    pub fn look(&self, scope: PartnerScope) -> Result<(), Duration> {
        self.after(scope, |_, _| ())
    }

    /// Spends one question.
    ///
    /// # Errors
    /// How long to wait; nothing is spent then.
    pub fn spend(&self, scope: PartnerScope) -> Result<(), Duration> {
        self.after(scope, |spent, until| *spent = until)
    }

    fn after(&self, scope: PartnerScope, allowed: impl FnOnce(&mut i64, i64)) -> Result<(), Duration> {
        let now = self.clock.now_ms() * 1000;
        let mut partners = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = partners.entry(scope.partner()).or_insert(now);
        let until = now.max(*spent) + self.share;
        match until - now - HOUR {
            over if over > 0 => Err(Duration::from_micros(over.unsigned_abs())),
            _ => {
                allowed(spent, until);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn scope(n: u128) -> PartnerScope {
        PartnerScope::new(PartnerId::new(Uuid::from_u128(n)))
    }

    #[test]
    fn an_hours_questions_may_be_asked_at_once_and_come_back_one_by_one() {
        let clock = Clock::fixed(1_000_000);
        let quota = Quota::new(4, clock.clone());
        for _ in 0..4 {
            assert_eq!(quota.look(scope(1)), Ok(()));
            assert_eq!(quota.spend(scope(1)), Ok(()));
        }
        let quarter = Duration::from_mins(15);
        assert_eq!((quota.look(scope(1)), quota.spend(scope(1))), (Err(quarter), Err(quarter)));
        assert_eq!(quota.spend(scope(2)), Ok(()), "each partner has its own");
        clock.advance(15 * 60_000);
        assert_eq!((quota.spend(scope(1)), quota.spend(scope(1))), (Ok(()), Err(quarter)));
        clock.advance(5 * 3_600_000);
        assert_eq!((0..5).filter(|_| quota.spend(scope(1)).is_ok()).count(), 4, "what was not asked is not saved up");
    }
}
