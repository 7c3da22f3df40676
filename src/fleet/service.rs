//! What operators do with fleets.

use std::sync::Arc;

use super::import::{self, Problem};
use super::model::FleetDevice;
use super::store;
use crate::catalogue::Catalogue;
use crate::clock::{Clock, Ids};
use crate::progress::Count;
use crate::storage::audit::{Deed, Desk};
use crate::storage::{Db, StoreError};
use crate::values::{PartnerId, PartnerScope};

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Lines that are wrong, all of them.
    #[error("nothing is imported: {} problem(s)", .0.len())]
    Lines(Vec<Problem>),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// New registers.
    pub added: usize,
    /// Changed ones.
    pub updated: usize,
    /// Lines that changed nothing.
    pub unchanged: usize,
}

/// The operator's commands.
#[derive(Clone)]
pub struct Fleets {
    /// The database.
    pub db: Db,
    /// Models.
    pub catalogue: Arc<Catalogue>,
    /// Time.
    pub clock: Clock,
    /// New ids.
    pub ids: Ids,
    /// How far an import has come, in registers that it writes.
    pub progress: Count,
}

impl Fleets {
    /// Brings a partner's fleet up to a file: all of it, or nothing.
    ///
    /// # Errors
    /// [`Refused::Lines`] with every problem of every line.
    pub async fn import(
        &self,
        desk: &Desk,
        partner: PartnerId,
        file: &[u8],
        allow_unknown: bool,
    ) -> Result<Imported, Refused> {
        let (lines, mut problems) = import::read(file, &self.catalogue, allow_unknown);
        // In the order of the file, which is the order in which registers of one import are hired out.
        let mut ids: Vec<_> = lines.iter().map(|_| self.ids.uuid_v7(&self.clock)).collect();
        ids.sort_unstable();
        let lines = lines.into_iter().zip(ids).collect();
        let (scope, now_ms) = (PartnerScope::new(partner), self.clock.now_ms());
        let desk = desk.clone();
        let record = move |done: &Imported| desk.record(deed(partner, done));
        let write = problems.is_empty().then_some(record);
        match store::import(&self.db, scope, lines, write, (now_ms, self.progress.clone())).await {
            Ok(imported) if problems.is_empty() => Ok(imported),
            Ok(_) => Err(Refused::Lines(problems)),
            Err(Refused::Lines(more)) => {
                problems.extend(more);
                problems.sort();
                Err(Refused::Lines(problems))
            }
            Err(other) => Err(other),
        }
    }

    /// Registers, the oldest first; of one partner, or in one state, when that is said.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or a row is corrupt.
    pub async fn list(&self, partner: Option<PartnerId>, state: Option<&str>) -> Result<Vec<FleetDevice>, StoreError> {
        let mut all = store::all(&self.db).await?;
        all.retain(|d| partner.is_none_or(|p| d.partner == p) && state.is_none_or(|s| d.state.as_str() == s));
        Ok(all)
    }
}

fn deed(partner: PartnerId, done: &Imported) -> Deed {
    let detail = serde_json::json!(done);
    Deed { action: "FLEET_IMPORTED", partner: Some(partner), subject: "fleet".to_owned(), detail, ..Deed::default() }
}
