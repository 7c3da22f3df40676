//! Identifiers.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Invalid;

/// A newtype over a UUID: text form hyphenated and in lower case.
macro_rules! id {
    ($(#[doc = $doc:literal])* $name:ident) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// The id of this UUID.
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// Parses the hyphenated form of a UUID that is not nil, in either case.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                parse(text).map(Self)
            }

            /// The UUID itself.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}", self.0.hyphenated())
            }
        }

        impl std::str::FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

id! {
    /// A partner, the tenant.
    PartnerId
}
id! {
    /// A client: a shop of a partner.
    ClientId
}
id! {
    /// A registration of a cash register.
    KktId
}
id! {
    /// A device that was assigned to a partner.
    DeviceId
}
id! {
    /// A register of a partner's rental fleet.
    FleetId
}
id! {
    /// Chosen by the caller so that a call can be repeated.
    RequestId
}
id! {
    /// One effect in an outer system: the same in every attempt, by any worker, after a restore.
    EffectId
}

impl ClientId {
    /// The id of the client that a Register call makes. The same call made once more, also after a restored backup has
    /// forgotten it, makes the same one; `generation` counts those of this call that came to nothing.
    pub fn derive(partner: PartnerId, request: RequestId, generation: u32) -> Self {
        Self(derived(b"litebox-partner client 1", partner, request, "REGISTER", generation))
    }

    /// Whether this call made it, in one of its first generations.
    pub fn is_of(self, partner: PartnerId, request: RequestId) -> bool {
        (0..8).any(|generation| self == Self::derive(partner, request, generation))
    }
}

impl KktId {
    /// The id of the registration that a QuickRegister call makes: the same whenever the call is made.
    pub fn derive(partner: PartnerId, request: RequestId) -> Self {
        Self(derived(b"litebox-partner kkt 1", partner, request, "QUICK_REGISTER", 0))
    }
}

impl EffectId {
    /// The id of the effect of a step of a request: UUIDv8 of a SHA-256 over all four. `generation` grows only when the
    /// former one is proven void or refused.
    pub fn derive(partner: PartnerId, request: RequestId, step: &str, generation: u32) -> Self {
        Self(derived(b"litebox-partner effect 1", partner, request, step, generation))
    }

    /// The effect of making the account of a client: the client's own id.
    pub const fn of_client(client: ClientId) -> Self {
        Self(client.0)
    }
}

/// The key without which no store function opens: the caller acts for this partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartnerScope(PartnerId);

impl PartnerScope {
    /// Made where a caller has been authenticated, or where a worker has claimed a row of that partner.
    pub const fn new(partner: PartnerId) -> Self {
        Self(partner)
    }

    /// The partner.
    pub const fn partner(self) -> PartnerId {
        self.0
    }
}

/// UUIDv8 of a SHA-256 over all that it follows from.
fn derived(kind: &[u8], partner: PartnerId, request: RequestId, step: &str, generation: u32) -> Uuid {
    let generation = generation.to_be_bytes();
    let parts: [&[u8]; 5] = [kind, partner.0.as_bytes(), request.0.as_bytes(), step.as_bytes(), &generation];
    let mut hash = Sha256::new();
    for part in parts {
        // A length before each part: no two lists of parts have one encoding.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    Uuid::new_v8(id)
}

fn parse(text: &str) -> Result<Uuid, Invalid> {
    // The length keeps out the other forms that the parser knows: braces, URN, no hyphens.
    match Uuid::try_parse(text) {
        Ok(id) if text.len() == 36 && !id.is_nil() => Ok(id),
        _ => Err(Invalid::new(
            "UUID_FORMAT",
            "must be a UUID in hyphenated form",
            "Укажите идентификатор в виде UUID, например 0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_call_makes_the_same_client_and_the_same_registration() {
        let partner = |n: u128| PartnerId::new(Uuid::from_u128(n));
        let request = |n: u128| RequestId::new(Uuid::from_u128(n));
        let client = ClientId::derive(partner(1), request(2), 0);
        assert_eq!(client, ClientId::derive(partner(1), request(2), 0));
        assert!(client.is_of(partner(1), request(2)));
        assert!(ClientId::derive(partner(1), request(2), 3).is_of(partner(1), request(2)));
        assert!(!client.is_of(partner(2), request(2)) && !client.is_of(partner(1), request(3)));
        let kkt = KktId::derive(partner(1), request(2));
        assert_eq!(kkt, KktId::derive(partner(1), request(2)));
        assert_ne!(kkt, KktId::derive(partner(2), request(2)));
        assert_ne!(kkt.uuid(), client.uuid(), "the kind counts");
    }

    #[test]
    fn an_effect_id_depends_on_all_it_is_derived_from() {
        let id = |n: u128| Uuid::from_u128(n);
        let derive = |p, r, step, g| EffectId::derive(PartnerId::new(id(p)), RequestId::new(id(r)), step, g);
        let one = derive(1, 2, "burn", 0);
        assert_eq!(one, derive(1, 2, "burn", 0));
        assert_eq!(one.uuid().get_version_num(), 8);
        for other in
            [derive(2, 1, "burn", 0), derive(1, 3, "burn", 0), derive(1, 2, "card", 0), derive(1, 2, "burn", 1)]
        {
            assert_ne!(one, other);
        }
    }
}
