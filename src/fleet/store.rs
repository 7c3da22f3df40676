//! The fleet in the database. A register changes hands by compare-and-set only.

use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::model::{FleetDevice, Register, State};
use crate::storage::entity::fleet::{self, Column};
use crate::storage::{StoreError, Tx, db_now};
use crate::values::{DeviceId, FleetId, FnSerial, KktId, KktSerial, PartnerId, PartnerScope};

/// Note of a register whose fiscal drive a registration has used up.
const FN_LOST: &str = "the fiscal drive is lost: put in another one and import its number";

/// The oldest of `candidates` that is free and that nobody else is taking at this moment; when all free ones are being
/// taken, waits for the outcome. `None` = all of them are taken.
///
/// The row stays locked until the unit of work ends; [`take`] must follow in the same one.
///
/// # Errors
/// [`StoreError::Contention`] when the others take too long.
pub async fn pick(tx: &Tx, scope: PartnerScope, candidates: &[FleetId]) -> Result<Option<FleetDevice>, StoreError> {
    let free = || {
        fleet::Entity::find()
            .filter(mine(scope))
            .filter(Column::State.eq(State::Free.as_str()))
            .filter(Column::Id.is_in(candidates.iter().map(|id| id.uuid())))
            .order_by_asc(Column::ImportedMs)
            .order_by_asc(Column::Id)
            .limit(1)
    };
    // SQLite has one writer, so that both find the same there.
    let unlocked = free().lock_with_behavior(LockType::Update, LockBehavior::SkipLocked).one(tx).await?;
    let row = match unlocked {
        Some(row) => Some(row),
        None => free().lock(LockType::Update).one(tx).await?,
    };
    row.map(read).transpose()
}

/// FREE → TAKEN, for a registration that is created in the same unit of work.
///
/// # Errors
/// [`StoreError::Contention`] when the register is not free any more or has another fiscal drive by now.
pub async fn take(tx: &Tx, scope: PartnerScope, device: &FleetDevice, kkt_id: KktId) -> Result<(), StoreError> {
    let same = mine(scope)
        .add(Column::Id.eq(device.id.uuid()))
        .add(Column::State.eq(State::Free.as_str()))
        .add(Column::FnSerial.eq(device.register.fn_serial.as_str()));
    match moved(tx, same, State::Taken(kkt_id), "").await? {
        1 => Ok(()),
        _ => Err(StoreError::Contention),
    }
}

/// TAKEN → FREE, when the registration has come to nothing and the fiscal drive is unburnt. `false` = the registration
/// has no register of the fleet: a sale.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn free(tx: &Tx, scope: PartnerScope, kkt_id: KktId) -> Result<bool, StoreError> {
    leave(tx, scope, kkt_id, State::Free, "").await
}

/// TAKEN → OUT, when the registration has come to nothing and the fiscal drive is lost. `false` = a sale.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn withdraw(tx: &Tx, scope: PartnerScope, kkt_id: KktId) -> Result<bool, StoreError> {
    leave(tx, scope, kkt_id, State::Out, FN_LOST).await
}

async fn leave(tx: &Tx, scope: PartnerScope, kkt_id: KktId, to: State, note: &str) -> Result<bool, StoreError> {
    let same = mine(scope).add(Column::KktId.eq(kkt_id.uuid())).add(Column::State.eq(State::Taken(kkt_id).as_str()));
    Ok(moved(tx, same, to, note).await? == 1)
}

async fn moved(tx: &Tx, same: Condition, to: State, note: &str) -> Result<u64, StoreError> {
    let row = fleet::ActiveModel {
        state: Set(to.as_str().to_owned()),
        kkt_id: Set(to.kkt().map(KktId::uuid)),
        note: Set(note.to_owned()),
        ..Default::default()
    };
    let update = fleet::Entity::update_many().set(row).col_expr(Column::ChangedMs, Expr::cust(db_now(tx)));
    Ok(update.filter(same).exec(tx).await?.rows_affected)
}

fn mine(scope: PartnerScope) -> Condition {
    Condition::all().add(Column::PartnerId.eq(scope.partner().uuid()))
}

/// The register in a row.
///
/// # Errors
/// [`StoreError::Corrupt`] with the id of the row.
pub fn read(row: fleet::Model) -> Result<FleetDevice, StoreError> {
    let id = FleetId::new(row.id);
    let corrupt = |column: &str| StoreError::Corrupt { table: "fleet", what: format!("{column} of {id}") };
    let state = match (row.state.as_str(), row.kkt_id) {
        ("FREE", None) => State::Free,
        ("TAKEN", Some(kkt)) => State::Taken(KktId::new(kkt)),
        ("OUT", None) => State::Out,
        _ => return Err(corrupt("state")),
    };
    let register = Register {
        serial: KktSerial::parse(&row.serial).map_err(|_| corrupt("serial"))?,
        fn_serial: FnSerial::parse(&row.fn_serial).map_err(|_| corrupt("fn_serial"))?,
        device_id: row.device_id.map(DeviceId::new),
        model: row.model,
    };
    let partner = PartnerId::new(row.partner_id);
    let (imported_ms, changed_ms) = (row.imported_ms, row.changed_ms);
    Ok(FleetDevice { id, partner, register, state, note: row.note, imported_ms, changed_ms })
}
