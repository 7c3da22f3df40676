//! The sections `connections` and `tls`.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

/// The section `connections`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct ConnectionsConfig {
    pub total: usize,
    pub per_peer: usize,
    pub trusted_peers: Vec<IpNet>,
    pub newcomers: usize,
    pub per_holder: usize,
    pub handshake_ms: u64,
    pub preface_ms: u64,
    pub age_ms: u64,
    pub stall_ms: u64,
    pub unacked_ms: u64,
    pub answer_ms: u64,
    pub streams: u32,
    pub in_flight: usize,
    pub header_list_bytes: u32,
    pub message_bytes: usize,
    pub standing_streams: usize,
    pub untaken_answers: usize,
}

/// The section `tls`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct TlsConfig {
    pub cert: PathBuf,
    pub key: PathBuf,
    pub client_ca: PathBuf,
    pub client_required: bool,
    pub reload_ms: u64,
}

impl TlsConfig {
    /// Whether the listener speaks TLS.
    pub fn is_on(&self) -> bool {
        !self.cert.as_os_str().is_empty() || !self.key.as_os_str().is_empty()
    }

    /// What does not go together: the setting and what is wrong with it.
    pub fn unfit(&self) -> Option<(&'static str, &'static str)> {
        let empty = |path: &PathBuf| path.as_os_str().is_empty();
        if self.is_on() && empty(&self.cert) {
            return Some(("tls.cert", "must be set together with tls.key"));
        }
        if self.is_on() && empty(&self.key) {
            return Some(("tls.key", "must be set together with tls.cert"));
        }
        if !self.is_on() && !empty(&self.client_ca) {
            return Some(("tls.client_ca", "needs tls.cert and tls.key"));
        }
        if self.client_required && empty(&self.client_ca) {
            return Some(("tls.client_required", "needs tls.client_ca"));
        }
        (self.is_on() && self.reload_ms == 0).then_some(("tls.reload_ms", "must be at least 1"))
    }
}

impl ConnectionsConfig {
    /// A setting that cannot be used, and what is wrong with it.
    pub fn unfit(&self) -> Option<(&'static str, &'static str)> {
        let counts = [
            ("connections.total", self.total),
            ("connections.per_peer", self.per_peer),
            ("connections.newcomers", self.newcomers),
            ("connections.per_holder", self.per_holder),
            ("connections.in_flight", self.in_flight),
            ("connections.message_bytes", self.message_bytes),
            ("connections.untaken_answers", self.untaken_answers),
        ];
        let none = counts.into_iter().find(|(_, count)| *count == 0);
        let times = [
            ("connections.handshake_ms", self.handshake_ms),
            ("connections.preface_ms", self.preface_ms),
            ("connections.age_ms", self.age_ms),
            ("connections.stall_ms", self.stall_ms),
            ("connections.unacked_ms", self.unacked_ms),
            ("connections.answer_ms", self.answer_ms),
            ("connections.streams", self.streams.into()),
        ];
        let never = times.into_iter().find(|(_, time)| *time == 0).map(|(key, _)| key);
        none.map(|(key, _)| key).or(never).map(|key| (key, "must be at least 1"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_tls_are_refused_by_name() {
        let both = TlsConfig { cert: "c".into(), key: "k".into(), reload_ms: 1, ..TlsConfig::default() };
        assert_eq!((both.unfit(), TlsConfig::default().unfit()), (None, None));
        for (config, named) in [
            (TlsConfig { key: PathBuf::new(), ..both.clone() }, "tls.key"),
            (TlsConfig { cert: PathBuf::new(), ..both.clone() }, "tls.cert"),
            (TlsConfig { client_required: true, ..both.clone() }, "tls.client_required"),
            (TlsConfig { reload_ms: 0, ..both }, "tls.reload_ms"),
            (TlsConfig { client_ca: "ca".into(), ..TlsConfig::default() }, "tls.client_ca"),
        ] {
            assert_eq!(config.unfit().map(|(key, _)| key), Some(named));
        }
    }
}
