//! Peers that hold on to a server which is told to stop.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use litebox_partner::storage::Backend;
use tokio::time::timeout;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::{AT_ONCE, DELAY, patient};
use crate::edge::frames::{INITIAL_WINDOW, Raw, begin, call};
use crate::support::process::Server;
use crate::support::stage::Stage;

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const LIST: &str = "/litebox.client.v1.ClientService/List";
const WATCH: &str = "/litebox.kkt.v1.KktService/Watch";
const HEALTH_WATCH: &str = "/grpc.health.v1.Health/Watch";

/// A connection on which HTTP/2 has begun, whose peer says this and then neither reads nor answers.
pub async fn dead(server: SocketAddr, window: u32, said: &[u8]) -> Raw {
    let mut raw = Raw::hello(HERE, server, &[(INITIAL_WINDOW, window)]).await.unwrap();
    raw.send(said).await.unwrap();
    assert!(timeout(AT_ONCE, raw.answers()).await.unwrap());
    raw
}

/// A server that is told to stop while `hold` holds on ends soon and well.
async fn is_not_held_up<H>(hold: impl FnOnce(Server, String) -> H)
where
    H: Future<Output = (Server, Vec<Raw>)>,
{
    let stage = Stage::new(Backend::Sqlite).await;
    let server = patient(&stage, &[("connections.stall_ms", "1000")]).await;
    let (server, held) = hold(server, stage.partner.token.clone()).await;
    let began = Instant::now();
    server.terminate();
    let (code, log) = server.ended().await;
    let took = began.elapsed();
    assert_eq!(code, 0, "{log}");
    assert!(!log.contains("cut:") && !log.contains("ERROR"), "{log}");
    assert!((DELAY..DELAY + AT_ONCE).contains(&took), "it took {took:?}");
    drop(held);
}

#[tokio::test]
async fn nobody_at_all() {
    is_not_held_up(async |server, _| (server, Vec::new())).await;
}

#[tokio::test]
async fn a_connection_that_never_says_what_it_speaks() {
    let hold = async |server: Server, _| {
        let raw = Raw::open(HERE, server.address()).await.unwrap();
        (server, vec![raw])
    };
    is_not_held_up(hold).await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_and_confirms_nothing() {
    is_not_held_up(async |server, _| {
        let raw = dead(server.address(), 65_535, &[]).await;
        (server, vec![raw])
    })
    .await;
}

#[tokio::test]
async fn a_dead_client_with_a_call_whose_message_never_comes() {
    is_not_held_up(async |server, token| {
        let raw = dead(server.address(), 65_535, &begin(1, LIST, Some(&token))).await;
        (server, vec![raw])
    })
    .await;
}

#[tokio::test]
async fn a_dead_client_with_an_answer_that_it_does_not_take() {
    is_not_held_up(async |server, token| {
        let raw = dead(server.address(), 0, &call(1, LIST, Some(&token), &[])).await;
        (server, vec![raw])
    })
    .await;
}

#[tokio::test]
async fn dead_clients_with_streams() {
    is_not_held_up(async |server, token| {
        let mut held = Vec::new();
        for window in [0, 65_535] {
            held.push(dead(server.address(), window, &call(1, WATCH, Some(&token), &[])).await);
            held.push(dead(server.address(), window, &call(1, HEALTH_WATCH, None, &[])).await);
        }
        (server, held)
    })
    .await;
}

/// It confirms no GOAWAY and asks again and again, so that something always comes or goes.
#[tokio::test]
async fn a_stranger_who_goes_on_calling() {
    for path in ["/grpc.health.v1.Health/Check", LIST] {
        is_not_held_up(async |server, _| {
            let mut raw = dead(server.address(), 65_535, &call(1, path, None, &[])).await;
            raw.drain();
            tokio::spawn(async move {
                for n in 1.. {
                    if raw.send(&call(2 * n + 1, path, None, &[])).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            });
            (server, Vec::new())
        })
        .await;
    }
}

#[tokio::test]
async fn a_living_stream_of_health() {
    let stage = Stage::new(Backend::Sqlite).await;
    let server = patient(&stage, &[]).await;
    let ask = HealthCheckRequest { service: "liveness".into() };
    let mut stream = HealthClient::new(server.channel()).watch(ask).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    server.terminate();
    let last = timeout(Duration::from_secs(10), stream.message()).await.unwrap().unwrap();
    assert!(last.is_none(), "it ends with OK: {last:?}");
    let (code, log) = server.ended().await;
    assert!(code == 0 && !log.contains("cut:"), "{log}");
}
