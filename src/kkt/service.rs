//! What partners ask of registrations. Knows neither tonic nor SQL.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::model::{
    Equipment, Facts, Fiscalize, Kkt, ListQuery, Method, PlaceAddress, QuickRegister, SoldRegister, Spec, Step,
};
use super::preflight::{self, Situation};
use super::signal::Signal;
use super::state::{Event, State};
use super::store::{Change, Position, Store};
use super::zone;
use crate::catalogue::{Catalogue, Driver};
use crate::clients;
use crate::clock::{Clock, Ids};
use crate::failure::{Failure, Requirement, Violation};
use crate::gateways::taxpayers::{RegisteredAddress, Taxpayer, TaxpayerStatus};
use crate::gateways::{Gateways, Setback, World};
use crate::page::{PageKeys, Question};
use crate::partners;
use crate::storage::requests::{Accepted, Key};
use crate::storage::{Constraint, StoreError};
use crate::values::{DeviceId, Inn, KktId, PartnerScope};

const LIST: &str = "/litebox.kkt.v1.KktService/List";
/// How many candidates an unresolved address brings at most.
const CANDIDATES: usize = 5;

/// Registrations, as partners see them. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// Registrations.
    pub store: Store,
    /// Clients.
    pub clients: clients::store::Store,
    /// The outside.
    pub gateways: Gateways,
    /// Reference data.
    pub catalogue: Arc<Catalogue>,
    /// Time.
    pub clock: Clock,
    /// New ids.
    pub ids: Ids,
    /// Live or test: decides which FN are accepted.
    pub world: World,
    /// Wakes the worker, and the streams that watch.
    pub signal: Signal,
    /// Signs page and resume tokens.
    pub pages: PageKeys,
}

/// A page of registrations.
#[derive(Debug, Clone)]
pub struct Page {
    /// The registrations.
    pub kkts: Vec<Kkt>,
    /// Token of the next page; absent on the last one.
    pub next: Option<String>,
}

/// What QuickRegister answers.
#[derive(Debug, Clone)]
pub enum Registered {
    /// Accepted; the work goes on.
    Accepted(Kkt),
    /// Would be accepted; nothing was created.
    Valid(Kkt),
}

