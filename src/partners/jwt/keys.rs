//! The public keys of an issuer (JWK Set, RFC 7517). Pure: no I/O.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;

/// Smallest RSA key, bytes: 2048 bits. And the largest: it costs time to check.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// Most keys of one issuer.
const MOST: usize = 100;

/// Keys by their id.
#[derive(Default, Debug)]
pub struct KeySet {
    keys: HashMap<String, Key>,
    skipped: usize,
}

/// A key, and the one algorithm it is for.
pub struct Key {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?})", self.algorithm)
    }
}

impl Key {
    /// The name of its algorithm in headers.
    pub const fn algorithm(&self) -> &'static str {
        match self.algorithm {
            Algorithm::RS256 => "RS256",
            Algorithm::ES256 => "ES256",
            _ => "EdDSA",
        }
    }

    /// Whether this is its signature of the message; `signature` in base64url.
    pub fn signed(&self, message: &str, signature: &str) -> bool {
        crypto::verify(signature, message.as_bytes(), &self.key, self.algorithm).unwrap_or(false)
    }
}

/// Why a set is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Not a JWK Set.
    #[error("it is no JSON object with an array of keys")]
    Garbled,
    /// A set without a key that could be used: it must not take the place of good ones.
    #[error("it holds no key that can be used")]
    Empty,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a set. Keys that cannot be used are skipped; so are keys that share an id, since it selects none of them.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn read(bytes: &[u8]) -> Result<Self, Broken> {
        let set: Set = serde_json::from_slice(bytes).map_err(|_| Broken::Garbled)?;
        let all = set.keys.len();
        let (mut keys, mut twice) = (HashMap::new(), Vec::new());
        for jwk in set.keys.into_iter().take(MOST) {
            let Some((kid, key)) = serde_json::from_value(jwk).ok().and_then(usable) else { continue };
            if keys.insert(kid.clone(), key).is_some() {
                twice.push(kid);
            }
        }
        twice.iter().for_each(|kid| drop(keys.remove(kid)));
        if keys.is_empty() {
            return Err(Broken::Empty);
        }
        let skipped = all - keys.len();
        Ok(Self { keys, skipped })
    }

    /// The key of this id.
    pub fn get(&self, kid: &str) -> Option<&Key> {
        self.keys.get(kid)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many were skipped.
    pub const fn skipped(&self) -> usize {
        self.skipped
    }
}

fn usable(jwk: Jwk) -> Option<(String, Key)> {
    let signs = jwk.usage.as_deref().is_none_or(|usage| usage == "sig");
    let verifies = jwk.key_ops.as_ref().is_none_or(|all| all.iter().any(|op| op == "verify"));
    if !signs || !verifies || !(1..=255).contains(&jwk.kid.len()) {
        return None;
    }
    let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", None) => rsa(jwk.n.as_deref()?, jwk.e.as_deref()?),
        ("EC", Some("P-256")) => elliptic(jwk.x.as_deref()?, jwk.y.as_deref()?),
        ("OKP", Some("Ed25519")) => edwards(jwk.x.as_deref()?),
        _ => None,
    }?;
    // The kind of the key decides; a set that says otherwise is confused.
    jwk.alg.is_none_or(|alg| alg == key.algorithm()).then_some((jwk.kid, key))
}

fn rsa(n: &str, e: &str) -> Option<Key> {
    let (modulus, exponent) = (decode(n)?, decode(e)?);
    let modulus: Vec<u8> = modulus.into_iter().skip_while(|byte| *byte == 0).collect();
    let full = RSA_BYTES.contains(&modulus.len()) && modulus.first().is_some_and(|top| *top >= 0x80);
    let large = full || modulus.len() > *RSA_BYTES.start() && RSA_BYTES.contains(&modulus.len());
    let odd = exponent.len() <= 8 && exponent.last().is_some_and(|last| last & 1 == 1);
    let key = (large && odd && exponent != [1]).then(|| DecodingKey::from_rsa_raw_components(&modulus, &exponent))?;
    Some(Key { algorithm: Algorithm::RS256, key })
}

fn elliptic(x: &str, y: &str) -> Option<Key> {
    let fits = decode(x)?.len() == 32 && decode(y)?.len() == 32;
    let key = fits.then(|| DecodingKey::from_ec_components(x, y).ok())??;
    Some(Key { algorithm: Algorithm::ES256, key })
}

fn edwards(x: &str) -> Option<Key> {
    let key = (decode(x)?.len() == 32).then(|| DecodingKey::from_ed_components(x).ok())??;
    Some(Key { algorithm: Algorithm::EdDSA, key })
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests;
