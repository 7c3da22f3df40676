//! Signed tokens of internal services: OpenID Connect and projected service-account tokens of Kubernetes, one verifier.

pub mod config;
pub mod keys;
pub mod presented;
mod source;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::config::{Issuer, JwtConfig, Rules};
use self::presented::Presented;
use self::source::Source;
use super::model::{Identity, Service};
use super::token::Mode;
use super::why::Why;

/// The issuers that vouch for services. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    issuers: Arc<[(Issuer, Source)]>,
    rules: Option<Rules>,
}

impl Services {
    /// Nobody vouches for anybody.
    pub fn none() -> Self {
        Self { issuers: Arc::new([]), rules: None }
    }

    /// The configured issuers, whose keys are fetched when this [`run`](Self::run)s.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: &JwtConfig, mode: Mode) -> Result<Self, &'static str> {
        let (issuers, rules) = config.parse(mode)?;
        let with_keys = |issuer: Issuer| {
            let source = Source::new(issuer.name.clone(), issuer.place.clone(), rules);
            (issuer, source)
        };
        Ok(Self { issuers: issuers.into_iter().map(with_keys).collect(), rules: Some(rules) })
    }

    /// Which service shows this token at `now_ms`.
    ///
    /// # Errors
    /// Why it is not believed.
    pub async fn admit(&self, text: &str, now_ms: i64) -> Result<Service, Why> {
        let presented = Presented::parse(text)?;
        let found = self.issuers.iter().find(|(issuer, _)| *issuer.name == *presented.issuer());
        let (Some((issuer, source)), Some(rules)) = (found, &self.rules) else { return Err(Why::JwtIssuer) };
        let kid = presented.kid()?;
        let keys = source.keys(kid).await;
        let key = keys.get(kid).ok_or(Why::JwtKey)?;
        let (subject, until_ms) = presented.check(key, issuer, rules, now_ms)?;
        let who = Identity::Service { issuer: issuer.name.clone(), subject: subject.name.clone() };
        Ok(Service { who, scopes: subject.scopes.clone(), partners: subject.partners.clone(), until_ms })
    }

    /// How long ago the keys of each issuer were fetched.
    pub fn ages(&self) -> Vec<(Arc<str>, Option<Duration>)> {
        self.issuers.iter().map(|(issuer, source)| (issuer.name.clone(), source.age())).collect()
    }

    /// Keeps the keys fresh until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let all = self.issuers.iter().map(|(_, source)| source.clone().run(stop.clone()));
        futures::future::join_all(all).await;
    }
}
