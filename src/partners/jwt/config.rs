//! Who vouches for internal services. A section of the configuration file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use crate::partners::model::Scopes;
use crate::partners::token::Mode;
use crate::values::PartnerId;

/// The section `jwt`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct JwtConfig {
    pub issuers: Vec<IssuerConfig>,
    pub skew_s: u32,
    pub longest_life_s: u32,
    pub refresh_ms: u64,
    pub rest_ms: u64,
    pub timeout_ms: u64,
}

/// An entry of `jwt.issuers`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct IssuerConfig {
    pub issuer: String,
    pub audiences: Vec<String>,
    #[serde(default)]
    pub jwks_url: String,
    #[serde(default)]
    pub jwks_file: PathBuf,
    #[serde(default)]
    pub jwks_ca_file: PathBuf,
    #[serde(default)]
    pub jwks_token_file: PathBuf,
    pub subjects: Vec<SubjectConfig>,
}

/// An entry of `subjects` of an issuer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct SubjectConfig {
    pub subject: String,
    pub scopes: Vec<String>,
    #[serde(default)]
    pub partners: Vec<PartnerId>,
}

/// What tokens are measured by.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How far clocks may differ, ms.
    pub skew_ms: i64,
    /// Longest life of a token, ms.
    pub life_ms: i64,
    /// How often keys are fetched.
    pub refresh: Duration,
    /// Shortest pause between two fetches.
    pub rest: Duration,
    /// Longest wait for keys.
    pub timeout: Duration,
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a file, replaced as a whole.
    File(PathBuf),
    /// At an address.
    Url {
        /// https, or http where that is safe.
        url: Url,
        /// Who may vouch for the address; the system's authorities without it.
        ca: Option<PathBuf>,
        /// What is shown there.
        token: Option<PathBuf>,
    },
}

/// Somebody who vouches for services.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// `iss`
    pub name: Arc<str>,
    /// One of them stands in `aud`.
    pub audiences: BTreeSet<String>,
    /// Where its keys are.
    pub place: Place,
    /// The services, by `sub`.
    pub subjects: BTreeMap<String, Subject>,
}

/// What a service may do.
#[derive(Debug, Clone)]
pub struct Subject {
    /// `sub`
    pub name: Arc<str>,
    /// What it may do.
    pub scopes: Scopes,
    /// The partners it may act for; empty: any.
    pub partners: Arc<BTreeSet<PartnerId>>,
}

const TWICE: &str = "an issuer stands there twice";

impl JwtConfig {
    /// Everything that is wrong with the issuers: the setting and what is wrong.
    pub fn unfit(&self, mode: Mode) -> Vec<(&'static str, String)> {
        let one = |(issuer, n): (&IssuerConfig, usize)| {
            issuer.unfit(mode).into_iter().map(move |what| ("jwt.issuers", format!("issuer {n}: {what}")))
        };
        let names: BTreeSet<_> = self.issuers.iter().map(|issuer| &issuer.issuer).collect();
        let twice = (names.len() < self.issuers.len()).then(|| ("jwt.issuers", TWICE.to_owned()));
        self.issuers.iter().zip(1..).flat_map(one).chain(twice).collect()
    }

    /// Issuers and rules.
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub fn parse(&self, mode: Mode) -> Result<(Vec<Issuer>, Rules), &'static str> {
        if self.skew_s > 120 {
            return Err("jwt.skew_s must be at most 120");
        }
        if self.longest_life_s == 0 || self.refresh_ms == 0 || self.timeout_ms == 0 {
            return Err("jwt.longest_life_s, refresh_ms and timeout_ms must be at least 1");
        }
        let issuers = self.issuers.iter().map(|one| one.parse(mode)).collect::<Result<Vec<_>, _>>()?;
        let names: BTreeSet<_> = issuers.iter().map(|issuer| &issuer.name).collect();
        if names.len() < issuers.len() {
            return Err(TWICE);
        }
        let ms = Duration::from_millis;
        let rules = Rules {
            skew_ms: i64::from(self.skew_s) * 1000,
            life_ms: i64::from(self.longest_life_s) * 1000,
            refresh: ms(self.refresh_ms),
            rest: ms(self.rest_ms),
            timeout: ms(self.timeout_ms),
        };
        Ok((issuers, rules))
    }
}

impl IssuerConfig {
    fn unfit(&self, mode: Mode) -> Vec<String> {
        let (named, place) = (self.named().err(), self.place(mode).err());
        let own = named.into_iter().chain(place).map(str::to_owned);
        let subject = |(one, n): (&SubjectConfig, usize)| Some(format!("subject {n}: {}", one.parse().err()?));
        let subjects = self.subjects.iter().zip(1..).filter_map(subject);
        let names: BTreeSet<_> = self.subjects.iter().map(|one| &one.subject).collect();
        let twice = (names.len() < self.subjects.len()).then(|| "a subject stands there twice".to_owned());
        own.chain(subjects).chain(twice).collect()
    }

    fn named(&self) -> Result<(), &'static str> {
        if self.issuer.is_empty() || self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return Err("an issuer needs a name and audiences");
        }
        Ok(())
    }

    fn parse(&self, mode: Mode) -> Result<Issuer, &'static str> {
        self.named()?;
        let mut subjects = BTreeMap::new();
        for one in &self.subjects {
            let subject = one.parse()?;
            if subjects.insert(one.subject.clone(), subject).is_some() {
                return Err("a subject stands there twice");
            }
        }
        let (name, audiences) = (self.issuer.as_str().into(), self.audiences.iter().cloned().collect());
        Ok(Issuer { name, audiences, place: self.place(mode)?, subjects })
    }

    fn place(&self, mode: Mode) -> Result<Place, &'static str> {
        let some = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
        let (ca, token) = (some(&self.jwks_ca_file), some(&self.jwks_token_file));
        match (self.jwks_url.as_str(), some(&self.jwks_file)) {
            ("", Some(file)) if ca.is_none() && token.is_none() => Ok(Place::File(file)),
            (url, None) if !url.is_empty() => {
                let url = safe(url, mode)?;
                if token.is_some() && url.scheme() != "https" && !loopback(&url) {
                    return Err("jwks_token_file is shown over https only");
                }
                Ok(Place::Url { url, ca, token })
            }
            _ => Err("an issuer needs either jwks_url or jwks_file; jwks_ca_file and jwks_token_file go with jwks_url"),
        }
    }
}

/// Keys that came over a readable line could be anybody's.
fn safe(text: &str, mode: Mode) -> Result<Url, &'static str> {
    let url: Url = text.parse().map_err(|_| "jwks_url cannot be read")?;
    let plain = url.scheme() == "http" && (mode == Mode::Test || loopback(&url));
    if url.scheme() != "https" && !plain {
        return Err("jwks_url must be https");
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("jwks_url must have neither user nor fragment");
    }
    Ok(url)
}

fn loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

impl SubjectConfig {
    fn parse(&self) -> Result<Subject, &'static str> {
        let scopes = self.scopes.iter().map(|scope| scope.parse()).collect::<Result<Scopes, _>>();
        let scopes = scopes.map_err(|_| "a scope is unknown")?;
        let line = |text: &str| (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
        if !line(&self.subject) || scopes.is_empty() {
            return Err("a subject needs a name of at most 255 bytes and scopes");
        }
        let partners = Arc::new(self.partners.iter().copied().collect());
        Ok(Subject { name: self.subject.as_str().into(), scopes, partners })
    }
}

#[cfg(test)]
mod tests;
