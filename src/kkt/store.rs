//! Registrations in the database. Every function needs the partner's scope; every write that competes is
//! compare-and-set and checks its row count.

use std::collections::HashSet;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition as Where, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, SelectModel, Selector,
};

use super::model::{Block, Facts, Filter, Kkt, Spec};
use super::policy::Failing;
use super::rows;
use super::state::State;
use super::view::View;
use crate::fleet;
use crate::storage::entity::{kkt, kkt_history};
use crate::storage::recovery::Recovery;
use crate::storage::requests::{self, Accepted, Columns, Key, Known};
use crate::storage::{Db, StoreError, Tx, in_ms, of_partner};
use crate::values::{DeviceId, EffectId, KktId, PartnerScope, RequestId};

/// A position in a list: creation time and id of the last entry.
pub type Position = (i64, uuid::Uuid);

/// A change of one registration, as it is written together with its line of the history.
#[derive(Debug, Clone)]
pub struct Change {
    /// State after.
    pub state: State,
    /// Why it waits, after.
    pub block: Option<Block>,
    /// When the worker looks next: milliseconds from now; absent for never.
    pub due_in_ms: Option<i64>,
    /// How often in a row an outer system has not answered.
    pub failing: Failing,
    /// Who made it.
    pub actor: &'static str,
    /// The outer effect behind it.
    pub effect: Option<EffectId>,
    /// What happened, machine-readable.
    pub detail: String,
    /// What is asked for and what the registers say, when that changes too.
    pub corrected: Option<(Spec, Facts)>,
}

impl Change {
    /// A change that somebody asked for and that the worker goes on from at once; nothing holds it up any more.
    pub fn asked(actor: &'static str, state: State, detail: &str) -> Self {
        let detail = detail.to_owned();
        Self {
            state,
            block: None,
            due_in_ms: Some(0),
            failing: Failing::NOT,
            actor,
            effect: None,
            detail,
            corrected: None,
        }
    }

    /// The registration after it.
    fn applied(&self, before: &Kkt) -> Kkt {
        let mut after = Kkt { state: self.state.clone(), block: self.block.clone(), ..before.clone() };
        if let Some((spec, facts)) = &self.corrected {
            (after.spec, after.facts) = (spec.clone(), facts.clone());
        }
        after
    }
}

/// Registrations in the database.
#[derive(Clone)]
pub struct Store {
    pub(super) db: Db,
}

