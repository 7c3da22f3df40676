//! Answers of the register, kept for a day: its data change rarely, and its free quota is 10,000 questions a day.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use moka::Expiry;
use moka::future::Cache;

use super::super::config::DaDataConfig;
use super::super::{Setback, SetbackKind};
use super::{RegisteredAddress, Taxpayer, Taxpayers};
use crate::budget;
use crate::values::Inn;

/// A register with memory. Equal questions asked at the same time go out once; failures are not kept.
pub struct CachedTaxpayers<T> {
    inner: T,
    parties: Cache<Inn, Option<Taxpayer>>,
    addresses: Cache<String, Vec<RegisteredAddress>>,
    by_id: Cache<String, Option<RegisteredAddress>>,
}

impl<T: Taxpayers> CachedTaxpayers<T> {
    /// Puts a memory before `inner`.
    pub fn new(inner: T, config: &DaDataConfig) -> Self {
        let found = Duration::from_secs(config.cache_seconds);
        let missing = Duration::from_secs(config.cache_not_found_seconds);
        Self {
            inner,
            parties: Cache::builder().max_capacity(config.cache_entries).expire_after(Life { found, missing }).build(),
            addresses: Cache::builder().max_capacity(config.cache_entries).time_to_live(found).build(),
            by_id: Cache::builder().max_capacity(config.cache_entries).expire_after(Life { found, missing }).build(),
        }
    }
}

#[async_trait]
impl<T: Taxpayers> Taxpayers for CachedTaxpayers<T> {
    async fn find(&self, inn: &Inn) -> Result<Option<Taxpayer>, Setback> {
        loop {
            let answer = self.parties.try_get_with(inn.clone(), self.inner.find(inn)).await;
            if !asked_for_nobody(&answer) {
                return answer.map_err(|setback| (*setback).clone());
            }
        }
    }

    async fn find_fresh(&self, inn: &Inn) -> Result<Option<Taxpayer>, Setback> {
        let answer = self.inner.find_fresh(inn).await?;
        self.parties.insert(inn.clone(), answer.clone()).await;
        Ok(answer)
    }

    async fn addresses(&self, text: &str) -> Result<Vec<RegisteredAddress>, Setback> {
        loop {
            let answer = self.addresses.try_get_with(text.to_owned(), self.inner.addresses(text)).await;
            if !asked_for_nobody(&answer) {
                return answer.map_err(|setback| (*setback).clone());
            }
        }
    }

    async fn address_by_id(&self, fias_id: &str) -> Result<Option<RegisteredAddress>, Setback> {
        let id = fias_id.to_lowercase();
        loop {
            let answer = self.by_id.try_get_with(id.clone(), self.inner.address_by_id(fias_id)).await;
            if !asked_for_nobody(&answer) {
                return answer.map_err(|setback| (*setback).clone());
            }
        }
    }
}

/// Of many who ask the same at once one asks outside. When nobody waits for that one any more, the others learn nothing: one
/// of them asks.
fn asked_for_nobody<T>(answer: &Result<T, Arc<Setback>>) -> bool {
    let late = answer.as_ref().is_err_and(|setback| setback.kind == SetbackKind::TooLate);
    late && !budget::is_over(Instant::now())
}

/// "Not found" is forgotten sooner than what was found. A newer answer lives as long as a first one.
struct Life {
    found: Duration,
    missing: Duration,
}

impl Life {
    const fn of<T>(&self, answer: &Option<T>) -> Option<Duration> {
        Some(if answer.is_some() { self.found } else { self.missing })
    }
}

impl<K, T> Expiry<K, Option<T>> for Life {
    fn expire_after_create(&self, _: &K, value: &Option<T>, _: Instant) -> Option<Duration> {
        self.of(value)
    }

    fn expire_after_update(&self, _: &K, value: &Option<T>, _: Instant, _: Option<Duration>) -> Option<Duration> {
        self.of(value)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::gateways::taxpayers::{PersonName, TaxpayerKind, TaxpayerStatus};
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

        async fn find_fresh(&self, inn: &Inn) -> Result<Option<Taxpayer>, Setback> {
            self.find(inn).await
        }

        async fn addresses(&self, _: &str) -> Result<Vec<RegisteredAddress>, Setback> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(Vec::new())
        }

        async fn address_by_id(&self, _: &str) -> Result<Option<RegisteredAddress>, Setback> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(None)
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

    /// Tells the first who asks that nobody waits for it, when that is so; then "not found".
    struct Hasty(AtomicUsize);

    #[async_trait]
    impl Taxpayers for Hasty {
        async fn find(&self, _: &Inn) -> Result<Option<Taxpayer>, Setback> {
            self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            match budget::is_over(Instant::now()) {
                true => Err(Setback::new(Gateway::Taxpayers, SetbackKind::TooLate, "")),
                false => Ok(None),
            }
        }

