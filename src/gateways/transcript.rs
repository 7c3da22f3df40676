//! What was said: the raw bytes that went to the outside and came back, kept while somebody listens.
//!
//! A recording covers one task and the futures in it, not tasks spawned from it. Headers, and so credentials, are never
//! kept; the account service, which gets passwords, is not listened to at all.

use std::cell::RefCell;
use std::future::Future;

use super::Gateway;

/// The longest message that is kept whole, bytes.
pub const LONGEST: usize = 256 * 1024;
/// The longest transcript, entries. What is said after that is not kept.
pub const MOST: usize = 64;

tokio::task_local! {
    static TAPE: RefCell<Vec<Entry>>;
}

/// One message. `Debug` shows no bytes: they hold personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// With whom.
    pub gateway: Gateway,
    /// Name of the call: `SubmitApplication` of a contract of ours, `POST /api/v2/requests?deviceID=1` over HTTP.
    pub operation: String,
    /// Which way.
    pub direction: Direction,
    /// The message: protobuf of a contract of ours, the body over HTTP, text of ours for a failure.
    pub bytes: Vec<u8>,
    /// True when the message was longer than [`LONGEST`].
    pub truncated: bool,
}

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the outside.
    Sent,
    /// From the outside.
    Received,
    /// From the outside: an HTTP error or a gRPC status with its text; or why nothing came.
    Failed,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {:?} {} bytes", self.gateway, self.operation, self.direction, self.bytes.len())
    }
}

/// Does the work and tells what was said meanwhile, oldest first. Inside another recording the inner one has it all.
pub async fn record<F: Future>(work: F) -> (F::Output, Vec<Entry>) {
    TAPE.scope(RefCell::default(), async {
        let output = work.await;
        let said = TAPE.with(RefCell::take);
        (output, said)
    })
    .await
}

/// Keeps a message while somebody listens; only then is it made. A repeated answer to a repeated question is kept once.
pub(super) fn note(gateway: Gateway, operation: &str, direction: Direction, message: impl FnOnce() -> Vec<u8>) {
    if gateway == Gateway::Accounts {
        return;
    }
    // Outside a recording there is nothing to do.
    let _ = TAPE.try_with(|tape| {
        let mut tape = tape.borrow_mut();
        if tape.len() >= MOST {
            return;
        }
        let mut bytes = message();
        let truncated = bytes.len() > LONGEST;
        bytes.truncate(LONGEST);
        let entry = Entry { gateway, operation: operation.to_owned(), direction, bytes, truncated };
        if tape.last() != Some(&entry) {
            tape.push(entry);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(text: &str) {
        note(Gateway::Device, "GET /", Direction::Received, || text.as_bytes().to_vec());
    }

    async fn heard(work: impl Future<Output = ()>) -> Vec<Entry> {
        record(work).await.1
    }

    #[tokio::test]
    async fn outside_a_recording_no_message_is_even_made() {
        note(Gateway::Fns, "X", Direction::Sent, || panic!("made"));
        let (seven, said) = record(async { 7 }).await;
        assert_eq!((seven, said), (7, Vec::new()));
    }

    #[tokio::test]
    async fn what_was_said_is_told_in_order_across_waiting() {
        let said = heard(async {
            say("wait");
            tokio::task::yield_now().await;
            say("wait");
            say("ready");
        })
        .await;
        assert_eq!(said.iter().map(|e| e.bytes.as_slice()).collect::<Vec<_>>(), [b"wait".as_slice(), b"ready"]);
    }

    #[tokio::test]
    async fn recordings_at_the_same_time_do_not_mix() {
        let one = |text: &'static str| {
            heard(async move {
                tokio::task::yield_now().await;
                say(text);
            })
        };
        let (a, b) = tokio::join!(one("a"), one("b"));
        assert_eq!((a[0].bytes.as_slice(), b[0].bytes.as_slice()), (b"a".as_slice(), b"b".as_slice()));
        assert_eq!((a.len(), b.len()), (1, 1));
    }

    #[tokio::test]
    async fn a_transcript_is_bounded() {
        let said = heard(async {
            say(&"a".repeat(LONGEST));
            say(&"b".repeat(LONGEST + 1));
            (0..2 * MOST).for_each(|n| say(&n.to_string()));
        })
        .await;
        assert_eq!(said.len(), MOST);
        assert_eq!((said[0].truncated, said[1].truncated), (false, true));
        assert_eq!((said[0].bytes.len(), said[1].bytes.len()), (LONGEST, LONGEST));
    }

    #[tokio::test]
    async fn nothing_said_to_the_account_service_is_kept() {
        let said = heard(async {
            note(Gateway::Accounts, "SetInitialPassword", Direction::Sent, || b"secret".to_vec());
        })
        .await;
        assert_eq!(said, Vec::new());
    }

    #[tokio::test]
    async fn debug_shows_no_bytes() {
        let said = heard(async { say("тайна") }).await;
        assert_eq!(format!("{said:?}"), "[device GET / Received 10 bytes]");
    }
}
