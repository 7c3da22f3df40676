//! The operator's commands about registrations and clients.

use std::sync::Arc;

use serde_json::json;

use super::findings::{self, Finding, Unfit};
use crate::catalogue::Catalogue;
pub use crate::clients::desk::End as ClientEnd;
use crate::clients::desk::Listed;
use crate::clients::model::Client;
use crate::clients::store::Store as Clients;
use crate::clock::{Clock, Ids};
use crate::gateways::accounts::Accounts;
use crate::gateways::{Setback, Told};
use crate::kkt::desk::{Found, Ruling, Sent};
use crate::kkt::model::{Kkt, Step};
use crate::kkt::store::Store as Kkts;
use crate::storage::audit::{Act, Deed, Desk, Line, Record};
use crate::storage::crossing::support::{self, AuditFilter, ClientFilter};
use crate::storage::documents::{Kept, Sealed};
use crate::storage::switches::Stop;
use crate::storage::vault::{Closed, Vault};
use crate::storage::{Db, StoreError};
use crate::values::{ClientId, KktId};

/// How often a command is tried while somebody else is faster.
const ATTEMPTS: usize = 5;

/// Why a command of support was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Declined {
    /// Nothing has this number.
    #[error("no registration has this id, serial number, FN or RNM")]
    NoKkt,
    /// Nothing else is known of it.
    #[error(
        "ERASED: registration {id} ended {state}, and the data of its client were erased (`client erasures` has the record)"
    )]
    Erased {
        /// The registration.
        id: KktId,
        /// Its end.
        state: String,
    },
    /// More than one.
    #[error("several registrations have this number: give the id of one (`kkt show` lists them)")]
    SeveralKkts,
    /// No document has this id.
    #[error("there is no such document")]
    NoDocument,
    /// No client has this id.
    #[error("there is no such client")]
    NoClient,
    /// It has ended.
    #[error("the registration has ended: there is nothing to try again")]
    Ended,
    /// The finding does not fit.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The document does not open.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// Only unfinished clients are resolved.
    #[error("the client is not ACCOUNT_PENDING: there is nothing to resolve")]
    ClientSettled,
    /// What the account service says is not what the operator says.
    #[error("the account service says otherwise: {0}")]
    Otherwise(&'static str),
    /// The account service does not answer.
    #[error("{0}; with --unasked your word is taken without asking the account service")]
    Unanswered(Setback),
    /// Somebody was faster.
    #[error("it changed meanwhile: look at it again and repeat the command")]
    Changed,
    /// The database.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for Declined {
    fn from(error: StoreError) -> Self {
        if error == StoreError::Contention { Self::Changed } else { Self::Store(error) }
    }
}

/// All that is known of a registration.
#[derive(Debug, Clone)]
pub struct Case {
    /// The registration and whose it is.
    pub found: Found,
    /// Name of the partner.
    pub partner: String,
    /// Its commands, the oldest first.
    pub sent: Vec<Sent>,
    /// Its history, the oldest first.
    pub history: Vec<Step>,
    /// Gateways that are stopped now.
    pub stops: Vec<Stop>,
    /// How many documents are kept of it.
    pub documents: usize,
    /// The database's clock, Unix milliseconds.
    pub now_ms: i64,
}

impl Case {
    /// The registration.
    pub const fn kkt(&self) -> &Kkt {
        &self.found.kkt
    }
}

/// What support works with.
#[derive(Clone)]
#[expect(missing_docs, reason = "each type says it")]
pub struct Support {
    pub db: Db,
    pub catalogue: Arc<Catalogue>,
    pub accounts: Arc<dyn Accounts>,
    pub vault: Vault,
    pub clock: Clock,
    pub ids: Ids,
}

impl Support {
    fn kkts(&self) -> Kkts {
        Kkts::new(self.db.clone())
    }

    fn clients(&self) -> Clients {
        Clients::new(self.db.clone())
    }

    fn desk(&self, act: Act) -> Desk {
        Desk::new(self.clock.clone(), self.ids.clone(), act)
    }

    /// Registrations with this id, serial number, FN or RNM, the newest first.
    ///
    /// # Errors
    /// [`Declined::NoKkt`]; [`Declined::Erased`] when nothing but an erased one has it.
    pub async fn search(&self, text: &str) -> Result<Vec<Found>, Declined> {
        let found = self.kkts().search(text.trim()).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        let erased = self.kkts().erased(text.trim()).await?;
        Err(erased.map_or(Declined::NoKkt, |(id, state)| Declined::Erased { id, state }))
    }

