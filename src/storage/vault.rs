//! Encryption of documents: AES-256-GCM under configured keys. The first key encrypts, all of them decrypt, so that a key
//! is replaced by putting a new one before it. A random nonce each; a key should be replaced before 2^32 documents.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::documents::{Owner, Paper};
use super::entity::document;
use crate::clock::{Clock, Ids};

/// Keys that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// Not of the form.
    #[error("each must be ID:KEY, the id of 1 to 32 letters and digits, the key 32 bytes in base64")]
    Form,
    /// Two keys of one id.
    #[error("two keys have the id {0}")]
    Twice(String),
}

/// Why a document cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// Its key is not configured here.
    #[error("documents.keys has no key {0}")]
    NoKey(String),
    /// It was changed, or belongs to another registration.
    #[error("the document does not open under its key: it was changed in the database")]
    Changed,
}

struct Key {
    id: String,
    seals: LessSafeKey,
    marks: hmac::Key,
}

/// Seals and opens documents. Without keys it keeps none.
#[derive(Clone)]
pub struct Vault {
    keys: Arc<[Key]>,
    clock: Clock,
    ids: Ids,
}

/// Whether these can be keys, each `ID:KEY`.
///
/// # Errors
/// [`KeysError`]; it does not quote a key.
pub fn fit<'a>(keys: impl Iterator<Item = &'a str>) -> Result<(), KeysError> {
    read(keys).map(drop)
}

fn read<'a>(keys: impl Iterator<Item = &'a str>) -> Result<Vec<Key>, KeysError> {
    let keys = keys.map(key).collect::<Result<Vec<_>, _>>()?;
    let twice = keys.iter().enumerate().find(|(n, key)| keys.iter().take(*n).any(|other| other.id == key.id));
    twice.map_or(Ok(()), |(_, key)| Err(KeysError::Twice(key.id.clone())))?;
    Ok(keys)
}

impl Vault {
    /// A vault with these keys, each `ID:KEY`.
    ///
    /// # Errors
    /// [`KeysError`]; it does not quote a key.
    pub fn new<'a>(keys: impl Iterator<Item = &'a str>, clock: Clock, ids: Ids) -> Result<Self, KeysError> {
        Ok(Self { keys: read(keys)?.into(), clock, ids })
    }

    /// Whether documents are kept at all.
    pub fn keeps(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The row of a document; `seq` is given when it is written. `None` without a key.
    pub fn seal(&self, owner: Owner, paper: &Paper) -> Option<document::Model> {
        let key = self.keys.first()?;
        let mut nonce = [0; NONCE_LEN];
        self.ids.random(&mut nonce);
        let mut row = document::Model {
            id: self.ids.uuid_v7(&self.clock),
            partner_id: owner.scope.partner().uuid(),
            kkt_id: owner.kkt.uuid(),
            seq: 0,
            effect_id: paper.effect.map(crate::values::EffectId::uuid),
            gateway: paper.gateway.name().to_owned(),
            operation: paper.operation.clone(),
            direction: paper.direction.name().to_owned(),
            at_ms: self.clock.now_ms(),
            mark: Vec::new(),
            key_id: key.id.clone(),
            nonce: nonce.to_vec(),
            cipher: paper.bytes.clone(),
        };
        row.mark = hmac::sign(&key.marks, &paper.bytes).as_ref().to_vec();
        let bound = Aad::from(bound(&row));
        // Fails only beyond 64 GiB.
        key.seals.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound, &mut row.cipher).ok()?;
        Some(row)
    }

    /// The content of a document.
    ///
    /// # Errors
    /// [`Closed`].
    pub fn open(&self, row: &document::Model) -> Result<Vec<u8>, Closed> {
        let key = self.keys.iter().find(|k| k.id == row.key_id).ok_or_else(|| Closed::NoKey(row.key_id.clone()))?;
        let nonce = Nonce::try_assume_unique_for_key(&row.nonce).map_err(|_| Closed::Changed)?;
        let mut content = row.cipher.clone();
        let plain = key.seals.open_in_place(nonce, Aad::from(bound(row)), &mut content);
        plain.map(|bytes| bytes.to_vec()).map_err(|_| Closed::Changed)
    }
}

/// What the content is bound to: whose it is, and what it is said to be.
fn bound(row: &document::Model) -> Vec<u8> {
    let ids = [row.partner_id, row.kkt_id, row.id].map(Uuid::into_bytes).concat();
    let mut bound = [b"litebox-partner document 1".as_slice(), &ids].concat();
    for text in [&row.gateway, &row.operation, &row.direction] {
        bound.extend((text.len() as u64).to_be_bytes());
        bound.extend(text.as_bytes());
    }
    bound
}

