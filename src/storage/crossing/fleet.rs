//! Fleets seen across partners: a register stands in one of them, and in one registration, whoever's.

use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use uuid::Uuid;

use crate::storage::entity::fleet::{self, Column};
use crate::storage::entity::kkt;
use crate::storage::{StoreError, of_partner};
use crate::values::PartnerScope;

/// All registers of all fleets, the oldest first. Crosses because operators see everybody.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn all<C: ConnectionTrait>(on: &C) -> Result<Vec<fleet::Model>, StoreError> {
    Ok(fleet::Entity::find().order_by_asc(Column::ImportedMs).order_by_asc(Column::Id).all(on).await?)
}

/// Of every registration that holds one of these serial numbers or FN: model and serial key while it holds the register,
/// and the FN while it holds that. Crosses because a register is held whoever holds it; who that is, is not told.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn held<C: ConnectionTrait>(
    on: &C,
    serial_keys: Vec<String>,
    fn_serials: Vec<String>,
) -> Result<Vec<Holding>, StoreError> {
    let same = kkt::Column::SerialKey.is_in(serial_keys).or(kkt::Column::FnSerial.is_in(fn_serials));
    let held = kkt::Column::Held.eq(true).or(kkt::Column::FnHeld.eq(true));
    let rows = kkt::Entity::find().filter(held).filter(same).all(on).await?;
    let holding = |row: kkt::Model| Holding {
        register: row.held.then_some((row.model, row.serial_key)),
        drive: row.fn_held.then_some(row.fn_serial),
    };
    Ok(rows.into_iter().map(holding).collect())
}

/// What a registration holds.
pub struct Holding {
    /// Model and serial key.
    pub register: Option<(String, String)>,
    /// Serial number of the fiscal drive; still held when a cancelled registration left it in doubt or lost.
    pub drive: Option<String>,
}

/// Up to `limit` free registers of the partner's fleet of this model that no registration holds, the oldest first after
/// the position `after` (time of import, id). Crosses because a sale by anybody keeps a register from being hired out.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn to_hire<C: ConnectionTrait>(
    on: &C,
    scope: PartnerScope,
    model_key: &str,
    after: Option<(i64, Uuid)>,
    limit: u64,
) -> Result<Vec<fleet::Model>, StoreError> {
    let column = |column| Expr::col((fleet::Entity, column));
    let held = |column| Expr::col((kkt::Entity, column));
    let serial = held(kkt::Column::Model)
        .eq(column(Column::Model))
        .and(held(kkt::Column::SerialKey).eq(column(Column::SerialKey)));
    let holder = |what, same| {
        let mut query = Query::select();
        query.expr(Expr::val(1)).from(kkt::Entity).and_where(held(what).eq(true)).and_where(same);
        Expr::exists(query).not()
    };
    let later = after.map(|(ms, id)| {
        let position = Expr::tuple([Expr::col(Column::ImportedMs), Expr::col(Column::Id)]);
        position.gt(Expr::tuple([Expr::val(ms), Expr::val(id)]))
    });
    Ok(fleet::Entity::find()
        .filter(Condition::all().add_option(later))
        .filter(of_partner(Column::PartnerId, scope))
        .filter(Column::ModelKey.eq(model_key))
        .filter(Column::State.eq("FREE"))
        .filter(holder(kkt::Column::Held, serial))
        .filter(holder(kkt::Column::FnHeld, held(kkt::Column::FnSerial).eq(column(Column::FnSerial))))
        .order_by_asc(Column::ImportedMs)
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(on)
        .await?)
}

/// The register of a fleet with this serial number or this FN that is ready to be hired out. Crosses because a register
/// of a stranger's fleet cannot be sold either.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn free<C: ConnectionTrait>(
    on: &C,
    (model_key, serial_key): (String, String),
    fn_serial: &str,
) -> Result<Option<fleet::Model>, StoreError> {
    let same = Condition::any()
        .add(Column::ModelKey.eq(model_key).and(Column::SerialKey.eq(serial_key)))
        .add(Column::FnSerial.eq(fn_serial));
    Ok(fleet::Entity::find().filter(Column::State.eq("FREE")).filter(same).one(on).await?)
}
