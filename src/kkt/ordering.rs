//! QuickRegister: everything that is checked before a registration is created, and its creation.

use super::model::{Equipment, Facts, Kkt, PlaceAddress, QuickRegister, SoldRegister, Spec};
use super::preflight::{self, Situation};
use super::service::{Service, fingerprint};
use super::state::State;
use super::zone;
use crate::catalogue::Driver;
use crate::clients;
use crate::failure::{Failure, Requirement};
use crate::gateways::Setback;
use crate::gateways::taxpayers::{RegisteredAddress, Taxpayer, TaxpayerStatus};
use crate::partners;
use crate::storage::requests::{Accepted, Key};
use crate::storage::{Constraint, StoreError};
use crate::values::{DeviceId, Inn, KktId, PartnerScope};

/// How many candidates an unresolved address brings at most.
const CANDIDATES: usize = 5;

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

    /// The registration that this call made before, when its content is the same.
    pub(super) async fn repeated(&self, key: Key, fingerprint: &[u8]) -> Result<Option<Kkt>, Failure> {
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
    pub(super) fn drivable(&self, register: &SoldRegister) -> Result<(), Failure> {
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

fn unavailable(setback: Setback) -> Failure {
    tracing::warn!(%setback, "a look-up failed");
    let retry_after = setback.retry_after.unwrap_or(std::time::Duration::from_secs(2));
    Failure::GatewayUnavailable { gateway: setback.gateway, retry_after }
}
