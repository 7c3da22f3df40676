//! Leaves an outer system alone that does not answer: after some failures in a row it rests, then one call tries again.
//!
//! A resting system costs nothing: no connection, no waiting, no intent. What rests is one gateway, or one hub of cash
//! registers. Only what tells of the other side counts: no connection, no answer, an answer that it has failed or is
//! overloaded. A refusal, a denial, even nonsense, is an answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::config::ms;
use super::{Gateway, Mishap, Setback, SetbackKind};
use crate::budget;
use crate::metrics::{Meters, Outcome};

/// The section `gateways.breaker`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerConfig {
    /// Failures in a row after which an outer system rests; 0 never lets it rest.
    pub failures: u32,
    /// First rest, milliseconds; doubles with every try that fails.
    pub rest_ms: u64,
    /// Longest rest, milliseconds.
    pub rest_limit_ms: u64,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 5, rest_ms: 1_000, rest_limit_ms: 30_000 }
    }
}

/// How many outer systems are remembered; more hubs than that are not let rest.
const MOST: usize = 100_000;

/// The outer systems that have failed lately. Cheap to clone; all clones know the same.
#[derive(Debug, Clone)]
pub struct Breakers {
    config: BreakerConfig,
    troubled: Arc<Mutex<HashMap<Place, Trouble>>>,
    meters: Meters,
}

/// An outer system: a gateway and, among hubs, the address of one.
type Place = (Gateway, String);

/// What is known of an outer system that has failed.
#[derive(Debug, Clone, Copy)]
struct Trouble {
    failures: u32,
    /// Tries after a rest that failed.
    tries: u32,
    /// When the first of these failures was.
    since: Instant,
    /// Until when it rests; one call may try after that.
    until: Instant,
    /// That call is under way.
    trying: bool,
}

/// A rest that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// How much longer.
    pub left: Duration,
    /// How long the outer system has failed without a break.
    pub failing: Duration,
}

/// Leave to make one call. Dropped without a word, the call tells nothing.
pub(super) struct Leave<'a> {
    breakers: &'a Breakers,
    place: Place,
    tries: bool,
    since: Instant,
    outcome: Outcome,
}

impl Breakers {
    /// Nothing has failed yet.
    pub fn new(config: BreakerConfig) -> Self {
        Self { config, troubled: Arc::default(), meters: Meters::default() }
    }

    /// The same; calls are counted there.
    #[must_use]
    pub fn counting(self, meters: &Meters) -> Self {
        Self { meters: meters.clone(), ..self }
    }

    /// Lets nothing rest.
    pub fn off() -> Self {
        Self::new(BreakerConfig { failures: 0, ..BreakerConfig::default() })
    }

    /// Whether a gateway, or the hub at this address, rests at `now`.
    pub fn rests(&self, gateway: Gateway, at: &str, now: Instant) -> Option<Rest> {
        let troubled = self.troubled();
        troubled.get(&(gateway, at.to_owned())).and_then(|trouble| self.rest(trouble, now))
    }

    /// How many of a gateway's outer systems have been left alone and have not answered since, between the tries too: more
    /// than one only among hubs.
    pub fn resting(&self, gateway: Gateway) -> usize {
        let troubled = self.troubled();
        troubled.iter().filter(|((of, _), trouble)| *of == gateway && self.tired(trouble)).count()
    }

