//! QuickRegister: everything that is checked before a registration is created, and its creation.
//!
//! All that can be known together is told together: what blocks, and with it the warnings that are open. An address that
//! is not resolved is told alone, because tax office and time zone hang on it.

use super::hire::Hire;
use super::model::{Equipment, Facts, Kkt, QuickRegister, SoldRegister};
use super::preflight::{self, Findings, Order, Situation};
use super::preview::Preview;
use super::rows;
use super::service::{Service, fingerprint};
use super::state::State;
use super::zone;
use crate::catalogue::Driver;
use crate::clients::model::{Client, StateName};
use crate::failure::{Failure, Requirement};
use crate::fleet;
use crate::gateways::Setback;
use crate::gateways::taxpayers::{RegisteredAddress, Taxpayer, TaxpayerStatus};
use crate::partners;
use crate::storage::requests::{Accepted, Key};
use crate::storage::{Constraint, StoreError};
use crate::telemetry::traces;
use crate::values::{DeviceId, Inn, KktId, PartnerScope};

/// Where nothing but this rule stands in the way, the refusal has a reason of its own; that such a model has no device
/// either goes without saying.
const CANNOT_BE_DRIVEN: &str = "MODEL_CANNOT_BE_DRIVEN";
const NO_DEVICE: &str = "DEVICE_REQUIRED";

/// What QuickRegister answers.
#[derive(Debug, Clone)]
pub enum Registered {
    /// Accepted; the work goes on.
    Accepted(Box<Kkt>),
    /// Would be accepted; nothing was created.
    Valid(Box<Preview>),
}

/// An order with what the registers say about it, whichever register of the shop it is for.
pub(super) struct Ordered<'a> {
    /// Names the call.
    pub key: Key,
    /// SHA-256 over its content.
    pub fingerprint: Vec<u8>,
    /// The call.
    pub call: &'a QuickRegister,
    /// The shop.
    pub client: Client,
    /// The shop in the state register.
    pub taxpayer: Taxpayer,
    /// The place in the address register.
    pub address: RegisteredAddress,
    /// What the rules about the order found.
    pub found: Findings,
    /// Now, Unix milliseconds.
    pub now_ms: i64,
}

impl Service {
    /// Accepts a registration: checks everything that can be known now, then writes it down. The worker does the rest.
    ///
    /// # Errors
    /// See the table of `docs/errors.md` for QuickRegister. Nothing is created then, and the request id is free.
    pub async fn quick_register(&self, scope: PartnerScope, call: QuickRegister) -> Result<Registered, Failure> {
        let key = Key { scope, method: "QuickRegister", id: call.request_id };
        let fingerprint = fingerprint(&(call.client_id, &call.external_ref, &call.spec))?;
        let before = self.repeated(key, &fingerprint).await?;
        if let Some(kkt) = before {
            return Ok(Registered::Accepted(Box::new(kkt)));
        }
        let outcome = match &call.spec.equipment {
            Equipment::Sale(register) => {
                Box::pin(self.sell(self.ordered(key, &fingerprint, &call).await?, register)).await
            }
            Equipment::Rental { model, .. } => {
                Box::pin(self.hire(self.ordered(key, &fingerprint, &call).await?, model)).await
            }
        };
        match outcome {
            // This very call, sent twice at once, may have taken the register or the last one of the fleet.
            Err(
                taken @ (Failure::KktAlreadyRegistered { .. }
                | Failure::SerialOrFnInUse
                | Failure::NoRentalDevice
                | Failure::Conflict),
            ) => {
                let twin = self.repeated(key, &fingerprint).await?;
                twin.map(|kkt| Registered::Accepted(Box::new(kkt))).ok_or(taken)
            }
            done => done,
        }
    }

