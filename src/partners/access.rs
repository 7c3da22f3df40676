//! Who shows a token and may come in. One look-up a key in a while; revocation works everywhere within that while.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use moka::future::Cache;

use super::model::{Caller, Partner, TokenRecord};
use super::store;
use super::token::{KeyId, Mode, Token};
use crate::clock::Clock;
use crate::storage::crossing::access;
use crate::storage::{Db, StoreError};
use crate::values::PartnerScope;

/// For so long a look-up is remembered: half of the minute within which a revoked token must be refused everywhere.
pub const REMEMBERED: Duration = Duration::from_secs(30);
/// Keys that are remembered at once; beyond that the least used go.
const CAPACITY: u64 = 10_000;
/// The use of a token is written down at most so often.
const NOTED_EVERY_MS: i64 = 10 * 60 * 1000;

/// Why nobody came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// Missing, malformed, unknown, expired, revoked, for another mode, of a disabled partner: never told apart outside.
    Credentials,
    /// Not known now.
    Unavailable(StoreError),
    /// A backup was restored: tokens may have been revoked since.
    Recovering,
}

/// Checks tokens. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    db: Db,
    clock: Clock,
    mode: Mode,
    known: Cache<KeyId, Arc<Known>>,
}

struct Known {
    token: TokenRecord,
    partner: Partner,
    noted_ms: AtomicI64,
}

impl Access {
    /// Checks tokens of this deployment's mode; a look-up is remembered for `remembered`, usually [`REMEMBERED`].
    pub fn new(db: Db, clock: Clock, mode: Mode, remembered: Duration) -> Self {
        let known = Cache::builder().max_capacity(CAPACITY).time_to_live(remembered).build();
        Self { db, clock, mode, known }
    }

    /// Who shows this token. A text with a wrong checksum, or of another mode, costs no look-up.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn admit(&self, presented: &str) -> Result<Caller, Denied> {
        let token = Token::parse(presented).map_err(|_| Denied::Credentials)?;
        if token.mode() != self.mode {
            return Err(Denied::Credentials);
        }
        let known = self.known(token.key_id()).await?;
        let now = self.clock.now_ms();
        // The secret first: whether a key is revoked is nobody's business who does not hold it.
        let good = known.token.digest.matches(&token.digest())
            && known.token.mode == self.mode
            && known.token.live_at(now)
            && known.partner.enabled;
        if !good {
            return Err(Denied::Credentials);
        }
        self.note_use(&known, now);
        Ok(Caller {
            scope: PartnerScope::new(known.partner.id),
            key_id: known.token.key_id.clone(),
            scopes: known.token.scopes.clone(),
            theme: known.partner.theme,
        })
    }

    /// Unknown keys are not remembered: a token works from the moment it is issued.
    async fn known(&self, key_id: &KeyId) -> Result<Arc<Known>, Denied> {
        let look_up = async {
            let recovery = self.db.recovery().await.map_err(Denied::Unavailable)?;
            if recovery.is_some_and(|recovery| recovery.freezes_tokens()) {
                return Err(Denied::Recovering);
            }
            let found = store::find_token(&self.db, key_id).await.map_err(Denied::Unavailable)?;
            let (token, partner) = found.ok_or(Denied::Credentials)?;
            let noted_ms = AtomicI64::new(token.last_used_ms.unwrap_or(i64::MIN));
            Ok(Arc::new(Known { token, partner, noted_ms }))
        };
        self.known.try_get_with_by_ref(key_id, look_up).await.map_err(|denied: Arc<Denied>| (*denied).clone())
    }

    /// Writes down that the key is in use, beside the call and not before it.
    fn note_use(&self, known: &Known, now_ms: i64) {
        let noted = known.noted_ms.load(Ordering::Relaxed);
        let due = now_ms.saturating_sub(noted) >= NOTED_EVERY_MS;
        let mine = || known.noted_ms.compare_exchange(noted, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if due && mine() {
            let (db, key_id) = (self.db.clone(), known.token.key_id.clone());
            tokio::spawn(async move {
                if let Err(error) = access::touch(&db, key_id.as_str(), now_ms, now_ms - NOTED_EVERY_MS).await {
                    tracing::warn!(%key_id, %error, "the use of a token was not noted");
                }
            });
        }
    }
}

#[cfg(test)]
mod tests;