impl Store {
    /// The store on this database.
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// The call of this name, when it was accepted before, with the registration that it stands for.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn known(&self, key: Key) -> Result<Option<Known<kkt::Model>>, StoreError> {
        use kkt::Column::{ErasedMs, Id, PartnerId};
        let columns = Columns { partner: PartnerId, id: Id, erased: ErasedMs };
        requests::known::<_, kkt::Entity>(self.db.direct(), key, columns, None).await
    }

    /// The latest recovery after a restored backup.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn recovery(&self) -> Result<Option<Recovery>, StoreError> {
        self.db.recovery().await
    }

    /// Whether a recovery is open.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn recovers(&self) -> Result<bool, StoreError> {
        Ok(self.recovery().await?.is_some_and(|recovery| recovery.is_open()))
    }

    /// When the burn was asked for by this call, Unix milliseconds by our clock; `None` when the call is not known.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn asked_ms(&self, scope: PartnerScope, asked_by: RequestId) -> Result<Option<i64>, StoreError> {
        requests::latest_ms(self.db.direct(), scope, &["Fiscalize", "QuickRegister"], asked_by).await
    }

    /// The registration, when this partner has it.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or the row is corrupt.
    pub async fn get(&self, scope: PartnerScope, id: KktId) -> Result<Option<Kkt>, StoreError> {
        let found = shown(mine(scope).filter(kkt::Column::Id.eq(id.uuid())));
        found.one(self.db.direct()).await?.map(rows::read).transpose()
    }

    /// What the partner sees of the registration, when this partner has it.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or what is seen is corrupt.
    pub async fn seen(&self, scope: PartnerScope, id: KktId) -> Result<Option<View>, StoreError> {
        let found = shown(mine(scope).filter(kkt::Column::Id.eq(id.uuid())));
        found.one(self.db.direct()).await?.map(rows::read).transpose()
    }

    /// The partner's registration that holds this register or this FN.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn holder(&self, scope: PartnerScope, kkt: &Kkt) -> Result<Option<KktId>, StoreError> {
        let register = &kkt.facts.register;
        let same = Where::any()
            .add(
                kkt::Column::Held
                    .eq(true)
                    .and(kkt::Column::Model.eq(register.model.as_str()))
                    .and(kkt::Column::SerialKey.eq(register.serial.normalised())),
            )
            .add(kkt::Column::FnHeld.eq(true).and(kkt::Column::FnSerial.eq(register.fn_serial.as_str())));
        let row = mine(scope).filter(same).one(self.db.direct()).await?;
        Ok(row.map(|r| KktId::new(r.id)))
    }

    /// Whether any registration holds this register or this FN, whoever's it is.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn is_held(&self, kkt: &Kkt) -> Result<bool, StoreError> {
        let register = &kkt.facts.register;
        self.db.kkt_is_held(&register.model, &register.serial.normalised(), register.fn_serial.as_str()).await
    }

    /// The devices of the registers that the partner's other registrations hold.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn devices_of_others(&self, scope: PartnerScope, id: KktId) -> Result<HashSet<DeviceId>, StoreError> {
        let others = mine(scope).filter(kkt::Column::Held.eq(true)).filter(kkt::Column::Id.ne(id.uuid()));
        let facts: Vec<String> =
            others.select_only().column(kkt::Column::Facts).into_tuple().all(self.db.direct()).await?;
        Ok(facts.iter().filter_map(|facts| rows::device(facts)).collect())
    }

    /// A page of registrations, newest first, after `after`. `now_ms` decides what is overdue.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or what is seen of a row is corrupt.
    pub async fn list(
        &self,
        scope: PartnerScope,
        filter: &Filter,
        after: Option<Position>,
        limit: u64,
        now_ms: i64,
    ) -> Result<Vec<View>, StoreError> {
        let mut query = mine(scope).filter(condition(filter, now_ms));
        if let Some((created_ms, id)) = after {
            let key = Expr::tuple([Expr::col(kkt::Column::CreatedMs), Expr::col(kkt::Column::Id)]);
            query = query.filter(key.lt(Expr::tuple([Expr::val(created_ms), Expr::val(id)])));
        }
        let page = query.order_by_desc(kkt::Column::CreatedMs).order_by_desc(kkt::Column::Id).limit(limit);
        shown(page).all(self.db.direct()).await?.into_iter().map(rows::read).collect()
    }

    /// Registrations changed at or after `since_ms` of the database's clock, oldest change first; `ids` empty for all of
    /// the partner. Each comes with the time of its change.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or what is seen of a row is corrupt.
    pub async fn changed(
        &self,
        scope: PartnerScope,
        ids: &[KktId],
        since_ms: i64,
        limit: u64,
    ) -> Result<Vec<(i64, View)>, StoreError> {
        let mut query = mine(scope).filter(kkt::Column::ChangedMs.gte(since_ms));
        if !ids.is_empty() {
            query = query.filter(kkt::Column::Id.is_in(ids.iter().map(|id| id.uuid())));
        }
        let rows = query.order_by_asc(kkt::Column::ChangedMs).limit(limit).all(self.db.direct()).await?;
        rows.into_iter().map(|row| Ok((row.changed_ms, rows::read(row)?))).collect()
    }

    /// The database's clock, Unix milliseconds.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn now_ms(&self) -> Result<i64, StoreError> {
        let backend = self.db.direct().get_database_backend();
        let sql = format!("SELECT {} AS now_ms", self.db.now_sql());
        let row = self.db.direct().query_one_raw(sea_orm::Statement::from_string(backend, sql)).await?;
        let row = row.ok_or_else(|| StoreError::Other("the database tells no time".into()))?;
        Ok(row.try_get("", "now_ms")?)
    }

    /// A change that a call asks for, with the request that asked for it; answers the registration after it.
    ///
    /// # Errors
    /// [`StoreError::Contention`] when the registration changed meanwhile; `Unique` of `RequestKey` when the same call
    /// was accepted meanwhile. Nothing is changed then.
    pub async fn change(
        &self,
        key: Key,
        accepted: Accepted,
        before: &Kkt,
        change: Change,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let (before, db_now) = (before.clone(), self.db.now_sql());
        self.db
            .unit(move |tx| {
                Box::pin(async move {
                    requests::insert(tx, key, &accepted, now_ms).await?;
                    let at = At::call(now_ms, db_now);
                    write(tx, key.scope, &before, &change, at, None).await
                })
            })
            .await
    }
}

/// When a change is written.
#[derive(Clone, Copy)]
pub(super) struct At {
    /// Our clock, for people.
    pub now_ms: i64,
    /// Expression of the database's clock, for due times.
    pub db_now: &'static str,
    /// Attempt of the worker; 0 for a call.
    pub attempt: i32,
    /// How long a worker that goes on at once has it from now, milliseconds; 0 when nobody goes on.
    pub lease_ms: i64,
}

impl At {
    pub(super) const fn call(now_ms: i64, db_now: &'static str) -> Self {
        Self { now_ms, db_now, attempt: 0, lease_ms: 0 }
    }
}

