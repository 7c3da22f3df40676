//! The section `metrics`.

use serde::Deserialize;

/// The section `metrics`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct MetricsConfig {
    pub listen: String,
    pub poll_ms: u64,
}

impl MetricsConfig {
    /// The setting that cannot be used, and what it must be.
    pub fn unfit(&self) -> Option<(&'static str, &'static str)> {
        (self.poll_ms == 0).then_some(("metrics.poll_ms", "must be at least 1"))
    }
}
