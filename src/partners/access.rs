//! Who shows a credential, and whom it may act for. One look-up a key in a while; what operators change works everywhere
//! within seconds.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::jwt::Services;
use super::model::{Caller, Holder, Identity, Named, Partner, Scope, Scopes, Service, TokenRecord};
use super::remembered::{Missed, Remembered};
use super::store;
use super::strangers::{FRIENDS, Strangers};
use super::token::{self, KeyId, Mode, Token};
use super::turns::{Crowded, Room, Turns};
use super::why::{Refusals, Why};
use crate::clock::Clock;
use crate::storage::crossing::access;
use crate::storage::{Db, StoreError};
use crate::values::{PartnerId, PartnerScope};

/// Keys, and named partners, that are remembered at once; beyond that the least used go.
const CAPACITY: u64 = 10_000;
/// The use of a token is written down at most so often.
const NOTED_EVERY_MS: i64 = 10 * 60 * 1000;
/// Keys that were used within this time are no strangers to a process that starts.
const LATELY_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How often it is asked which those are.
const MET_EVERY: Duration = Duration::from_secs(10 * 60);
/// Partners that services name and that must be looked up: known services wait for each other longer than strangers do.
const NAMED: Room = Room { at_once: 4, in_all: 256, share: 64 };
/// That a partner is unknown is remembered for so long: it may just be on its way.
const UNKNOWN: Duration = Duration::from_secs(5);

/// Why nobody came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// Missing, malformed, unknown, expired, revoked, forged, for another mode, of a disabled partner: never told apart
    /// outside.
    Credentials(Why),
    /// The credential is good, and not for this partner or for none: never told apart outside.
    Partner(Why),
    /// The service may not name partners.
    Scope(Scope),
    /// Not known now.
    Unavailable(StoreError),
    /// A backup was restored: tokens may have been revoked, and partners disabled, since.
    Recovering,
}

/// Who has shown a good credential.
#[derive(Debug, Clone)]
pub enum Shown {
    /// A partner: for itself.
    Partner(Caller),
    /// A service: for whom it names.
    Service(Service),
}

impl Shown {
    /// What the credential may do.
    pub const fn scopes(&self) -> &Scopes {
        match self {
            Self::Partner(caller) => &caller.scopes,
            Self::Service(service) => &service.scopes,
        }
    }

    /// On whose account it is.
    pub fn holder(&self) -> Holder {
        match self {
            Self::Partner(caller) => Holder::Partner(caller.scope.partner()),
            Self::Service(service) => Holder::Service(service.who.clone()),
        }
    }

    /// Who it is.
    pub const fn who(&self) -> &Identity {
        match self {
            Self::Partner(caller) => &caller.who,
            Self::Service(service) => &service.who,
        }
    }
}

/// Checks credentials. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    db: Db,
    clock: Clock,
    mode: Mode,
    services: Services,
    tokens: Remembered<KeyId, Arc<Known>>,
    partners: Remembered<PartnerId, Option<Partner>>,
    named: Turns<Identity>,
    refusals: Refusals,
    strangers: Strangers,
    changes: Arc<watch::Sender<u64>>,
    remembered: Duration,
}

struct Known {
    token: TokenRecord,
    partner: Partner,
    noted_ms: AtomicI64,
}

impl Access {
    /// Checks credentials of this deployment's mode. A look-up is remembered for `remembered`, from before it was made.
    pub fn new(db: Db, clock: Clock, mode: Mode, remembered: Duration) -> Self {
        let (tokens, partners) = (Remembered::new(CAPACITY, remembered), Remembered::new(CAPACITY, remembered));
        let (services, refusals) = (Services::none(), Refusals::default());
        Self {
            db,
            clock,
            mode,
            services,
            tokens,
            partners,
            named: Turns::new(NAMED),
            refusals,
            strangers: Strangers::new(),
            changes: Arc::default(),
            remembered,
        }
    }

    /// The same, for whom these issuers vouch too.
    #[must_use]
    pub fn with(self, services: Services) -> Self {
        Self { services, ..self }
    }