/// Moves the row from `before` by `change` and appends the line of the history. A worker gives the fence of its claim
/// and has its lease anew while it goes on at once.
pub(super) async fn write(
    tx: &Tx,
    scope: PartnerScope,
    before: &Kkt,
    change: &Change,
    at: At,
    fence: Option<i64>,
) -> Result<(), StoreError> {
    let mut row = rows::moved(&change.applied(before), change.corrected.is_some())?;
    let moved = before.state.name() != change.state.name();
    row.revision = Set(before.revision + 1);
    row.updated_ms = Set(at.now_ms);
    row.failures = Set(change.failing.times);
    row.failing_since_ms = Set(change.failing.since_ms);
    if moved {
        row.since_ms = Set(at.now_ms);
        row.attempts = Set(0);
    }
    let due = change.due_in_ms.map_or_else(|| Expr::cust("NULL"), |ms| in_ms(at.db_now, ms));
    let lease = if at.lease_ms > 0 { in_ms(at.db_now, at.lease_ms) } else { Expr::val(0_i64) };
    let update = kkt::Entity::update_many()
        .set(row)
        .col_expr(kkt::Column::DueMs, due)
        .col_expr(kkt::Column::LeaseUntilMs, lease)
        .col_expr(kkt::Column::ChangedMs, Expr::cust(at.db_now));
    let mut same = Where::all()
        .add(of_partner(kkt::Column::PartnerId, scope))
        .add(kkt::Column::Id.eq(before.id.uuid()))
        .add(kkt::Column::Revision.eq(before.revision));
    if let Some(fence) = fence {
        same = same.add(kkt::Column::Fence.eq(fence));
    }
    if update.filter(same).exec(tx).await?.rows_affected != 1 {
        return Err(StoreError::Contention);
    }
    line(scope, before, change, at).insert(tx).await?;
    if before.state.holds_register() && !change.state.holds_register() {
        give_rental_back(tx, scope, before.id, &change.state).await?;
    }
    Ok(())
}

/// A register of the fleet goes back with its drive unburnt, or out of the fleet until somebody has seen to its drive.
/// A sale has none.
async fn give_rental_back(tx: &Tx, scope: PartnerScope, id: KktId, ended: &State) -> Result<(), StoreError> {
    if ended.holds_drive() {
        fleet::store::withdraw(tx, scope, id).await.map(drop)
    } else {
        fleet::store::free(tx, scope, id).await.map(drop)
    }
}

fn line(scope: PartnerScope, before: &Kkt, change: &Change, at: At) -> kkt_history::ActiveModel {
    kkt_history::ActiveModel {
        partner_id: Set(scope.partner().uuid()),
        kkt_id: Set(before.id.uuid()),
        revision: Set(before.revision + 1),
        from_state: Set(Some(before.state.name().as_str().to_owned())),
        to_state: Set(change.state.name().as_str().to_owned()),
        at_ms: Set(at.now_ms),
        attempt: Set(at.attempt),
        actor: Set(change.actor.to_owned()),
        effect_id: Set(change.effect.map(EffectId::uuid)),
        detail: Set(change.detail.clone()),
    }
}

/// The partner's registrations; an erased one is as missing.
#[cfg_attr(feature = "chaos", track_caller)]
fn mine(scope: PartnerScope) -> sea_orm::Select<kkt::Entity> {
    kkt::Entity::find().filter(of_partner(kkt::Column::PartnerId, scope)).filter(kkt::Column::ErasedMs.is_null())
}

/// Of these rows what is read.
fn shown(found: sea_orm::Select<kkt::Entity>) -> Selector<SelectModel<rows::Shown>> {
    found.select_only().columns(rows::SHOWN).into_model()
}

fn condition(filter: &Filter, now_ms: i64) -> Where {
    let states = filter.states.iter().map(|s| s.as_str());
    let late = || {
        kkt::Column::ReportByMs
            .is_not_null()
            .and(kkt::Column::ReportByMs.lt(now_ms))
            .and(kkt::Column::State.is_in(super::guide::REPORT_IS_DUE))
    };
    Where::all()
        .add_option(filter.client_id.map(|id| kkt::Column::ClientId.eq(id.uuid())))
        .add_option((!filter.states.is_empty()).then(|| kkt::Column::State.is_in(states)))
        .add_option(filter.serial.as_ref().map(|s| kkt::Column::SerialKey.eq(s.normalised())))
        .add_option(filter.fn_serial.as_ref().map(|s| kkt::Column::FnSerial.eq(s.as_str())))
        .add_option(filter.rnm.as_ref().map(|r| kkt::Column::Rnm.eq(r.as_str())))
        .add_option(filter.inn.as_ref().map(|i| kkt::Column::Inn.eq(i.as_str())))
        .add_option(filter.external_ref.as_ref().map(|r| kkt::Column::ExternalRef.eq(r.as_str())))
        .add_option(filter.waiting_for.map(|w| kkt::Column::WaitingFor.eq(w.name())))
        .add_option(filter.overdue.map(|overdue| if overdue { late() } else { late().not() }))
}
