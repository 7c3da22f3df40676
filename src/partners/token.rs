//! The text of a partner token: `lbp_<live|test>_<key id><secret><checksum>`.
//!
//! Made so that a leak is found and a typing error costs nothing: a fixed prefix for secret scanners, a checksum that
//! is tested before any look-up, the mode of the deployment in plain sight, and a key id by which people talk about it.

use std::fmt;
use std::str::FromStr;

use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::clock::Ids;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// What every token begins with.
pub(super) const PREFIX: &str = "lbp_";
/// 71 bits: never given twice in practice, and unique in the database anyway.
const KEY_ID_CHARS: usize = 12;
/// 190 bits: beyond guessing, so a plain SHA-256 at rest is enough.
const SECRET_CHARS: usize = 32;
/// Six base62 characters hold any CRC-32.
const CHECKSUM_CHARS: usize = 6;
/// `62^4`, which lies just under `2^24`: four characters are drawn from three bytes.
const FOUR_CHARS: u32 = 62 * 62 * 62 * 62;

/// What a deployment works on: real taxpayers and fiscal drives, or sandboxes. A token is good for one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Real systems; a burnt fiscal drive stays burnt.
    Live,
    /// Sandboxes only.
    Test,
}

impl Mode {
    /// As written in tokens and in the configuration: `live`, `test`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "live" => Ok(Self::Live),
            "test" => Ok(Self::Test),
            _ => Err(Malformed),
        }
    }
}

/// The public part of a token: twelve letters and digits. Not a secret; it may be logged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// Reads a key id as `token list` prints it.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let fits = text.len() == KEY_ID_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric());
        fits.then(|| Self(text.to_owned())).ok_or(Malformed)
    }

    /// The twelve characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not a token. Says nothing more: a caller learns nothing from it, and the text never gets into a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a partner token")]
pub struct Malformed;

/// A token in the clear: just issued, or just presented. Erased from memory when dropped; `Debug` shows no secret.
pub struct Token {
    mode: Mode,
    key_id: KeyId,
    secret: Zeroizing<String>,
}

impl Token {
    /// Draws a new token.
    pub fn issue(mode: Mode, ids: &Ids) -> Self {
        let secret = Zeroizing::new(draw(SECRET_CHARS, ids));
        Self { mode, key_id: KeyId(draw(KEY_ID_CHARS, ids)), secret }
    }

    /// Reads a presented token. The checksum is tested before anything else is looked at.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (body, checksum) =
            text.len().checked_sub(CHECKSUM_CHARS).and_then(|at| text.split_at_checked(at)).ok_or(Malformed)?;
        if checksum != checksum_of(body) {
            return Err(Malformed);
        }
        let (mode, key) = body.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or(Malformed)?;
        let (key_id, secret) = key.split_at_checked(KEY_ID_CHARS).ok_or(Malformed)?;
        if secret.len() != SECRET_CHARS || !secret.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Malformed);
        }
        let secret = Zeroizing::new(secret.to_owned());
        Ok(Self { mode: mode.parse()?, key_id: KeyId::parse(key_id)?, secret })
    }

    /// The whole token, to be shown once to the one who ordered it.
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(format!("{PREFIX}{}_{}{}", self.mode, self.key_id, *self.secret));
        let checksum = checksum_of(&text);
        text.push_str(&checksum);
        text
    }

    /// The deployments it is good for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// By which it is found in the database.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// What the database keeps of the secret.
    pub fn digest(&self) -> SecretDigest {
        SecretDigest(Sha256::digest(self.secret.as_bytes()).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, {}, **)", self.mode, self.key_id)
    }
}

/// SHA-256 of a token's secret. Compared in constant time and in no other way: there is no `==`.
#[derive(Clone)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// From the bytes kept in the database; `None` when there are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to keep.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both come from one secret; takes the same time wherever they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(**)")
    }
}

/// `chars` characters, each string as probable as any other; `chars` is a multiple of four.
fn draw(chars: usize, ids: &Ids) -> String {
    let mut text = String::with_capacity(chars);
    while text.len() < chars {
        let mut bytes = [0; 4];
        ids.random(&mut bytes[1..]);
        let number = u32::from_be_bytes(bytes);
        if number < FOUR_CHARS {
            text.push_str(&base62(number, 4));
        }
    }
    text
}

