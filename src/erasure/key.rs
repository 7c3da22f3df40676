//! The key of erasures: signs records with Ed25519, and hashes tax numbers so that only its holder can look for one.

use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::clock::Ids;
use crate::values::Inn;

/// A key, public or secret, that is not 32 bytes in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 32 bytes in base64")]
pub struct Malformed;

/// The secret key. Has no `Debug`.
#[derive(Clone)]
pub struct Key {
    pair: Arc<Ed25519KeyPair>,
    hashes: hmac::Key,
}

impl Key {
    /// The key of this seed, 32 bytes in base64.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let seed = STANDARD.decode(text).map_err(|_| Malformed)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| Malformed)?;
        // A key of its own for the hashes, so that no key has two uses.
        let hashes = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &seed), b"litebox-partner erasure inn");
        Ok(Self { pair: Arc::new(pair), hashes: hmac::Key::new(hmac::HMAC_SHA256, hashes.as_ref()) })
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(STANDARD.encode(self.pair.public_key().as_ref()))
    }

    /// The signature of these bytes, base64.
    pub fn sign(&self, bytes: &[u8]) -> String {
        STANDARD.encode(self.pair.sign(bytes).as_ref())
    }

    /// The keyed hash of a tax number, base64.
    pub fn hash(&self, inn: &str) -> String {
        STANDARD.encode(hmac::sign(&self.hashes, inn.as_bytes()).as_ref())
    }

    /// The keyed hash of a tax number, as it stands in records.
    pub fn hash_of(&self, inn: &Inn) -> String {
        self.hash(inn.as_str())
    }
}

/// A public key, base64.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(String);

impl PublicKey {
    /// The key of this text.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        match STANDARD.decode(text.trim()) {
            Ok(bytes) if bytes.len() == 32 => Ok(Self(STANDARD.encode(bytes))),
            _ => Err(Malformed),
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this key's holder has signed these bytes.
    pub fn signed(&self, bytes: &[u8], signature: &str) -> bool {
        let (Ok(key), Ok(signature)) = (STANDARD.decode(&self.0), STANDARD.decode(signature)) else { return false };
        UnparsedPublicKey::new(&ED25519, key).verify(bytes, &signature).is_ok()
    }
}

crate::values::discreet::discreet!(PublicKey);

/// A new secret key, as the configuration wants it.
pub fn generate(ids: &Ids) -> String {
    let mut seed = [0; 32];
    ids.random(&mut seed);
    STANDARD.encode(seed)
}
