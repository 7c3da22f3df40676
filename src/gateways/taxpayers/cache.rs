//! Answers of the register, kept for a day: its data change rarely, and its free quota is 10,000 questions a day.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use moka::Expiry;
use moka::future::Cache;

use super::super::Setback;
use super::super::config::DaDataConfig;
use super::{RegisteredAddress, Taxpayer, Taxpayers};
use crate::values::Inn;

/// A register with memory. Equal questions asked at the same time go out once; failures are not kept.
pub struct CachedTaxpayers<T> {
    inner: T,
    parties: Cache<Inn, Option<Taxpayer>>,
    addresses: Cache<String, Vec<RegisteredAddress>>,
}

impl<T: Taxpayers> CachedTaxpayers<T> {
    /// Puts a memory before `inner`.
    pub fn new(inner: T, config: &DaDataConfig) -> Self {
        let found = Duration::from_secs(config.cache_seconds);
        let missing = Duration::from_secs(config.cache_not_found_seconds);
        Self {
            inner,
            parties: Cache::builder()
                .max_capacity(config.cache_entries)
                .expire_after(PartyLife { found, missing })
                .build(),
            addresses: Cache::builder().max_capacity(config.cache_entries).time_to_live(found).build(),
        }
    }
}

#[async_trait]
impl<T: Taxpayers> Taxpayers for CachedTaxpayers<T> {
    async fn find(&self, inn: &Inn) -> Result<Option<Taxpayer>, Setback> {
        let answer = self.parties.try_get_with(inn.clone(), self.inner.find(inn)).await;
        answer.map_err(|e| (*e).clone())
    }

    async fn addresses(&self, text: &str) -> Result<Vec<RegisteredAddress>, Setback> {
        let answer = self.addresses.try_get_with(text.to_owned(), self.inner.addresses(text)).await;
        answer.map_err(|e| (*e).clone())
    }
}

/// "Not found" is forgotten sooner than what was found.
struct PartyLife {
    found: Duration,
    missing: Duration,
}

impl Expiry<Inn, Option<Taxpayer>> for PartyLife {
    fn expire_after_create(&self, _: &Inn, value: &Option<Taxpayer>, _: Instant) -> Option<Duration> {
        Some(if value.is_some() { self.found } else { self.missing })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::gateways::{Gateway, SetbackKind};

    /// Counts questions; fails the first, then answers "not found".
    struct Counting(AtomicUsize);

    #[async_trait]
    impl Taxpayers for Counting {
        async fn find(&self, _: &Inn) -> Result<Option<Taxpayer>, Setback> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => Err(Setback::new(Gateway::Taxpayers, SetbackKind::Failed, "")),
                _ => Ok(None),
            }
        }

        async fn addresses(&self, _: &str) -> Result<Vec<RegisteredAddress>, Setback> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(Vec::new())
        }
    }

    fn counting(config: &DaDataConfig) -> CachedTaxpayers<Counting> {
        CachedTaxpayers::new(Counting(AtomicUsize::new(0)), config)
    }

    #[tokio::test]
    async fn an_answer_is_kept_and_a_failure_is_not() {
        let cached = counting(&DaDataConfig::default());
        let inn = Inn::parse("7707083893").unwrap();
        assert!(cached.find(&inn).await.is_err());
        assert_eq!(cached.find(&inn).await, Ok(None));
        assert_eq!(cached.find(&inn).await, Ok(None));
        assert_eq!(cached.inner.0.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn not_found_is_forgotten_after_its_own_time() {
        let cached = counting(&DaDataConfig { cache_not_found_seconds: 0, ..DaDataConfig::default() });
        let inn = Inn::parse("7707083893").unwrap();
        assert!(cached.find(&inn).await.is_err());
        assert_eq!(cached.find(&inn).await, Ok(None));
        assert_eq!(cached.find(&inn).await, Ok(None));
        assert_eq!(cached.inner.0.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn addresses_are_kept_by_text() {
        let cached = counting(&DaDataConfig::default());
        for text in ["Москва", "Москва", "Тверь"] {
            assert_eq!(cached.addresses(text).await, Ok(Vec::new()));
        }
        assert_eq!(cached.inner.0.load(Ordering::SeqCst), 2);
    }
}
