//! Certificates made for a test, and channels that trust them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper_util::rt::TokioIo;
use litebox_partner::grpc::edge::config::TlsConfig;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};

/// The name that certificates are for.
pub const NAME: &str = "partner.example";

/// An authority.
pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Clone)]
pub struct Pair {
    pub cert: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub fn pair(&self) -> Pair {
        self.pair_of(NAME)
    }

    /// For another name.
    pub fn pair_of(&self, name: &str) -> Pair {
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        Pair { cert: cert.pem(), key: key.serialize_pem() }
    }

    /// How a client connects that trusts this authority and shows `own`.
    pub fn client(&self, own: Option<&Pair>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(pair) => builder.with_client_auth_cert(vec![pair.der()], pair.private()).unwrap(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(config)
    }
}

impl Pair {
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()
    }

    fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

/// Files as Kubernetes mounts a secret: names that lead through one symbolic link, which is swapped.
pub struct Mount {
    folder: tempfile::TempDir,
    turn: u32,
}

impl Mount {
    pub fn new(pair: &Pair, ca: &str) -> Self {
        let mut mount = Self { folder: tempfile::tempdir().unwrap(), turn: 0 };
        mount.write("ca.pem", ca);
        mount.swap(pair);
        for name in ["tls.crt", "tls.key"] {
            std::os::unix::fs::symlink(Path::new("..data").join(name), mount.path(name)).unwrap();
        }
        mount
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Both files change at one instant.
    pub fn swap(&mut self, pair: &Pair) {
        self.turn += 1;
        let (data, old) = (format!("..{}", self.turn), format!("..{}", self.turn - 1));
        std::fs::create_dir(self.path(&data)).unwrap();
        self.write(&format!("{data}/tls.crt"), &pair.cert);
        self.write(&format!("{data}/tls.key"), &pair.key);
        std::os::unix::fs::symlink(&data, self.path("..new")).unwrap();
        std::fs::rename(self.path("..new"), self.path("..data")).unwrap();
        // The first one has none before it.
        let _ = std::fs::remove_dir_all(self.path(&old));
    }

    /// The settings of a server that serves these files.
    pub fn tls(&self) -> TlsConfig {
        TlsConfig { cert: self.path("tls.crt"), key: self.path("tls.key"), reload_ms: 20, ..TlsConfig::default() }
    }
}

/// One handshake over a new connection.
pub async fn handshake(to: SocketAddr, config: Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    secured(TcpStream::connect(to).await?, config).await
}

/// One handshake.
pub async fn secured(stream: TcpStream, config: Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    TlsConnector::from(config).connect(ServerName::try_from(NAME).unwrap(), stream).await
}

/// A channel over TLS.
pub fn channel(to: SocketAddr, config: Arc<ClientConfig>) -> Channel {
    counted(to, config, Arc::default())
}

/// The same, which counts its connections: a channel opens another one without a word when it has lost the last.
pub fn counted(to: SocketAddr, config: Arc<ClientConfig>, opened: Arc<AtomicU64>) -> Channel {
    let connector = tower::service_fn(move |_| {
        let config = config.clone();
        opened.fetch_add(1, Ordering::Relaxed);
        async move { handshake(to, config).await.map(TokioIo::new) }
    });
    Endpoint::from_shared(format!("http://{to}")).unwrap().connect_with_connector_lazy(connector)
}
