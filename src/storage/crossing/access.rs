//! Partners and tokens seen from outside any partner: before a caller is known, and by operators.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use uuid::Uuid;

use crate::storage::entity::{device, partner, token};
use crate::storage::{Db, StoreError};

/// The token of this key id with its partner. Crosses because nobody is known before the token is.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn token(db: &Db, key_id: &str) -> Result<Option<(token::Model, partner::Model)>, StoreError> {
    let Some(token) = token::Entity::find_by_id(key_id).one(db.direct()).await? else { return Ok(None) };
    let partner = partner::Entity::find_by_id(token.partner_id).one(db.direct()).await?;
    Ok(partner.map(|partner| (token, partner)))
}

/// Notes that a token was used, unless that was noted after `unless_since_ms`. Crosses like the look-up before it.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn touch(db: &Db, key_id: &str, now_ms: i64, unless_since_ms: i64) -> Result<(), StoreError> {
    let stale = token::Column::LastUsedMs.is_null().or(token::Column::LastUsedMs.lte(unless_since_ms));
    token::Entity::update_many()
        .col_expr(token::Column::LastUsedMs, Expr::value(now_ms))
        .filter(token::Column::KeyId.eq(key_id))
        .filter(stale)
        .exec(db.direct())
        .await?;
    Ok(())
}

/// All partners, the oldest first. Crosses because operators see everybody.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn partners(db: &Db) -> Result<Vec<partner::Model>, StoreError> {
    let query = partner::Entity::find().order_by_asc(partner::Column::CreatedMs).order_by_asc(partner::Column::Id);
    Ok(query.all(db.direct()).await?)
}

/// Adds a partner. Crosses because there is no scope before it.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn add_partner<C: ConnectionTrait>(on: &C, row: partner::Model) -> Result<(), StoreError> {
    row.into_active_model().insert(on).await?;
    Ok(())
}

/// Lets a partner's tokens in or not; whether there is such a partner. Crosses because only operators may.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn set_enabled<C: ConnectionTrait>(on: &C, id: Uuid, enabled: bool) -> Result<bool, StoreError> {
    let done = partner::Entity::update_many()
        .col_expr(partner::Column::Enabled, Expr::value(enabled))
        .filter(partner::Column::Id.eq(id))
        .exec(on)
        .await?;
    Ok(done.rows_affected == 1)
}

/// All tokens, the oldest first. Crosses because operators see everybody.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn tokens(db: &Db) -> Result<Vec<token::Model>, StoreError> {
    let query = token::Entity::find().order_by_asc(token::Column::CreatedMs).order_by_asc(token::Column::KeyId);
    Ok(query.all(db.direct()).await?)
}

/// Revokes a token, whosever it is; whether there is such a token. The first revocation stands. Crosses because an
/// operator who finds a leaked token has its key id only.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn revoke<C: ConnectionTrait>(on: &C, key_id: &str, now_ms: i64) -> Result<bool, StoreError> {
    let first = Expr::col(token::Column::RevokedMs).if_null(now_ms);
    let done = token::Entity::update_many()
        .col_expr(token::Column::RevokedMs, first)
        .filter(token::Column::KeyId.eq(key_id))
        .exec(on)
        .await?;
    Ok(done.rows_affected == 1)
}

/// All devices, the oldest first. Crosses because operators see everybody.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn devices(db: &Db) -> Result<Vec<device::Model>, StoreError> {
    let query = device::Entity::find().order_by_asc(device::Column::CreatedMs).order_by_asc(device::Column::Id);
    Ok(query.all(db.direct()).await?)
}
