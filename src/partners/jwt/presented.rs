//! A signed token as it is presented (JWS compact form, RFC 7515 and 7519), and what it must say. Pure: no I/O.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::config::{Issuer, Rules, Subject};
use super::keys::Key;
use crate::partners::why::Why;

/// Longest token, bytes.
pub const LONGEST: usize = 8 * 1024;

/// A token that was read, and not believed yet.
pub struct Presented<'t> {
    header: Header,
    claims: Claims,
    signed: &'t str,
    signature: &'t str,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood; none is.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// Members that are not named here say nothing to us. One that stands there twice is an error.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: u64,
    nbf: Option<u64>,
    iat: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Whether a member stands there, whatever it says.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(from).map(|_| true)
}

impl<'t> Presented<'t> {
    /// Reads a token.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &'t str) -> Result<Self, Why> {
        if text.len() > LONGEST {
            return Err(Why::JwtTooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Why::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Why::Malformed)?;
        if claims.contains('.') || signature.is_empty() {
            return Err(Why::JwtMalformed);
        }
        let header: Header = part(header)?;
        let kind = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
        if header.crit || !matches!(kind.trim_start_matches("application/"), "jwt" | "at+jwt") {
            return Err(Why::JwtMalformed);
        }
        Ok(Self { header, claims: part(claims)?, signed, signature })
    }

    /// Who is said to have signed it.
    pub fn issuer(&self) -> &str {
        &self.claims.iss
    }

    /// Which key is said to have signed it.
    ///
    /// # Errors
    /// When it does not say.
    pub fn kid(&self) -> Result<&str, Why> {
        self.header.kid.as_deref().ok_or(Why::JwtKey)
    }

    /// The service that it names, when this key has signed it, this issuer vouches for it, and it is for us and for now;
    /// and the instant from which it is not, Unix milliseconds.
    ///
    /// # Errors
    /// Why not.
    pub fn check<'i>(
        &self,
        key: &Key,
        issuer: &'i Issuer,
        rules: &Rules,
        now_ms: i64,
    ) -> Result<(&'i Subject, i64), Why> {
        // The key decides how a signature is checked; the token has only to agree.
        if self.header.alg != key.algorithm() {
            return Err(Why::JwtAlgorithm);
        }
        if !key.signed(self.signed, self.signature) {
            return Err(Why::JwtSignature);
        }
        if *self.claims.iss != *issuer.name {
            return Err(Why::JwtIssuer);
        }
        let ours = |text: &String| issuer.audiences.contains(text);
        let meant = match &self.claims.aud {
            Audience::One(text) => ours(text),
            Audience::Many(all) => all.iter().any(ours),
        };
        if !meant {
            return Err(Why::JwtAudience);
        }
        let until_ms = self.claims.timely(rules, now_ms)?;
        let subject = issuer.subjects.get(&self.claims.sub).ok_or(Why::JwtSubject)?;
        Ok((subject, until_ms))
    }
}

impl Claims {
    /// Good from `nbf` until before `exp`, each widened by the skew; not from the future; not for too long. Until when.
    fn timely(&self, rules: &Rules, now_ms: i64) -> Result<i64, Why> {
        let ms = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        let (end, skew) = (ms(self.exp), rules.skew_ms);
        let until = end.saturating_add(skew);
        if now_ms >= until {
            return Err(Why::JwtExpired);
        }
        if self.nbf.is_some_and(|from| ms(from) > now_ms.saturating_add(skew)) {
            return Err(Why::JwtEarly);
        }
        if self.iat.is_some_and(|made| ms(made) > now_ms.saturating_add(skew)) {
            return Err(Why::JwtFuture);
        }
        // Without a birth its life is at least what is left of it.
        let born = self.iat.map_or(now_ms.saturating_add(skew), ms);
        if end.saturating_sub(born) > rules.life_ms { Err(Why::JwtLife) } else { Ok(until) }
    }
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, Why> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Why::JwtMalformed)?;
    // An array would be read as the members in order.
    if bytes.first() != Some(&b'{') {
        return Err(Why::JwtMalformed);
    }
    serde_json::from_slice(&bytes).map_err(|_| Why::JwtMalformed)
}
