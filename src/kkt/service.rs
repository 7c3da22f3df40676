//! What partners ask of registrations. Knows neither tonic nor SQL.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::model::{Kkt, ListQuery, Step};
use super::papers::Papers;
use super::signal::Signal;
use super::store::{Position, Store};
use super::view::View;
use crate::catalogue::Catalogue;
use crate::clients;
use crate::clock::{Clock, Ids};
use crate::failure::{Failure, Violation};
use crate::gateways::{Gateways, World};
use crate::page::{PageKeys, Question};
use crate::values::{KktId, PartnerScope};

const LIST: &str = "/litebox.kkt.v1.KktService/List";

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
    /// Rentals that are decided at the same time; see [`super::hire::at_once`].
    pub hires: Arc<Semaphore>,
    /// Signs page and resume tokens.
    pub pages: PageKeys,
    /// Keeps what calls tell outer systems and are answered.
    pub papers: Papers,
}

/// A page of registrations.
#[derive(Debug, Clone)]
pub struct Page {
    /// The registrations.
    pub kkts: Vec<View>,
    /// Token of the next page; absent on the last one.
    pub next: Option<String>,
}

impl Service {
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
    pub async fn get_with_history(&self, scope: PartnerScope, id: KktId) -> Result<(View, Vec<Step>), Failure> {
        self.store.get_with_history(scope, id).await?.ok_or(Failure::NotFound { what: "kkt" })
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
}

/// SHA-256 over the content of a call in a stable encoding.
pub(super) fn fingerprint<T: serde::Serialize>(content: &T) -> Result<Vec<u8>, Failure> {
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
