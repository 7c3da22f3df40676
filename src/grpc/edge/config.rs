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
    pub per_trusted_peer: usize,
    pub newcomers: usize,
    pub trusted_newcomers: usize,
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

    /// What does not go together: the settings and what is wrong with them.
    pub fn unfit(&self) -> Vec<(&'static str, String)> {
        let empty = |path: &PathBuf| path.as_os_str().is_empty();
        let cases = [
            (self.is_on() && empty(&self.cert), "tls.cert", "must be set together with tls.key"),
            (self.is_on() && empty(&self.key), "tls.key", "must be set together with tls.cert"),
            (!self.is_on() && !empty(&self.client_ca), "tls.client_ca", "needs tls.cert and tls.key"),
            (self.client_required && empty(&self.client_ca), "tls.client_required", "needs tls.client_ca"),
        ];
        cases.into_iter().filter(|(bad, ..)| *bad).map(|(_, key, what)| (key, what.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_tls_are_refused_by_name() {
        let both = TlsConfig { cert: "c".into(), key: "k".into(), reload_ms: 1, ..TlsConfig::default() };
        assert_eq!((both.unfit(), TlsConfig::default().unfit()), (Vec::new(), Vec::new()));
        for (config, named) in [
            (TlsConfig { key: PathBuf::new(), ..both.clone() }, "tls.key"),
            (TlsConfig { cert: PathBuf::new(), ..both.clone() }, "tls.cert"),
            (TlsConfig { client_required: true, ..both }, "tls.client_required"),
            (TlsConfig { client_ca: "ca".into(), ..TlsConfig::default() }, "tls.client_ca"),
        ] {
            assert_eq!(config.unfit().iter().map(|(key, _)| *key).collect::<Vec<_>>(), [named]);
        }
    }
}
