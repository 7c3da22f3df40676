//! The way to a listener that speaks TLS, for the program's own questions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WantsClientCert, WebPkiServerVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Authorities that must vouch for the server, PEM; without it any certificate does: nothing secret is asked or told then.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The name that the certificate must be for; the host of the address without it.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// Certificate to show, PEM, where clients must.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its key, PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

/// Opens connections to one server.
#[derive(Clone)]
pub(super) struct Way {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Args {
    /// Whether TLS is asked for, whatever the configuration says.
    pub(super) const fn demanded(&self) -> bool {
        self.ca.is_some() || self.server_name.is_some() || self.cert.is_some()
    }

    /// Whether the server must show who it is.
    pub(super) const fn verifies(&self) -> bool {
        self.ca.is_some()
    }

    /// The way to the server at `address`, `HOST:PORT`.
    pub(super) fn way(&self, address: &str) -> Result<Way, String> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
        let name = self.server_name.as_deref().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name).map_err(|_| "--server-name is not a name".to_owned())?;
        let builder = self.trust()?;
        let mut config = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("--key: {error}"))?;
                builder
                    .with_client_auth_cert(chain("--cert", cert)?, key)
                    .map_err(|error| format!("--cert: {error}"))?
            }
            _ => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Way { connector: TlsConnector::from(Arc::new(config)), name })
    }

    fn trust(&self) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
        let provider = Arc::new(default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| error.to_string())?
            .dangerous();
        let Some(ca) = &self.ca else {
            return Ok(builder.with_custom_certificate_verifier(Arc::new(Anybody(provider))));
        };
        let mut roots = RootCertStore::empty();
        for root in chain("--ca", ca)? {
            roots.add(root).map_err(|error| format!("--ca: {error}"))?;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Ok(builder.with_custom_certificate_verifier(verifier.map_err(|error| format!("--ca: {error}"))?))
    }
}

fn chain(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    read.map_err(|error| format!("{option}: {error}"))
}

impl Way {
    /// A connection to `address` that has finished TLS.
    pub(super) async fn open(self, address: String) -> std::io::Result<TokioIo<TlsStream<TcpStream>>> {
        let stream = TcpStream::connect(address).await?;
        self.connector.connect(self.name, stream).await.map(TokioIo::new)
    }
}

/// Believes every certificate whose key the server holds.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
