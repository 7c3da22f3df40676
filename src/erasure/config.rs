//! The sections `erasure` and `retention` of the configuration.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::key::{Key, Malformed};

/// A partner may repeat a call for so many days at least: the contract promises it.
const PROMISED_DAYS: u32 = 30;

/// The section `erasure`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct ErasureConfig {
    pub key: SecretString,
}

impl ErasureConfig {
    /// The key that signs records; `None` when none is configured.
    ///
    /// # Errors
    /// [`Malformed`]; it does not quote the key.
    pub fn key(&self) -> Result<Option<Key>, Malformed> {
        let text = self.key.expose_secret().trim();
        if text.is_empty() { Ok(None) } else { Key::parse(text).map(Some) }
    }
}

/// The section `retention`: days after which data are removed; 0 for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct RetentionConfig {
    pub requests_days: u32,
    pub documents_days: u32,
    pub abandoned_days: u32,
}

impl RetentionConfig {
    /// The settings that cannot be used, and why.
    pub fn unfit(&self, erasure: &ErasureConfig) -> Vec<(&'static str, String)> {
        let key = match erasure.key() {
            Err(Malformed) => Some("must be 32 bytes in base64: `client erasure-key` makes one"),
            Ok(None) if self.abandoned_days > 0 => {
                Some("retention.abandoned_days needs a key: `client erasure-key` makes one")
            }
            Ok(_) => None,
        };
        let early = (1..PROMISED_DAYS).contains(&self.requests_days);
        let days = early.then_some("at least 30, which partners are promised, or 0 for ever");
        let found = [("retention.requests_days", days), ("erasure.key", key)];
        found.into_iter().filter_map(|(key, what)| Some((key, what?.to_owned()))).collect()
    }
}
