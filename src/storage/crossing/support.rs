//! What support sees and does: whose it is does not matter to it, so everything here crosses partners. Who may run the
//! operator's commands decides who may see it.

use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use crate::storage::entity::{effect, kkt};
use crate::storage::{Db, StoreError};

/// How many commands of these steps were intended and have no outcome yet.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn unclear_commands(db: &Db, steps: &[&str]) -> Result<u64, StoreError> {
    let open = effect::Entity::find()
        .filter(effect::Column::State.eq("INTENDED"))
        .filter(effect::Column::Step.is_in(steps.iter().copied()));
    Ok(open.count(db.direct()).await?)
}

/// Makes the registrations due that wait with this reason and are to be looked at again anyhow; how many.
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
