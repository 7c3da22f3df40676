//! Partners and tokens seen from outside any partner: before a caller is known, and by operators.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult, IntoActiveModel,
    QueryFilter, QueryOrder, QueryResult, QuerySelect, Statement,
};
use uuid::Uuid;

use crate::storage::entity::{device, partner, token};
use crate::storage::{Db, StoreError};

/// What one look at a presented key finds.
pub struct Sight {
    /// A backup was restored, and nobody has confirmed the tokens yet.
    pub frozen: bool,
    /// The token and its partner; absent when there is none.
    pub found: Option<(token::Model, partner::Model)>,
}

const FROZEN: &str =
    "EXISTS (SELECT 1 FROM recovery r WHERE r.finished_ms IS NULL AND r.tokens_confirmed_ms IS NULL) AS frozen";

/// The token of this key id with its partner, and whether tokens are believed: in one query, since every key pays it again
/// and again. Crosses because nobody is known before the token is.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn token(db: &Db, key_id: &str) -> Result<Sight, StoreError> {
    let sql = format!(
        "SELECT {FROZEN}, t.key_id AS t_key_id, t.partner_id AS t_partner_id, t.secret_hash AS t_secret_hash, \
         t.mode AS t_mode, t.scopes AS t_scopes, t.note AS t_note, t.created_ms AS t_created_ms, \
         t.expires_ms AS t_expires_ms, t.revoked_ms AS t_revoked_ms, t.last_used_ms AS t_last_used_ms, {PARTNER} \
         FROM access_change c LEFT JOIN token t ON t.key_id = $1 LEFT JOIN partner p ON p.id = t.partner_id \
         WHERE c.id = 1"
    );
    let row = one(db, sql, key_id.into()).await?;
    let found = match row.try_get::<Option<String>>("", "t_key_id")? {
        Some(_) => Some((token::Model::from_query_result(&row, "t_")?, partner::Model::from_query_result(&row, "p_")?)),
        None => None,
    };
    Ok(Sight { frozen: row.try_get("", "frozen")?, found })
}

const PARTNER: &str =
    "p.id AS p_id, p.name AS p_name, p.theme AS p_theme, p.enabled AS p_enabled, p.created_ms AS p_created_ms";

/// The partner of this id, and whether what the database says of partners is believed. Crosses because a service names
/// any partner.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn partner(db: &Db, id: Uuid) -> Result<(bool, Option<partner::Model>), StoreError> {
    let sql =
        format!("SELECT {FROZEN}, {PARTNER} FROM access_change c LEFT JOIN partner p ON p.id = $1 WHERE c.id = 1");
    let row = one(db, sql, id.into()).await?;
    let found = match row.try_get::<Option<Uuid>>("", "p_id")? {
        Some(_) => Some(partner::Model::from_query_result(&row, "p_")?),
        None => None,
    };
    Ok((row.try_get("", "frozen")?, found))
}

async fn one(db: &Db, sql: String, value: sea_orm::Value) -> Result<QueryResult, StoreError> {
    let statement = Statement::from_sql_and_values(db.direct().get_database_backend(), sql, [value]);
    let row = db.direct().query_one_raw(statement).await?;
    row.ok_or_else(|| StoreError::Other("access_change has no row".into()))
}

/// Says to all replicas that something which decides on access changes with this transaction. Crosses
/// because replicas remember the tokens of all partners.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn raise<C: ConnectionTrait>(on: &C) -> Result<(), StoreError> {
    on.execute_unprepared("UPDATE access_change SET changes = changes + 1 WHERE id = 1").await?;
    Ok(())
}

/// How often what decides on access has changed. Crosses like [`raise`].
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn changes(db: &Db) -> Result<i64, StoreError> {
    let backend = db.direct().get_database_backend();
    let sql = "SELECT changes FROM access_change WHERE id = 1";
    let row = db.direct().query_one_raw(Statement::from_string(backend, sql)).await?;
    let row = row.ok_or_else(|| StoreError::Other("access_change has no row".into()))?;
    Ok(row.try_get("", "changes")?)
}

/// Key ids of live tokens that were used since then, the last used first, at most so many. Crosses because nobody is known
/// before the token is.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn lately(db: &Db, since_ms: i64, most: u64) -> Result<Vec<String>, StoreError> {
    let query = token::Entity::find()
        .select_only()
        .column(token::Column::KeyId)
        .filter(token::Column::LastUsedMs.gte(since_ms))
        .filter(token::Column::RevokedMs.is_null())
        .order_by_desc(token::Column::LastUsedMs)
        .limit(most);
    Ok(query.into_tuple().all(db.direct()).await?)
}

/// Notes that a token was used, unless that was noted after `unless_since_ms`. Crosses like [`token`].
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
    raise(on).await?;
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
    raise(on).await?;
    Ok(done.rows_affected == 1)
}

/// Lets a live token end at `until_ms`, or when it would have ended anyway if that is sooner; whether it is live at
/// `now_ms`. Crosses like [`revoke`].
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn end_by<C: ConnectionTrait>(on: &C, key_id: &str, now_ms: i64, until_ms: i64) -> Result<bool, StoreError> {
    let sql = "UPDATE token SET expires_ms = CASE WHEN expires_ms IS NULL OR expires_ms > $1 THEN $1 ELSE expires_ms END \
               WHERE key_id = $2 AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $3)";
    let values = [until_ms.into(), key_id.into(), now_ms.into()];
    let done = on.execute_raw(Statement::from_sql_and_values(on.get_database_backend(), sql, values)).await?;
    raise(on).await?;
    Ok(done.rows_affected() == 1)
}

/// All devices, the oldest first. Crosses because operators see everybody.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn devices(db: &Db) -> Result<Vec<device::Model>, StoreError> {
    let query = device::Entity::find().order_by_asc(device::Column::CreatedMs).order_by_asc(device::Column::Id);
    Ok(query.all(db.direct()).await?)
}
