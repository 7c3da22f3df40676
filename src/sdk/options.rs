//! How to reach the service, and as whom.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Bounds one call with all its attempts when nothing else is said.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);
/// The service gives a sign of life every 15 seconds.
pub(super) const WATCH_SILENCE: Duration = Duration::from_secs(60);
/// How gRPC writes a name whose addresses are to be looked up.
const DNS: &str = "dns:///";

/// How to reach the service, and as whom. Only `address` is required, though the service lets nobody in without a token.
#[derive(Clone, Default)]
pub struct Options {
    /// "host:port", or "dns:///host:port", which means the same here: one connection, to an address of the name.
    pub address: String,
    /// The token, as the operator has issued it. Prefer `token_file`, which can change without a restart.
    pub token: Option<String>,
    /// Holds the token and is read anew: at the latest 10 seconds after it has changed, and at once when the service
    /// refuses the token that was read before.
    pub token_file: Option<PathBuf>,
    /// Names the partner of each call. Only for internal services, whose credential is not the partner's.
    pub partner_id: Option<String>,
    /// Whom to believe and what to show; by default the system's authorities and nothing.
    pub tls: Tls,
    /// Switches TLS off.
    pub plaintext: bool,
    /// Lets a token go over a connection without TLS: for trials on loopback, and inside a mesh that encrypts.
    pub allow_token_in_plaintext: bool,
    /// Bounds one call with all its attempts; 20 seconds when absent. Each call can give its own.
    pub timeout: Option<Duration>,
    /// How long a stream of a watch may say nothing before it is given up and another one is opened; 60 seconds when absent. The
    /// service gives a sign of life every 15 seconds. The first message has the `timeout`.
    pub watch_silence: Option<Duration>,
}

/// Whom to believe and what to show. All files are PEM.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The authorities to believe in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificate to show.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
    /// Expected in the server's certificate in place of the address's host.
    pub server_name: Option<String>,
}

/// What is wrong with the options, told before anything is sent.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// The address is not of the form "host:port".
    #[error("address {0:?} is not of the form \"host:port\"")]
    Address(String),
    /// Two sources of one token.
    #[error("both token and token_file are given")]
    TwoTokens,
    /// Not a token: empty, or with white space in it.
    #[error("the token is empty or has characters that no token has")]
    Token,
    /// The id of the partner cannot go into a header.
    #[error("partner_id has characters that no id has")]
    PartnerId,
    /// TLS is set up and switched off at the same time.
    #[error("tls is set up and switched off by plaintext")]
    TlsInPlaintext,
    /// A token would cross the network in plain text.
    #[error(
        "a token would cross the network in plain text: use TLS, or set allow_token_in_plaintext where the network itself is safe"
    )]
    TokenInPlaintext,
    /// One of cert_file and key_file without the other.
    #[error("tls.cert_file and tls.key_file go together")]
    HalfAPair,
    /// A file cannot be read or does not hold what it should.
    #[error("{setting} {path:?} cannot be used: {why}")]
    File {
        /// The option.
        setting: &'static str,
        /// Its value.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// TLS cannot be set up with these files.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl Options {
    pub(super) fn host_and_port(&self) -> &str {
        self.address.strip_prefix(DNS).unwrap_or(&self.address)
    }

    pub(super) fn check(&self) -> Result<(), OptionsError> {
        let port = self.host_and_port().rsplit_once(':').filter(|(host, _)| is_host(host)).map(|(_, port)| port);
        if port.and_then(|port| port.parse::<u16>().ok()).is_none() {
            return Err(OptionsError::Address(self.address.clone()));
        }
        if self.token.is_some() && self.token_file.is_some() {
            return Err(OptionsError::TwoTokens);
        }
        if self.tls.cert_file.is_some() != self.tls.key_file.is_some() {
            return Err(OptionsError::HalfAPair);
        }
        if !self.plaintext {
            return Ok(());
        }
        if self.tls != Tls::default() {
            return Err(OptionsError::TlsInPlaintext);
        }
        let shown = self.token.is_some() || self.token_file.is_some();
        if shown && !self.allow_token_in_plaintext { Err(OptionsError::TokenInPlaintext) } else { Ok(()) }
    }
}

/// A name, or an address; one of IPv6 stands in brackets.
fn is_host(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let strange = |c: char| c.is_whitespace() || "/?#@[]".contains(c);
    let colons = inner.is_none() && text.contains(':');
    !text.is_empty() && !colons && !inner.unwrap_or(text).contains(strange)
}

// The token stays out.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("address", &self.address)
            .field("token", &self.token.is_some())
            .field("token_file", &self.token_file)
            .field("plaintext", &self.plaintext)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(options: Options) -> Option<OptionsError> {
        Options { address: "a:1".into(), ..options }.check().err()
    }

    #[test]
    fn a_token_crosses_no_network_in_plain_text_unless_it_is_allowed() {
        let plain = Options { plaintext: true, ..Options::default() };
        assert!(told(plain.clone()).is_none());
        for shown in [
            Options { token: Some("t".into()), ..plain.clone() },
            Options { token_file: Some("f".into()), ..plain.clone() },
        ] {
            assert!(matches!(told(shown.clone()), Some(OptionsError::TokenInPlaintext)));
            assert!(told(Options { allow_token_in_plaintext: true, ..shown.clone() }).is_none());
            assert!(told(Options { plaintext: false, ..shown }).is_none());
        }
    }

    #[test]
    fn options_that_do_not_go_together_are_told() {
        let tls = Tls { cert_file: Some("c".into()), ..Tls::default() };
        assert!(matches!(told(Options { tls: tls.clone(), ..Options::default() }), Some(OptionsError::HalfAPair)));
        let tls = Tls { key_file: Some("k".into()), ..tls };
        assert!(told(Options { tls: tls.clone(), ..Options::default() }).is_none());
        let plaintext = Options { tls, plaintext: true, ..Options::default() };
        assert!(matches!(told(plaintext), Some(OptionsError::TlsInPlaintext)));
        let two = Options { token: Some("t".into()), token_file: Some("f".into()), ..Options::default() };
        assert!(matches!(told(two), Some(OptionsError::TwoTokens)));
    }
}
