//! Peers that hold on to what they have and do nothing.

use std::time::Duration;

use tokio::time::timeout;

use super::super::amount;
use super::super::frames::{INITIAL_WINDOW, PING, PREFACE, Raw, WINDOW_UPDATE, begin, call, frame, messages, settings};
use super::field::{Field, Made, source};
use super::{MEMORY, hold, hold_in};

const LIST: &str = "/litebox.client.v1.ClientService/List";
/// Asks for a page of a hundred.
const WHOLE_PAGE: [u8; 2] = [0x08, 100];
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
/// Asks for the largest file, some 50 KiB.
const WHOLE_FILE: &[u8] = b"\x1a\x1bbuf/validate/validate.proto";
/// Connections of one address: the usual share of a peer.
pub const SHARE: u64 = 200;

/// So many connections, as many of one address as it may have; who is not let in is left out.
pub async fn crowd(field: &Field, count: u64, said: &[u8]) -> Made {
    let mut held = Vec::new();
    for n in 0..count {
        if let Ok(mut raw) = Raw::open(source(n / SHARE), field.address()).await
            && raw.send(said).await.is_ok()
        {
            held.push(raw);
        }
    }
    Made { tried: count, held }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections() {
    hold("connections that have begun HTTP/2 and do nothing", &[], async |field| {
        let count = amount("IDLE", 1_000, 5_000);
        let hello = [PREFACE, &settings(&[])].concat();
        let mut made = crowd(field, count, &hello).await;
        let last = made.held.last_mut().unwrap();
        assert!(last.answers().await, "each is served when it comes");
        field.until_witnessed().await;
        // Those that are left are honest so far: the server keeps them until they go, or until their age.
        made.held.clear();
        made
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prefaces_that_never_end() {
    hold("connections that have said half a preface", &[], async |field| {
        crowd(field, amount("PREFACES", 1_000, 5_000), &PREFACE[..10]).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_never_end() {
    // The head of a record that announces 512 bytes of a ClientHello, and a few of them.
    let begun = [0x16, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
    let name = "TLS handshakes that stop after the first bytes";
    hold_in(Field::secure(&[]).await, MEMORY, name, async |field| {
        crowd(field, amount("HANDSHAKES", 1_000, 5_000), &begun).await
    })
    .await;
}

/// So many peers that send until the server takes no more, since it cannot get rid of its answers.
pub async fn deaf(field: &Field, count: u64) -> Made {
    let mut held = Vec::new();
    let mut tried = 0;
    for n in 0..count {
        let Ok(mut raw) = Raw::deaf(source(n / 20), field.address(), &[]).await else { continue };
        let burst = frame(PING, 0, 0, &[0; 8]).repeat(1_000);
        let calls = (0..5).flat_map(|n| call(2 * n + 1, LIST, Some(&field.token), &WHOLE_PAGE)).collect::<Vec<_>>();
        let _ = raw.send(&calls).await;
        while let Ok(Ok(())) = timeout(Duration::from_millis(500), raw.send(&burst)).await {
            tried += 1_000;
        }
        held.push(raw);
    }
    Made { tried, held }
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_never_read() {
    hold("peers that send PING and calls, read nothing and do not close", &[], async |field| {
        deaf(field, amount("DEAF", 8, 40)).await
    })
    .await;
}

/// Connections without a credential, each with as many streams of health as it may have.
pub async fn watchers(field: &Field, count: u64) -> Made {
    let mut held = Vec::new();
    let streams: Vec<u8> = (0..100).flat_map(|n| call(2 * n + 1, WATCH, None, &[])).collect();
    for n in 0..count {
        if let Ok(mut raw) = Raw::hello(source(n / SHARE), field.address(), &[]).await
            && raw.send(&streams).await.is_ok()
        {
            raw.drain();
            held.push(raw);
        }
    }
    field.until_witnessed().await;
    // Honest as the few are that stand, the server keeps them until they go.
    held.clear();
    Made { tried: count * 100, held }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_health() {
    hold("streams of health without a credential", &[], async |field| {
        watchers(field, amount("WATCHERS", 40, 300)).await
    })
    .await;
}

/// Connections whose streams have a window of no or of one byte, each with as many calls as it may have.
async fn slow_readers(field: &Field, count: u64, calls: u32, path: &str, said: &[&[u8]]) -> Made {
    let mut held = Vec::new();
    for n in 0..count {
        let window = u32::from(n % 2 == 0);
        let Ok(mut raw) = Raw::hello(source(n / SHARE), field.address(), &[(INITIAL_WINDOW, window)]).await else {
            continue;
        };
        raw.drain();
        let call = |stream| [begin(stream, path, Some(&field.token)), messages(stream, said)].concat();
        let bytes: Vec<u8> = (0..calls).flat_map(|n| call(2 * n + 1)).collect();
        // The server may have cut it in the middle.
        let _ = raw.send(&bytes).await;
        held.push(raw);
        // How many calls a partner may make in a while is another limit's matter.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // The answers that can be made have been made.
    tokio::time::sleep(Duration::from_secs(3)).await;
    Made { tried: count * u64::from(calls), held }
}

/// The same, for pages of a hundred.
pub async fn slow_readers_of_pages(field: &Field, count: u64, calls: u32) -> Made {
    slow_readers(field, count, calls, LIST, &[&WHOLE_PAGE]).await
}

/// The same, for the largest answers, four of them at once.
async fn slow_readers_of_files(field: &Field, count: u64) -> Made {
    slow_readers(field, count, 100, REFLECTION, &[WHOLE_FILE; 4]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_with_no_window() {
    hold("calls for pages of 100 by readers with windows of 0 and 1 byte", &[], async |field| {
        let mut made = slow_readers_of_pages(field, amount("READERS", 20, 200), 5).await;
        made.held.clear();
        made
    })
    .await;
}

/// A connection with much room for answers whose peer reads none of them: HTTP/2 takes all it is given.
async fn roomy(field: &Field, n: u64, calls: u32) -> std::io::Result<Raw> {
    let room = 1 << 20;
    let mut raw = Raw::deaf(source(n / SHARE), field.address(), &[(INITIAL_WINDOW, room)]).await?;
    raw.send(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes())).await?;
    let calls = (0..calls).flat_map(|n| call(2 * n + 1, LIST, Some(&field.token), &WHOLE_PAGE));
    raw.send(&calls.collect::<Vec<_>>()).await?;
    Ok(raw)
}

/// Peers that take back the room once their answers are made, before they would be cut for not reading, and read from then on.
pub async fn closers(field: &Field, count: u64) -> Made {
    const AT_ONCE: u64 = 10;
    const CALLS: u32 = 10;
    let mut held = Vec::new();
    for begun in (0..count).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let mut some = Vec::new();
        for n in begun..begun + AT_ONCE {
            some.extend(roomy(field, n, CALLS).await);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        for raw in &mut some {
            // The server may have cut it.
            let _ = raw.send(&settings(&[(INITIAL_WINDOW, 0)])).await;
            raw.drain();
        }
        held.extend(some);
    }
    Made { tried: count * u64::from(CALLS), held }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_close_their_windows() {
    hold("calls for pages of 100 by readers that take back their windows before they read", &[], async |field| {
        let mut made = closers(field, amount("CLOSERS", 20, 100)).await;
        made.held.clear();
        made
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_with_no_window() {
    hold("reflection of whole files with windows of 0 and 1 byte", &[], async |field| {
        let mut made = slow_readers_of_files(field, amount("FILES", 20, 100)).await;
        made.held.clear();
        made
    })
    .await;
}
