//! Publishes keys on loopback, well or badly, and counts who asks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What the server does with who asks.
#[derive(Clone)]
pub enum Manner {
    /// This text.
    Keys(String),
    /// This status and text.
    Status(u16, String),
    /// Elsewhere.
    Redirect(String),
    /// Nothing at all.
    Silent,
    /// The connection breaks.
    Broken,
    /// More than anybody reads.
    Endless,
}

/// A running server.
pub struct Jwks {
    /// Where.
    pub url: String,
    /// Who vouches for it when it speaks TLS.
    pub ca: String,
    manner: Arc<Mutex<Manner>>,
    asked: Arc<Mutex<Vec<String>>>,
    connected: Arc<AtomicUsize>,
}

impl Jwks {
    /// Plain HTTP.
    pub async fn start(keys: String) -> Self {
        Self::listen(keys, None, String::new()).await
    }

    /// With a certificate of an authority of its own.
    pub async fn secure(keys: String) -> Self {
        let pair = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&pair).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Self::listen(keys, Some(TlsAcceptor::from(Arc::new(config))), certificate.pem()).await
    }

    async fn listen(keys: String, tls: Option<TlsAcceptor>, ca: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("{}://localhost:{port}/jwks", if tls.is_some() { "https" } else { "http" });
        let (manner, asked) = (Arc::new(Mutex::new(Manner::Keys(keys))), Arc::new(Mutex::new(Vec::new())));
        let (ours, log, connected) = (manner.clone(), asked.clone(), Arc::new(AtomicUsize::new(0)));
        let count = connected.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (manner, log, tls) = (ours.clone(), log.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => answer(stream, &manner, &log).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer(stream, &manner, &log).await;
                            }
                        }
                    }
                });
            }
        });
        Self { url, ca, manner, asked, connected }
    }

    /// From now on.
    pub fn be(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// How often somebody connected, whether or not it came to a request.
    pub fn connected(&self) -> usize {
        self.connected.load(Ordering::SeqCst)
    }

    /// The heads of all requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, manner: &Mutex<Manner>, log: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    log.lock().unwrap().push(String::from_utf8(head).unwrap());
    let manner = manner.lock().unwrap().clone();
    let whole = |status: u16, more: &str, body: &str| {
        format!("HTTP/1.1 {status} X\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    let text = match manner {
        Manner::Keys(body) => whole(200, "", &body),
        Manner::Status(status, body) => whole(status, "", &body),
        Manner::Redirect(to) => whole(302, &format!("location: {to}\r\n"), ""),
        Manner::Broken => "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\"".to_owned(),
        Manner::Endless => whole(200, "", &format!("{{\"keys\": [\"{}\"]}}", "x".repeat(300_000))),
        Manner::Silent => {
            // Until the other side gives up.
            let _ = tokio::time::timeout(Duration::from_secs(60), stream.read_u8()).await;
            return;
        }
    };
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}
