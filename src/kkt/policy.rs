//! How patiently the worker waits, and for what. Waiting for people, devices or FNS uses up no budget.
//!
//! The budget of a registration whose outer system fails, by the class of the failure and by its age:
//!
//! | class | waits | from the third failure on it waits for |
//! |---|---|---|
//! | passing: no answer, or the other side has failed | `backoff_ms`, doubling to `backoff_limit_ms`; after `failing_old_ms` always `failing_old_retry_ms` | that system; after `failing_operator_ms` an operator |
//! | standing: it denies us, or its answers make no sense | the same | an operator: no time mends that |
//!
//! A system that rests (see `gateways::breaker`) is not tried, so that costs nothing; after half a minute it is said.

use serde::{Deserialize, Serialize};

use crate::gateways::SetbackKind;

/// Times of the worker, milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerConfig {
    /// Registrations driven at the same time by this process.
    pub concurrency: u32,
    /// How long a worker may hold a registration between two writes. Another one takes over after that.
    pub lease_ms: i64,
    /// How long one registration may go on step by step before the others have their turn. A step that has begun ends.
    pub turn_ms: i64,
    /// How often the database is asked for due registrations while nothing wakes the worker.
    pub idle_poll_ms: u64,
    /// First wait after a failure of an outer system; doubles with every attempt.
    pub backoff_ms: i64,
    /// Longest wait after failures.
    pub backoff_limit_ms: i64,
    /// After failing so long without a break, a registration is tried seldom.
    pub failing_old_ms: i64,
    /// How seldom.
    pub failing_old_retry_ms: i64,
    /// After failing so long without a break, somebody has to look into it.
    pub failing_operator_ms: i64,
    /// First wait between two questions to FNS; grows by half with every attempt.
    pub fns_poll_ms: i64,
    /// Longest wait between two questions to FNS.
    pub fns_poll_limit_ms: i64,
    /// Wait between two questions to a device while a task is under way.
    pub task_poll_ms: i64,
    /// Wait between two looks at a device that is not ready.
    pub device_poll_ms: i64,
    /// Largest difference between a device's clock and the place's time at which the report is made, seconds.
    pub device_clock_tolerance_s: i64,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            concurrency: 32,
            lease_ms: 60_000,
            turn_ms: 2_000,
            idle_poll_ms: 1_000,
            backoff_ms: 500,
            backoff_limit_ms: 300_000,
            failing_old_ms: 3_600_000,
            failing_old_retry_ms: 1_800_000,
            failing_operator_ms: 86_400_000,
            fns_poll_ms: 5_000,
            fns_poll_limit_ms: 300_000,
            task_poll_ms: 1_000,
            device_poll_ms: 15_000,
            device_clock_tolerance_s: 300,
        }
    }
}

/// After so many failures in a row the registration says what it waits for.
const PATIENCE: i32 = 3;
/// And after its outer system has been left alone for so long, milliseconds.
const RESTING_MS: i64 = 30_000;

/// How often in a row an outer system has not answered a registration, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failing {
    /// How often.
    pub times: i32,
    /// Since when, Unix milliseconds by our clock; absent when it answers.
    pub since_ms: Option<i64>,
}

impl Failing {
    /// It answers.
    pub const NOT: Self = Self { times: 0, since_ms: None };

    /// It has failed again.
    pub fn again(self, now_ms: i64) -> Self {
        Self { times: self.times.saturating_add(1), ..self.since(now_ms) }
    }

    /// It is not tried, because it fails others.
    pub fn since(self, now_ms: i64) -> Self {
        Self { since_ms: self.since_ms.or(Some(now_ms)), ..self }
    }

    fn age_ms(self, now_ms: i64) -> i64 {
        self.since_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms))
    }
}

/// Whom a failing registration says that it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// Nobody yet.
    Nothing,
    /// The outer system.
    System,
    /// An operator.
    Operator,
}

/// Nothing but a person ends it.
const fn stands(kind: SetbackKind) -> bool {
    match kind {
        SetbackKind::Garbled | SetbackKind::Denied | SetbackKind::WrongWorld => true,
        SetbackKind::Unreachable
        | SetbackKind::TimedOut
        | SetbackKind::Overloaded
        | SetbackKind::Failed
        | SetbackKind::Stopped
        | SetbackKind::TooLate
        | SetbackKind::Resting => false,
    }
}

