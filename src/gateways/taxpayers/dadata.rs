//! DaData's `findById/party`, `findById/address` and `suggest/address`, or their on-premises copy.

use async_trait::async_trait;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, StatusCode};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::super::breaker::Breakers;
use super::super::config::{DaDataConfig, ms};
use super::super::http::Http;
use super::super::{Gateway, Setback, SetbackKind, SetupError, World};
use super::wire::{self, AddressData, Party, Suggestions};
use super::{RegisteredAddress, Taxpayer, Taxpayers};
use crate::values::{Inn, InnKind};

const FIND_PARTY: &str = "/suggestions/api/4_1/rs/findById/party";
const FIND_ADDRESS: &str = "/suggestions/api/4_1/rs/findById/address";
const SUGGEST_ADDRESS: &str = "/suggestions/api/4_1/rs/suggest/address";
/// DaData refuses longer questions.
const LONGEST_QUERY: usize = 300;
/// Candidates asked for, as many as an error may list.
const ADDRESSES: usize = 5;

/// The client. One pool of connections, as large as `max_concurrent`.
pub struct DaData {
    http: Http,
    base_url: String,
    authorization: Option<HeaderValue>,
    slots: Semaphore,
}

impl DaData {
    /// Builds the client; nothing is sent.
    ///
    /// # Errors
    /// A key that cannot stand in a header, or a TLS set-up that cannot be loaded.
    pub fn new(config: &DaDataConfig, world: World) -> Result<Self, SetupError> {
        let http = Http::new(Gateway::Taxpayers, world, ms(config.connect_timeout_ms), ms(config.timeout_ms))?;
        Ok(Self {
            http,
            base_url: config.base_url.trim_end_matches('/').to_owned(),
            authorization: authorization(config)?,
            slots: Semaphore::new(config.max_concurrent.max(1)),
        })
    }

    /// The same, which leaves DaData alone while it does not answer.
    pub fn guarded(mut self, breakers: &Breakers) -> Self {
        self.http.guard(breakers);
        self
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, question: &Value) -> Result<T, Setback> {
        let _slot = self.slots.acquire().await.map_err(|_| self.http.setback(SetbackKind::Failed, "closing"))?;
        let mut request = self.http.client().post(format!("{}{path}", self.base_url));
        if let Some(key) = &self.authorization {
            request = request.header(AUTHORIZATION, key);
        }
        let answer = self.http.exchange(request.header(ACCEPT, "application/json").json(question)).await?;
        match answer.status {
            StatusCode::OK => self.http.json(&answer),
            _ => Err(self.http.unwelcome(&answer)),
        }
    }

    fn garbled(&self, field: &'static str) -> Setback {
        self.http.setback(SetbackKind::Garbled, format!("{field} is missing or malformed"))
    }
}

/// The key, marked so that no log of headers shows it.
fn authorization(config: &DaDataConfig) -> Result<Option<HeaderValue>, SetupError> {
    let key = config.api_key.expose_secret();
    if key.is_empty() {
        return Ok(None);
    }
    let mut value = HeaderValue::from_str(&format!("Token {key}"))
        .map_err(|_| SetupError { gateway: Gateway::Taxpayers, detail: "api_key cannot stand in a header".into() })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[async_trait]
impl Taxpayers for DaData {
    async fn find(&self, inn: &Inn) -> Result<Option<Taxpayer>, Setback> {
        let question = match inn.kind() {
            InnKind::Organization => json!({"query": inn.as_str(), "type": "LEGAL", "branch_type": "MAIN"}),
            InnKind::Entrepreneur => json!({"query": inn.as_str(), "type": "INDIVIDUAL"}),
        };
        let answer: Suggestions<Party> = self.ask(FIND_PARTY, &question).await?;
        let party = wire::head_office(answer, inn);
        party.map(|p| wire::taxpayer(p, inn)).transpose().map_err(|field| self.garbled(field))
    }

    async fn find_fresh(&self, inn: &Inn) -> Result<Option<Taxpayer>, Setback> {
        self.find(inn).await
    }

    async fn addresses(&self, text: &str) -> Result<Vec<RegisteredAddress>, Setback> {
        let query: String = text.chars().take(LONGEST_QUERY).collect();
        let question = json!({"query": query, "count": ADDRESSES});
        let answer: Suggestions<AddressData> = self.ask(SUGGEST_ADDRESS, &question).await?;
        Ok(answer.suggestions.into_iter().take(ADDRESSES).map(wire::address).collect())
    }

    async fn address_by_id(&self, fias_id: &str) -> Result<Option<RegisteredAddress>, Setback> {
        let question = json!({"query": fias_id, "count": 1});
        let answer: Suggestions<AddressData> = self.ask(FIND_ADDRESS, &question).await?;
        Ok(answer.suggestions.into_iter().next().map(wire::address))
    }
}

#[cfg(test)]
mod tests;
