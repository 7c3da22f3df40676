//! Pages and resume points: where a listing or a stream goes on, in a token that only this service can make.
//!
//! A token carries the last key of the page (keyset, never an offset), encrypted, and bound to the partner, the method and
//! the filter it was made for, so that it opens for the same question only: it may hold a name, and tokens end in the logs of
//! callers. It is base64url of `version | key id | nonce | position and tag` (AES-256-GCM). The nonce follows from question and
//! position: the same one twice means the same token twice. Tokens of version 1, `version | key id | position | tag`, were signed
//! only and are still opened.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::ser::Error as _;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use crate::values::PartnerScope;

const SIGNED: u8 = 1;
const SEALED: u8 = 2;
const KEY_ID: usize = 4;
const TAG: usize = 16;
/// Positions are filled up to a multiple of so many bytes: lengths tell little of names.
const BLOCK: usize = 64;
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
    seals: Arc<LessSafeKey>,
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
        let mut position = serde_json::to_vec(position)?;
        position.resize(position.len().next_multiple_of(BLOCK), b' ');
        let mut token = vec![SEALED];
        token.extend(self.first.id);
        let bound = Aad::from(bound(question, &token));
        let nonce = self.first.nonce(question, &position);
        token.extend(nonce);
        let sealed =
            self.first.seals.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound, &mut position);
        sealed.map_err(|_| serde_json::Error::custom("longer than 64 GiB"))?;
        token.extend(position);
        Ok(URL_SAFE_NO_PAD.encode(token))
    }

    /// The position inside a token that was made here for the same question.
    pub fn open<P: DeserializeOwned>(&self, question: &Question<'_>, token: &str) -> Result<P, Invalid> {
        if token.len() > LONGEST_TOKEN {
            return Err(Invalid);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Invalid)?;
        let (head, rest) = bytes.split_first_chunk::<{ 1 + KEY_ID }>().ok_or(Invalid)?;
        let [version, id @ ..] = head;
        let key = self.all().find(|k| k.id == *id).ok_or(Invalid)?;
        let position = match *version {
            SEALED => key.unsealed(question, head, rest)?,
            SIGNED => key.signed(question, head, rest)?,
            _ => return Err(Invalid),
        };
        serde_json::from_slice(&position).map_err(|_| Invalid)
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
        let mac = Hmac::new_from_slice(secret).ok()?;
        // A key of its own, so that no key has two uses.
        let own = mac.clone().chain_update(b"litebox page encryption\0").finalize().into_bytes();
        let seals = UnboundKey::new(&AES_256_GCM, &own).ok()?;
        Some(Self { id, mac, seals: Arc::new(LessSafeKey::new(seals)) })
    }

    fn over(&self, label: &[u8], question: &Question<'_>, what: &[u8]) -> Hmac<Sha256> {
        self.mac.clone().chain_update(label).chain_update(bound(question, what))
    }

    /// Another one for everything else that is sealed.
    fn nonce(&self, question: &Question<'_>, position: &[u8]) -> [u8; NONCE_LEN] {
        let digest = self.over(b"litebox page nonce\0", question, position).finalize().into_bytes();
        std::array::from_fn(|n| digest[n])
    }

    fn unsealed(&self, question: &Question<'_>, head: &[u8], rest: &[u8]) -> Result<Vec<u8>, Invalid> {
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Invalid)?;
        let (mut sealed, bound) = (sealed.to_vec(), Aad::from(bound(question, head)));
        let plain = self.seals.open_in_place(Nonce::assume_unique_for_key(*nonce), bound, &mut sealed);
        plain.map(|position| position.to_vec()).map_err(|_| Invalid)
    }

    fn signed(&self, question: &Question<'_>, head: &[u8], rest: &[u8]) -> Result<Vec<u8>, Invalid> {
        let (position, tag) = rest.split_last_chunk::<TAG>().ok_or(Invalid)?;
        let mac = self.over(b"litebox page token\0", question, &[head, position].concat());
        mac.verify_truncated_left(tag).map_err(|_| Invalid)?;
        Ok(position.to_vec())
    }
}

/// What a token is bound to; all parts but the last are of fixed length.
fn bound(question: &Question<'_>, what: &[u8]) -> Vec<u8> {
    let partner = question.scope.partner().uuid();
    let (method, filter) = (Sha256::digest(question.method), Sha256::digest(question.filter));
    [partner.as_bytes(), &method[..], &filter[..], what].concat()
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
    fn what_it_holds_cannot_be_read_and_short_names_are_as_long_as_each_other() {
        let keys = keys(&[1]);
        let tokens = ["Ёлка", "Дом"].map(|name| keys.seal(&question(1), &(name, Uuid::from_u128(7))).unwrap());
        let bytes = URL_SAFE_NO_PAD.decode(&tokens[0]).unwrap();
        assert!(!bytes.windows(8).any(|window| window == "Ёлка".as_bytes()));
        assert_eq!(tokens[0].len(), tokens[1].len());
        assert_ne!(tokens[0], tokens[1]);
    }

    #[test]
    fn a_token_of_the_version_before_is_opened() {
        let keys = keys(&[1]);
        let mut token = vec![SIGNED];
        token.extend(keys.first.id);
        token.extend(serde_json::to_vec(&POSITION).unwrap());
        let tag = keys.first.over(b"litebox page token\0", &question(1), &token).finalize().into_bytes();
        token.extend(&tag[..TAG]);
        let token = URL_SAFE_NO_PAD.encode(token);
        assert_eq!(keys.open::<Position>(&question(1), &token), Ok(POSITION));
        assert_eq!(keys.open::<Position>(&question(2), &token), Err(Invalid));
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
