//! Much of what costs the sender little.

use super::super::amount;
use super::super::frames::{
    CONTINUATION, End, HEADERS, INITIAL_WINDOW, PING, RESET, Raw, WINDOW_UPDATE, begin, call, call_headers, frame,
    settings,
};
use super::field::{Field, Made, source};
use super::{MEMORY, hold, hold_in};

const LIST: &str = "/litebox.client.v1.ClientService/List";
/// Frames that are written at once.
const BATCH: u64 = 64;
/// Addresses that attack at once, each over one connection.
const FEW: u64 = 4;
const MANY: u64 = 20;

/// Sends what `write` writes for 0, 1, 2, … from so many addresses until `total` has been sent and the witness has seen
/// enough; a connection that the server ends is replaced. `write` gets the number within its connection.
async fn flood(field: &Field, addresses: u64, total: u64, write: impl Fn(u64) -> Vec<u8>) -> Made {
    let one = async |n: u64| {
        let mut sent = 0;
        let over = |sent| sent >= total / addresses && field.witnessed();
        while !over(sent) {
            let Ok(mut raw) = field.greet(n).await else { continue };
            raw.drain();
            for at in (0..).step_by(usize::try_from(BATCH).unwrap()) {
                let bytes: Vec<u8> = (at..at + BATCH).flat_map(&write).collect();
                // What the server would not take has been tried too.
                sent += BATCH;
                if raw.send(&bytes).await.is_err() || over(sent) {
                    break;
                }
            }
        }
        sent
    };
    let tried = futures::future::join_all((0..addresses).map(one)).await.into_iter().sum();
    Made { tried, held: Vec::new() }
}

fn odd(n: u64) -> u32 {
    u32::try_from(2 * n + 1).unwrap() & 0x7fff_ffff
}

#[tokio::test(flavor = "multi_thread")]
async fn rapid_reset() {
    hold("rapid reset from 20 addresses: calls begun and reset", &[], async |field| {
        let total = amount("RESETS", 40_000, 1_000_000);
        let write =
            |n| [begin(odd(n), LIST, Some(&field.token)), frame(RESET, 0, odd(n), &8_u32.to_be_bytes())].concat();
        flood(field, MANY, total, write).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_headers() {
    hold("HEADERS and CONTINUATION without an end, frames of 16 KiB", &[], async |field| {
        let total = amount("CONTINUATIONS", 8_000, 100_000);
        // One literal field without a name that anybody knows, over and over.
        let field_of_headers = [&[0, 1, b'x', 100][..], &[b'y'; 100]].concat();
        let filler = field_of_headers.repeat(16_000 / field_of_headers.len());
        flood(field, FEW, total, move |n| match n {
            0 => frame(HEADERS, 0, 1, &call_headers(LIST, None)),
            _ => frame(CONTINUATION, 0, 1, &filler),
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_without_end() {
    hold("SETTINGS from 20 addresses, each to be acknowledged", &[], async |field| {
        let total = amount("SETTINGS", 100_000, 2_000_000);
        flood(field, MANY, total, |n| settings(&[(INITIAL_WINDOW, 65_535 + (odd(n) & 0xff))])).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_without_end() {
    hold("PING from 20 addresses, each to be answered", &[], async |field| {
        flood(field, MANY, amount("PINGS", 100_000, 2_000_000), |n| frame(PING, 0, 0, &n.to_be_bytes())).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_over_tls() {
    hold_in(Field::secure(&[]).await, MEMORY, "PING over TLS from 20 addresses, each to be answered", async |field| {
        let total = amount("SECURE_PINGS", 50_000, 1_000_000);
        flood(field, MANY, total, |n| frame(PING, 0, 0, &n.to_be_bytes())).await
    })
    .await;
}

/// Whoever keeps to the limit of streams at once may have as many as it likes one after the other, on one connection. What is
/// too much for the database is told so, which is an answer too.
#[tokio::test(flavor = "multi_thread")]
async fn streams_on_one_connection() {
    hold("streams on one connection, a hundred at once, each a call", &[], async |field| {
        let total = amount("ONE_CONNECTION", 2_000, 30_000);
        let wide = [(INITIAL_WINDOW, 1 << 30)];
        let mut raw = Raw::hello(source(0), field.address(), &wide).await.unwrap();
        raw.send(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes())).await.unwrap();
        let one = |n| call(odd(n), LIST, Some(&field.token), &[0x08, 1]);
        raw.send(&(0..100).flat_map(one).collect::<Vec<_>>()).await.unwrap();
        for answered in 0..total {
            assert!(matches!(raw.ended().await, Ok((_, End::Answered | End::Refused))), "after {answered} answers");
            if answered + 100 < total {
                raw.send(&one(answered + 100)).await.unwrap();
            }
        }
        Made { tried: total, held: Vec::new() }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams() {
    hold("streams on as few connections as the server lets, each a call without its message", &[], async |field| {
        let total = amount("STREAMS", 5_000, 30_000);
        let mut sent = 0;
        let over = |sent| sent >= total && field.witnessed();
        while !over(sent) {
            let Ok(mut raw) = Raw::hello(source(0), field.address(), &[]).await else { continue };
            raw.drain();
            // The server may end the connection; then the rest go over the next.
            let mut n = 0;
            while !over(sent) && raw.send(&begin(odd(n), LIST, Some(&field.token))).await.is_ok() {
                (n, sent) = (n + 1, sent + 1);
            }
        }
        Made { tried: sent, held: Vec::new() }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_too_large() {
    hold("messages of 4 GiB declared, and of 1 MiB sent", &[], async |field| {
        let total = amount("MESSAGES", 200, 4_000);
        let declared =
            [begin(1, LIST, Some(&field.token)), frame(0, 0, 1, &[0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3])].concat();
        let mut real = begin(3, LIST, Some(&field.token));
        real.extend(frame(0, 0, 3, &[0, 0, 16, 0, 0]));
        (0..64).for_each(|_| real.extend(frame(0, 0, 3, &[7; 16_384])));
        for n in 0..total {
            let Ok(mut raw) = Raw::hello(source(n % 8), field.address(), &[]).await else { continue };
            raw.drain();
            // The server stops taking it at some point; that is the purpose.
            let sent = async { raw.send(&declared).await.and(raw.send(&real).await) };
            let _ = tokio::time::timeout(std::time::Duration::from_millis(50), sent).await;
        }
        Made { tried: total, held: Vec::new() }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_tokens() {
    use litebox_partner::clock::Ids;
    use litebox_partner::partners::token::{Mode, Token};
    hold("calls with well-formed tokens that nobody has issued", &[], async |field| {
        let ids = Ids::system();
        let write = |n| call(odd(n), LIST, Some(&Token::issue(Mode::Test, &ids).reveal()), &[]);
        flood(field, FEW, amount("TOKENS", 2_000, 50_000), write).await
    })
    .await;
}