    /// Counts the changes of access that are seen here from now on. Taken before somebody is let in, it tells whether that
    /// may have become untrue since.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// How often each kind of refusal has happened here.
    pub const fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Who shows this credential. Its shape tells which kind it is before any work; a token with a wrong checksum, or of
    /// another mode, costs no look-up. `from` is the address whose share of look-ups this is, if it is to have one.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn admit(&self, presented: &str, from: Option<IpAddr>) -> Result<Shown, Denied> {
        if presented.starts_with(token::PREFIX) {
            return self.partner(presented, from).await.map(Shown::Partner);
        }
        let service = self.services.admit(presented, self.clock.now_ms()).await;
        service.map(Shown::Service).map_err(Denied::Credentials)
    }

    /// For whom somebody acts who names a partner so beside the credential.
    ///
    /// # Errors
    /// [`Denied::Partner`] and, for a service that names no partners at all, [`Denied::Scope`].
    pub async fn act(&self, shown: Shown, named: Named) -> Result<Caller, Denied> {
        let named = match named {
            Named::Several => Err(Why::PartnerSeveral),
            Named::Malformed => Err(Why::PartnerMalformed),
            Named::Nobody => Ok(None),
            Named::One(id) => Ok(Some(id)),
        };
        match shown {
            Shown::Partner(caller) => match named.map_err(Denied::Partner)? {
                Some(other) if other != caller.scope.partner() => Err(Denied::Partner(Why::PartnerForeign)),
                _ => Ok(caller),
            },
            Shown::Service(service) if !service.scopes.hold(Scope::PartnersAct) => {
                Err(Denied::Scope(Scope::PartnersAct))
            }
            Shown::Service(service) => {
                let id = named.and_then(|id| id.ok_or(Why::PartnerMissing)).map_err(Denied::Partner)?;
                self.act_for(service, id).await
            }
        }
    }

    /// Empties what is remembered whenever something has changed, until `stop`. While that cannot be read, what is
    /// remembered ends by itself.
    pub async fn follow(self, every: Duration, stop: CancellationToken) {
        let (mut seen, mut away, mut met) = (None, false, None);
        // What was let in by then is known to be let in still.
        let mut sure = Instant::now();
        while !stop.is_cancelled() {
            let asked = Instant::now();
            match access::changes(&self.db).await {
                Ok(now) => {
                    if seen != Some(now) {
                        self.forget(seen.is_some());
                        met = None;
                    }
                    if met.is_none_or(|met: Instant| met.elapsed() > MET_EVERY) {
                        self.meet().await;
                        met = Some(Instant::now());
                    }
                    (seen, away, sure) = (Some(now), false, asked);
                }
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(%error, "changes of access are not seen: revocation takes up to a minute");
                    }
                    // A stream was let in once, and would go on: it is believed no longer than a token, or than one look that fails.
                    if sure.elapsed() >= self.remembered.max(every * 2) {
                        self.forget(true);
                        sure = Instant::now();
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    /// Nothing that was looked up is believed any more; `changed`, and who is here is told so. Told last: a stream that begins
    /// after it was let in by what is true now.
    fn forget(&self, changed: bool) {
        self.tokens.forget();
        self.partners.forget();
        if changed {
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// Befriends the keys that were used lately, here or at another replica: a flood of strangers does not hold them up.
    async fn meet(&self) {
        let since = self.clock.now_ms() - LATELY_MS;
        match access::lately(&self.db, since, FRIENDS).await {
            Ok(keys) => {
                for key in keys.iter().filter_map(|key| KeyId::parse(key).ok()) {
                    self.strangers.befriend(&key).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "keys that were used lately are not known: each is looked up in its turn")
            }
        }
    }

    async fn partner(&self, presented: &str, from: Option<IpAddr>) -> Result<Caller, Denied> {
        let token = Token::parse(presented).map_err(|_| Denied::Credentials(Why::Malformed))?;
        if token.mode() != self.mode {
            return Err(Denied::Credentials(Why::WrongMode));
        }
        let waited = AtomicBool::new(false);
        let known = self.known(token.key_id(), from, &waited).await?;
        let now = self.clock.now_ms();
        if let Err(why) = self.check(&known, &token, now) {
            // Whoever does not hold the secret is a stranger, and told what a stranger is told: otherwise the answer would
            // confirm that the key is in use.
            if why == Why::WrongSecret && !waited.into_inner() {
                self.strangers.wait(from).await.map_err(crowded)?;
            }
            return Err(Denied::Credentials(why));
        }
        self.strangers.befriend(token.key_id()).await;
        self.note_use(&known, now);
        Ok(Caller {
            scope: PartnerScope::new(known.partner.id),
            who: Identity::Token(known.token.key_id.clone()),
            scopes: known.token.scopes.clone(),
            theme: known.partner.theme,
            until_ms: known.token.expires_ms,
        })
    }

    /// The secret first: whether a key is revoked is nobody's business who does not hold it.
    fn check(&self, known: &Known, token: &Token, now_ms: i64) -> Result<(), Why> {
        match () {
            () if !known.token.digest.matches(&token.digest()) => Err(Why::WrongSecret),
            () if known.token.mode != self.mode => Err(Why::WrongMode),
            () if known.token.revoked_ms.is_some() => Err(Why::TokenRevoked),
            () if !known.token.live_at(now_ms) => Err(Why::TokenExpired),
            () if !known.partner.enabled => Err(Why::PartnerDisabled),
            () => Ok(()),
        }
    }

    /// Unknown keys are not remembered: a token works from the moment it is issued. So strangers can make this look again
    /// and again; whoever bounds them does it around here.
    async fn known(&self, key_id: &KeyId, from: Option<IpAddr>, waited: &AtomicBool) -> Result<Arc<Known>, Denied> {
        let look = async || {
            let (frozen, found) = store::find_token(&self.db, key_id).await.map_err(Denied::Unavailable)?;
            if frozen {
                return Err(Denied::Recovering);
            }
            let (token, partner) = found.ok_or(Denied::Credentials(Why::UnknownKey))?;
            let noted_ms = AtomicI64::new(token.last_used_ms.unwrap_or(i64::MIN));
            Ok(Arc::new(Known { token, partner, noted_ms }))
        };
        let held = async || {
            waited.store(!self.strangers.knows(key_id), Ordering::Relaxed);
            self.strangers.hold(key_id, from, look()).await.map_err(too_many)?.map_err(Missed::Shared)
        };
        self.tokens.get(key_id, held).await
    }

    /// What a restored backup knows of partners is believed when tokens are: one that was disabled since may be enabled.
    async fn act_for(&self, service: Service, id: PartnerId) -> Result<Caller, Denied> {
        if !service.partners.is_empty() && !service.partners.contains(&id) {
            return Err(Denied::Partner(Why::PartnerNotAllowed));
        }
        let look = async || {
            let (frozen, found) = store::find_partner(&self.db, id).await.map_err(Denied::Unavailable)?;
            if frozen {
                return Err(Denied::Recovering);
            }
            Ok(found)
        };
        let who = || Some(service.who.clone());
        let turn = async || self.named.take(who(), look()).await.map_err(too_many)?.map_err(Missed::Shared);
        let worth = |found: &Option<Partner>| if found.is_some() { Duration::MAX } else { UNKNOWN };
        let found = self.partners.get_for(&id, worth, turn).await?;
        let partner = found.ok_or(Denied::Partner(Why::PartnerUnknown))?;
        if !partner.enabled {
            return Err(Denied::Partner(Why::NamedDisabled));
        }
        let Service { who, scopes, until_ms, .. } = service;
        let scope = PartnerScope::new(partner.id);
        Ok(Caller { scope, who, scopes, theme: partner.theme, until_ms: Some(until_ms) })
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

fn crowded(_: Crowded) -> Denied {
    Denied::Unavailable(StoreError::Exhausted("too many look-ups of strangers".to_owned()))
}

/// Whose address or service is crowded must not make others who wait for the same key wait in vain.
fn too_many(one: Crowded) -> Missed<Denied> {
    Missed::Own(crowded(one))
}

#[cfg(test)]
mod tests;
