//! Log lines that callers cause as often as they like: so many of a kind in a while, and then one that tells how many more
//! there were. Whoever has shown a good credential has a line for each call, but for those that are too many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::partners::model::Holder;
use crate::partners::why::Why;

/// Lines of one kind in a while.
const LINES: u64 = 20;
/// How long a while is.
const WHILE: Duration = Duration::from_secs(10);

/// What authentication has found out about a call, for its log line. In the request's extensions.
#[derive(Clone, Default)]
pub struct Seen(Arc<OnceLock<Found>>);

#[derive(Clone)]
enum Found {
    Known(Holder),
    Refused(Why),
}

/// Lines that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kind {
    /// Of whom; `None` for whoever is not known.
    holder: Option<Holder>,
    /// Why it was refused.
    reason: String,
}

impl Kind {
    fn new(holder: Option<&Holder>, why: &str) -> Self {
        Self { holder: holder.cloned(), reason: why.to_owned() }
    }

    fn tell(&self, more: u64) {
        let kind = &self.reason;
        let (partner, caller) = match &self.holder {
            Some(Holder::Partner(partner)) => (Some(tracing::field::display(partner)), None),
            Some(Holder::Service(who)) => (None, Some(tracing::field::display(who))),
            None => (None, None),
        };
        tracing::warn!(kind, more, partner, caller, "calls were refused, and not logged one by one");
    }
}

impl Seen {
    /// It came with a good credential, on this account.
    pub fn known(&self, holder: Holder) {
        let _ = self.0.set(Found::Known(holder));
    }

    /// It came without one.
    pub fn refused(&self, why: Why) {
        let _ = self.0.set(Found::Refused(why));
    }

    /// The kind under which an error is counted that was answered for this reason; `None` when it is logged anyhow. `shed`: the
    /// caller was told that this is too much, and may have many such answers at no cost.
    pub fn kind(&self, reason: &str, shed: bool) -> Option<Kind> {
        match self.0.get() {
            Some(Found::Known(holder)) => shed.then(|| Kind::new(Some(holder), reason)),
            Some(Found::Refused(why)) => Some(Kind::new(None, why.as_str())),
            None => Some(Kind::new(None, reason)),
        }
    }
}

/// The lines of this while. Cheap to clone.
#[derive(Clone)]
pub struct Quiet {
    counts: Arc<Mutex<HashMap<Kind, u64>>>,
    long: Duration,
}

impl Default for Quiet {
    fn default() -> Self {
        Self { counts: Arc::default(), long: WHILE }
    }
}

impl Quiet {
    /// Whether one more of this kind gets a line of its own.
    pub fn tells(&self, kind: Kind) -> bool {
        let count = self.count(kind.clone());
        if count == 1 {
            let quiet = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(quiet.long).await;
                if let Some(more) = quiet.more(&kind) {
                    kind.tell(more);
                }
            });
        }
        count <= LINES
    }

    fn count(&self, kind: Kind) -> u64 {
        let mut kinds = self.lock();
        let count = kinds.entry(kind).or_default();
        *count += 1;
        *count
    }

    /// Ends the while of this kind: how many had no line.
    fn more(&self, kind: &Kind) -> Option<u64> {
        self.lock().remove(kind)?.checked_sub(LINES).filter(|more| *more > 0)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Kind, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::values::PartnerId;

    #[tokio::test]
    async fn a_kind_has_so_many_lines_in_a_while_and_none_is_lost_to_the_count() {
        let quiet = Quiet::default();
        let [unknown, missing] = ["token_unknown", "missing"].map(|why| Kind::new(None, why));
        let told = (0..LINES + 5).filter(|_| quiet.tells(unknown.clone())).count() as u64;
        assert_eq!(told, LINES);
        assert!(quiet.tells(missing.clone()), "another kind has its own");
        assert_eq!((quiet.more(&unknown), quiet.more(&missing)), (Some(5), None));
        assert!(quiet.tells(unknown), "the next while begins");
    }

    #[tokio::test]
    async fn a_while_ends_by_itself() {
        let quiet = Quiet { long: Duration::from_millis(10), ..Quiet::default() };
        assert_eq!((0..100).filter(|_| quiet.tells(Kind::new(None, "missing"))).count() as u64, LINES);
        let over = async {
            while !quiet.lock().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), over).await.expect("nothing is remembered of what is over");
    }

    #[test]
    fn who_is_known_is_counted_by_itself_where_its_calls_are_too_many() {
        let [known, refused, neither] = [(); 3].map(|()| Seen::default());
        let holder = Holder::Partner(PartnerId::new(Uuid::from_u128(7)));
        known.known(holder.clone());
        refused.refused(Why::UnknownKey);
        let kinds = |shed| [&known, &refused, &neither].map(|seen| seen.kind("RATE_LIMITED", shed));
        let strangers = ["token_unknown", "RATE_LIMITED"].map(|why| Some(Kind::new(None, why)));
        assert_eq!(kinds(false), [&[None], &strangers[..]].concat()[..]);
        assert_eq!(kinds(true), [&[Some(Kind::new(Some(&holder), "RATE_LIMITED"))], &strangers[..]].concat()[..]);
    }
}
