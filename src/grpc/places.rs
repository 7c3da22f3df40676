//! How many streams, and calls under way, a partner may have at once at this replica.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::failure::{Failure, Limit};
use crate::values::{PartnerId, PartnerScope};

/// What each partner has open. Cheap to clone.
#[derive(Clone)]
pub struct Places {
    limit: Limit,
    most: u32,
    taken: Arc<Mutex<HashMap<PartnerId, u32>>>,
}

/// A stream or a call that is open until the last clone is dropped. In the extensions of a response: what its answer holds until
/// the caller has taken it.
#[derive(Clone)]
pub struct Place(#[expect(dead_code, reason = "held until the stream or the call is over")] Arc<Taken>);

struct Taken {
    partner: PartnerId,
    taken: Arc<Mutex<HashMap<PartnerId, u32>>>,
}

impl Places {
    /// `most` streams for each partner.
    pub fn of_streams(most: u32) -> Self {
        Self { limit: Limit::Streams, most, taken: Arc::default() }
    }

    /// `most` calls for each partner.
    pub fn of_calls(most: u32) -> Self {
        Self { limit: Limit::UnderWay, most, taken: Arc::default() }
    }

    /// Streams end by themselves after minutes, or when their reader goes; calls after seconds.
    const fn retry(&self) -> Duration {
        Duration::from_secs(if matches!(self.limit, Limit::Streams) { 5 } else { 1 })
    }

    /// Takes a place.
    ///
    /// # Errors
    /// `RateLimited` when all of the partner's are taken.
    pub fn take(&self, scope: PartnerScope) -> Result<Place, Failure> {
        let partner = scope.partner();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let open = taken.get(&partner).copied().unwrap_or_default();
        if open >= self.most {
            return Err(Failure::RateLimited { limit: self.limit, retry_after: self.retry() });
        }
        taken.insert(partner, open + 1);
        Ok(Place(Arc::new(Taken { partner, taken: self.taken.clone() })))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = taken.get_mut(&self.partner) {
            *open -= 1;
            if *open == 0 {
                taken.remove(&self.partner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_partner_has_its_own_places_and_gets_them_back() {
        let scope = |n| PartnerScope::new(PartnerId::new(Uuid::from_u128(n)));
        let places = Places::of_streams(2);
        let (first, _second) = (places.take(scope(1)).unwrap(), places.take(scope(1)).unwrap());
        assert!(places.take(scope(1)).is_err());
        let other = places.take(scope(2)).unwrap();
        drop(first.clone());
        assert!(places.take(scope(1)).is_err(), "a clone holds the same place");
        drop(first);
        let third = places.take(scope(1)).unwrap();
        assert!(places.take(scope(1)).is_err());
        drop((third, other));
        assert_eq!(places.taken.lock().unwrap().len(), 1, "nobody is remembered for nothing");
    }
}
