//! What was looked up is remembered for a while, and forgotten at once when something changed.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;

/// Answers by key. Of many who ask for one key at once, one looks.
///
/// The number of changes seen is a part of the key: a look-up that began before a change is never told to a call that began
/// after it was seen, also when it was under way.
#[derive(Clone)]
pub(super) struct Remembered<K, V> {
    answers: Cache<(K, u64), Kept<V>>,
    epoch: Arc<AtomicU64>,
    longest: Duration,
}

/// Why a look-up came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missed<E> {
    /// Whoever waits for this answer is told so.
    Shared(E),
    /// It is about the one who looked; the others who wait look for themselves.
    Own(E),
}

#[derive(Clone)]
struct Kept<V> {
    value: V,
    until: Instant,
}

/// Answers end so long after they were asked for, not after they came.
struct FromTheAsking;

impl<K, V> Expiry<K, Kept<V>> for FromTheAsking {
    fn expire_after_create(&self, _key: &K, kept: &Kept<V>, created: Instant) -> Option<Duration> {
        Some(kept.until.saturating_duration_since(created))
    }
}

impl<K, V> Remembered<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Remembers so many answers for so long.
    pub fn new(capacity: u64, longest: Duration) -> Self {
        let answers = Cache::builder().max_capacity(capacity).expire_after(FromTheAsking).build();
        Self { answers, epoch: Arc::default(), longest }
    }

    /// The answer that is remembered, or the one of `look`. What fails is not remembered.
    pub async fn get<E, F>(&self, key: &K, look: impl Fn() -> F) -> Result<V, E>
    where
        E: Clone + Send + Sync + 'static,
        F: Future<Output = Result<V, Missed<E>>>,
    {
        self.get_for(key, |_| Duration::MAX, look).await
    }

    /// The same; an answer is remembered for the time that `worth` says, if that is shorter than usual.
    pub async fn get_for<E, F>(&self, key: &K, worth: impl Fn(&V) -> Duration, look: impl Fn() -> F) -> Result<V, E>
    where
        E: Clone + Send + Sync + 'static,
        F: Future<Output = Result<V, Missed<E>>>,
    {
        loop {
            let (asked, looked) = (Instant::now(), AtomicBool::new(false));
            let key = (key.clone(), self.epoch.load(Ordering::Acquire));
            let kept = self.answers.try_get_with(key, async {
                looked.store(true, Ordering::Relaxed);
                let value = look().await?;
                Ok(Kept { until: asked + worth(&value).min(self.longest), value })
            });
            match kept.await.map_err(|missed: Arc<Missed<E>>| (*missed).clone()) {
                Ok(kept) => return Ok(kept.value),
                Err(Missed::Own(_)) if !looked.into_inner() => {}
                Err(Missed::Own(error) | Missed::Shared(error)) => return Err(error),
            }
        }
    }

    /// Nothing that was asked for before is told any more.
    pub fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.answers.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn an_answer_under_way_is_not_told_to_whoever_asks_after_the_change() {
        let kept = Remembered::<u8, &'static str>::new(10, Duration::from_secs(60));
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let early = kept.clone();
        let early = tokio::spawn(async move {
            let told = told.shared();
            let slow = async || {
                let _ = told.clone().await;
                Ok::<_, Missed<()>>("old")
            };
            early.get(&1, slow).await
        });
        tokio::task::yield_now().await;
        kept.forget();
        assert_eq!(kept.get(&1, async || Ok::<_, Missed<()>>("new")).await, Ok("new"));
        tell.send(()).unwrap();
        assert_eq!(early.await.unwrap(), Ok("old"));
        let away = async || Err(Missed::Shared(()));
        assert_eq!(kept.get(&1, away).await, Ok("new"), "the late answer replaced nothing");
    }

    #[tokio::test]
    async fn the_time_runs_from_the_question() {
        let kept = Remembered::<u8, u8>::new(10, Duration::from_millis(200));
        let slow = async || {
            tokio::time::sleep(Duration::from_millis(250)).await;
            Ok::<_, Missed<()>>(1)
        };
        assert_eq!(kept.get(&1, slow).await, Ok(1));
        assert_eq!(kept.get(&1, async || Ok::<_, Missed<()>>(2)).await, Ok(2), "the first was too old when it came");
    }

    #[tokio::test]
    async fn an_answer_may_be_worth_less_than_usual() {
        let kept = Remembered::<u8, u8>::new(10, Duration::from_secs(60));
        let worth = |answer: &u8| if *answer == 1 { Duration::ZERO } else { Duration::MAX };
        for (answer, seen) in [(1, 1), (2, 2), (3, 2)] {
            assert_eq!(kept.get_for(&1, worth, async || Ok::<_, Missed<()>>(answer)).await, Ok(seen));
        }
    }

    #[tokio::test]
    async fn what_fails_is_asked_again() {
        let kept = Remembered::<u8, u8>::new(10, Duration::from_secs(60));
        assert_eq!(kept.get(&1, async || Err(Missed::Shared("away"))).await, Err("away"));
        assert_eq!(kept.get(&1, async || Ok::<_, Missed<&str>>(1)).await, Ok(1));
    }

    /// One who looks and fails when told to, and another one who waits for the same; what the other is told.
    async fn beside(fails: Missed<&'static str>) -> Result<u8, &'static str> {
        let kept = Remembered::<u8, u8>::new(10, Duration::from_secs(60));
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let told = told.shared();
        let first = kept.get(&1, async || {
            let _ = told.clone().await;
            Err(fails.clone())
        });
        let other = kept.get(&1, async || Ok::<_, Missed<&str>>(2));
        let (mut first, mut other) = (Box::pin(first), Box::pin(other));
        assert!(first.as_mut().now_or_never().is_none() && other.as_mut().now_or_never().is_none(), "both wait");
        tell.send(()).unwrap();
        assert_eq!(first.await, Err("failed"), "whoever looked is told");
        other.await
    }

    #[tokio::test]
    async fn what_fails_for_one_alone_is_told_to_no_other_who_waits() {
        assert_eq!(beside(Missed::Own("failed")).await, Ok(2));
        assert_eq!(beside(Missed::Shared("failed")).await, Err("failed"));
    }
}
