//! Where the five gateways answer and how long each is waited for. A section of the configuration file.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use super::breaker::BreakerConfig;

/// The section `gateways`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaysConfig {
    /// When an outer system is left alone.
    #[serde(default)]
    pub breaker: BreakerConfig,
    /// State register of taxpayers and addresses.
    #[serde(default)]
    pub taxpayers: DaDataConfig,
    /// LiteBox account service.
    pub accounts: RpcConfig,
    /// Tax service.
    pub fns: RpcConfig,
    /// Fiscal data operators.
    pub ofd: RpcConfig,
    /// Hubs of cash registers. Their addresses stand with the devices, not here.
    #[serde(default)]
    pub device: AtolConfig,
}

/// DaData or its on-premises copy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaDataConfig {
    /// Scheme, host and port, without a path: `https://suggestions.dadata.ru`.
    pub base_url: String,
    /// Key. Empty: no `Authorization` header is sent (on-premises copy).
    pub api_key: SecretString,
    /// Longest wait for a connection, ms.
    pub connect_timeout_ms: u64,
    /// Longest wait for a whole answer, ms.
    pub timeout_ms: u64,
    /// Calls at a time, and so connections: DaData allows 60 new ones a minute from one address.
    pub max_concurrent: usize,
    /// How long an answer is used again, seconds.
    pub cache_seconds: u64,
    /// How long "not found" is used again, seconds: a shop may have been registered a minute ago.
    pub cache_not_found_seconds: u64,
    /// How many answers are kept.
    pub cache_entries: u64,
}

impl Default for DaDataConfig {
    fn default() -> Self {
        Self {
            base_url: "https://suggestions.dadata.ru".to_owned(),
            api_key: SecretString::default(),
            connect_timeout_ms: 2_000,
            timeout_ms: 5_000,
            max_concurrent: 16,
            cache_seconds: 24 * 60 * 60,
            cache_not_found_seconds: 5 * 60,
            cache_entries: 10_000,
        }
    }
}

/// A party that speaks one of our gRPC contracts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RpcConfig {
    /// `http://host:port`.
    pub url: String,
    /// Longest wait for a connection, ms.
    #[serde(default = "rpc_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Longest wait for an answer, ms; sent along as the deadline of the call.
    #[serde(default = "rpc_timeout_ms")]
    pub timeout_ms: u64,
}

impl RpcConfig {
    /// The party at `url`, waited for as long as by default.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), connect_timeout_ms: rpc_connect_timeout_ms(), timeout_ms: rpc_timeout_ms() }
    }
}

const fn rpc_connect_timeout_ms() -> u64 {
    2_000
}

const fn rpc_timeout_ms() -> u64 {
    5_000
}

/// Hubs that speak ATOL Web Requests v2.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AtolConfig {
    /// User for Basic authentication; empty when the hubs have no accounts.
    pub user: String,
    /// Password for Basic authentication.
    pub password: SecretString,
    /// Longest wait for a connection, ms.
    pub connect_timeout_ms: u64,
    /// Longest wait for the answer to one HTTP call, ms.
    pub timeout_ms: u64,
    /// Longest wait for a device to answer a question, ms.
    pub inquiry_timeout_ms: u64,
    /// Pause between two looks at a question's result, ms.
    pub poll_interval_ms: u64,
}

impl Default for AtolConfig {
    fn default() -> Self {
        Self {
            user: String::new(),
            password: SecretString::default(),
            connect_timeout_ms: 2_000,
            timeout_ms: 5_000,
            inquiry_timeout_ms: 8_000,
            poll_interval_ms: 100,
        }
    }
}

/// Milliseconds of the configuration as a duration; never zero, which would fail every call.
pub(super) fn ms(value: u64) -> Duration {
    Duration::from_millis(value.max(1))
}