fn key(text: &str) -> Result<Key, KeysError> {
    let (id, secret) = text.trim().split_once(':').ok_or(KeysError::Form)?;
    let secret = STANDARD.decode(secret).map_err(|_| KeysError::Form)?;
    let fits = (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    if !fits || secret.len() != 32 {
        return Err(KeysError::Form);
    }
    let seals = UnboundKey::new(&AES_256_GCM, &secret).map_err(|_| KeysError::Form)?;
    // A key of its own for the marks, so that no key has two uses.
    let marks = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), b"litebox-partner document mark");
    let marks = hmac::Key::new(hmac::HMAC_SHA256, marks.as_ref());
    Ok(Key { id: id.to_owned(), seals: LessSafeKey::new(seals), marks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateways::Gateway;
    use crate::storage::documents::Direction;
    use crate::values::{KktId, PartnerId, PartnerScope};

    const OLD: &str = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const NEW: &str = "k2:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    fn vault(keys: &[&str]) -> Vault {
        Vault::new(keys.iter().copied(), Clock::fixed(1), Ids::system()).unwrap()
    }

    fn owner(n: u128) -> Owner {
        Owner { scope: PartnerScope::new(PartnerId::new(Uuid::from_u128(1))), kkt: KktId::new(Uuid::from_u128(n)) }
    }

    fn paper(text: &str) -> Paper {
        let (operation, bytes) = ("fns.Submit".to_owned(), text.as_bytes().to_vec());
        Paper { gateway: Gateway::Fns, operation, direction: Direction::Sent, effect: None, bytes }
    }

    #[test]
    fn a_replaced_key_still_opens_what_it_sealed() {
        let sealed = vault(&[OLD]).seal(owner(2), &paper("Иванов")).unwrap();
        assert_eq!(vault(&[NEW, OLD]).open(&sealed).unwrap(), "Иванов".as_bytes());
        assert_eq!(vault(&[NEW, OLD]).seal(owner(2), &paper("x")).unwrap().key_id, "k2");
        assert_eq!(vault(&[NEW]).open(&sealed), Err(Closed::NoKey("k1".into())));
        assert!(!sealed.cipher.windows(4).any(|w| w == "Ив".as_bytes()), "nothing of the content is in the row");
    }

    #[test]
    fn a_document_that_was_moved_or_changed_does_not_open() {
        let vault = vault(&[OLD]);
        let sealed = vault.seal(owner(2), &paper("Иванов")).unwrap();
        let other = uuid::Uuid::from_u128(9);
        let forged = [
            document::Model { partner_id: other, ..sealed.clone() },
            document::Model { kkt_id: other, ..sealed.clone() },
            document::Model { id: other, ..sealed.clone() },
            document::Model { operation: "fns.SubmitReport".into(), ..sealed.clone() },
            document::Model { direction: "RECEIVED".into(), ..sealed.clone() },
            document::Model { nonce: vec![0; 12], ..sealed.clone() },
            document::Model { cipher: sealed.cipher[1..].to_vec(), ..sealed.clone() },
        ];
        for row in forged {
            assert_eq!(vault.open(&row), Err(Closed::Changed));
        }
        assert!(vault.open(&sealed).is_ok());
    }

    #[test]
    fn equal_contents_have_equal_marks_and_different_ciphers() {
        let vault = vault(&[OLD]);
        let [a, b, c] = ["one", "one", "two"].map(|text| vault.seal(owner(2), &paper(text)).unwrap());
        assert_eq!(a.mark, b.mark);
        assert_ne!(a.mark, c.mark);
        assert_ne!(a.cipher, b.cipher);
    }

    #[test]
    fn keys_are_checked_and_never_quoted() {
        for bad in ["", "AAAA", "k1:AAAA", "k 1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ":x"] {
            let error = Vault::new([bad].into_iter(), Clock::fixed(1), Ids::system()).err().unwrap();
            assert_eq!(error, KeysError::Form, "{bad}");
        }
        let twice = Vault::new([OLD, OLD].into_iter(), Clock::fixed(1), Ids::system()).err();
        assert_eq!(twice, Some(KeysError::Twice("k1".into())));
        let none = vault(&[]);
        assert!(!none.keeps() && none.seal(owner(2), &paper("x")).is_none());
    }
}
