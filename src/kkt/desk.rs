//! What support does to registrations: looks for them over all partners and changes them, with a line in the audit log in
//! the same transaction. Every change is compare-and-set on the revision, so it takes the registration away from whoever
//! is at work on it.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::effects::{Command, Effect, Standing, settle_from};
use super::model::Kkt;
use super::rows;
use super::state::State;
use super::store::{At, Change, Store, write};
use crate::fleet;
use crate::storage::audit::Record;
use crate::storage::crossing::support;
use crate::storage::entity::{effect, kkt};
use crate::storage::{StoreError, Tx, of_partner};
use crate::values::{EffectId, KktId, KktSerial, PartnerId, PartnerScope};

/// A registration with what only the worker needs besides.
#[derive(Debug, Clone)]
pub struct Found {
    /// Whose it is.
    pub scope: PartnerScope,
    /// The registration.
    pub kkt: Kkt,
    /// How often it was tried in this state.
    pub attempts: i32,
    /// How often in a row an outer system has not answered.
    pub failures: i32,
    /// Until then a worker is at it, Unix milliseconds of the database's clock.
    pub lease_until_ms: i64,
}

/// A command of a registration.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Which step; `None` for one of a newer program.
    pub command: Option<Command>,
    /// Its name.
    pub step: String,
    /// What is known of it.
    pub effect: Effect,
    /// Intended first, Unix milliseconds.
    pub created_ms: i64,
    /// Settled, Unix milliseconds.
    pub settled_ms: Option<i64>,
}

/// What an operator makes of a registration.
#[derive(Debug, Clone)]
pub struct Ruling {
    /// State after.
    pub state: State,
    /// For the history: `OPERATOR_FILED`.
    pub detail: &'static str,
    /// The command whose outcome is known now.
    pub settles: Option<(EffectId, Standing)>,
}

impl Store {
    /// Registrations of any partner with this id, serial number, FN or RNM, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or a row is corrupt.
    pub async fn search(&self, text: &str) -> Result<Vec<Found>, StoreError> {
        self.rows_of(text, false).await?.into_iter().map(found).collect()
    }

    /// Id and last state of the newest erased registration with this id, serial number, FN or RNM.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn erased(&self, text: &str) -> Result<Option<(KktId, String)>, StoreError> {
        let newest = self.rows_of(text, true).await?.into_iter().next();
        Ok(newest.map(|row| (KktId::new(row.id), row.state)))
    }

    async fn rows_of(&self, text: &str, erased: bool) -> Result<Vec<kkt::Model>, StoreError> {
        let id = KktId::parse(text).ok().map(KktId::uuid);
        let serial = KktSerial::parse(text).ok().map(|serial| serial.normalised());
        support::kkts(&self.db, id, serial.as_deref(), text, erased).await
    }

    /// The commands of a registration, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or a row is corrupt.
    pub async fn commands(&self, scope: PartnerScope, id: KktId) -> Result<Vec<Sent>, StoreError> {
        let rows = effect::Entity::find()
            .filter(of_partner(effect::Column::PartnerId, scope))
            .filter(effect::Column::KktId.eq(id.uuid()))
            .order_by_asc(effect::Column::CreatedMs)
            .order_by_asc(effect::Column::Generation)
            .all(self.db.direct())
            .await?;
        rows.into_iter().map(sent).collect()
    }

    /// Makes a registration due now, without its block.
    ///
    /// # Errors
    /// [`StoreError::Contention`] when it changed meanwhile: look again.
    pub async fn retry(&self, found: &Found, record: Record, now_ms: i64) -> Result<(), StoreError> {
        let ruling = Ruling { state: found.kkt.state.clone(), detail: "RETRIED", settles: None };
        self.rule(found, ruling, record, now_ms).await
    }

    /// Moves a registration as the operator says, and makes it due now.
    ///
    /// # Errors
    /// [`StoreError::Contention`] when it, or its command, changed meanwhile: look again.
    pub async fn rule(&self, found: &Found, ruling: Ruling, record: Record, now_ms: i64) -> Result<(), StoreError> {
        let (scope, before, db_now) = (found.scope, found.kkt.clone(), self.db.now_sql());
        let asked = Change::asked("operator", ruling.state, ruling.detail);
        let change = Change { effect: ruling.settles.map(|(id, _)| id), ..asked };
        self.db
            .unit(move |tx| {
                Box::pin(async move {
                    write(tx, scope, &before, &change, At::call(now_ms, db_now), None).await?;
                    if before.state.is_final() && before.state.holds_drive() && !change.state.holds_drive() {
                        fleet::store::put_back(tx, scope, &before.facts.register.fn_serial).await?;
                    }
                    if let Some((id, to)) = ruling.settles {
                        settle(tx, scope, id, to, now_ms).await?;
                    }
                    record.write(tx).await
                })
            })
            .await
    }
}

/// An operator may also know what became of a command that we took for unsent.
pub(super) async fn settle(
    tx: &Tx,
    scope: PartnerScope,
    id: EffectId,
    to: Standing,
    now_ms: i64,
) -> Result<(), StoreError> {
    settle_from(tx, scope, id, [Standing::Intended, Standing::Unsent], (to, now_ms)).await
}

fn found(row: kkt::Model) -> Result<Found, StoreError> {
    let scope = PartnerScope::new(PartnerId::new(row.partner_id));
    let (attempts, failures, lease_until_ms) = (row.attempts, row.failures, row.lease_until_ms);
    Ok(Found { scope, kkt: rows::read(row)?, attempts, failures, lease_until_ms })
}

fn sent(row: effect::Model) -> Result<Sent, StoreError> {
    let (step, created_ms, settled_ms) = (row.step.clone(), row.created_ms, row.settled_ms);
    let command = Command::ALL.into_iter().find(|command| command.name() == step);
    Ok(Sent { command, step, effect: super::effects::read(row)?, created_ms, settled_ms })
}