    /// All that is known of the one registration with this number.
    ///
    /// # Errors
    /// [`Declined::NoKkt`], [`Declined::SeveralKkts`].
    pub async fn case(&self, text: &str) -> Result<Case, Declined> {
        let found = self.one(text).await?;
        let (scope, id) = (found.scope, found.kkt.id);
        Ok(Case {
            partner: support::partner_name(&self.db, scope).await?,
            sent: self.kkts().commands(scope, id).await?,
            history: self.kkts().history(scope, id).await?,
            stops: self.db.stops().await?,
            documents: self.db.documents(scope, id).await?.len(),
            now_ms: self.kkts().now_ms().await?,
            found,
        })
    }

    async fn one(&self, text: &str) -> Result<Found, Declined> {
        let mut found = self.search(text).await?;
        if found.len() > 1 { Err(Declined::SeveralKkts) } else { found.pop().ok_or(Declined::NoKkt) }
    }

    /// Tries a registration again now, whatever it waits for.
    ///
    /// # Errors
    /// [`Declined::Ended`] when there is nothing left to try; [`Declined::Changed`].
    pub async fn retry(&self, text: &str, act: Act) -> Result<KktId, Declined> {
        insist(async || self.retry_once(text, act.clone()).await).await
    }

    async fn retry_once(&self, text: &str, act: Act) -> Result<KktId, Declined> {
        let found = self.one(text).await?;
        if found.kkt.state.is_final() && found.kkt.state.held().is_none() {
            return Err(Declined::Ended);
        }
        let record = self.about("KKT_RETRIED", &found, act);
        self.kkts().retry(&found, record, self.clock.now_ms()).await?;
        Ok(found.kkt.id)
    }

    /// Moves a registration by what the operator has learned outside.
    ///
    /// # Errors
    /// [`Declined::Unfit`] when it does not fit the state; [`Declined::Changed`].
    pub async fn resolve(&self, text: &str, finding: Finding, act: Act) -> Result<(KktId, &'static str), Declined> {
        insist(async || self.resolve_once(text, finding.clone(), act.clone()).await).await
    }

    async fn resolve_once(&self, text: &str, finding: Finding, act: Act) -> Result<(KktId, &'static str), Declined> {
        let found = self.one(text).await?;
        let sent = self.kkts().commands(found.scope, found.kkt.id).await?;
        let told = finding.told();
        let ruling = findings::ruling(&found.kkt, &sent, finding, &self.catalogue)?;
        self.rule("KKT_RESOLVED", found, ruling, told, act).await
    }

    /// Frees what an ended registration still holds: its code, and a drive in doubt of which somebody has seen that it is
    /// unburnt.
    ///
    /// # Errors
    /// [`Declined::Unfit`] when it holds nothing; [`Declined::Changed`].
    pub async fn release(
        &self,
        text: &str,
        drive_is_unburnt: bool,
        act: Act,
    ) -> Result<(KktId, &'static str), Declined> {
        let found = self.one(text).await?;
        let ruling = findings::released(&found.kkt, drive_is_unburnt)?;
        let sent = self.kkts().commands(found.scope, found.kkt.id).await?;
        findings::nothing_burns(&found.kkt, &sent, drive_is_unburnt)?;
        let told = json!({ "drive_is_unburnt": drive_is_unburnt });
        self.rule("KKT_RELEASED", found, ruling, told, act).await
    }

    async fn rule(
        &self,
        action: &'static str,
        found: Found,
        ruling: Ruling,
        told: serde_json::Value,
        act: Act,
    ) -> Result<(KktId, &'static str), Declined> {
        let now = ruling.state.name().as_str();
        let detail =
            json!({ "from": found.kkt.state.name().as_str(), "to": now, "detail": ruling.detail, "told": told });
        let record = self.desk(act).record(Deed { detail, ..deed(action, &found) });
        self.kkts().rule(&found, ruling, record, self.clock.now_ms()).await?;
        Ok((found.kkt.id, now))
    }

    /// What is kept of the exchange about a registration, without contents.
    ///
    /// # Errors
    /// [`Declined::NoKkt`], [`Declined::SeveralKkts`].
    pub async fn documents(&self, text: &str) -> Result<Vec<Kept>, Declined> {
        let found = self.one(text).await?;
        Ok(self.db.documents(found.scope, found.kkt.id).await?)
    }

    /// The content of a document. It holds personal data, so that it was read is recorded before it is shown.
    ///
    /// # Errors
    /// [`Declined::NoDocument`], [`Declined::Closed`].
    pub async fn document(&self, id: uuid::Uuid, act: Act) -> Result<(Kept, Vec<u8>), Declined> {
        let row: Sealed = support::document(&self.db, id).await?.ok_or(Declined::NoDocument)?;
        let (content, kept) = (self.vault.open(&row)?, Kept::of(&row));
        let deed = Deed {
            action: "DOCUMENT_READ",
            partner: Some(crate::values::PartnerId::new(row.partner_id)),
            kkt: Some(KktId::new(row.kkt_id)),
            subject: id.to_string(),
            detail: json!({ "operation": row.operation, "direction": row.direction }),
            ..Deed::default()
        };
        self.desk(act).record(deed).write(self.db.direct()).await?;
        Ok((kept, content))
    }

