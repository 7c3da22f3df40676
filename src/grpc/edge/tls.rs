//! TLS of the listener: certificate, key and the authorities of clients, from files in PEM.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::config::TlsConfig;

/// Files that cannot be served with. Tells the setting, never the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {what}")]
pub struct TlsError {
    setting: &'static str,
    what: String,
}

impl TlsError {
    fn of(setting: &'static str) -> impl Fn(&dyn std::fmt::Display) -> Self {
        move |what| Self { setting, what: what.to_string() }
    }
}

/// What stood in the files at one look.
#[derive(Clone, PartialEq, Eq)]
pub struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// By this looks are compared.
pub type Seen = [u8; 32];

impl Files {
    /// Reads them.
    ///
    /// # Errors
    /// [`TlsError`] names the setting of the file that cannot be read.
    pub fn read(config: &TlsConfig) -> Result<Self, TlsError> {
        let ca = Some(&config.client_ca).filter(|path| !path.as_os_str().is_empty());
        Ok(Self {
            cert: file("tls.cert", &config.cert)?,
            key: file("tls.key", &config.key)?,
            client_ca: ca.map(|path| file("tls.client_ca", path)).transpose()?,
        })
    }

    /// The same for the same content.
    pub fn seen(&self) -> Seen {
        let mut hash = Sha256::new();
        for part in [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()] {
            let length = part.map_or(u64::MAX, |bytes| bytes.len() as u64);
            hash.update(length.to_be_bytes());
            hash.update(part.map_or(&[][..], Vec::as_slice));
        }
        hash.finalize().into()
    }

    /// What handshakes are made with.
    ///
    /// # Errors
    /// [`TlsError`] when something is broken or the key is another certificate's.
    pub fn served(&self, client_required: bool) -> Result<Served, TlsError> {
        let chain = certificates("tls.cert", &self.cert)?;
        let key = private_key(&self.key)?;
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| TlsError::of("tls")(&error))?;
        let clients = self.client_ca.as_ref().map(|ca| verifier(ca, client_required, provider)).transpose()?;
        let builder = match &clients {
            None => builder.with_no_client_auth(),
            Some(clients) => builder.with_client_cert_verifier(clients.clone()),
        };
        let mut server = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::of("tls.key")(&"is not the key of the certificate in tls.cert")
            }
            other => TlsError::of("tls.cert")(&other),
        })?;
        server.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Served { server: Arc::new(server), clients })
    }
}

/// Everything that is wrong with the files: setting and what. Nothing when TLS is off.
pub fn faults(config: &TlsConfig) -> Vec<(&'static str, String)> {
    if !config.is_on() {
        return Vec::new();
    }
    let pair = TlsConfig { client_ca: PathBuf::new(), ..config.clone() };
    let pair = Files::read(&pair).and_then(|files| files.served(false).map(drop)).err();
    // The pair's reading ends at a certificate that is missing, and the key may be missing too.
    let key = file("tls.key", &config.key).and_then(|pem| private_key(&pem).map(drop)).err();
    let ca = Some(&config.client_ca).filter(|path| !path.as_os_str().is_empty());
    let ca = ca.and_then(|path| {
        let pem = file("tls.client_ca", path);
        pem.and_then(|pem| verifier(&pem, config.client_required, Arc::new(default_provider())).map(drop)).err()
    });
    let key = key.filter(|key| pair.as_ref() != Some(key));
    [pair, key, ca].into_iter().flatten().map(|error| (error.setting, error.what)).collect()
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| TlsError::of("tls.key")(&error))
}

fn file(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::of(setting)(&format!("{}: {error}", path.display())))
}

fn certificates(setting: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| TlsError::of(setting)(&error))?;
    if read.is_empty() { Err(TlsError::of(setting)(&"has no certificate")) } else { Ok(read) }
}

/// Certificates that clients offer are verified; whether one must be offered is said by `required`.
fn verifier(ca: &[u8], required: bool, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let unfit = TlsError::of("tls.client_ca");
    let mut roots = RootCertStore::empty();
    for root in certificates("tls.client_ca", ca)? {
        roots.add(root).map_err(|error| unfit(&error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| unfit(&error))
}

/// What handshakes are made with, and whose certificates are believed.
pub struct Served {
    server: Arc<ServerConfig>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

impl Served {
    /// Whether a handshake with this chain would still succeed.
    fn believes(&self, chain: &[CertificateDer<'_>]) -> bool {
        let (Some(clients), Some((own, between))) = (&self.clients, chain.split_first()) else { return true };
        clients.verify_client_cert(own, between, UnixTime::now()).is_ok()
    }
}

/// What new handshakes are made with; it may change between two of them. Cheap to clone.
#[derive(Clone)]
pub struct Tls(Arc<watch::Sender<Arc<Served>>>);

impl Tls {
    /// Begins with this.
    pub fn new(served: Served) -> Self {
        Self(Arc::new(watch::Sender::new(Arc::new(served))))
    }

    /// Handshakes from now on. Of the connections that stand those are ended whose certificate is not believed any more.
    pub fn renew(&self, served: Served) {
        self.0.send_replace(Arc::new(served));
    }

    /// One handshake, of a connection that `end` ends.
    ///
    /// # Errors
    /// When it fails.
    pub async fn accept(&self, stream: TcpStream, end: CancellationToken) -> io::Result<TlsStream<TcpStream>> {
        // Before the handshake: what is renewed while it is made is looked at afterwards.
        let mut renewed = self.0.subscribe();
        let server = renewed.borrow_and_update().server.clone();
        let stream = TlsAcceptor::from(server).accept(stream).await?;
        if let Some(chain) = stream.get_ref().1.peer_certificates() {
            tokio::spawn(review(chain.iter().map(|one| one.clone().into_owned()).collect(), renewed, end));
        }
        Ok(stream)
    }
}

/// Ends a connection once its certificate is not believed any more. A peer that has shown none has nothing to lose.
async fn review(
    chain: Vec<CertificateDer<'static>>,
    mut renewed: watch::Receiver<Arc<Served>>,
    end: CancellationToken,
) {
    while let Some(Ok(())) = end.run_until_cancelled(renewed.changed()).await {
        let served = renewed.borrow_and_update().clone();
        if !served.believes(&chain) {
            end.cancel();
        }
    }
}
