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
