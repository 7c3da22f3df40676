//! The sandbox's control interface: faults, parked calls, the ledger, a sign-in.

use std::time::Duration;

use serde_json::{Value, json};

use super::Failed;

/// Longest answer.
const LIMIT: Duration = Duration::from_secs(20);

/// A caller of the control interface.
pub(super) struct Control {
    base: String,
    http: reqwest::Client,
}

impl From<reqwest::Error> for Failed {
    fn from(error: reqwest::Error) -> Self {
        Self::new(format!("the sandbox: {}", error.without_url()))
    }
}

impl Control {
    pub(super) fn new(base: String) -> Result<Self, Failed> {
        let http = reqwest::Client::builder().no_proxy().timeout(LIMIT).build()?;
        Ok(Self { base, http })
    }

    /// Where it answers.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    async fn get(&self, path: &str) -> Result<Value, Failed> {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, Failed> {
        let answer = self.http.post(format!("{}{path}", self.base)).json(&body).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Adds a fault rule.
    pub(super) async fn fault(&self, rule: &str) -> Result<(), Failed> {
        self.post("/sandbox/faults", json!({ "rule": rule })).await.map(drop)
    }

    /// Waits for a parked call; its operation and effect id.
    pub(super) async fn parked(&self) -> Result<(String, String), Failed> {
        let holds = self.get("/sandbox/holds?wait=15000").await?;
        let first = holds["holds"].get(0).ok_or_else(|| Failed::new("no call was parked within 15 s"))?;
        let text = |key: &str| first[key].as_str().unwrap_or_default().to_owned();
        Ok((text("operation"), text("effect_id")))
    }

    /// Lets all parked calls go on; how many.
    pub(super) async fn release(&self) -> Result<u64, Failed> {
        let told = self.post("/sandbox/holds/release", Value::Null).await?;
        Ok(told["released"].as_u64().unwrap_or_default())
    }

    /// Entries of the ledger about a register, of one kind: `command`, `effect`, …
    pub(super) async fn ledger(&self, kind: &str, serial: &str) -> Result<Vec<Value>, Failed> {
        let told = self.get(&format!("/sandbox/ledger?kind={kind}&serial={serial}")).await?;
        Ok(told["entries"].as_array().cloned().unwrap_or_default())
    }

    /// Changes a register as people at the shop do: paper, cover, connection.
    pub(super) async fn change(&self, hub_device: &str, what: Value) -> Result<(), Failed> {
        let answer = self.http.patch(format!("{}/sandbox/devices/{hub_device}", self.base)).json(&what).send().await?;
        Ok(answer.error_for_status().map(drop)?)
    }

    /// Waits until the operator has given the activation code free that was held for a register.
    pub(super) async fn code_is_free(&self, serial: &str) -> Result<bool, Failed> {
        let effects = self.ledger("effect", serial).await?;
        let held = effects.iter().rev().find(|entry| entry["operation"] == "ReserveCode");
        let id = held.and_then(|entry| entry["effect_id"].as_str()).ok_or_else(|| Failed::new("no code was held"))?;
        let released = format!("/sandbox/ledger?kind=effect&operation=ReleaseCode&effect_id={id}&wait=5000");
        Ok(self.get(&released).await?["entries"].get(0).is_some())
    }

    /// The application that FNS has for a register.
    pub(super) async fn application(&self, serial: &str) -> Result<Value, Failed> {
        let told = self.get("/sandbox/applications").await?;
        let mut all = told["applications"].as_array().into_iter().flatten();
        let found = all.find(|application| application["filing"]["serial"] == serial);
        found.cloned().ok_or_else(|| Failed::new("FNS has no application for this register"))
    }

    /// True when login and password are right.
    pub(super) async fn sign_in(&self, login: &str, password: &str) -> Result<bool, Failed> {
        let body = json!({ "login": login, "password": password });
        let answer = self.http.post(format!("{}/sandbox/sign-in", self.base)).json(&body).send().await?;
        match answer.status() {
            reqwest::StatusCode::UNAUTHORIZED => Ok(false),
            _ => Ok(answer.error_for_status().map(|_| true)?),
        }
    }
}
