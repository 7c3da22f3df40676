//! A and B, again and again: one call and what it stands on, measured in turn, so that what else the machine does meets both.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::report::{Figures, Row};
use crate::stage::{HEALTH, Server, Stage};
use crate::{Outcome, calls, floor, load};

/// How long and how often.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Each measurement.
    pub time: Duration,
    /// Rounds of all measurements.
    pub rounds: usize,
    /// Rows of the tables that are read.
    pub rows: u64,
    /// Callers at once.
    pub callers: usize,
}

impl Row {
    /// A row without figures.
    pub fn new(name: &str, goal: f64) -> Self {
        let none = Figures::default;
        Self {
            name: name.to_owned(),
            rate: none(),
            floor: none(),
            ratio: none(),
            goal,
            p50: none(),
            p99: none(),
            spent: Vec::new(),
        }
    }

    /// Measures one round of ours; the floor of this round comes from whoever knows it.
    pub async fn ours<F, A>(
        &mut self,
        on: (&Stage, &Server),
        plan: Plan,
        numbers: &Arc<AtomicU64>,
        call: F,
    ) -> Outcome<u64>
    where
        F: Fn(u64) -> A + Clone + Send + 'static,
        A: Future<Output = Result<(), String>> + Send,
    {
        self.ours_until(on, plan, numbers, call, async || Ok(now_ms())).await
    }

    /// The same of calls that are not done with when they are answered: `end` waits until they are, and tells when that was, Unix
    /// milliseconds.
    pub async fn ours_until<F, A>(
        &mut self,
        (stage, server): (&Stage, &Server),
        plan: Plan,
        numbers: &Arc<AtomicU64>,
        call: F,
        end: impl AsyncFnOnce() -> Outcome<f64>,
    ) -> Outcome<u64>
    where
        F: Fn(u64) -> A + Clone + Send + 'static,
        A: Future<Output = Result<(), String>> + Send,
    {
        let (before, begun) = (stage.spent(server), now_ms());
        let mut tally = load::closed(plan.callers, plan.time, numbers, call).await;
        tally.all_good(&self.name)?;
        let seconds = (end().await? - begun) / 1e3;
        self.spent.push(stage.spent(server).each(&before, tally.good));
        self.rate.0.push(tally.good as f64 / seconds);
        self.p50.0.push(tally.within(0.5));
        self.p99.0.push(tally.within(0.99));
        Ok(tally.good)
    }

    /// The floor of the round that was just measured: calls a second.
    pub fn over(&mut self, floor: f64) {
        self.floor.0.push(floor);
        if let Some(rate) = self.rate.0.last() {
            self.ratio.0.push(rate / floor);
            println!("  {:<40} {rate:>9.0}/s  floor {floor:>9.0}/s  ratio {:.2}", self.name, rate / floor);
        }
    }
}

/// Empty calls a second: through our layers, or of a bare tonic server.
pub async fn empty(url: &str, path: &'static str, plan: Plan) -> Outcome<f64> {
    let channels = Arc::new((0..calls::CONNECTIONS).map(|_| crate::stage::channel(url)).collect::<Outcome<Vec<_>>>()?);
    let call = move |n: u64| {
        let channel = channels[n as usize % channels.len()].clone();
        async move { floor::unary::<_, floor::Nothing>(channel, path, floor::Nothing {}).await.map(drop) }
    };
    let tally = load::closed(plan.callers, plan.time, &Arc::default(), call).await;
    tally.all_good(path)?;
    Ok(tally.rate())
}

/// Empty calls a second through our layers.
pub async fn empty_ours(server: &Server, plan: Plan) -> Outcome<f64> {
    empty(&server.url, HEALTH, plan).await
}

/// What lies beneath, one after the other: so many a second of each, so many of them a call.
pub fn composed(parts: &[(f64, f64)]) -> f64 {
    1.0 / parts.iter().map(|(count, rate)| count / rate).sum::<f64>()
}

/// Unix milliseconds.
pub fn now_ms() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64() * 1e3)
}
