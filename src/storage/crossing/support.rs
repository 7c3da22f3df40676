//! What support sees and does: whose it is does not matter to it, so everything here crosses partners. Who may run the
//! operator's commands decides who may see it.

use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr};
use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::storage::audit::{self, Line};
use crate::storage::documents::Sealed;
use crate::storage::entity::{client, document, effect, kkt, partner};
use crate::storage::{Db, StoreError};
use crate::values::{Inn, KktId, PartnerId, PartnerScope};

/// The most that one command lists.
pub const MOST: u64 = 200;

/// Which lines of the audit log; absent conditions hold.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// About this registration.
    pub kkt: Option<KktId>,
    /// About this partner.
    pub partner: Option<PartnerId>,
    /// Then or later, Unix milliseconds.
    pub since_ms: Option<i64>,
}

/// Which clients; absent conditions hold.
#[derive(Debug, Clone, Default)]
pub struct ClientFilter {
    /// Of this partner.
    pub partner: Option<PartnerId>,
    /// In this state, as in the contract: `ACCOUNT_PENDING`.
    pub state: Option<&'static str>,
    /// With this tax number.
    pub inn: Option<Inn>,
}

/// Registrations with this id, this normalised serial number, or this FN or RNM, the newest first: those that are there, or
/// those that were `erased`. Crosses because who asks has a number and no partner.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn kkts(
    db: &Db,
    id: Option<Uuid>,
    serial_key: Option<&str>,
    text: &str,
    erased: bool,
) -> Result<Vec<kkt::Model>, StoreError> {
    let same = Condition::any()
        .add_option(id.map(|id| kkt::Column::Id.eq(id)))
        .add_option(serial_key.map(|serial| kkt::Column::SerialKey.eq(serial)))
        .add(kkt::Column::FnSerial.eq(text))
        .add(kkt::Column::Rnm.eq(text));
    let there = if erased { kkt::Column::ErasedMs.is_not_null() } else { kkt::Column::ErasedMs.is_null() };
    Ok(kkt::Entity::find()
        .filter(there)
        .filter(same)
        .order_by_desc(kkt::Column::CreatedMs)
        .limit(MOST)
        .all(db.direct())
        .await?)
}

/// The name of a partner. Crosses because whoever helps is none of them.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn partner_name(db: &Db, scope: PartnerScope) -> Result<String, StoreError> {
    let row = partner::Entity::find_by_id(scope.partner().uuid()).one(db.direct()).await?;
    Ok(row.map(|row| row.name).unwrap_or_default())
}

/// A document, whosever it is. Crosses because it is named by its id alone.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn document(db: &Db, id: Uuid) -> Result<Option<Sealed>, StoreError> {
    Ok(document::Entity::find_by_id(id).one(db.direct()).await?)
}

/// Lines of the audit log, the newest first. Crosses because it tells what operators did, to whomever.
///
/// # Errors
/// [`StoreError`] when the database does not answer or a line is corrupt.
pub async fn audit(db: &Db, filter: &AuditFilter) -> Result<Vec<Line>, StoreError> {
    use crate::storage::entity::audit::{Column, Entity};
    let lines = Entity::find()
        .filter(
            Condition::all()
                .add_option(filter.kkt.map(|id| Column::KktId.eq(id.uuid())))
                .add_option(filter.partner.map(|id| Column::PartnerId.eq(id.uuid())))
                .add_option(filter.since_ms.map(|ms| Column::AtMs.gte(ms))),
        )
        .order_by_desc(Column::AtMs)
        .order_by_desc(Column::Id)
        .limit(MOST);
    lines.all(db.direct()).await?.into_iter().map(audit::read).collect()
}

/// Clients, the newest first; erased ones only when neither state nor tax number is asked for. Crosses like [`kkts`].
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn clients(db: &Db, filter: &ClientFilter) -> Result<Vec<client::Model>, StoreError> {
    let there = (filter.state.is_some() || filter.inn.is_some()).then(|| client::Column::ErasedMs.is_null());
    let matching = Condition::all()
        .add_option(there)
        .add_option(filter.partner.map(|id| client::Column::PartnerId.eq(id.uuid())))
        .add_option(filter.state.map(|state| client::Column::State.eq(state)))
        .add_option(filter.inn.as_ref().map(|inn| client::Column::Inn.eq(inn.as_str())));
    let newest = client::Entity::find().filter(matching).order_by_desc(client::Column::CreatedMs).limit(MOST);
    Ok(newest.all(db.direct()).await?)
}

/// A client that is not erased, whosever it is. Crosses like [`document`].
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn client(db: &Db, id: Uuid) -> Result<Option<client::Model>, StoreError> {
    Ok(client::Entity::find_by_id(id).filter(client::Column::ErasedMs.is_null()).one(db.direct()).await?)
}

/// How many commands of these steps were intended and have no outcome yet. Crosses because a gateway
/// is stopped for everybody.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn unclear_commands(db: &Db, steps: &[&str]) -> Result<u64, StoreError> {
    let open = effect::Entity::find()
        .filter(effect::Column::State.eq("INTENDED"))
        .filter(effect::Column::Step.is_in(steps.iter().copied()));
    Ok(open.count(db.direct()).await?)
}

/// Makes the registrations due that wait with this reason and are to be looked at again anyhow; how many. Crosses
/// like [`unclear_commands`].
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn wake_stopped(db: &Db, reason: &str) -> Result<u64, StoreError> {
    let waits = LikeExpr::new(format!("%\"reason\":\"{reason}\"%"));
    let woken = kkt::Entity::update_many()
        .col_expr(kkt::Column::DueMs, Expr::cust(db.now_sql()))
        .filter(kkt::Column::WaitingFor.eq("OPERATOR"))
        .filter(kkt::Column::DueMs.is_not_null())
        .filter(Expr::col(kkt::Column::Block).like(waits));
    Ok(woken.exec(db.direct()).await?.rows_affected)
}

/// How many registrations in one of these states were due at this time, Unix milliseconds, and have not been tried since.
/// Those that came later are none of them. Crosses because a recovery waits for everybody's.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn untried(db: &Db, states: &[&'static str], at_ms: i64) -> Result<u64, StoreError> {
    let due = kkt::Entity::find()
        .filter(kkt::Column::State.is_in(states.iter().copied()))
        .filter(kkt::Column::ErasedMs.is_null())
        .filter(kkt::Column::CreatedMs.lte(at_ms))
        .filter(kkt::Column::DueMs.lte(at_ms));
    Ok(due.count(db.direct()).await?)
}
