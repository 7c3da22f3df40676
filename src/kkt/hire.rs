//! Rental: which register of the fleet a registration gets.
//!
//! The oldest register of the model is taken for which no rule blocks and no warning is open; the choice and the
//! registration are one unit of work. When none is left that is told; when others keep being faster, that is a conflict.

use super::model::{Kkt, SoldRegister};
use super::ordering::Ordered;
use super::preflight::Findings;
use super::service::Service;
use crate::failure::{Failure, Requirement};
use crate::fleet;
use crate::fleet::model::{FleetDevice, Register};
use crate::storage::{Backend, Constraint, StoreError};
use crate::values::FleetId;

/// Registers that are looked at in one go.
const PAGE: usize = 200;
/// How often it is tried while others take what was found.
const ROUNDS: u32 = 8;
/// Registers that fit and are tried for in the first round; twice as many in each round after it.
const FIRST: usize = 64;

/// How many rentals of this process are decided at the same time. The others wait here rather than for connections.
pub const fn at_once(backend: Backend) -> usize {
    match backend {
        // One writer.
        Backend::Sqlite => 1,
        Backend::Postgres => 4,
    }
}

/// An order for a register of the fleet.
pub(super) struct Hire<'a> {
    /// The service.
    pub service: &'a Service,
    /// The order.
    pub ordered: &'a Ordered<'a>,
    /// The model that is wanted.
    pub model: &'a str,
}

impl Hire<'_> {
    /// Takes a register and creates the registration.
    pub async fn create(&self) -> Result<Kkt, Failure> {
        let recovery = self.service.store.db.recovery().await?;
        if recovery.is_some_and(|recovery| recovery.freezes_fleet()) {
            return Err(Failure::Recovering);
        }
        let turn = self.service.hires.acquire().await;
        let _turn = turn.map_err(|_| Failure::Internal { detail: "the queue for rentals is closed".into() })?;
        for round in 0..ROUNDS {
            let fitting = self.fitting(FIRST << round).await?;
            let ordered = self.ordered;
            let draft = self.service.drafted(ordered, ordered.facts(sold(&fitting.first.register)));
            let accepted = ordered.accepted(&draft);
            match self.service.store.create_hired(ordered.key, accepted, draft, fitting.all).await {
                Ok(Some(kkt)) => return Ok(kkt),
                // Others were faster, or a register of the fleet has been sold meanwhile: look again.
                Ok(None)
                | Err(StoreError::Contention | StoreError::Unique(Constraint::KktSerial | Constraint::KktFn)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::Conflict)
    }

    /// The acknowledged warnings under which a register would be given now.
    pub async fn warnings(&self) -> Result<Vec<Requirement>, Failure> {
        let device = self.fitting(1).await?.first;
        Ok([self.ordered.found.warnings.clone(), self.findings(&device).warnings].concat())
    }

    /// The oldest registers that fit, up to about `enough`.
    async fn fitting(&self, enough: usize) -> Result<Fitting, Failure> {
        let ordered = self.ordered;
        let (mut all, mut nearest, mut after) = (Vec::new(), None, None);
        while all.len() < enough {
            let page = self.page(after).await?;
            after = page.get(PAGE - 1).map(|last| (last.imported_ms, last.id));
            for device in page {
                match self.suits(&device) {
                    Suits::Fits => all.push(device),
                    Suits::Warns(open) => nearest = nearer(nearest, open),
                    Suits::Not => {}
                }
            }
            if after.is_none() {
                break;
            }
        }
        let mut open = ordered.found.unacknowledged(&ordered.call.acknowledged_warnings);
        match (all.first(), nearest) {
            (Some(first), _) if open.is_empty() => Ok(Fitting { first: first.clone(), all }),
            (None, None) => Err(Failure::NoRentalDevice),
            (first, nearest) => {
                open.extend(nearest.filter(|_| first.is_none()).into_iter().flatten());
                Err(Failure::WarningsNotAcknowledged(open))
            }
        }
    }

    async fn page(&self, after: Option<(i64, FleetId)>) -> Result<Vec<FleetDevice>, Failure> {
        let (db, scope) = (&self.service.store.db, self.ordered.key.scope);
        Ok(fleet::store::to_hire(db, scope, self.model, after, PAGE as u64).await?)
    }

    fn suits(&self, device: &FleetDevice) -> Suits {
        let found = self.findings(device);
        let open = found.unacknowledged(&self.ordered.call.acknowledged_warnings);
        match (found.blocking.is_empty(), open.is_empty()) {
            (false, _) => Suits::Not,
            (true, true) => Suits::Fits,
            (true, false) => Suits::Warns(open),
        }
    }

    fn findings(&self, device: &FleetDevice) -> Findings {
        self.service.register_findings(self.ordered, &self.ordered.facts(sold(&device.register)))
    }
}

/// Registers that fit, oldest first.
struct Fitting {
    first: FleetDevice,
    all: Vec<FleetDevice>,
}

/// Whether a register may be given under an order.
enum Suits {
    Fits,
    /// When these warnings are acknowledged as well.
    Warns(Vec<Requirement>),
    Not,
}

/// The shorter list of warnings: what the partner has to read to get any register at all.
fn nearer(known: Option<Vec<Requirement>>, open: Vec<Requirement>) -> Option<Vec<Requirement>> {
    match known {
        Some(known) if known.len() <= open.len() => Some(known),
        _ => Some(open),
    }
}

/// A register of the fleet as a registration sees it.
pub(super) fn sold(register: &Register) -> SoldRegister {
    let Register { model, serial, fn_serial, device_id } = register.clone();
    SoldRegister { model, serial, fn_serial, device_id }
}
