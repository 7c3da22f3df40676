//! How many streams a partner may have open at once at this replica.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::failure::{Failure, Limit};
use crate::values::{PartnerId, PartnerScope};

/// When to try again: streams end by themselves after minutes, or when their reader goes.
const RETRY: Duration = Duration::from_secs(5);

/// The open streams of each partner. Cheap to clone.
#[derive(Clone)]
pub struct Places {
    most: u32,
    taken: Arc<Mutex<HashMap<PartnerId, u32>>>,
}

/// A stream that is open until this is dropped.
pub struct Place {
    partner: PartnerId,
    taken: Arc<Mutex<HashMap<PartnerId, u32>>>,
}

impl Places {
    /// `most` for each partner.
    pub fn new(most: u32) -> Self {
        Self { most, taken: Arc::default() }
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
            return Err(Failure::RateLimited { limit: Limit::Streams, retry_after: RETRY });
        }
        taken.insert(partner, open + 1);
        Ok(Place { partner, taken: self.taken.clone() })
    }
}

impl Drop for Place {
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
        let places = Places::new(2);
        let (first, _second) = (places.take(scope(1)).unwrap(), places.take(scope(1)).unwrap());
        assert!(places.take(scope(1)).is_err());
        let other = places.take(scope(2)).unwrap();
        drop(first);
        let third = places.take(scope(1)).unwrap();
        assert!(places.take(scope(1)).is_err());
        drop((third, other));
        assert_eq!(places.taken.lock().unwrap().len(), 1, "nobody is remembered for nothing");
    }
}
