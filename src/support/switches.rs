//! Stopping a gateway: "burn nothing now". Commands are held back, questions go on; see `storage::switches`.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::json;

use crate::clock::Clock;
use crate::gateways::taxpayers::{RegisteredAddress, Taxpayer, Taxpayers};
use crate::gateways::{Gateway, Setback, SetbackKind};
use crate::storage::audit::{Deed, Desk};
use crate::storage::crossing::support;
use crate::storage::switches::Stop;
use crate::storage::{Db, STOPPED_RETRY, StoreError};
use crate::values::Inn;

/// All gateways, in the order in which they are listed.
pub const GATEWAYS: [Gateway; 5] = Gateway::ALL;

/// How a gateway's switch stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Switch {
    /// Name, as in the configuration.
    pub gateway: &'static str,
    /// Nothing is sent.
    pub stopped: bool,
    /// Since when, Unix milliseconds.
    pub since_ms: Option<i64>,
    /// Who stopped it.
    pub actor: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Commands whose outcome is not known yet: they may have been sent before it was stopped.
    pub unclear_commands: u64,
}

/// How all switches stand.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn list(db: &Db) -> Result<Vec<Switch>, StoreError> {
    let stops = db.stops().await?;
    let mut switches = Vec::new();
    for gateway in GATEWAYS {
        let unclear = support::unclear_commands(db, &steps(gateway)).await?;
        switches.push(switch(gateway, stops.iter().find(|s| s.gateway == gateway.name()), unclear));
    }
    Ok(switches)
}

/// Stops a gateway. From the moment this returns no new intent is committed anywhere; what was committed before may still
/// be on its way. Whether it ran before.
///
/// # Errors
/// [`StoreError`] when the database does not answer; nothing is stopped then.
pub async fn stop(db: &Db, desk: &Desk, clock: &Clock, gateway: Gateway) -> Result<bool, StoreError> {
    let (actor, reason) = (desk.act().actor().to_owned(), desk.act().reason().to_owned());
    let stop = Stop { gateway: gateway.name().to_owned(), reason, actor, since_ms: clock.now_ms() };
    db.stop(gateway, stop, desk.record(deed("GATEWAY_STOPPED", gateway))).await
}

/// Lets a gateway work again, and makes what waited for it due at once. Whether it was stopped.
///
/// # Errors
/// [`StoreError`] when the database does not answer. Registrations that are not woken are looked at again by themselves.
pub async fn start(db: &Db, desk: &Desk, gateway: Gateway) -> Result<bool, StoreError> {
    let was_stopped = db.start(gateway, desk.record(deed("GATEWAY_STARTED", gateway))).await?;
    support::wake_stopped(db, crate::kkt::advice::GATEWAY_STOPPED).await?;
    Ok(was_stopped)
}

fn deed(action: &'static str, gateway: Gateway) -> Deed {
    Deed { action, subject: gateway.name().to_owned(), detail: json!({}), ..Deed::default() }
}

fn switch(gateway: Gateway, stop: Option<&Stop>, unclear_commands: u64) -> Switch {
    Switch {
        gateway: gateway.name(),
        stopped: stop.is_some(),
        since_ms: stop.map(|s| s.since_ms),
        actor: stop.map(|s| s.actor.clone()),
        reason: stop.map(|s| s.reason.clone()),
        unclear_commands,
    }
}

/// The steps whose commands go to this gateway.
fn steps(gateway: Gateway) -> Vec<&'static str> {
    use crate::kkt::effects::Command;
    Command::ALL.into_iter().filter(|c| c.gateway() == gateway).map(Command::name).collect()
}

/// The register of taxpayers behind its switch. It has no commands, so its questions are held back.
pub struct Switched {
    inner: Arc<dyn Taxpayers>,
    db: Db,
}

impl Switched {
    /// Puts the switch of `db` before `inner`.
    pub const fn new(inner: Arc<dyn Taxpayers>, db: Db) -> Self {
        Self { inner, db }
    }

    async fn pass(&self) -> Result<(), Setback> {
        let (kind, detail) = match self.db.allowed(Gateway::Taxpayers).await {
            Ok(()) => return Ok(()),
            Err(StoreError::Stopped(_)) => (SetbackKind::Stopped, "stopped by an operator"),
            Err(_) => (SetbackKind::Failed, "the stop switch cannot be read"),
        };
        Err(Setback {
            gateway: Gateway::Taxpayers,
            kind,
            detail: detail.to_owned(),
            retry_after: (kind == SetbackKind::Stopped).then_some(STOPPED_RETRY),
        })
    }
}

#[async_trait]
impl Taxpayers for Switched {
    async fn find(&self, inn: &Inn) -> Result<Option<Taxpayer>, Setback> {
        self.pass().await?;
        self.inner.find(inn).await
    }

    async fn find_fresh(&self, inn: &Inn) -> Result<Option<Taxpayer>, Setback> {
        self.pass().await?;
        self.inner.find_fresh(inn).await
    }

    async fn address_by_id(&self, fias_id: &str) -> Result<Option<RegisteredAddress>, Setback> {
        self.pass().await?;
        self.inner.address_by_id(fias_id).await
    }

    async fn addresses(&self, text: &str) -> Result<Vec<RegisteredAddress>, Setback> {
        self.pass().await?;
        self.inner.addresses(text).await
    }
}
