//! The connection of one partner.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::caller::{Caller, LONGEST};
use super::clients::Clients;
use super::kkts::Kkts;
use super::options::{Options, OptionsError, TIMEOUT, Tls, WATCH_SILENCE};
use super::token::Tokens;

const USER_AGENT: &str = concat!("litebox-partner-rust/", env!("CARGO_PKG_VERSION"));

/// A connection to the service as one partner. Cheap to clone; a program needs one, for as long as it lives.
#[derive(Clone)]
pub struct Partner {
    clients: Clients,
    kkts: Kkts,
}

impl Partner {
    /// Checks the options and prepares the connection, which is made with the first call. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`OptionsError`], before anything is sent: also when a file cannot be read, and when a token was to be sent in plain
    /// text.
    pub fn new(options: Options) -> Result<Self, OptionsError> {
        options.check()?;
        let id = options.partner_id.as_deref().map(str::parse).transpose().map_err(|_| OptionsError::PartnerId)?;
        let caller = Arc::new(Caller {
            channel: channel(&options)?,
            streams: channel(&options)?,
            tokens: Tokens::new(&options)?,
            partner_id: id,
            timeout: options.timeout.unwrap_or(TIMEOUT).min(LONGEST),
            watch_silence: options.watch_silence.unwrap_or(WATCH_SILENCE).min(LONGEST),
        });
        Ok(Self { clients: Clients::new(caller.clone()), kkts: Kkts::new(caller) })
    }

    /// The partner's shops.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The registrations of their cash registers.
    pub fn kkts(&self) -> &Kkts {
        &self.kkts
    }
}

fn channel(options: &Options) -> Result<Channel, OptionsError> {
    let scheme = if options.plaintext { "http" } else { "https" };
    let wrong = |_| OptionsError::Address(options.address.clone());
    let endpoint = Endpoint::from_shared(format!("{scheme}://{}", options.host_and_port())).map_err(wrong)?;
    let endpoint = endpoint
        .user_agent(USER_AGENT)
        .map_err(wrong)?
        .connect_timeout(Duration::from_secs(5))
        // A connection whose network is gone is noticed while something is under way. The service pings as often itself.
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10));
    if options.plaintext {
        return Ok(endpoint.connect_lazy());
    }
    let secured = endpoint.tls_config(tls(&options.tls)?).map_err(|error| OptionsError::Tls(chain(&error)))?;
    Ok(secured.connect_lazy())
}

fn tls(tls: &Tls) -> Result<ClientTlsConfig, OptionsError> {
    let mut config = match &tls.ca_file {
        Some(file) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read("tls.ca_file", file)?)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    if let (Some(cert), Some(key)) = (&tls.cert_file, &tls.key_file) {
        let identity = Identity::from_pem(read("tls.cert_file", cert)?, read("tls.key_file", key)?);
        config = config.identity(identity);
    }
    Ok(match &tls.server_name {
        Some(name) => config.domain_name(name),
        None => config,
    })
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, OptionsError> {
    std::fs::read(path).map_err(|error| OptionsError::File { setting, path: path.to_owned(), why: error.to_string() })
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
