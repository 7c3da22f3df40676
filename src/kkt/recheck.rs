//! The checks of QuickRegister once more, right before the burn: days may have passed, and what is burnt stays.

use super::advice;
use super::effects::Claim;
use super::model::{Block, Facts};
use super::preflight::{self, Situation};
use super::worker::Worker;
use super::zone;
use crate::gateways::Setback;
use crate::gateways::taxpayers::{Taxpayer, TaxpayerKind};

/// What the checks came to.
pub(super) enum Recheck {
    /// As it was filed.
    Good,
    /// The state register does not answer.
    Unknown(Setback),
    /// Not to be burnt.
    Bad(Block),
}

impl Worker {
    /// Asks the state register afresh, past everything remembered, and applies the blocking rules again.
    pub(super) async fn recheck(&self, claim: &Claim) -> Recheck {
        let taxpayer = match self.gateways.taxpayers.find_fresh(&claim.kkt.inn).await {
            Ok(Some(taxpayer)) => taxpayer,
            Ok(None) => return Recheck::Bad(advice::taxpayer_gone()),
            Err(setback) => return Recheck::Unknown(setback),
        };
        if !same_user(&claim.kkt.facts.taxpayer, &taxpayer) {
            return Recheck::Bad(advice::taxpayer_changed());
        }
        let facts = Facts { taxpayer, ..claim.kkt.facts.clone() };
        let today = zone::date_at(&facts.address, self.clock.now_ms());
        let (spec, catalogue, world) = (&claim.kkt.spec, &*self.catalogue, self.world);
        let found = preflight::check(&Situation { spec, facts: &facts, catalogue, world, today });
        if found.blocking.is_empty() { Recheck::Good } else { Recheck::Bad(advice::preflight(&found.blocking)) }
    }
}

/// The user's name, which was filed and would be burnt, is the same.
fn same_user(filed: &Taxpayer, now: &Taxpayer) -> bool {
    match (&filed.kind, &now.kind) {
        (
            TaxpayerKind::Organization { full_name: a, short_name: b, .. },
            TaxpayerKind::Organization { full_name: c, short_name: d, .. },
        ) => (a, b) == (c, d),
        (TaxpayerKind::Entrepreneur { name: filed }, TaxpayerKind::Entrepreneur { name: now }) => filed == now,
        _ => false,
    }
}
