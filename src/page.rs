//! Pages and resume points: where a listing or a stream goes on, in a token that only this service can make.
//!
//! A token carries the last key of the page (keyset, never an offset) and is signed over the partner, the method and
//! the filter it was made for, so that it opens for the same question only. It is base64url of
//! `version | key id | position | tag`. The position is signed, not hidden: it holds what the caller has seen already.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use crate::values::PartnerScope;

const VERSION: u8 = 1;
const KEY_ID: usize = 4;
const TAG: usize = 16;
/// Entries on a page when the caller names no number.
pub const DEFAULT_SIZE: u32 = 20;
/// Entries on a page at most.
pub const LARGEST_SIZE: u32 = 100;
/// Bytes that a signing key has at least.
pub const SHORTEST_KEY: usize = 32;
/// No position of ours is longer; what is longer is not looked at.
const LONGEST_TOKEN: usize = 2048;

/// The number of entries on a page: 0 is the default, too many are clamped. A negative number is `None`.
pub fn size(asked: i32) -> Option<u32> {
    match u32::try_from(asked).ok()? {
        0 => Some(DEFAULT_SIZE),
        more => Some(more.min(LARGEST_SIZE)),
    }
}

/// The question that a token belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// For whom the caller acts.
    pub scope: PartnerScope,
    /// `/litebox.client.v1.ClientService/List`
    pub method: &'a str,
    /// Everything that decides which entries are listed and in what order, in a stable encoding.
    pub filter: &'a [u8],
}

/// The token was not made here, or for another question. One answer for every cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token belongs to another call or is damaged")]
pub struct Invalid;

/// No usable keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// There must be one to sign with.
    #[error("at least one page token key is needed")]
    None,
    /// Shorter than [`SHORTEST_KEY`].
    #[error("page token key number {0} is shorter than 32 bytes")]
    Short(usize),
    /// Two keys are one, or are told apart by nothing.
    #[error("page token key number {0} is there twice")]
    Twice(usize),
}

/// The keys: the first one signs, all of them open. To rotate, put a new key last, then first and drop the last one later.
#[derive(Clone)]
pub struct PageKeys {
    first: Key,
    older: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: [u8; KEY_ID],
    mac: Hmac<Sha256>,
}

impl PageKeys {
    /// Takes the keys of the configuration.
    pub fn new<K: AsRef<[u8]>>(secrets: impl IntoIterator<Item = K>) -> Result<Self, KeysError> {
        let mut keys: Vec<Key> = Vec::new();
        for (at, secret) in secrets.into_iter().enumerate() {
            let key = Key::new(secret.as_ref()).ok_or(KeysError::Short(at + 1))?;
            if keys.iter().any(|k| k.id == key.id) {
                return Err(KeysError::Twice(at + 1));
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        Ok(Self { first: keys.next().ok_or(KeysError::None)?, older: keys.collect() })
    }

    /// The token that goes on after `position`. Fails only for a type that JSON cannot express.
    pub fn seal<P: Serialize>(&self, question: &Question<'_>, position: &P) -> Result<String, serde_json::Error> {
        let mut token = vec![VERSION];
        token.extend(self.first.id);
        token.extend(serde_json::to_vec(position)?);
        let tag = self.first.over(question, &token).finalize().into_bytes();
        token.extend(&tag[..TAG]);
        Ok(URL_SAFE_NO_PAD.encode(token))
    }

    /// The position inside a token that was made here for the same question.
    pub fn open<P: DeserializeOwned>(&self, question: &Question<'_>, token: &str) -> Result<P, Invalid> {
        if token.len() > LONGEST_TOKEN {
            return Err(Invalid);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Invalid)?;
        let (signed, tag) = bytes.split_last_chunk::<TAG>().ok_or(Invalid)?;
        let &[VERSION, ref rest @ ..] = signed else { return Err(Invalid) };
        let (id, position) = rest.split_first_chunk::<KEY_ID>().ok_or(Invalid)?;
        let key = self.all().find(|k| k.id == *id).ok_or(Invalid)?;
        key.over(question, signed).verify_truncated_left(tag).map_err(|_| Invalid)?;
        serde_json::from_slice(position).map_err(|_| Invalid)
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first).chain(&self.older)
    }
}

impl fmt::Debug for PageKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageKeys({})", self.all().count())
    }
}

impl Key {
    fn new(secret: &[u8]) -> Option<Self> {
        if secret.len() < SHORTEST_KEY {
            return None;
        }
        let digest = Sha256::new().chain_update(b"litebox page key id\0").chain_update(secret).finalize();
        let id = *digest.first_chunk()?;
        Some(Self { id, mac: Hmac::new_from_slice(secret).ok()? })
    }