        async fn find_fresh(&self, inn: &Inn) -> Result<Option<Taxpayer>, Setback> {
            self.find(inn).await
        }

        async fn addresses(&self, _: &str) -> Result<Vec<RegisteredAddress>, Setback> {
            Ok(Vec::new())
        }

        async fn address_by_id(&self, _: &str) -> Result<Option<RegisteredAddress>, Setback> {
            Ok(None)
        }
    }

    #[tokio::test]
    async fn the_deadline_of_whoever_asked_first_fails_nobody_else() {
        let cached = CachedTaxpayers::new(Hasty(AtomicUsize::new(0)), &DaDataConfig::default());
        let inn = Inn::parse("7707083893").unwrap();
        let (late, patient) = tokio::join!(budget::within(Instant::now(), cached.find(&inn)), cached.find(&inn));
        assert_eq!(late.unwrap_err().kind, SetbackKind::TooLate);
        assert_eq!(patient, Ok(None));
        assert_eq!(cached.inner.0.load(Ordering::SeqCst), 2, "both have asked for one answer, and one asked again");
    }

    /// Answers another status each time it is asked.
    struct Changing(AtomicUsize);

    #[async_trait]
    impl Taxpayers for Changing {
        async fn find(&self, inn: &Inn) -> Result<Option<Taxpayer>, Setback> {
            let status = match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => TaxpayerStatus::Active,
                1 => TaxpayerStatus::Liquidating,
                2 => return Err(Setback::new(Gateway::Taxpayers, SetbackKind::Failed, "")),
                _ => return Ok(None),
            };
            let name = PersonName { last: "Образцов".into(), first: "Иван".into(), middle: None };
            let kind = TaxpayerKind::Entrepreneur { name };
            Ok(Some(Taxpayer { inn: inn.clone(), ogrn: None, kind, status, address: None }))
        }

        async fn find_fresh(&self, inn: &Inn) -> Result<Option<Taxpayer>, Setback> {
            self.find(inn).await
        }

        async fn addresses(&self, _: &str) -> Result<Vec<RegisteredAddress>, Setback> {
            Ok(Vec::new())
        }

        async fn address_by_id(&self, _: &str) -> Result<Option<RegisteredAddress>, Setback> {
            Ok(None)
        }
    }

    #[tokio::test]
    async fn a_fresh_answer_goes_past_the_memory_and_renews_it() {
        let cached = CachedTaxpayers::new(Changing(AtomicUsize::new(0)), &DaDataConfig::default());
        let inn = Inn::parse("500100732259").unwrap();
        let status = |found: Result<Option<Taxpayer>, Setback>| found.unwrap().map(|t| t.status);
        assert_eq!(status(cached.find(&inn).await), Some(TaxpayerStatus::Active));
        assert_eq!(status(cached.find_fresh(&inn).await), Some(TaxpayerStatus::Liquidating));
        assert_eq!(status(cached.find(&inn).await), Some(TaxpayerStatus::Liquidating));
        assert!(cached.find_fresh(&inn).await.is_err());
        assert_eq!(status(cached.find(&inn).await), Some(TaxpayerStatus::Liquidating));
        assert_eq!(status(cached.find_fresh(&inn).await), None);
        assert_eq!(status(cached.find(&inn).await), None);
        assert_eq!(cached.inner.0.load(Ordering::SeqCst), 4);
    }

    #[tokio::test]
    async fn a_fresh_answer_lives_as_long_as_its_kind_does() {
        let config = DaDataConfig { cache_seconds: 0, ..DaDataConfig::default() };
        let cached = counting(&config);
        let inn = Inn::parse("7707083893").unwrap();
        assert!(cached.find_fresh(&inn).await.is_err());
        assert_eq!(cached.find_fresh(&inn).await, Ok(None));
        assert_eq!(cached.find(&inn).await, Ok(None));
        assert_eq!(cached.inner.0.load(Ordering::SeqCst), 2);
        let cached = CachedTaxpayers::new(Changing(AtomicUsize::new(0)), &config);
        assert!(cached.find_fresh(&inn).await.unwrap().is_some());
        assert!(cached.find(&inn).await.unwrap().is_some());
        assert_eq!(cached.inner.0.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn an_address_is_kept_by_its_id_in_any_case() {
        let cached = counting(&DaDataConfig::default());
        for id in ["93409d8c-d8d4-4491-838f-f9aa1678b5e6", "93409D8C-D8D4-4491-838F-F9AA1678B5E6"] {
            assert_eq!(cached.address_by_id(id).await, Ok(None));
        }
        assert_eq!(cached.inner.0.load(Ordering::SeqCst), 1);
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
