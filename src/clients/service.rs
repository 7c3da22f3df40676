//! What the four calls about clients do. Outer calls never run inside a unit of work.

use std::sync::Arc;

use tracing::warn;

use super::card::{self, Card};
use super::model::{Client, ClientsConfig, Draft, ListQuery, Register, State};
use super::rows;
use super::store::{End, Store};
use crate::catalogue::Catalogue;
use crate::clock::{Clock, Ids};
use crate::failure::{Failure, Violation};
use crate::gateways::Setback;
use crate::gateways::accounts::Accounts;
use crate::gateways::taxpayers::{Taxpayer, Taxpayers};
use crate::page::{PageKeys, Question};
use crate::partners::model::{Caller, Theme};
use crate::partners::quota::Quota;
use crate::storage::requests::Key;
use crate::values::{ClientId, EffectId, Inn, PartnerScope};

/// The method that request ids are kept under.
const REGISTER: &str = "Register";
const LIST: &str = "/litebox.client.v1.ClientService/List";

/// What the service works with.
#[derive(Clone)]
#[expect(missing_docs, reason = "each type says it")]
pub struct Parts {
    pub store: Store,
    pub taxpayers: Arc<dyn Taxpayers>,
    pub accounts: Arc<dyn Accounts>,
    pub catalogue: Arc<Catalogue>,
    pub pages: PageKeys,
    pub config: ClientsConfig,
    pub quota: Quota,
    pub clock: Clock,
    pub ids: Ids,
}

/// Looks taxpayers up, registers clients and shows them.
#[derive(Clone)]
pub struct ClientService {
    pub(super) parts: Parts,
}

/// What a repeated call stands for.
pub(super) struct Repeat {
    pub client: Client,
    /// The account service is stopped: it must not be told anything.
    pub stopped: bool,
}

/// A page of cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The clients.
    pub cards: Vec<Card>,
    /// Token of the next page; absent on the last one.
    pub next: Option<String>,
}

impl ClientService {
    /// The service of these parts.
    pub const fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// What the state register has under an INN; also a taxpayer that is not active. Charged to the partner's quota,
    /// whatever the answer.
    ///
    /// # Errors
    /// `RateLimited`, `TaxpayerNotFound`, `GatewayUnavailable`.
    pub async fn lookup_taxpayer(&self, scope: PartnerScope, inn: &Inn) -> Result<Taxpayer, Failure> {
        self.parts.quota.spend(scope).await?;
        self.taxpayer(inn).await
    }

    async fn taxpayer(&self, inn: &Inn) -> Result<Taxpayer, Failure> {
        let found = self.parts.taxpayers.find(inn).await.map_err(unavailable)?;
        found.ok_or(Failure::TaxpayerNotFound)
    }

    /// Creates a client and its account, or continues what an earlier call left unfinished. `None` when the call was to
    /// check only.
    ///
    /// # Errors
    /// The rows of the error table that the contract names for Register.
    pub async fn register(&self, caller: &Caller, order: &Register) -> Result<Option<Card>, Failure> {
        if caller.theme == Theme::Mts {
            return Err(Failure::RegistrationUnavailableInTheme);
        }
        let key = Key { scope: caller.scope, method: REGISTER, id: order.request_id };
        match Box::pin(self.registered(caller, key, order)).await {
            // What is known may be this very call, sent twice at once.
            Err(Failure::ClientAlreadyRegistered { .. } | Failure::ClientKnownElsewhere { .. })
                if !order.validate_only && self.known(key, &order.fingerprint()).await?.is_some() =>
            {
                Box::pin(self.registered(caller, key, order)).await
            }
            came => came,
        }
    }

    async fn registered(&self, caller: &Caller, key: Key, order: &Register) -> Result<Option<Card>, Failure> {
        let known = self.known(key, &order.fingerprint()).await?;
        if let Some(repeat) = known.as_ref().filter(|known| is_active(&known.client) && !order.validate_only) {
            return self.confirm(repeat, &order.password).await.map(|client| Some(self.card(client)));
        }
        // Whoever has no questions left learns nothing new; what has begun goes on.
        if known.is_none() && !order.validate_only {
            self.parts.quota.look(caller.scope).await?;
        }
        let draft = self.draft(caller.scope, order).await?;
        self.known_nowhere_else(key, &order.inn).await?;
        if order.validate_only {
            return Ok(None);
        }
        let client = self.open_account(key, order, draft, known.is_some()).await?;
        Ok(Some(self.card(client)))
    }

    /// The client that is ordered. An order that comes to nothing here, or was to come to nothing, is a question about a
    /// taxpayer like LookupTaxpayer.
    async fn draft(&self, scope: PartnerScope, order: &Register) -> Result<Draft, Failure> {
        if order.validate_only {
            self.parts.quota.spend(scope).await?;
            return order.draft(self.in_business(&order.inn).await?).map_err(Failure::Validation);
        }
        let found = self.in_business(&order.inn).await;
        let drafted = found.and_then(|taxpayer| order.draft(taxpayer).map_err(Failure::Validation));
        if drafted.as_ref().is_err_and(|failure| !matches!(failure, Failure::GatewayUnavailable { .. })) {
            self.parts.quota.spend(scope).await?;
        }
        drafted
    }