    /// The state of the MAC over question and token; the two variable parts before the token are of fixed length.
    fn over(&self, question: &Question<'_>, token: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(b"litebox page token\0");
        mac.update(question.scope.partner().uuid().as_bytes());
        mac.update(&Sha256::digest(question.method));
        mac.update(&Sha256::digest(question.filter));
        mac.update(token);
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use uuid::Uuid;

    use super::*;
    use crate::values::PartnerId;

    type Position = (i64, Uuid);

    fn keys(first: &[u8]) -> PageKeys {
        PageKeys::new(first.iter().map(|b| [*b; 32])).unwrap()
    }

    fn question(partner: u128) -> Question<'static> {
        Question {
            scope: PartnerScope::new(PartnerId::new(Uuid::from_u128(partner))),
            method: "/s/List",
            filter: b"state=ACTIVE",
        }
    }

    const POSITION: Position = (1_795_000_000_123, Uuid::from_u128(7));

    #[test]
    fn a_page_has_the_default_size_a_clamped_size_or_none() {
        for (asked, given) in [
            (0, Some(DEFAULT_SIZE)),
            (1, Some(1)),
            (100, Some(100)),
            (101, Some(LARGEST_SIZE)),
            (i32::MAX, Some(LARGEST_SIZE)),
            (-1, None),
            (i32::MIN, None),
        ] {
            assert_eq!(size(asked), given, "{asked}");
        }
    }

    #[test]
    fn it_opens_for_the_same_question_only() {
        let keys = keys(&[1]);
        let asked = question(1);
        let token = keys.seal(&asked, &POSITION).unwrap();
        assert_eq!(keys.open::<Position>(&asked, &token), Ok(POSITION));
        for other in [
            question(2),
            Question { method: "/s/Watch", ..asked },
            Question { filter: b"", ..asked },
            Question { filter: b"state=ACTIVE ", ..asked },
        ] {
            assert_eq!(keys.open::<Position>(&other, &token), Err(Invalid), "{other:?}");
        }
    }

    #[test]
    fn keys_rotate() {
        let old = keys(&[1]).seal(&question(1), &POSITION).unwrap();
        let both = keys(&[2, 1]);
        assert_eq!(both.open::<Position>(&question(1), &old), Ok(POSITION));
        let new = both.seal(&question(1), &POSITION).unwrap();
        assert_eq!(keys(&[2]).open::<Position>(&question(1), &new), Ok(POSITION));
        assert_eq!(keys(&[2]).open::<Position>(&question(1), &old), Err(Invalid));
    }

    #[test]
    fn bad_keys_are_refused() {
        assert_eq!(PageKeys::new::<[u8; 32]>([]).err(), Some(KeysError::None));
        assert_eq!(PageKeys::new([vec![0; 32], vec![0; 31]]).err(), Some(KeysError::Short(2)));
        assert_eq!(PageKeys::new([[0; 32], [0; 32]]).err(), Some(KeysError::Twice(2)));
    }

    #[test]
    fn a_token_of_another_shape_is_refused() {
        let keys = keys(&[1]);
        let text = keys.seal(&question(1), &"a text").unwrap();
        assert_eq!(keys.open::<Position>(&question(1), &text), Err(Invalid));
        for token in ["", "A", "AQ", "++++", &"A".repeat(3000)] {
            assert_eq!(keys.open::<Position>(&question(1), token), Err(Invalid), "{token}");
        }
    }

    proptest! {
        #[test]
        fn any_position_comes_back(ms: i64, id: u128, text in ".{0,100}") {
            let (keys, position) = (keys(&[1, 2]), (ms, Uuid::from_u128(id), text));
            let token = keys.seal(&question(9), &position).unwrap();
            prop_assert_eq!(keys.open::<(i64, Uuid, String)>(&question(9), &token), Ok(position));
        }

        #[test]
        fn one_changed_byte_is_refused(at: prop::sample::Index, bit in 0u8..8) {
            let keys = keys(&[1, 2]);
            let mut bytes = URL_SAFE_NO_PAD.decode(keys.seal(&question(1), &POSITION).unwrap()).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let changed = URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(keys.open::<Position>(&question(1), &changed), Err(Invalid));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,100}", bytes: Vec<u8>) {
            let keys = keys(&[1]);
            prop_assert!(keys.open::<Position>(&question(1), &text).is_err());
            prop_assert!(keys.open::<Position>(&question(1), &URL_SAFE_NO_PAD.encode(bytes)).is_err());
        }
    }
}