impl Service {
    /// Accepts a registration: checks everything that can be known now, then writes it down. The worker does the rest.
    ///
    /// # Errors
    /// See the table of `docs/errors.md` for QuickRegister. Nothing is created then, and the request id is free.
    pub async fn quick_register(&self, scope: PartnerScope, call: QuickRegister) -> Result<Registered, Failure> {
        let key = Key { scope, method: "QuickRegister", id: call.request_id };
        let fingerprint = fingerprint(&(call.client_id, &call.external_ref, &call.spec))?;
        if let Some(kkt) = self.repeated(key, &fingerprint).await? {
            return Ok(Registered::Accepted(kkt));
        }
        let kkt = match self.check(scope, &call).await {
            // The register may be taken by this very call, sent twice at once.
            Err(taken @ (Failure::KktAlreadyRegistered { .. } | Failure::SerialOrFnInUse)) => {
                return self.repeated(key, &fingerprint).await?.map(Registered::Accepted).ok_or(taken);
            }
            checked => checked?,
        };
        if call.validate_only {
            return Ok(Registered::Valid(kkt));
        }
        let accepted = Accepted { fingerprint: fingerprint.clone(), resource: kkt.id.uuid() };
        match self.store.create(key, accepted, &kkt).await {
            Ok(()) => {
                self.signal.raise();
                Ok(Registered::Accepted(kkt))
            }
            Err(StoreError::Unique(Constraint::RequestKey)) => {
                self.repeated(key, &fingerprint).await?.map(Registered::Accepted).ok_or(Failure::Conflict)
            }
            Err(StoreError::Unique(Constraint::KktSerial | Constraint::KktFn)) => {
                Err(self.occupied(scope, &kkt).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Starts the burn.
    ///
    /// # Errors
    /// `NotFound`, `WrongKktState`, `AutomaticUnsupported`, `KeyReused`, `Conflict`; nothing is changed then.
    pub async fn fiscalize(&self, scope: PartnerScope, call: Fiscalize) -> Result<Kkt, Failure> {
        if matches!(call.method, Method::Manual(_)) {
            return Err(Failure::NotOffered { what: "manual fiscalization" });
        }
        let key = Key { scope, method: "Fiscalize", id: call.request_id };
        let fingerprint = fingerprint(&(call.kkt_id, "automatic"))?;
        if let Some(kkt) = self.repeated(key, &fingerprint).await? {
            return Ok(kkt);
        }
        let kkt = self.get(scope, call.kkt_id).await?;
        let state = (kkt.state)
            .after(Event::FiscalizeAsked(call.request_id))
            .map_err(|refused| Failure::WrongKktState { state: refused.0.as_str() })?;
        self.drivable(&kkt.facts.register)?;
        if kkt.facts.register.device_id.is_none() {
            return Err(Failure::RequirementsNotMet(vec![preflight::device_required("kkt_id")]));
        }
        let change = Change {
            state,
            block: None,
            due_in_ms: Some(0),
            failures: 0,
            actor: "partner",
            effect: None,
            detail: "FISCALIZE_ASKED".into(),
        };
        let accepted = Accepted { fingerprint, resource: kkt.id.uuid() };
        self.store.change(key, accepted, &kkt, change, self.clock.now_ms()).await?;
        self.signal.raise();
        self.get(scope, call.kkt_id).await
    }

    /// A registration of this partner.
    ///
    /// # Errors
    /// `NotFound`, also for one of another partner.
    pub async fn get(&self, scope: PartnerScope, id: KktId) -> Result<Kkt, Failure> {
        self.store.get(scope, id).await?.ok_or(Failure::NotFound { what: "kkt" })
    }

    /// A registration of this partner with its history.
    ///
    /// # Errors
    /// `NotFound`, also for one of another partner.
    pub async fn get_with_history(&self, scope: PartnerScope, id: KktId) -> Result<(Kkt, Vec<Step>), Failure> {
        let kkt = self.get(scope, id).await?;
        Ok((kkt, self.store.history(scope, id).await?))
    }

    /// A page of registrations, newest first.
    ///
    /// # Errors
    /// `Validation` for a page token of another question.
    pub async fn list(&self, scope: PartnerScope, query: &ListQuery) -> Result<Page, Failure> {
        let filter = serde_json::to_vec(&query.filter).map_err(not_json)?;
        let question = Question { scope, method: LIST, filter: &filter };
        let after: Option<Position> =
            query.page_token.as_deref().map(|t| self.pages.open(&question, t)).transpose().map_err(|_| bad_token())?;
        let size = query.page_size as usize;
        let mut kkts =
            self.store.list(scope, &query.filter, after, u64::from(query.page_size) + 1, self.clock.now_ms()).await?;
        let more = kkts.len() > size;
        kkts.truncate(size);
        let last = kkts.last().filter(|_| more).map(|k| (k.created_ms, k.id.uuid()));
        let next = last.map(|p| self.pages.seal(&question, &p)).transpose().map_err(not_json)?;
        Ok(Page { kkts, next })
    }

    /// The registration that this call made before, when its content is the same.
    async fn repeated(&self, key: Key, fingerprint: &[u8]) -> Result<Option<Kkt>, Failure> {
        let Some(accepted) = self.store.accepted(key).await? else { return Ok(None) };
        if accepted.fingerprint != fingerprint {
            return Err(Failure::KeyReused);
        }
        self.get(key.scope, KktId::new(accepted.resource)).await.map(Some)
    }

    /// Everything that can be checked before anything is filed; the registration as it would be created.
    async fn check(&self, scope: PartnerScope, call: &QuickRegister) -> Result<Kkt, Failure> {
        let Equipment::Sale(register) = &call.spec.equipment else {
            return Err(Failure::NotOffered { what: "rental" });
        };
        let client = self.client(scope, call).await?;
        self.check_device(scope, register.device_id).await?;
        let taxpayer = self.taxpayer(&client.inn).await?;
        let address = self.address(&call.spec).await?;
        let now_ms = self.clock.now_ms();
        let facts = Facts {
            taxpayer,
            address,
            register: register.clone(),
            sender_email: call.spec.sender_email.clone().unwrap_or(client.email),
            accepted_ms: now_ms,
        };
        self.preflight(call, &facts)?;
        let kkt = self.drafted(call, client.inn, facts, now_ms);
        if self.store.is_held(&kkt).await? { Err(self.occupied(scope, &kkt).await?) } else { Ok(kkt) }
    }

    async fn client(&self, scope: PartnerScope, call: &QuickRegister) -> Result<clients::model::Client, Failure> {
        let found = self.clients.get(scope, call.client_id).await?;
        let client = found.ok_or(Failure::NotFound { what: "client" })?;
        if client.state.name() == clients::model::StateName::Active {
            return Ok(client);
        }
        Err(Failure::RequirementsNotMet(vec![Requirement {
            code: "CLIENT_NOT_ACTIVE",
            subject: "client_id".into(),
            text: "the client has no working account yet: finish its registration by calling Register again".into(),
            russian: "У клиента ещё нет учётной записи: завершите его регистрацию, повторив Register".into(),
        }]))
    }

    /// A device of another partner and one that does not exist answer the same.
    async fn check_device(&self, scope: PartnerScope, id: Option<DeviceId>) -> Result<(), Failure> {
        let Some(id) = id else { return Ok(()) };
        let found = partners::store::device(&self.store.db, scope, id).await?;
        found.map(|_| ()).ok_or(Failure::NotFound { what: "device" })
    }

    async fn taxpayer(&self, inn: &Inn) -> Result<Taxpayer, Failure> {
        let found = self.gateways.taxpayers.find(inn).await.map_err(unavailable)?;
        let taxpayer = found.ok_or(Failure::TaxpayerNotFound)?;
        match taxpayer.status {
            TaxpayerStatus::Active => Ok(taxpayer),
            other => Err(Failure::TaxpayerNotActive { status: other.as_str() }),
        }
    }

    /// The one address of the register that was meant.
    async fn address(&self, spec: &Spec) -> Result<RegisteredAddress, Failure> {
        let text = match &spec.place.address {
            PlaceAddress::Parts(parts) => parts.one_line(),
            PlaceAddress::Fias(id) => id.clone(),
        };
        let mut found = self.gateways.taxpayers.addresses(&text).await.map_err(unavailable)?;
        match found.len() {
            1 => Ok(found.remove(0)),
            _ => Err(Failure::AddressNotResolved {
                candidates: found.into_iter().take(CANDIDATES).map(|a| a.text).collect(),
            }),
        }
    }

    fn preflight(&self, call: &QuickRegister, facts: &Facts) -> Result<(), Failure> {
        if call.spec.fiscalize_automatically {
            self.drivable(&facts.register)?;
        }
        let today = zone::date_at(&facts.address, facts.accepted_ms);
        let (catalogue, world) = (&*self.catalogue, self.world);
        let findings = preflight::check(&Situation { spec: &call.spec, facts, catalogue, world, today });
        if !findings.blocking.is_empty() {
            return Err(Failure::RequirementsNotMet(findings.blocking));
        }
        let open = findings.unacknowledged(&call.acknowledged_warnings);
        if open.is_empty() { Ok(()) } else { Err(Failure::WarningsNotAcknowledged(open)) }
    }

    /// This service can make the report: it knows how to speak to the model.
    fn drivable(&self, register: &SoldRegister) -> Result<(), Failure> {
        let driven = self.catalogue.model(&register.model).is_some_and(|m| m.driver != Driver::None);
        if driven { Ok(()) } else { Err(Failure::AutomaticUnsupported { model: register.model.clone() }) }
    }

    fn drafted(&self, call: &QuickRegister, inn: Inn, facts: Facts, now_ms: i64) -> Kkt {
        Kkt {
            id: KktId::new(self.ids.uuid_v7(&self.clock)),
            client_id: call.client_id,
            inn,
            request_id: call.request_id,
            external_ref: call.external_ref.clone(),
            spec: call.spec.clone(),
            facts,
            state: State::Reserving,
            block: None,
            revision: 1,
            since_ms: now_ms,
            next_attempt_ms: Some(now_ms),
            created_ms: now_ms,
            updated_ms: now_ms,
        }
    }

    /// Who holds the register: this partner's own registration is named, a stranger's is not.
    async fn occupied(&self, scope: PartnerScope, kkt: &Kkt) -> Result<Failure, Failure> {
        let own = self.store.holder(scope, kkt).await?;
        Ok(own.map_or(Failure::SerialOrFnInUse, |kkt_id| Failure::KktAlreadyRegistered { kkt_id }))
    }
}

/// SHA-256 over the content of a call in a stable encoding.
fn fingerprint<T: serde::Serialize>(content: &T) -> Result<Vec<u8>, Failure> {
    Ok(Sha256::digest(serde_json::to_vec(content).map_err(not_json)?).to_vec())
}

fn not_json(_: serde_json::Error) -> Failure {
    Failure::Internal { detail: "a value cannot be written as JSON".into() }
}

fn bad_token() -> Failure {
    Failure::Validation(vec![Violation {
        field: "page_token".into(),
        reason: "PAGE_TOKEN",
        text: "must be the next_page_token of an answer to the same question".into(),
        russian: "Токен страницы не подходит к этому запросу: начните список сначала".into(),
    }])
}

fn unavailable(setback: Setback) -> Failure {
    tracing::warn!(%setback, "a look-up failed");
    let retry_after = setback.retry_after.unwrap_or(std::time::Duration::from_secs(2));
    Failure::GatewayUnavailable { gateway: setback.gateway, retry_after }
}
