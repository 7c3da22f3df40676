//! A flood of tokens that nobody has issued, and what it does to those that somebody has.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper_util::rt::TokioIo;
use litebox_partner::clock::{Clock, Ids};
use litebox_partner::partners::model::Theme;
use litebox_partner::partners::service::Partners;
use litebox_partner::partners::token::{Mode, Token};
use litebox_partner::pb::client::ListRequest;
use litebox_partner::pb::client::client_service_client::ClientServiceClient;
use litebox_partner::sandbox::{Options, start};
use litebox_partner::storage::Backend;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::reason;
use super::tokens::issue;
use crate::auth::seen;
use crate::support::act;
use crate::support::app::{TestApp, partner, shown, until};
use crate::support::database::TestDb;
use crate::support::process::Server;

/// Calls that are made at once: more than may wait, of all together.
const CALLERS: usize = 48;
/// Tokens whose first calls are tried.
const FIRST_CALLS: usize = 30;

async fn list(channel: &Channel, token: &str) -> Result<(), Status> {
    let shows = shown(Some(&format!("Bearer {token}")));
    ClientServiceClient::with_interceptor(channel.clone(), shows).list(ListRequest::default()).await.map(|_| ())
}

/// A connection from this address of the loopback network.
fn from(source: Ipv4Addr, to: SocketAddr) -> Channel {
    let connector = tower::service_fn(move |_| async move {
        let socket = TcpSocket::new_v4()?;
        socket.bind((source, 0).into())?;
        socket.connect(to).await.map(TokioIo::new)
    });
    Endpoint::from_shared(format!("http://{to}")).unwrap().connect_with_connector_lazy(connector)
}

/// Calls with unknown tokens, until it is dropped.
struct Flood {
    crowded: Arc<AtomicU64>,
    _callers: JoinSet<()>,
}

impl Flood {
    /// One that has been told to come back.
    async fn begin(open: impl Fn() -> Channel) -> Self {
        let (crowded, mut callers) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
        for _ in 0..CALLERS {
            let (channel, crowded) = (open(), crowded.clone());
            callers.spawn(async move {
                loop {
                    let unknown = Token::issue(Mode::Test, &Ids::system()).reveal().to_string();
                    let refused = list(&channel, &unknown).await.unwrap_err();
                    if reason(&refused) == "STORAGE_OVERLOADED" {
                        crowded.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let flood = Self { crowded, _callers: callers };
        until("strangers are told to come back", async || flood.crowded.load(Ordering::Relaxed) > 100).await;
        flood
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_were_used_lately_are_no_strangers_after_a_restart() {
    let sandbox = start(Options { argon2: false, fsync: false, ..Options::default() }).await.unwrap();
    let database = TestDb::new(Backend::Sqlite).await;
    let partners = Partners::new(database.db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act());
    let id = partner(&partners, "Партнёр", Theme::LiteBox).await.id;
    let server = Server::start(&sandbox, &database).await;
    let mut tokens = Vec::new();
    for _ in 0..FIRST_CALLS {
        let (token, _) = issue(&partners, id).await;
        list(&server.channel(), &token).await.unwrap();
        tokens.push(token);
    }
    until("their use is noted", async || {
        let all = partners.tokens(Some(id)).await.unwrap();
        all.iter().filter(|token| token.last_used_ms.is_some()).count() == FIRST_CALLS
    })
    .await;
    server.kill();
    let server = Server::start(&sandbox, &database).await;
    let _flood = Flood::begin(|| server.channel()).await;
    for token in tokens {
        list(&server.channel(), &token).await.expect("it is known");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_from_one_address_leaves_look_ups_to_others() {
    let app = TestApp::start(Backend::Sqlite).await;
    let _flood = Flood::begin(|| app.channel()).await;
    let elsewhere = from(Ipv4Addr::new(127, 0, 88, 1), app.address());
    for _ in 0..FIRST_CALLS {
        let (token, _) = issue(&app.partners, app.partner.id).await;
        list(&elsewhere, &token).await.expect("it is looked up");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_a_secret_is_told_what_a_stranger_is_told() {
    let app = TestApp::start(Backend::Sqlite).await;
    let (own, other) = (&app.partner.token, issue(&app.partners, app.partner.id).await.0);
    // The key id of one and the secret of another.
    let body = format!("{}{}", &own[..21], &other[21..53]);
    let forged = format!("{body}{}", litebox_partner::partners::token::checksum_of(&body));
    let unknown = Token::issue(Mode::Test, &Ids::system()).reveal().to_string();
    let channel = app.channel();
    list(&channel, own).await.unwrap();
    let quiet = [list(&channel, &forged).await.unwrap_err(), list(&channel, &unknown).await.unwrap_err()];
    assert_eq!(quiet[0].code(), Code::Unauthenticated);
    assert_eq!(seen(&quiet[0]), seen(&quiet[1]));
    let _flood = Flood::begin(|| app.channel()).await;
    let crowded = async |token: &str| {
        let mut last = None;
        until("it is told to come back", async || {
            let refused = list(&channel, token).await.unwrap_err();
            let found = refused.code() == Code::ResourceExhausted;
            last = Some(refused);
            found
        })
        .await;
        last.unwrap()
    };
    assert_eq!(seen(&crowded(&forged).await), seen(&crowded(&unknown).await));
    list(&channel, own).await.expect("whoever holds the secret is not held up");
}
