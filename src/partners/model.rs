//! Partners, their tokens and devices, and who a call acts for.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;

use super::token::{KeyId, Mode, SecretDigest};
use crate::values::{DeviceId, PartnerId, PartnerScope};

/// A partner: the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partner {
    /// Its id.
    pub id: PartnerId,
    /// For operators.
    pub name: Label,
    /// The brand it works under.
    pub theme: Theme,
    /// Whether its tokens let in.
    pub enabled: bool,
    /// Unix milliseconds.
    pub created_ms: i64,
}

/// What operators may not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A name or a note.
    #[error("must have at most 120 characters, none of them a control character")]
    Label,
    /// A name that is missing.
    #[error("must not be empty")]
    Empty,
    /// Neither of the two.
    #[error("must be LITEBOX or MTS")]
    Theme,
    /// Not a scope.
    #[error("must be one of TAXPAYERS_READ, CLIENTS_READ, CLIENTS_WRITE, KKT_READ, KKT_WRITE, KKT_FISCALIZE")]
    Scope,
    /// Not the address of a hub.
    #[error("must be http(s)://host[:port][/path] without user, query and fragment")]
    HubUrl,
    /// Not a name of a device at its hub.
    #[error("must have 1 to 64 of A-Z a-z 0-9 . _ -")]
    HubDevice,
}

/// A short text that operators write: one line, at most 120 characters. May be empty where it is a note.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Label(String);

impl Label {
    /// A name: not empty.
    pub fn name(text: &str) -> Result<Self, Unfit> {
        let label = Self::note(text)?;
        if label.0.is_empty() { Err(Unfit::Empty) } else { Ok(label) }
    }

    /// A note: may be empty.
    pub fn note(text: &str) -> Result<Self, Unfit> {
        let text = text.trim();
        let fits = text.chars().count() <= 120 && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned())).ok_or(Unfit::Label)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The brand that a partner works under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Theme {
    /// LiteBox's own; clients can be registered.
    LiteBox,
    /// MTS's; clients are registered elsewhere.
    Mts,
}

impl Theme {
    /// `LITEBOX`, `MTS`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LiteBox => "LITEBOX",
            Self::Mts => "MTS",
        }
    }
}

impl FromStr for Theme {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        [Self::LiteBox, Self::Mts].into_iter().find(|t| t.as_str().eq_ignore_ascii_case(text)).ok_or(Unfit::Theme)
    }
}

/// What a credential may do; the contract's `litebox.options.v1.Scope` without its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Scope {
    /// Look up taxpayers.
    TaxpayersRead,
    /// Read clients.
    ClientsRead,
    /// Register clients.
    ClientsWrite,
    /// Read registrations of cash registers.
    KktRead,
    /// Start, amend and cancel registrations.
    KktWrite,
    /// Burn: the one thing that cannot be undone.
    KktFiscalize,
    /// Name the partner that a call is for. Of services only; no method asks for it.
    PartnersAct,
}

impl Scope {
    /// Those that methods ask for, and so those that a partner's token may hold.
    pub const OF_METHODS: [Self; 6] =
        [Self::TaxpayersRead, Self::ClientsRead, Self::ClientsWrite, Self::KktRead, Self::KktWrite, Self::KktFiscalize];

    /// `KKT_READ`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TaxpayersRead => "TAXPAYERS_READ",
            Self::ClientsRead => "CLIENTS_READ",
            Self::ClientsWrite => "CLIENTS_WRITE",
            Self::KktRead => "KKT_READ",
            Self::KktWrite => "KKT_WRITE",
            Self::KktFiscalize => "KKT_FISCALIZE",
            Self::PartnersAct => "PARTNERS_ACT",
        }
    }
}

impl FromStr for Scope {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let mut all = Self::OF_METHODS.into_iter().chain([Self::PartnersAct]);
        all.find(|s| s.as_str().eq_ignore_ascii_case(text)).ok_or(Unfit::Scope)
    }
}

/// A set of scopes, written as words with spaces between them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Every scope that a partner's token may hold.
    pub fn all() -> Self {
        Scope::OF_METHODS.into_iter().collect()
    }

    /// Whether the scope is among them.
    pub fn hold(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|s| s.as_str()).collect();
        f.write_str(&words.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        text.split_whitespace().map(str::parse).collect()
    }
}