    /// Leave for one call.
    ///
    /// # Errors
    /// A setback of kind `Resting`, or `TooLate` when the caller for whom it is has gone: certainly nothing is sent.
    pub(super) fn pass(&self, gateway: Gateway, at: &str, now: Instant) -> Result<Leave<'_>, Mishap> {
        if budget::is_over(now) {
            return Err(Mishap::NotSent(Setback::new(
                gateway,
                SetbackKind::TooLate,
                "the caller's deadline has passed",
            )));
        }
        let place = (gateway, at.to_owned());
        let mut troubled = self.troubled();
        let mut leave = Leave { breakers: self, place, tries: false, since: now, outcome: Outcome::Abandoned };
        let Some(trouble) = troubled.get_mut(&leave.place) else { return Ok(leave) };
        if let Some(rest) = self.rest(trouble, now) {
            leave.outcome = Outcome::Setback(SetbackKind::Resting);
            return Err(Mishap::NotSent(resting(gateway, rest)));
        }
        leave.tries = self.tired(trouble);
        trouble.trying = leave.tries;
        Ok(leave)
    }

    /// Whether it has failed so often that only one call at a time may try.
    const fn tired(&self, trouble: &Trouble) -> bool {
        self.config.failures > 0 && trouble.failures >= self.config.failures
    }

    fn rest(&self, trouble: &Trouble, now: Instant) -> Option<Rest> {
        let rests = self.tired(trouble) && (trouble.trying || now < trouble.until);
        let left = trouble.until.saturating_duration_since(now).max(ms(self.config.rest_ms) / 4);
        rests.then(|| Rest { left, failing: now.saturating_duration_since(trouble.since) })
    }

    /// Counts a failure. Of calls that were under way when the rest began nothing new is learned.
    fn failed(&self, place: Place, tried: bool, now: Instant) {
        let mut troubled = self.troubled();
        if troubled.len() >= MOST && !troubled.contains_key(&place) {
            return;
        }
        let fresh = Trouble { failures: 0, tries: 0, since: now, until: now, trying: false };
        let trouble = troubled.entry(place).or_insert(fresh);
        if self.tired(trouble) && !tried {
            return;
        }
        trouble.failures = trouble.failures.saturating_add(1);
        trouble.tries = trouble.tries.saturating_add(u32::from(tried));
        trouble.trying = false;
        let rest = self.config.rest_ms.saturating_mul(1 << trouble.tries.min(16)).min(self.config.rest_limit_ms);
        trouble.until = now + ms(rest);
    }

    fn troubled(&self) -> MutexGuard<'_, HashMap<Place, Trouble>> {
        self.troubled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// What the call told of the other side.
    pub fn told<T>(mut self, answer: &Result<T, Mishap>, now: Instant) {
        let tried = std::mem::take(&mut self.tries);
        self.outcome =
            answer.as_ref().err().map_or(Outcome::Answered, |mishap| Outcome::Setback(mishap.setback().kind));
        match answer {
            Err(mishap) if tells_failure(mishap.setback().kind) => self.breakers.failed(self.place.clone(), tried, now),
            _ => drop(self.breakers.troubled().remove(&self.place)),
        }
    }
}

/// Counts the call. A try that was cut off leaves the next one to another call.
impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.breakers.meters.gateway(self.place.0, self.outcome, self.since.elapsed());
        if self.tries
            && let Some(trouble) = self.breakers.troubled().get_mut(&self.place)
        {
            trouble.trying = false;
        }
    }
}

const fn tells_failure(kind: SetbackKind) -> bool {
    match kind {
        SetbackKind::Unreachable | SetbackKind::TimedOut | SetbackKind::Overloaded | SetbackKind::Failed => true,
        SetbackKind::Garbled
        | SetbackKind::Denied
        | SetbackKind::WrongWorld
        | SetbackKind::Stopped
        | SetbackKind::TooLate
        | SetbackKind::Resting => false,
    }
}