/// What a token with this body ends with: it tells a slip of the pen, and whoever makes tokens up knows it too.
pub fn checksum_of(body: &str) -> String {
    base62(crc32fast::hash(body.as_bytes()), CHECKSUM_CHARS)
}

/// The lowest `width` base62 digits of a number, the highest first.
fn base62(number: u32, width: usize) -> String {
    let mut digits: Vec<char> = std::iter::successors(Some(number), |n| Some(n / 62))
        .take(width)
        .map(|n| char::from(ALPHABET[n as usize % 62]))
        .collect();
    digits.reverse();
    digits.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with_checksum(body: &str) -> String {
        format!("{body}{}", checksum_of(body))
    }

    #[test]
    fn the_format_is_fixed() {
        // Written down once: tokens that partners hold must stay good.
        let known = "lbp_live_0123456789AB0123456789ABCDEFGHIJKLMNOPQRSTUV";
        let token = Token::parse(&with_checksum(known)).unwrap();
        assert_eq!(token.mode(), Mode::Live);
        assert_eq!(token.key_id().as_str(), "0123456789AB");
        assert_eq!(checksum_of(known), "093tDK");
        assert_eq!(base62(u32::MAX, 6), "4gfFC3");
        assert_eq!(base62(0, 6), "000000");
        assert_eq!(base62(61, 6), "00000z");
    }

    #[test]
    fn anything_else_is_refused() {
        let secret = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
        for body in [
            String::new(),
            "lbp_".into(),
            "lbp_live_".into(),
            format!("lbp_live_0123456789A{secret}"),
            format!("lbp_live_0123456789AB{secret}W"),
            format!("lbp_prod_0123456789AB{secret}"),
            format!("lbp_Live_0123456789AB{secret}"),
            format!("LBP_live_0123456789AB{secret}"),
            format!(" lbp_live_0123456789AB{secret}"),
            format!("lbp_live_0123456789A-{secret}"),
            format!("lbp_live_0123456789AB{}", secret.replace('V', "_")),
            format!("lbp_live_0123456789AB{}", secret.replace("UV", "й")),
        ] {
            assert!(Token::parse(&with_checksum(&body)).is_err(), "{body}");
        }
        for text in ["", "x", "йййййй", "lbp_live_0123456789AB0123456789ABCDEFGHIJKLMNOPQRSTUV000000"] {
            assert!(Token::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_debug_output_holds_the_secret() {
        let token = Token::issue(Mode::Test, &Ids::system());
        let shown = format!("{token:?} {:?}", token.digest());
        assert!(!shown.contains(token.secret.as_str()));
        assert!(shown.contains(token.key_id().as_str()));
    }

    #[test]
    fn only_the_same_secret_matches() {
        let ids = Ids::system();
        let (a, b) = (Token::issue(Mode::Live, &ids), Token::issue(Mode::Live, &ids));
        let kept = SecretDigest::from_bytes(a.digest().as_bytes()).unwrap();
        assert!(kept.matches(&a.digest()));
        assert!(!kept.matches(&b.digest()));
        assert!(SecretDigest::from_bytes(&[0; 31]).is_none());
    }

    proptest! {
        #[test]
        fn an_issued_token_reads_back(first in 0i64..1 << 40, live: bool) {
            let mode = if live { Mode::Live } else { Mode::Test };
            let token = Token::issue(mode, &Ids::counted(first));
            let read = Token::parse(&token.reveal()).unwrap();
            prop_assert_eq!((read.mode(), read.key_id()), (mode, token.key_id()));
            prop_assert!(read.digest().matches(&token.digest()));
        }

        #[test]
        fn one_changed_character_is_refused(at in 0usize..59, to in "[ -~]") {
            let text = Token::issue(Mode::Live, &Ids::system()).reveal();
            let mut changed = text.to_string();
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(Token::parse(&changed).is_ok(), changed == *text);
        }

        #[test]
        fn two_swapped_neighbours_are_refused(at in 0usize..58) {
            let text = Token::issue(Mode::Live, &Ids::system()).reveal();
            let mut bytes = text.as_bytes().to_vec();
            bytes.swap(at, at + 1);
            let changed = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(Token::parse(&changed).is_ok(), changed == *text);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}") {
            let _ = Token::parse(&text);
            let _ = Token::parse(&with_checksum(&text));
            let _ = Token::parse(&with_checksum(&format!("lbp_test_{text}")));
        }
    }
}