    /// Clients of any partner, the newest first.
    ///
    /// # Errors
    /// [`Declined::Store`].
    pub async fn list_clients(&self, filter: &ClientFilter) -> Result<Vec<Listed>, Declined> {
        Ok(self.clients().search(filter).await?)
    }

    /// Ends a client that was left unfinished. The account service is asked first, unless `unasked`.
    ///
    /// # Errors
    /// [`Declined::ClientSettled`], [`Declined::Otherwise`], [`Declined::Unanswered`], [`Declined::Changed`].
    pub async fn resolve_client(&self, id: ClientId, end: ClientEnd, unasked: bool, act: Act) -> Result<(), Declined> {
        let (scope, client) = self.clients().find(id).await?.ok_or(Declined::NoClient)?;
        if client.state != crate::clients::model::State::AccountPending {
            return Err(Declined::ClientSettled);
        }
        if !unasked {
            self.confirmed(&client, &end).await?;
        }
        let detail =
            json!({ "to": if end == ClientEnd::Abandoned { "ABANDONED" } else { "ACTIVE" }, "unasked": unasked });
        let deed = Deed {
            action: "CLIENT_RESOLVED",
            partner: Some(scope.partner()),
            client: Some(id),
            subject: id.to_string(),
            detail,
            ..Deed::default()
        };
        let record = self.desk(act).record(deed);
        Ok(self.clients().end(scope, &client, end, record, self.clock.now_ms()).await?)
    }

    /// Asks whether the LiteBox account of a client has been removed; so it has when there is no such client any more.
    ///
    /// # Errors
    /// [`Declined::Otherwise`] when it is there, [`Declined::Unanswered`] when the account service does not say.
    pub async fn account_is_gone(&self, id: ClientId) -> Result<(), Declined> {
        let Some((_, client)) = self.clients().find(id).await? else { return Ok(()) };
        match self.accounts.find_by_inn(&client.inn).await {
            Ok(known) if known.account == Some(client.effect()) => {
                Err(Declined::Otherwise("the account is still there"))
            }
            Ok(_) => Ok(()),
            Err(setback) => Err(Declined::Unanswered(setback)),
        }
    }

    /// Before a client is abandoned its account is voided; before it is active the account must be there. Asking for that
    /// voids nothing.
    async fn confirmed(&self, client: &Client, end: &ClientEnd) -> Result<(), Declined> {
        match end {
            ClientEnd::Abandoned => match self.accounts.report_or_void(client.effect()).await {
                Ok(Told::Void | Told::Refused(_)) => Ok(()),
                Ok(Told::Done(_)) => {
                    Err(Declined::Otherwise("the account is there with its password: resolve it active"))
                }
                Ok(Told::InProgress) => Err(Declined::Otherwise("it is being made at this moment")),
                Err(setback) => Err(Declined::Unanswered(setback)),
            },
            ClientEnd::Active { .. } => match self.accounts.find_by_inn(&client.inn).await {
                Ok(known) if known.account == Some(client.effect()) => Ok(()),
                Ok(_) => Err(Declined::Otherwise("this client has no account there")),
                Err(setback) => Err(Declined::Unanswered(setback)),
            },
        }
    }

    /// Lines of the audit log, the newest first.
    ///
    /// # Errors
    /// [`Declined::Store`].
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<Line>, Declined> {
        Ok(support::audit(&self.db, filter).await?)
    }

    fn about(&self, action: &'static str, found: &Found, act: Act) -> Record {
        self.desk(act).record(deed(action, found))
    }
}

/// A worker that only looked may have been faster: what the operator says is judged anew by how things stand then.
async fn insist<T>(mut attempt: impl AsyncFnMut() -> Result<T, Declined>) -> Result<T, Declined> {
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(Declined::Changed) => {}
            came => return came,
        }
    }
    attempt().await
}

fn deed(action: &'static str, found: &Found) -> Deed {
    let kkt = &found.kkt;
    Deed {
        action,
        partner: Some(found.scope.partner()),
        kkt: Some(kkt.id),
        client: Some(kkt.client_id),
        subject: kkt.id.to_string(),
        detail: json!({ "state": kkt.state.name().as_str(), "block": kkt.block.as_ref().map(|b| b.reason.as_str()) }),
    }
}