/// The setback that a rest means.
pub fn resting(gateway: Gateway, rest: Rest) -> Setback {
    let detail = format!("left alone after failing for {} s", rest.failing.as_secs());
    Setback { gateway, kind: SetbackKind::Resting, detail, retry_after: Some(rest.left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FNS: Gateway = Gateway::Fns;

    struct Bench {
        breakers: Breakers,
        start: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let config = BreakerConfig { failures: 3, rest_ms: 1_000, rest_limit_ms: 3_000 };
            Self { breakers: Breakers::new(config), start: Instant::now() }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn call(&self, at: u64, kind: Option<SetbackKind>) -> bool {
            let Ok(leave) = self.breakers.pass(FNS, "", self.at(at)) else { return false };
            let answer = kind.map_or(Ok(()), |kind| Err(Mishap::Unsure(Setback::new(FNS, kind, ""))));
            leave.told(&answer, self.at(at));
            true
        }
    }

    const DOWN: Option<SetbackKind> = Some(SetbackKind::TimedOut);

    #[test]
    fn after_failures_in_a_row_it_rests_and_then_one_call_tries() {
        let bench = Bench::new();
        assert!((0..3).all(|n| bench.call(n, DOWN)));
        assert!(!bench.call(500, None) && !bench.call(1_001, None), "it rests for a second");
        let trying = bench.breakers.pass(FNS, "", bench.at(1_003)).ok().unwrap();
        assert!(!bench.call(1_004, None), "one call tries, the others wait for what it finds");
        trying.told::<()>(&Ok(()), bench.at(1_005));
        assert!((0..9).all(|n| bench.call(1_006 + n, None)), "one answer, and all may call again");
    }

    #[test]
    fn rests_grow_to_their_limit_while_tries_fail() {
        let bench = Bench::new();
        assert!((0..3).all(|_| bench.call(0, DOWN)));
        let left = |at| bench.breakers.rests(FNS, "", bench.at(at)).map(|rest| rest.left.as_millis());
        assert_eq!(left(0), Some(1_000));
        assert!(bench.call(1_000, DOWN));
        assert_eq!(left(1_000), Some(2_000));
        assert!(bench.call(3_000, DOWN));
        assert_eq!(left(3_000), Some(3_000), "the limit");
        assert_eq!(bench.breakers.rests(FNS, "", bench.at(3_000)).unwrap().failing.as_millis(), 3_000);
        assert_eq!(left(6_000), None, "the rest is over: somebody may try");
    }

    /// Thirty calls time out together: that is one outage, not thirty.
    #[test]
    fn calls_that_were_under_way_neither_lengthen_the_rest_nor_let_others_try() {
        let bench = Bench::new();
        let pass = |at| bench.breakers.pass(FNS, "", bench.at(at)).ok().unwrap();
        let down = || Err::<(), _>(Mishap::Unsure(Setback::new(FNS, SetbackKind::TimedOut, "")));
        let under_way: Vec<_> = (0..30).map(|_| pass(0)).collect();
        let mut late = under_way.into_iter();
        late.by_ref().take(20).for_each(|leave| leave.told(&down(), bench.at(5)));
        let left = |at| bench.breakers.rests(FNS, "", bench.at(at)).map(|rest| rest.left.as_millis());
        assert_eq!(left(5), Some(1_000), "the first rest");
        let trying = pass(1_005);
        late.for_each(|leave| leave.told(&down(), bench.at(1_006)));
        assert!(!bench.call(1_007, None), "one tries, whatever comes in late");
        trying.told(&down(), bench.at(1_008));
        assert_eq!(left(1_008), Some(2_000));
    }

    #[test]
    fn a_success_between_failures_starts_the_count_anew_and_answers_are_no_failures() {
        let bench = Bench::new();
        for kind in [DOWN, DOWN, None, DOWN, DOWN, Some(SetbackKind::Garbled), DOWN, DOWN, Some(SetbackKind::Denied)] {
            assert!(bench.call(0, kind));
        }
        assert_eq!(bench.breakers.rests(FNS, "", bench.at(0)), None);
    }

    #[test]
    fn a_try_that_is_cut_off_leaves_the_next_one_to_another_call() {
        let bench = Bench::new();
        assert!((0..3).all(|_| bench.call(0, DOWN)));
        drop(bench.breakers.pass(FNS, "", bench.at(1_000)).ok().unwrap());
        assert!(bench.call(1_001, None));
    }

    #[test]
    fn it_is_seen_to_rest_between_the_tries_too_until_one_is_answered() {
        let bench = Bench::new();
        let seen = || bench.breakers.resting(FNS);
        assert!((0..2).all(|_| bench.call(0, DOWN)) && seen() == 0, "two failures are no rest yet");
        assert!(bench.call(0, DOWN));
        assert_eq!((bench.breakers.rests(FNS, "", bench.at(1_500)), seen()), (None, 1), "somebody may try, nobody has");
        assert!(bench.call(1_500, DOWN) && seen() == 1);
        assert!(bench.call(9_000, None) && seen() == 0);
    }

    #[test]
    fn one_hub_rests_and_the_others_go_on() {
        let bench = Bench::new();
        for _ in 0..3 {
            let leave = bench.breakers.pass(Gateway::Device, "hub-1:16732", bench.at(0)).ok().unwrap();
            leave.told::<()>(
                &Err(Mishap::NotSent(Setback::new(Gateway::Device, SetbackKind::Unreachable, ""))),
                bench.at(0),
            );
        }
        assert!(bench.breakers.pass(Gateway::Device, "hub-1:16732", bench.at(1)).is_err());
        assert!(bench.breakers.pass(Gateway::Device, "hub-2:16732", bench.at(1)).is_ok());
        assert!(bench.breakers.pass(FNS, "", bench.at(1)).is_ok());
    }

    #[test]
    fn without_a_number_of_failures_nothing_rests() {
        let breakers = Breakers::off();
        let now = Instant::now();
        for _ in 0..50 {
            let leave = breakers.pass(FNS, "", now).ok().unwrap();
            leave.told::<()>(&Err(Mishap::Unsure(Setback::new(FNS, SetbackKind::Failed, ""))), now);
        }
        assert!(breakers.pass(FNS, "", now).is_ok());
    }
}
