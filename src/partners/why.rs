//! Why somebody was not let in: told to the operator's log and counters, never to the caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes an enum of kinds with their words, so that none is left out of the list.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $word:literal,)*) => {
        /// A kind of refusal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Why {
            $($(#[doc = $doc])* $name,)*
        }

        impl Why {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As the log writes it: `token_revoked`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// No `authorization: Bearer …`, or several.
    Missing = "missing",
    /// Neither a partner token nor a signed token, or a wrong checksum.
    Malformed = "malformed",
    /// A partner token of the other mode.
    WrongMode = "token_of_other_mode",
    /// No such key.
    UnknownKey = "token_unknown",
    /// The key is there, the secret is another one.
    WrongSecret = "token_wrong_secret",
    /// The partner token has expired.
    TokenExpired = "token_expired",
    /// The partner token is revoked.
    TokenRevoked = "token_revoked",
    /// The token's partner is disabled.
    PartnerDisabled = "token_partner_disabled",
    /// A signed token whose parts cannot be read, or with extensions (`crit`).
    JwtMalformed = "jwt_malformed",
    /// Longer than allowed.
    JwtTooLong = "jwt_too_long",
    /// Not RS256, ES256 or EdDSA, or not the algorithm of the key.
    JwtAlgorithm = "jwt_algorithm",
    /// Nobody configured vouches for it.
    JwtIssuer = "jwt_issuer_unknown",
    /// The issuer has no key of this id, or no keys could be fetched.
    JwtKey = "jwt_key_unknown",
    /// Not signed with that key.
    JwtSignature = "jwt_signature",
    /// Meant for somebody else.
    JwtAudience = "jwt_audience",
    /// Its time is over.
    JwtExpired = "jwt_expired",
    /// Its time has not come.
    JwtEarly = "jwt_not_yet",
    /// Made in the future.
    JwtFuture = "jwt_issued_in_future",
    /// Lives too long.
    JwtLife = "jwt_lives_too_long",
    /// The subject is not configured.
    JwtSubject = "jwt_subject_unknown",
    /// A service names no partner.
    PartnerMissing = "partner_missing",
    /// Several headers.
    PartnerSeveral = "partner_several",
    /// Not an id.
    PartnerMalformed = "partner_malformed",
    /// No such partner.
    PartnerUnknown = "partner_unknown",
    /// The named partner is disabled.
    NamedDisabled = "partner_disabled",
    /// The service may not act for it.
    PartnerNotAllowed = "partner_not_allowed",
    /// A partner's token names another partner.
    PartnerForeign = "partner_foreign",
}

/// How often each kind has happened in this process. Clones count together.
#[derive(Clone)]
pub struct Refusals(Arc<[AtomicU64]>);

impl Default for Refusals {
    fn default() -> Self {
        Self(Why::ALL.iter().map(|_| AtomicU64::new(0)).collect())
    }
}

impl Refusals {
    /// Counts one.
    pub fn count(&self, why: Why) {
        if let Some(number) = self.0.get(why as usize) {
            number.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often it has happened.
    pub fn of(&self, why: Why) -> u64 {
        self.0.get(why as usize).map_or(0, |number| number.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_counted_by_itself_and_has_a_word_of_its_own() {
        let refusals = Refusals::default();
        for (at, why) in Why::ALL.iter().enumerate() {
            for _ in 0..=at {
                refusals.clone().count(*why);
            }
        }
        for (at, why) in Why::ALL.iter().enumerate() {
            assert_eq!(refusals.of(*why), at as u64 + 1, "{why:?}");
        }
        let words: std::collections::BTreeSet<_> = Why::ALL.iter().map(|why| why.as_str()).collect();
        assert_eq!(words.len(), Why::ALL.len());
    }
}