impl WorkerConfig {
    /// Wait after a failure, `failing` with this one counted.
    pub fn after_failure(&self, failing: Failing, now_ms: i64) -> i64 {
        if failing.age_ms(now_ms) >= self.failing_old_ms {
            return self.failing_old_retry_ms.max(self.backoff_limit_ms);
        }
        self.backoff(failing.times)
    }

    /// What a registration says after a failure of this kind, `failing` with this one counted.
    pub fn tells(&self, kind: SetbackKind, failing: Failing, now_ms: i64) -> Tells {
        let age_ms = failing.age_ms(now_ms);
        if failing.times < PATIENCE && (kind != SetbackKind::Resting || age_ms < RESTING_MS) {
            return Tells::Nothing;
        }
        let old = age_ms >= self.failing_operator_ms;
        if old || stands(kind) { Tells::Operator } else { Tells::System }
    }

    /// Wait after the `attempt`th failure, from 1.
    pub fn backoff(&self, attempt: i32) -> i64 {
        let doublings = attempt.clamp(1, 20) - 1;
        self.backoff_ms.saturating_mul(1 << doublings).min(self.backoff_limit_ms)
    }

    /// Wait after a device has refused the `generation`th task, from 0, for something that people mend there.
    pub fn device_wait(&self, generation: u32) -> i64 {
        let longest = self.backoff_limit_ms.max(self.device_poll_ms);
        self.device_poll_ms.saturating_mul(1 << generation.min(16)).min(longest)
    }

    /// Wait after the `attempt`th question to FNS, from 1.
    pub fn fns_poll(&self, attempt: i32) -> i64 {
        let mut wait = self.fns_poll_ms;
        for _ in 1..attempt.min(40) {
            wait = (wait.saturating_mul(3) / 2).min(self.fns_poll_limit_ms);
        }
        wait.min(self.fns_poll_limit_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_goes_by_class_and_age() {
        use SetbackKind::{Denied, Garbled, Resting, TimedOut, Unreachable, WrongWorld};
        let config = WorkerConfig::default();
        let (minute, hour) = (60_000, 3_600_000);
        let failing = |times| Failing { times, since_ms: Some(0) };
        for (times, age, wait) in [
            (1, 0, 500),
            (4, minute, 4_000),
            (20, 59 * minute, config.backoff_limit_ms),
            (21, hour, config.failing_old_retry_ms),
            (1, 30 * hour, config.failing_old_retry_ms),
        ] {
            assert_eq!(config.after_failure(failing(times), age), wait, "{times} failures, {age} ms");
        }
        for (kind, times, age, tells) in [
            (TimedOut, 2, 0, Tells::Nothing),
            (Denied, 2, 0, Tells::Nothing),
            (TimedOut, 3, minute, Tells::System),
            (Unreachable, 99, 23 * hour, Tells::System),
            (Unreachable, 99, 24 * hour, Tells::Operator),
            (Resting, 0, 29_999, Tells::Nothing),
            (Resting, 0, 30_000, Tells::System),
            (Resting, 0, 24 * hour, Tells::Operator),
            (Denied, 3, 0, Tells::Operator),
            (Garbled, 3, 0, Tells::Operator),
            (WrongWorld, 3, 0, Tells::Operator),
        ] {
            assert_eq!(config.tells(kind, failing(times), age), tells, "{kind} {times} times in {age} ms");
        }
    }

    #[test]
    fn failures_count_from_the_first_one_in_a_row() {
        let first = Failing::NOT.again(1_000);
        assert_eq!(first, Failing { times: 1, since_ms: Some(1_000) });
        assert_eq!(first.again(5_000), Failing { times: 2, since_ms: Some(1_000) });
    }

    #[test]
    fn waits_grow_and_stay_within_their_limits() {
        let config = WorkerConfig::default();
        assert_eq!([1, 2, 3].map(|n| config.backoff(n)), [500, 1_000, 2_000]);
        assert_eq!(config.backoff(i32::MAX), config.backoff_limit_ms);
        assert_eq!([1, 2].map(|n| config.fns_poll(n)), [5_000, 7_500]);
        assert_eq!(config.fns_poll(i32::MAX), config.fns_poll_limit_ms);
        assert_eq!([0, 1, 2].map(|n| config.device_wait(n)), [15_000, 30_000, 60_000]);
        assert_eq!(config.device_wait(u32::MAX), config.backoff_limit_ms);
    }
}
