//! Certificates that change under load, with torn writes among them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use litebox_partner::pb::client::ListRequest;
use litebox_partner::pb::client::client_service_client::ClientServiceClient;
use litebox_partner::storage::Backend;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tonic::transport::Channel;

use super::amount;
use super::frames::{PING, PREFACE, frame, settings};
use super::pki::{Authority, Mount, Pair, counted, handshake};
use crate::support::app::{TestApp, shown, until};
use crate::support::process::Server;
use crate::support::stage::Stage;

async fn served(to: SocketAddr, config: Arc<ClientConfig>) -> CertificateDer<'static> {
    let stream = handshake(to, config).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// Makes calls until it is told to stop; `fresh` over a new connection each. How many.
async fn calls(open: impl Fn() -> Channel, token: String, fresh: bool, stop: Arc<AtomicBool>, done: Arc<AtomicU64>) {
    let shows = || shown(Some(&format!("Bearer {token}")));
    let mut client = ClientServiceClient::with_interceptor(open(), shows());
    while !stop.load(Ordering::Relaxed) {
        if fresh {
            client = ClientServiceClient::with_interceptor(open(), shows());
        }
        client.list(ListRequest::default()).await.unwrap();
        done.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection on which this client has been served, with the certificate that it shows.
async fn begun(to: SocketAddr, config: Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let mut stream = handshake(to, config).await.unwrap();
    stream.write_all(&[PREFACE, &settings(&[])].concat()).await.unwrap();
    assert!(answers(&mut stream).await, "it is served");
    stream
}

/// Whether anything comes before the end.
async fn answers(stream: &mut TlsStream<TcpStream>) -> bool {
    let mut some = [0; 1024];
    let read = timeout(Duration::from_secs(20), stream.read(&mut some)).await.unwrap();
    read.is_ok_and(|length| length > 0)
}

/// Whether a PING is answered.
async fn pings(stream: &mut TlsStream<TcpStream>) -> bool {
    let asked = frame(PING, 0, 0, b"reviewed");
    let (mut all, mut some) = (Vec::new(), [0; 1024]);
    let _ = stream.write_all(&asked).await;
    while !all.windows(8).any(|part| part == b"reviewed") {
        match timeout(Duration::from_secs(20), stream.read(&mut some)).await.unwrap() {
            Ok(length @ 1..) => all.extend_from_slice(&some[..length]),
            _ => return false,
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_taken_away_ends_the_connections_of_its_clients_and_no_others() {
    let (authority, old, new) = (Authority::new(), Authority::new(), Authority::new());
    let mount = Mount::new(&authority.pair(), "");
    mount.write("clients.pem", &format!("{}{}", old.pem, new.pem));
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        config.tls = mount.tls();
        (config.tls.client_ca, config.tls.client_required) = (mount.path("clients.pem"), true);
    })
    .await;
    let [of_old, of_new] = [&old, &new].map(|clients| authority.client(Some(&clients.pair())));
    let (mut gone, mut kept) = (begun(app.address(), of_old.clone()).await, begun(app.address(), of_new.clone()).await);
    mount.write("clients.pem", &new.pem);
    while answers(&mut gone).await {}
    assert!(pings(&mut kept).await, "a client of the authority that stays is served on");
    let mut refused = handshake(app.address(), of_old).await.unwrap();
    let _ = refused.write_all(PREFACE).await;
    assert!(!answers(&mut refused).await, "nor is a new one let in");
    begun(app.address(), of_new).await;
}

/// What writers leave for a moment: half a certificate, the key of another one, nothing.
fn tear(mount: &Mount, pair: &Pair, n: u64) {
    match n % 3 {
        0 => mount.write("..data/tls.crt", &pair.cert[..pair.cert.len() / 2]),
        1 => mount.write("..data/tls.key", &pair.key),
        _ => mount.write("..data/tls.crt", ""),
    }
}

/// Serves what is mounted, and logs no calls: there will be many.
async fn server(stage: &Stage, mount: &Mount) -> Server {
    let path = |name| mount.path(name).to_str().unwrap().to_owned();
    let settings = [
        ("tls.cert", path("tls.crt")),
        ("tls.key", path("tls.key")),
        ("tls.reload_ms", "20".to_owned()),
        ("log.filter", "info,litebox_partner::grpc::call=off".to_owned()),
    ];
    stage.server_with(&settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_change_under_load_and_nobody_notices() {
    let times = amount("RELOADS", 50, 1_000);
    let authority = Authority::new();
    let mut mount = Mount::new(&authority.pair(), &authority.pem);
    let stage = Stage::new(Backend::Sqlite).await;
    let server = server(&stage, &mount).await;
    let (address, client) = (server.address(), authority.client(None));
    let (stop, [kept, fresh, opened]) =
        (Arc::new(AtomicBool::new(false)), [(); 3].map(|()| Arc::<AtomicU64>::default()));
    let callers = [(&kept, Some(&opened)), (&fresh, None), (&fresh, None)].map(|(done, once)| {
        let (client, counter) = (client.clone(), once.cloned().unwrap_or_default());
        let open = move || counted(address, client.clone(), counter.clone());
        tokio::spawn(calls(open, stage.partner.token.clone(), once.is_none(), stop.clone(), done.clone()))
    });
    let refused = || server.log().matches("the old one stays").count() as u64;
    for n in 0..times {
        let pair = authority.pair();
        if n % 2 == 1 {
            tear(&mount, &pair, n / 2);
            until("the torn pair is seen, and refused", async || refused() == n / 2 + 1).await;
            let before = fresh.load(Ordering::Relaxed);
            until("calls go on", async || fresh.load(Ordering::Relaxed) > before + 4).await;
        }
        mount.swap(&pair);
        until("the new one is served", async || served(address, client.clone()).await == pair.der()).await;
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("no call and no handshake failed");
    }
    let (kept, fresh) = (kept.load(Ordering::Relaxed), fresh.load(Ordering::Relaxed));
    println!(
        "ATTACKS | certificate reloads | {times} | {kept} calls on one connection, {fresh} on new ones, none failed |"
    );
    assert!(kept > times && fresh > times);
    assert_eq!(opened.load(Ordering::Relaxed), 1, "the connection of the first caller was never lost");
}
