//! Log lines that strangers cause as often as they like: so many of a kind in a while, and then one that tells how many more
//! there were. Whoever has shown a good credential has a line for each call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::partners::why::Why;

/// Lines of one kind in a while.
const LINES: u64 = 20;
/// How long a while is.
const WHILE: Duration = Duration::from_secs(10);

/// What authentication has found out about a call, for its log line. In the request's extensions.
#[derive(Clone, Default)]
pub struct Seen(Arc<OnceLock<Found>>);

#[derive(Clone, Copy)]
enum Found {
    Known,
    Refused(Why),
}

impl Seen {
    /// It came with a good credential.
    pub fn known(&self) {
        let _ = self.0.set(Found::Known);
    }

    /// It came without one.
    pub fn refused(&self, why: Why) {
        let _ = self.0.set(Found::Refused(why));
    }

    /// The kind under which an error is counted that was answered for this reason; `None` when it is logged anyhow.
    pub fn kind<'a>(&self, reason: &'a str) -> Option<&'a str> {
        match self.0.get() {
            Some(Found::Known) => None,
            Some(Found::Refused(why)) => Some(why.as_str()),
            None => Some(reason),
        }
    }
}

/// The lines of this while. Cheap to clone.
#[derive(Clone)]
pub struct Quiet {
    counts: Arc<Mutex<HashMap<String, u64>>>,
    long: Duration,
}

impl Default for Quiet {
    fn default() -> Self {
        Self { counts: Arc::default(), long: WHILE }
    }
}

impl Quiet {
    /// Whether one more of this kind gets a line of its own.
    pub fn tells(&self, kind: &str) -> bool {
        let count = self.count(kind);
        if count == 1 {
            let (quiet, kind) = (self.clone(), kind.to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(quiet.long).await;
                if let Some(more) = quiet.more(&kind) {
                    tracing::warn!(kind, more, "calls of strangers were refused, and not logged one by one");
                }
            });
        }
        count <= LINES
    }

    fn count(&self, kind: &str) -> u64 {
        let mut kinds = self.lock();
        let count = kinds.entry(kind.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// Ends the while of this kind: how many had no line.
    fn more(&self, kind: &str) -> Option<u64> {
        self.lock().remove(kind)?.checked_sub(LINES).filter(|more| *more > 0)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_kind_has_so_many_lines_in_a_while_and_none_is_lost_to_the_count() {
        let quiet = Quiet::default();
        let told = (0..LINES + 5).filter(|_| quiet.tells("token_unknown")).count() as u64;
        assert_eq!(told, LINES);
        assert!(quiet.tells("missing"), "another kind has its own");
        assert_eq!((quiet.more("token_unknown"), quiet.more("missing")), (Some(5), None));
        assert!(quiet.tells("token_unknown"), "the next while begins");
    }

    #[tokio::test]
    async fn a_while_ends_by_itself() {
        let quiet = Quiet { long: Duration::from_millis(10), ..Quiet::default() };
        assert_eq!((0..100).filter(|_| quiet.tells("missing")).count() as u64, LINES);
        let over = async {
            while !quiet.lock().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), over).await.expect("nothing is remembered of what is over");
    }

    #[test]
    fn who_is_known_is_not_counted_among_strangers() {
        let [known, refused, neither] = [(); 3].map(|()| Seen::default());
        known.known();
        refused.refused(Why::UnknownKey);
        let kinds = [&known, &refused, &neither].map(|seen| seen.kind("SERVER_OVERLOADED"));
        assert_eq!(kinds, [None, Some("token_unknown"), Some("SERVER_OVERLOADED")]);
    }
}
