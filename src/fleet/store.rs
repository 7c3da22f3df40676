//! The fleet in the database. A register changes hands by compare-and-set only.

use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::import::{Line, Wanted};
use super::model::{FleetDevice, Register, State};
use super::plan::{Known, Plan, plan};
use super::service::{Imported, Refused};
use crate::catalogue::model_key;
use crate::partners::store::devices_of;
use crate::progress::Count;
use crate::storage::audit::Record;
use crate::storage::crossing::fleet as crossing;
use crate::storage::entity::fleet::{self, Column};
use crate::storage::{Db, StoreError, Tx, db_now, of_partner};
use crate::values::{DeviceId, FleetId, FnSerial, KktId, KktSerial, PartnerId, PartnerScope};

/// Note of a register whose fiscal drive a registration has used up.
const FN_LOST: &str = "the fiscal drive is lost: put in another one and import its number";

/// Up to `limit` registers of the partner's fleet of this model that can be hired out: free, and in nobody's
/// registration. The oldest first, after the position `after`.
///
/// # Errors
/// [`StoreError`] when the database does not answer or a row is corrupt.
pub async fn to_hire(
    db: &Db,
    scope: PartnerScope,
    model: &str,
    after: Option<(i64, FleetId)>,
    limit: u64,
) -> Result<Vec<FleetDevice>, StoreError> {
    let after = after.map(|(ms, id)| (ms, id.uuid()));
    let rows = crossing::to_hire(db.direct(), scope, &model_key(model), after, limit).await?;
    rows.into_iter().map(read).collect()
}

/// The partner in whose fleet a register with this key or this FN waits to be hired out.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn waiting(db: &Db, key: (String, String), fn_serial: &FnSerial) -> Result<Option<PartnerId>, StoreError> {
    let found = crossing::free(db.direct(), key, fn_serial.as_str()).await?;
    Ok(found.map(|row| PartnerId::new(row.partner_id)))
}

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

/// OUT → FREE, when somebody has seen that the fiscal drive, which was taken for lost, is unburnt. `false` = no register
/// with this drive waits for that.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn put_back(tx: &Tx, scope: PartnerScope, fn_serial: &FnSerial) -> Result<bool, StoreError> {
    let same = mine(scope)
        .add(Column::FnSerial.eq(fn_serial.as_str()))
        .add(Column::State.eq(State::Out.as_str()))
        .add(Column::Note.eq(FN_LOST));
    Ok(moved(tx, same, State::Free, "").await? == 1)
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

/// All registers of all fleets, the oldest first.
pub(super) async fn all(db: &Db) -> Result<Vec<FleetDevice>, StoreError> {
    crossing::all(db.direct()).await?.into_iter().map(read).collect()
}

/// Compares lines, each with the id it gets when it is new, with what is there, and carries the difference out together with the line of the audit log that
/// `record` makes. Without one nothing is written.
pub(super) async fn import(
    db: &Db,
    scope: PartnerScope,
    lines: Vec<(Line, Uuid)>,
    record: Option<impl FnOnce(&Imported) -> Record + Send + 'static>,
    (now_ms, progress): (i64, Count),
) -> Result<Imported, Refused> {
    let devices = devices_of(db, scope).await?.into_iter().map(|device| device.id).collect();
    db.unit(move |tx| {
        Box::pin(async move {
            let (lines, ids): (Vec<_>, Vec<_>) = lines.into_iter().unzip();
            let known = Known { devices, ..known(tx, &lines).await? };
            let plan = plan(scope.partner(), lines, &known).map_err(Refused::Lines)?;
            let done = Imported { added: plan.add.len(), updated: plan.update.len(), unchanged: plan.unchanged };
            if let Some(record) = record.filter(|_| done.added + done.updated > 0) {
                progress.begin(done.added + done.updated);
                carry_out(tx, scope, plan, ids, (now_ms, &progress)).await?;
                record(&done).write(tx).await?;
            }
            Ok(done)
        })
    })
    .await
}

async fn known(tx: &Tx, lines: &[Line]) -> Result<Known, StoreError> {
    let serials = lines.iter().map(|line| line.register.serial.normalised()).collect();
    let drives = lines.iter().map(|line| line.register.fn_serial.as_str().to_owned()).collect();
    let held = crossing::held(tx, serials, drives).await?;
    let fleets = crossing::all(tx).await?.into_iter().map(read).collect::<Result<_, _>>()?;
    let drives = held.iter().filter_map(|one| one.drive.clone()).collect();
    let registers = held.into_iter().filter_map(|one| one.register);
    let registers = registers.map(|(model, serial)| (model_key(&model), serial)).collect();
    Ok(Known { fleets, registers, drives, ..Known::default() })
}

/// Drives may move from one register to another: they are taken out of all that change before they are put in.
async fn carry_out(
    tx: &Tx,
    scope: PartnerScope,
    plan: Plan,
    ids: Vec<Uuid>,
    (now_ms, progress): (i64, &Count),
) -> Result<(), StoreError> {
    for (before, line) in
        plan.update.iter().filter(|(before, line)| before.register.fn_serial != line.register.fn_serial)
    {
        let empty = fleet::ActiveModel { fn_serial: Set(format!("none in {}", line.number)), ..Default::default() };
        changed(tx, scope, before, empty).await?;
    }
    for (before, line) in plan.update {
        let row = fleet::ActiveModel { changed_ms: Set(now_ms), ..imported(&line) };
        changed(tx, scope, &before, row).await?;
        progress.step();
    }
    for (line, id) in plan.add.into_iter().zip(ids) {
        let row = fleet::ActiveModel {
            id: Set(id),
            partner_id: Set(scope.partner().uuid()),
            kkt_id: Set(None),
            imported_ms: Set(now_ms),
            changed_ms: Set(now_ms),
            ..imported(&line)
        };
        row.insert(tx).await?;
        progress.step();
    }
    Ok(())
}

/// Writes the columns of `row`, unless the register has changed its state since it was read.
async fn changed(
    tx: &Tx,
    scope: PartnerScope,
    before: &FleetDevice,
    row: fleet::ActiveModel,
) -> Result<(), StoreError> {
    let same = mine(scope).add(Column::Id.eq(before.id.uuid())).add(Column::State.eq(before.state.as_str()));
    match fleet::Entity::update_many().set(row).filter(same).exec(tx).await?.rows_affected {
        1 => Ok(()),
        _ => Err(StoreError::Contention),
    }
}

/// The columns that a line of a file decides.
fn imported(line: &Line) -> fleet::ActiveModel {
    let Register { model, serial, fn_serial, device_id } = &line.register;
    let state = if line.wanted == Wanted::Out { State::Out } else { State::Free };
    fleet::ActiveModel {
        model: Set(model.clone()),
        model_key: Set(model_key(model)),
        serial: Set(serial.as_str().to_owned()),
        serial_key: Set(serial.normalised()),
        fn_serial: Set(fn_serial.as_str().to_owned()),
        device_id: Set(device_id.map(DeviceId::uuid)),
        state: Set(state.as_str().to_owned()),
        note: Set(String::new()),
        ..Default::default()
    }
}

#[cfg_attr(feature = "chaos", track_caller)]
fn mine(scope: PartnerScope) -> Condition {
    Condition::all().add(of_partner(Column::PartnerId, scope))
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

#[cfg(test)]
mod tests;