    async fn ordered<'a>(&self, key: Key, fingerprint: &[u8], call: &'a QuickRegister) -> Result<Ordered<'a>, Failure> {
        let client = self.client(key.scope, call).await?;
        let taxpayer = self.taxpayer(&client.inn).await?;
        let address = self.address(&call.spec.place.address).await?;
        let now_ms = self.clock.now_ms();
        let today = zone::date_at(&address, now_ms);
        let order =
            Order { spec: &call.spec, taxpayer: &taxpayer, address: &address, catalogue: &self.catalogue, today };
        let found = preflight::order_rules(&order);
        Ok(Ordered { key, fingerprint: fingerprint.to_vec(), call, client, taxpayer, address, found, now_ms })
    }

    /// A register of the shop's own.
    async fn sell(&self, ordered: Ordered<'_>, register: &SoldRegister) -> Result<Registered, Failure> {
        let scope = ordered.key.scope;
        self.check_device(scope, register.device_id).await?;
        let register = self.canonical(register);
        let facts = ordered.facts(register);
        let mut found = ordered.found.clone().and(self.register_findings(&ordered, &facts));
        found.blocking.extend(self.in_fleet(scope, &facts.register).await?);
        ordered.refuse(&found, || self.undriven(&facts.register.model))?;
        let kkt = self.drafted(&ordered, facts);
        if self.store.is_held(&kkt).await? {
            return Err(self.occupied(scope, &kkt).await?);
        }
        if ordered.call.validate_only {
            let register = Some(kkt.facts.register);
            return Ok(Registered::Valid(Box::new(ordered.preview(register, found.warnings))));
        }
        match self.store.create(ordered.key, ordered.accepted(&kkt), &kkt).await {
            Ok(()) => Ok(self.accepted(kkt)),
            Err(StoreError::Unique(Constraint::KktSerial | Constraint::KktFn)) => {
                Err(self.occupied(scope, &kkt).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A register of the partner's fleet.
    async fn hire(&self, ordered: Ordered<'_>, model: &str) -> Result<Registered, Failure> {
        if !ordered.found.blocking.is_empty() {
            ordered.refuse(&ordered.found, || self.undriven(model))?;
        }
        if ordered.call.spec.fiscalize_automatically {
            self.model_drivable(model)?;
        }
        let hire = Hire { service: self, ordered: &ordered, model };
        if ordered.call.validate_only {
            let warnings = hire.warnings().await?;
            return Ok(Registered::Valid(Box::new(ordered.preview(None, warnings))));
        }
        hire.create().await.map(|kkt| self.accepted(kkt))
    }

    fn accepted(&self, kkt: Kkt) -> Registered {
        self.signal.raise();
        Registered::Accepted(Box::new(kkt))
    }

    /// The registration that this call made before, when its content is the same.
    pub(super) async fn repeated(&self, key: Key, fingerprint: &[u8]) -> Result<Option<Kkt>, Failure> {
        let Some(known) = self.store.known(key).await? else { return Ok(None) };
        known.accepted.is_of(fingerprint, "kkt")?;
        let kkt = known.resource.map(rows::read).transpose()?;
        kkt.map(Some).ok_or(Failure::NotFound { what: "kkt" })
    }

    /// What the rules about the register find.
    pub(super) fn register_findings(&self, ordered: &Ordered<'_>, facts: &Facts) -> Findings {
        let today = zone::date_at(&facts.address, facts.accepted_ms);
        let (spec, catalogue, world) = (&ordered.call.spec, &*self.catalogue, self.world);
        preflight::register_rules(&Situation { spec, facts, catalogue, world, today })
    }

    /// The register under the name that the catalogue has for its model: one register has one name.
    fn canonical(&self, register: &SoldRegister) -> SoldRegister {
        let model = self.catalogue.model(&register.model).map_or(&register.model, |model| &model.name);
        SoldRegister { model: model.clone(), ..register.clone() }
    }

    /// A register that waits in a fleet to be hired out is not sold: a partner's own must leave the fleet first, and a
    /// stranger's is in use.
    async fn in_fleet(&self, scope: PartnerScope, register: &SoldRegister) -> Result<Option<Requirement>, Failure> {
        let key = fleet::model::key(&register.model, &register.serial);
        match fleet::store::waiting(&self.store.db, key, &register.fn_serial).await? {
            None => Ok(None),
            Some(partner) if partner == scope.partner() => Ok(Some(Requirement {
                code: "REGISTER_IN_FLEET",
                subject: "equipment.sale.serial".into(),
                text: "the register stands in the rental fleet: hire it out, or take it out of the fleet first".into(),
                russian: "Касса числится в прокатном парке. Оформите прокат или сначала выведите её из парка".into(),
            })),
            Some(_) => Err(Failure::SerialOrFnInUse),
        }
    }

    async fn client(&self, scope: PartnerScope, call: &QuickRegister) -> Result<Client, Failure> {
        let found = self.clients.get(scope, call.client_id).await?;
        let client = found.ok_or(Failure::NotFound { what: "client" })?;
        if client.state.name() == StateName::Active {
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
    pub(super) async fn check_device(&self, scope: PartnerScope, id: Option<DeviceId>) -> Result<(), Failure> {
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

    /// This service can make the report: it knows how to speak to the model.
    pub(super) fn drivable(&self, register: &SoldRegister) -> Result<(), Failure> {
        self.model_drivable(&register.model)
    }

    fn model_drivable(&self, model: &str) -> Result<(), Failure> {
        let driven = self.catalogue.model(model).is_some_and(|m| m.driver != Driver::None);
        if driven { Ok(()) } else { Err(self.undriven(model)) }
    }

    fn undriven(&self, model: &str) -> Failure {
        Failure::AutomaticUnsupported { model: self.catalogue.model(model).map(|known| known.name.clone()) }
    }

    /// The registration as it is created.
    pub(super) fn drafted(&self, ordered: &Ordered<'_>, facts: Facts) -> Kkt {
        let (call, now_ms) = (ordered.call, ordered.now_ms);
        Kkt {
            id: KktId::derive(ordered.key.scope.partner(), call.request_id),
            client_id: call.client_id,
            inn: ordered.client.inn.clone(),
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
            origin: traces::here(),
        }
    }

    /// Who holds the register: this partner's own registration is named, a stranger's is not.
    async fn occupied(&self, scope: PartnerScope, kkt: &Kkt) -> Result<Failure, Failure> {
        let own = self.store.holder(scope, kkt).await?;
        Ok(own.map_or(Failure::SerialOrFnInUse, |kkt_id| Failure::KktAlreadyRegistered { kkt_id }))
    }
}

impl Ordered<'_> {
    /// What is filed and burnt, for this register.
    pub(super) fn facts(&self, register: SoldRegister) -> Facts {
        Facts {
            taxpayer: self.taxpayer.clone(),
            address: self.address.clone(),
            register,
            sender_email: self.call.spec.sender_email.clone().unwrap_or_else(|| self.client.email.clone()),
            accepted_ms: self.now_ms,
        }
    }

    /// What the request id will stand for.
    pub(super) fn accepted(&self, kkt: &Kkt) -> Accepted {
        Accepted { fingerprint: self.fingerprint.clone(), resource: kkt.id.uuid() }
    }

    /// Refuses what blocks, together with the open warnings; then the open warnings alone.
    pub(super) fn refuse(&self, found: &Findings, undriven: impl FnOnce() -> Failure) -> Result<(), Failure> {
        let warnings = found.unacknowledged(&self.call.acknowledged_warnings);
        match found.blocking.as_slice() {
            [] if warnings.is_empty() => Ok(()),
            [] => Err(Failure::WarningsNotAcknowledged(warnings)),
            [only, rest @ ..] if only.code == CANNOT_BE_DRIVEN && rest.iter().all(|rule| rule.code == NO_DEVICE) => {
                Err(undriven())
            }
            blocking => Err(Failure::OrderNotMet { blocking: blocking.to_vec(), warnings }),
        }
    }

    fn preview(&self, register: Option<SoldRegister>, warnings: Vec<Requirement>) -> Preview {
        Preview {
            spec: self.call.spec.clone(),
            taxpayer: self.taxpayer.clone(),
            address: self.address.clone(),
            register,
            warnings,
            now_ms: self.now_ms,
        }
    }
}

pub(super) fn unavailable(setback: Setback) -> Failure {
    tracing::warn!(%setback, "a look-up failed");
    let retry_after = setback.retry_after.unwrap_or(std::time::Duration::from_secs(2));
    Failure::GatewayUnavailable { gateway: setback.gateway, retry_after }
}
