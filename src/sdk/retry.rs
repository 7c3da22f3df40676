//! What is repeated, how often, and after which pauses: the policy of `sdk/service_config.json`, which all languages share.

use std::time::Duration;

/// Attempts of one call, the first among them.
pub(super) const ATTEMPTS: u32 = 5;
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// The pause after so many failed attempts. It doubles, and is spread by a fifth, so that many programs do not come back at
/// the same moment.
pub(super) fn pause(attempts: u32) -> Duration {
    let grown = FIRST.saturating_mul(1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX)).min(LONGEST);
    // Without random numbers the pause is only not spread.
    let spread = f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX);
    grown.mul_f64(0.8 + 0.4 * spread)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_policy_is_the_one_that_all_languages_share() {
        let shared: Value = serde_json::from_str(include_str!("../../sdk/service_config.json")).unwrap();
        let policy = &shared["methodConfig"][0]["retryPolicy"];
        assert_eq!(policy["maxAttempts"], json!(ATTEMPTS));
        assert_eq!(policy["initialBackoff"], json!(format!("{}s", FIRST.as_secs_f64())));
        assert_eq!(policy["maxBackoff"], json!(format!("{}s", LONGEST.as_secs())));
        assert_eq!(policy["backoffMultiplier"], json!(2));
        assert_eq!(policy["retryableStatusCodes"], json!(["UNAVAILABLE"]));
        assert!(shared["methodConfig"][1].get("retryPolicy").is_none(), "Watch is opened again by itself");
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_are_spread() {
        let within = |attempts, ms: f64| {
            let pause = pause(attempts).as_secs_f64() * 1_000.0;
            assert!((0.79 * ms..1.21 * ms).contains(&pause), "{attempts}: {pause}");
        };
        for (attempts, ms) in [(1, 100.0), (2, 200.0), (3, 400.0), (4, 800.0), (6, 2_000.0), (99, 2_000.0)] {
            within(attempts, ms);
        }
    }
}