    /// The card of a client.
    ///
    /// # Errors
    /// `NotFound`, also for another partner's client.
    pub async fn get(&self, scope: PartnerScope, id: ClientId) -> Result<Card, Failure> {
        let client = self.parts.store.get(scope, id).await?;
        client.map(|client| self.card(client)).ok_or(Failure::NotFound { what: "client" })
    }

    /// A page of the partner's clients.
    ///
    /// # Errors
    /// `Validation` of `page_token`.
    pub async fn list(&self, scope: PartnerScope, query: &ListQuery) -> Result<Page, Failure> {
        let filter = serde_json::to_vec(&(&query.filter, query.order)).map_err(internal)?;
        let question = Question { scope, method: LIST, filter: &filter };
        let open = |token: &String| self.parts.pages.open(&question, token).map_err(|_| bad_token());
        let after: Option<End> = query.token.as_ref().map(open).transpose()?;
        let size = query.size.max(1) as usize;
        let limit = u64::from(query.size.max(1)) + 1;
        let mut clients = self.parts.store.list(scope, &query.filter, query.order, after.as_ref(), limit).await?;
        let more = clients.len() > size;
        clients.truncate(size);
        let last = clients.last().filter(|_| more).map(|client| End::at(client, query.order));
        let next = last.map(|end| self.parts.pages.seal(&question, &end)).transpose().map_err(internal)?;
        Ok(Page { cards: clients.into_iter().map(|client| self.card(client)).collect(), next })
    }

    /// The client that a request id stands for.
    pub(super) async fn known(&self, key: Key, fingerprint: &[u8]) -> Result<Option<Repeat>, Failure> {
        let Some(known) = self.parts.store.known(key).await? else { return Ok(None) };
        known.accepted.is_of(fingerprint, "client")?;
        let client = known.resource.map(|row| rows::read(row.into())).transpose()?;
        Ok(client.map(|client| Repeat { client, stopped: known.stopped != Some(false) }))
    }

    async fn in_business(&self, inn: &Inn) -> Result<Taxpayer, Failure> {
        let taxpayer = self.taxpayer(inn).await?;
        if self.parts.config.accepts(taxpayer.status) {
            return Ok(taxpayer);
        }
        Err(Failure::TaxpayerNotActive { status: taxpayer.status.as_str() })
    }

    /// Refuses an INN that the partner, the account service or the inventory system knows; an unfinished client of the
    /// partner's own, with its account, is none of these, nor is the account that this very call made before a restored
    /// backup forgot it.
    async fn known_nowhere_else(&self, key: Key, inn: &Inn) -> Result<(), Failure> {
        let scope = key.scope;
        let own = self.parts.store.open_by_inn(scope, inn).await?;
        if let Some(finished) = own.as_ref().filter(|c| is_active(c)) {
            return Err(Failure::ClientAlreadyRegistered { client_id: finished.id });
        }
        let known = self.parts.accounts.find_by_inn(inn).await.map_err(unavailable)?;
        let ours = |effect| {
            let made = ClientId::new(EffectId::uuid(effect));
            own.as_ref().is_some_and(|pending| pending.id == made) || made.is_of(scope.partner(), key.id)
        };
        let elsewhere = match known.account {
            Some(effect) => !ours(effect),
            None => known.in_inventory,
        };
        if elsewhere { self.unless_made_meanwhile(scope, inn, known.account).await } else { Ok(()) }
    }

    /// An account that was not the partner's before the question may be so after it: two calls at once.
    async fn unless_made_meanwhile(
        &self,
        scope: PartnerScope,
        inn: &Inn,
        account: Option<EffectId>,
    ) -> Result<(), Failure> {
        match self.parts.store.open_by_inn(scope, inn).await? {
            Some(made) if is_active(&made) => Err(Failure::ClientAlreadyRegistered { client_id: made.id }),
            Some(made) if account == Some(made.effect()) => Ok(()),
            _ => Err(self.elsewhere(scope, inn).await),
        }
    }

    /// The answer tells something about a stranger's client, so it is charged to the quota.
    pub(super) async fn elsewhere(&self, scope: PartnerScope, inn: &Inn) -> Failure {
        if let Err(spent) = self.parts.quota.spend(scope).await {
            return spent.into();
        }
        Failure::ClientKnownElsewhere { manager: self.parts.catalogue.manager(inn.region()).clone() }
    }

    fn card(&self, client: Client) -> Card {
        card::card(client, &self.parts.config.sign_in_address)
    }
}

pub(super) const fn is_active(client: &Client) -> bool {
    matches!(client.state, State::Active { .. })
}

/// The caller learns that a system does not answer, the operator why.
pub(super) fn unavailable(setback: Setback) -> Failure {
    warn!(gateway = setback.gateway.name(), kind = %setback.kind, detail = setback.detail, "an outer system failed");
    setback.into()
}

fn internal(error: serde_json::Error) -> Failure {
    Failure::Internal { detail: format!("a page token cannot be written: {error}") }
}

fn bad_token() -> Failure {
    Failure::Validation(vec![Violation {
        field: "page_token".to_owned(),
        reason: "PAGE_TOKEN_INVALID",
        text: "must be the next_page_token of a call with the same conditions and order".to_owned(),
        russian: "Передайте next_page_token предыдущей страницы и не меняйте условий отбора".to_owned(),
    }])
}
