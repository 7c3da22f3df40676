//! How patiently the worker waits, and for what. Waiting for people, devices or FNS uses up no budget.

use serde::{Deserialize, Serialize};

/// Times of the worker, milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerConfig {
    /// Registrations driven at the same time by this process.
    pub concurrency: u32,
    /// How long a worker may hold a registration between two writes. Another one takes over after that.
    pub lease_ms: i64,
    /// How often the database is asked for due registrations while nothing wakes the worker.
    pub idle_poll_ms: u64,
    /// First wait after a failure of an outer system; doubles with every attempt.
    pub backoff_ms: i64,
    /// Longest wait after failures.
    pub backoff_limit_ms: i64,
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
            idle_poll_ms: 1_000,
            backoff_ms: 500,
            backoff_limit_ms: 300_000,
            fns_poll_ms: 5_000,
            fns_poll_limit_ms: 300_000,
            task_poll_ms: 1_000,
            device_poll_ms: 15_000,
            device_clock_tolerance_s: 300,
        }
    }
}

impl WorkerConfig {
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
