//! Connections of callers that nobody can call strangers: each has made a good call, and is idle then. All stand at once, so that
//! what bounds their memory is how many there may be.

use std::net::Ipv4Addr;

use super::super::amount;
use super::super::frames::{End, Raw, call};
use super::field::{Field, Made, source};
use super::hold_in;
use super::slow::SHARE;

const LIST: &str = "/litebox.client.v1.ClientService/List";
/// What memory may grow by for each of them, KiB: 24 were measured, and a quarter more.
const EACH: u64 = 30;
/// And for the calls that are made meanwhile.
const BESIDE: u64 = 4 * 1024;
/// Connections that are opened at once.
const AT_ONCE: u64 = 8;

/// A connection from there on which this credential was good, idle from now on.
async fn known(field: &Field, from: Ipv4Addr, token: &str) -> Raw {
    let mut raw = Raw::hello(from, field.address(), &[]).await.unwrap();
    raw.send(&call(1, LIST, Some(token), &[0x08, 1])).await.unwrap();
    assert_eq!(raw.ended().await.unwrap(), (1, End::Answered));
    raw.rest();
    raw
}

/// So many of them, which share these credentials; all must stand at once.
async fn stand(field: &Field, count: u64, tokens: &[String], from: impl Fn(u64) -> Ipv4Addr) -> Made {
    let before = field.server.sockets();
    let token = |n: u64| &tokens[usize::try_from(n).unwrap() % tokens.len()];
    let mut held = Vec::new();
    // Who has been let in before need not wait its turn among strangers.
    for token in tokens {
        drop(known(field, from(0), token).await);
    }
    while held.len() < usize::try_from(count).unwrap() {
        let next = u64::try_from(held.len()).unwrap();
        let some = (next..count.min(next + AT_ONCE)).map(|n| known(field, from(n), token(n)));
        held.extend(futures::future::join_all(some).await);
    }
    field.until_witnessed().await;
    let standing = field.server.sockets() - before;
    // The witness has one more, or one less.
    assert!(standing + 1 >= held.len(), "{standing} of {count} stand");
    // Honest as they are, the server keeps them until they go, or until their age.
    held.clear();
    Made { tried: count, held }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_of_five_holders() {
    let count = amount("HOLDERS", 500, 5_000);
    let field = Field::open(&[]).await;
    let name = "connections of five partners that have made a call and are idle";
    hold_in(field, BESIDE + EACH * count, name, async |field| {
        let mut tokens = Vec::new();
        for name in ["Первый", "Второй", "Третий", "Четвёртый", "Пятый"] {
            tokens.push(field.holder(name).await);
        }
        stand(field, count, &tokens, |n| source(n / SHARE)).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_of_a_trusted_peer() {
    let count = amount("TRUSTED", 500, 5_000);
    let ingress = Ipv4Addr::new(127, 12, 0, 1);
    let field = Field::open(&[("connections.trusted_peers", "127.12.0.0/16".to_owned())]).await;
    let name = "connections of one trusted peer that have made a call and are idle";
    hold_in(field, BESIDE + EACH * count, name, async |field| {
        stand(field, count, std::slice::from_ref(&field.token), |_| ingress).await
    })
    .await;
}