/// What is kept of a token.
#[derive(Debug, Clone)]
pub struct TokenRecord {
    /// The public part.
    pub key_id: KeyId,
    /// Whose it is.
    pub partner: PartnerId,
    /// Of the secret.
    pub digest: SecretDigest,
    /// The deployments it is good for.
    pub mode: Mode,
    /// What it may do.
    pub scopes: Scopes,
    /// What it is for, in the operator's words.
    pub note: Label,
    /// Unix milliseconds.
    pub created_ms: i64,
    /// From this instant it lets nobody in.
    pub expires_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
    /// About when it was last used; up to ten minutes behind.
    pub last_used_ms: Option<i64>,
}

impl TokenRecord {
    /// Whether it lets in at `now_ms`.
    pub fn live_at(&self, now_ms: i64) -> bool {
        self.revoked_ms.is_none() && self.expires_ms.is_none_or(|end| now_ms < end)
    }
}

/// A device that an operator put at a partner's disposal. Partners name its id, never its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Device {
    /// What the partner names.
    pub id: DeviceId,
    /// Whose it is.
    pub partner: PartnerId,
    /// Where the hub answers.
    pub hub: HubUrl,
    /// Its name at the hub.
    pub hub_device: HubDevice,
    /// Model, serial number, place: the operator's words.
    pub note: Label,
    /// Unix milliseconds.
    pub created_ms: i64,
}

/// Base address of a hub that speaks ATOL Web Requests: `http://10.0.0.5:16732`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct HubUrl(String);

impl HubUrl {
    /// Reads a URL with scheme and host and neither user, query nor fragment. A slash at the end is dropped.
    pub fn parse(text: &str) -> Result<Self, Unfit> {
        let uri: http::Uri = text.parse().map_err(|_| Unfit::HubUrl)?;
        let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().is_some_and(|a| !a.host().is_empty() && !a.as_str().contains('@'));
        if !scheme || !authority || uri.query().is_some() || text.contains('#') || text.len() > 255 {
            return Err(Unfit::HubUrl);
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    /// Without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `deviceID` at a hub; `default` when the hub has one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct HubDevice(String);

impl HubDevice {
    /// Reads 1 to 64 characters that need no escaping in a URL.
    pub fn parse(text: &str) -> Result<Self, Unfit> {
        let sign = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(sign) && text != "." && text != "..";
        fits.then(|| Self(text.to_owned())).ok_or(Unfit::HubDevice)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who shows a credential.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A partner, with the token of this key id.
    Token(KeyId),
    /// An internal service.
    Service {
        /// Who vouches for it.
        issuer: Arc<str>,
        /// Its name there; no personal data.
        subject: Arc<str>,
    },
}

/// Whose connections, and whose refused calls, are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A partner, with whatever token.
    Partner(PartnerId),
    /// A service, for whatever partner.
    Service(Identity),
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(key_id) => write!(f, "token {key_id}"),
            Self::Service { issuer, subject } => write!(f, "service {subject} of {issuer}"),
        }
    }
}

/// A service that has shown who it is, and whom it may act for.
#[derive(Debug, Clone)]
pub struct Service {
    /// Who it is.
    pub who: Identity,
    /// What it may do.
    pub scopes: Scopes,
    /// The partners it may act for; empty: any.
    pub partners: Arc<BTreeSet<PartnerId>>,
    /// From this instant the credential lets nobody in, Unix milliseconds.
    pub until_ms: i64,
}

/// Which partner a call names beside its credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// None.
    Nobody,
    /// This one.
    One(PartnerId),
    /// Several headers, which two readers could read differently.
    Several,
    /// Something that is no partner id.
    Malformed,
}

/// Who calls and for whom: what the auth layer puts into a request's extensions.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The key to the partner's data.
    pub scope: PartnerScope,
    /// Who shows the credential.
    pub who: Identity,
    /// What it may do.
    pub scopes: Scopes,
    /// The brand that the partner works under.
    pub theme: Theme,
    /// From this instant the credential lets nobody in, Unix milliseconds; absent: it does not end by itself.
    pub until_ms: Option<i64>,
}

#[cfg(test)]
mod tests;
