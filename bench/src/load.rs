//! Load: so many callers that each wait for their answer, or so many calls a second whatever becomes of them.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};

/// What a run came to.
#[derive(Default)]
pub struct Tally {
    /// Calls that were answered as they should be.
    pub good: u64,
    /// Those of them that came before it was counted, or after the time of sending was over.
    uncounted: u64,
    /// The others, by what they were told.
    pub bad: BTreeMap<String, u64>,
    /// So long it was counted.
    pub seconds: f64,
    micros: Vec<u32>,
}

impl Tally {
    fn count(&mut self, answer: Result<(), String>, took: Duration) {
        match answer {
            Ok(()) => {
                self.good += 1;
                self.micros.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
            }
            Err(told) => *self.bad.entry(told).or_default() += 1,
        }
    }

    /// One call; its task may have panicked.
    fn end(&mut self, one: Result<(Result<(), String>, Duration), JoinError>) {
        let (answer, took) = one.unwrap_or_else(|broken| (Err(broken.to_string()), Duration::ZERO));
        self.count(answer, took);
    }

    /// Of a caller whose task has panicked.
    fn broken(told: &str) -> Self {
        Self { bad: BTreeMap::from([(told.to_owned(), 1)]), ..Self::default() }
    }

    fn add(&mut self, other: Self) {
        self.good += other.good;
        self.micros.extend(other.micros);
        for (told, count) in other.bad {
            *self.bad.entry(told).or_default() += count;
        }
    }

    /// Good answers a second, while it was counted.
    pub fn rate(&self) -> f64 {
        (self.good - self.uncounted) as f64 / self.seconds.max(0.001)
    }

    /// Milliseconds within which this share of the good answers came.
    pub fn within(&mut self, share: f64) -> f64 {
        self.micros.sort_unstable();
        let last = self.micros.len().saturating_sub(1);
        self.micros.get((last as f64 * share) as usize).map_or(0.0, |us| f64::from(*us) / 1e3)
    }

    /// An error unless every answer was good.
    pub fn all_good(&self, what: &str) -> Result<(), String> {
        match self.bad.is_empty() && self.good > 0 {
            true => Ok(()),
            false => Err(format!("{what}: {} good, and {:?}", self.good, self.bad)),
        }
    }
}

/// `callers` at once, each with its next call when its last one is answered, for so long. `call` is given the number of the
/// call, each number once.
pub async fn closed<F, A>(callers: usize, time: Duration, numbers: &Arc<AtomicU64>, call: F) -> Tally
where
    F: Fn(u64) -> A + Clone + Send + 'static,
    A: Future<Output = Result<(), String>> + Send,
{
    let begun = Instant::now();
    let mut all = JoinSet::new();
    for _ in 0..callers {
        let (call, numbers) = (call.clone(), Arc::clone(numbers));
        all.spawn(async move {
            let mut tally = Tally::default();
            while begun.elapsed() < time {
                let at = Instant::now();
                let answer = call(numbers.fetch_add(1, Ordering::Relaxed)).await;
                tally.count(answer, at.elapsed());
            }
            tally
        });
    }
    let mut sum = Tally::default();
    while let Some(one) = all.join_next().await {
        sum.add(one.unwrap_or_else(|broken| Tally::broken(&broken.to_string())));
    }
    sum.seconds = begun.elapsed().as_secs_f64();
    sum
}

/// `rate` calls a second for so long, whether or not the ones before are answered. It is counted when `warm` is over, for as long as
/// calls are sent: first answers come late, when those of a steady stream would have come.
pub async fn open<F, A>(rate: f64, (warm, time): (Duration, Duration), numbers: &Arc<AtomicU64>, call: F) -> Tally
where
    F: Fn(u64) -> A + Clone + Send + 'static,
    A: Future<Output = Result<(), String>> + Send + 'static,
{
    let (begun, mut sent, mut all, mut sum) = (Instant::now(), 0.0, JoinSet::new(), Tally::default());
    let mut early = None;
    while begun.elapsed() < warm + time {
        while sent < begun.elapsed().as_secs_f64() * rate {
            sent += 1.0;
            let (call, n) = (call.clone(), numbers.fetch_add(1, Ordering::Relaxed));
            all.spawn(async move {
                let at = Instant::now();
                (call(n).await, at.elapsed())
            });
        }
        while let Some(one) = all.try_join_next() {
            sum.end(one);
        }
        if early.is_none() && begun.elapsed() >= warm {
            early = Some((sum.good, Instant::now()));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (early, since) = early.unwrap_or((0, begun));
    sum.seconds = since.elapsed().as_secs_f64();
    let in_time = sum.good;
    while let Some(one) = all.join_next().await {
        sum.end(one);
    }
    sum.uncounted = early + (sum.good - in_time);
    sum
}
