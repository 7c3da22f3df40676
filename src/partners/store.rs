//! Rows of partners, tokens and devices, and what they mean. What crosses partners is in `storage::crossing::access`.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Statement,
};

use super::model::{Device, HubDevice, HubUrl, Label, Partner, TokenRecord};
use super::token::{KeyId, SecretDigest};
use crate::storage::audit::Record;
use crate::storage::crossing::access::{self, Sight};
use crate::storage::entity::{device, partner, quota, token};
use crate::storage::{Db, StoreError, of_partner};
use crate::values::{DeviceId, PartnerId, PartnerScope};

/// Whether tokens are believed now, and the token of this key id with its partner.
pub(super) async fn find_token(db: &Db, key_id: &KeyId) -> Result<(bool, Option<(TokenRecord, Partner)>), StoreError> {
    let Sight { frozen, found } = access::token(db, key_id.as_str()).await?;
    let found = found.map(|(token, partner)| Ok::<_, StoreError>((token_of(token)?, partner_of(partner)?)));
    Ok((frozen, found.transpose()?))
}

/// Whether partners are believed now, and the partner of this id.
pub(super) async fn find_partner(db: &Db, id: PartnerId) -> Result<(bool, Option<Partner>), StoreError> {
    let (frozen, found) = access::partner(db, id.uuid()).await?;
    Ok((frozen, found.map(partner_of).transpose()?))
}

/// Adds a token in the place of another one, which ends by `until_ms`; whether that one is live.
pub(super) async fn replace_token(
    db: &Db,
    old: &KeyId,
    until_ms: i64,
    token: &TokenRecord,
    record: Record,
) -> Result<bool, StoreError> {
    let (old, row) = (old.as_str().to_owned(), row_of(token));
    db.unit(move |tx| {
        Box::pin(async move {
            if !access::end_by(tx, &old, row.created_ms, until_ms).await? {
                return Ok(false);
            }
            row.into_active_model().insert(tx).await?;
            record.write(tx).await.map(|()| true)
        })
    })
    .await
}

/// Adds a token to a partner.
pub(super) async fn add_token(
    db: &Db,
    scope: PartnerScope,
    token: &TokenRecord,
    record: Record,
) -> Result<(), StoreError> {
    let row = token::Model { partner_id: scope.partner().uuid(), ..row_of(token) };
    db.unit(move |tx| {
        Box::pin(async move {
            row.into_active_model().insert(tx).await?;
            record.write(tx).await
        })
    })
    .await
}

/// All tokens.
pub(super) async fn tokens(db: &Db) -> Result<Vec<TokenRecord>, StoreError> {
    access::tokens(db).await?.into_iter().map(token_of).collect()
}

/// All partners.
pub(super) async fn partners(db: &Db) -> Result<Vec<Partner>, StoreError> {
    access::partners(db).await?.into_iter().map(partner_of).collect()
}

/// Adds a partner.
pub(super) async fn add_partner(db: &Db, partner: &Partner, record: Record) -> Result<(), StoreError> {
    let row = partner::Model {
        id: partner.id.uuid(),
        name: partner.name.as_str().to_owned(),
        theme: partner.theme.as_str().to_owned(),
        enabled: partner.enabled,
        created_ms: partner.created_ms,
    };
    db.unit(move |tx| {
        Box::pin(async move {
            access::add_partner(tx, row).await?;
            record.write(tx).await
        })
    })
    .await
}

/// Lets a partner's tokens in or not; whether there is such a partner.
pub(super) async fn set_enabled(db: &Db, id: PartnerId, enabled: bool, record: Record) -> Result<bool, StoreError> {
    db.unit(move |tx| {
        Box::pin(async move {
            let done = access::set_enabled(tx, id.uuid(), enabled).await?;
            if done { record.write(tx).await.map(|()| true) } else { Ok(false) }
        })
    })
    .await
}

/// Revokes a token; whether there is such a token.
pub(super) async fn revoke(db: &Db, key_id: &KeyId, now_ms: i64, record: Record) -> Result<bool, StoreError> {
    let key_id = key_id.as_str().to_owned();
    db.unit(move |tx| {
        Box::pin(async move {
            let done = access::revoke(tx, &key_id, now_ms).await?;
            if done { record.write(tx).await.map(|()| true) } else { Ok(false) }
        })
    })
    .await
}

/// Puts a device at a partner's disposal. [`StoreError::Unique`] when it is at somebody's already.
pub(super) async fn add_device(
    db: &Db,
    scope: PartnerScope,
    device: &Device,
    record: Record,
) -> Result<(), StoreError> {
    let row = device::Model {
        id: device.id.uuid(),
        partner_id: scope.partner().uuid(),
        hub: device.hub.as_str().to_owned(),
        hub_device: device.hub_device.as_str().to_owned(),
        note: device.note.as_str().to_owned(),
        created_ms: device.created_ms,
    };
    db.unit(move |tx| {
        Box::pin(async move {
            row.into_active_model().insert(tx).await?;
            record.write(tx).await
        })
    })
    .await
}

/// All devices.
pub(super) async fn devices(db: &Db) -> Result<Vec<Device>, StoreError> {
    access::devices(db).await?.into_iter().map(device_of).collect()
}

/// The kind of questions that are counted.
const LOOKUPS: &str = "LOOKUPS";

/// For how long the partner's questions are spoken for, microseconds from now; not above 0 when none is.
pub(super) async fn spoken_for(db: &Db, scope: PartnerScope) -> Result<i64, StoreError> {
    let left = Expr::col(quota::Column::UntilUs).sub(Expr::cust(now_us(db)));
    let found: Option<i64> = quota::Entity::find()
        .select_only()
        .expr_as(left, "left_us")
        .filter(of_partner(quota::Column::PartnerId, scope))
        .filter(quota::Column::Kind.eq(LOOKUPS))
        .into_tuple()
        .one(db.direct())
        .await?;
    Ok(found.filter(|left| *left > 0).unwrap_or(0))
}

/// Speaks for `share_us` more, unless that would be more than `most_us` from now; whether it did. One statement, so that
/// replicas do not count past each other.
pub(super) async fn spend(db: &Db, scope: PartnerScope, share_us: i64, most_us: i64) -> Result<bool, StoreError> {
    let now = now_us(db);
    let from = format!("CASE WHEN quota.until_us > {now} THEN quota.until_us ELSE {now} END");
    let sql = format!(
        "INSERT INTO quota (partner_id, kind, until_us) VALUES ($1, '{LOOKUPS}', {now} + {share_us}) \
         ON CONFLICT (partner_id, kind) DO UPDATE SET until_us = {from} + {share_us} \
         WHERE {from} + {share_us} <= {now} + {most_us}"
    );
    let backend = db.direct().get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, [scope.partner().uuid().into()]);
    Ok(db.direct().execute_raw(statement).await?.rows_affected() == 1)
}

/// Expression of the database's clock, Unix microseconds.
pub(super) fn now_us(db: &Db) -> String {
    format!("(({}) * 1000)", db.now_sql())
}

/// A device of the partner; `None` when there is none of this id or it is somebody else's.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn device(db: &Db, scope: PartnerScope, id: DeviceId) -> Result<Option<Device>, StoreError> {
    let found = device::Entity::find_by_id(id.uuid())
        .filter(of_partner(device::Column::PartnerId, scope))
        .one(db.direct())
        .await?;
    found.map(device_of).transpose()
}

/// All devices of the partner.
///
/// # Errors
/// [`StoreError`] when the database does not answer or a row is corrupt.
pub async fn devices_of(db: &Db, scope: PartnerScope) -> Result<Vec<Device>, StoreError> {
    let rows = device::Entity::find().filter(of_partner(device::Column::PartnerId, scope)).all(db.direct()).await?;
    rows.into_iter().map(device_of).collect()
}

fn partner_of(row: partner::Model) -> Result<Partner, StoreError> {
    let corrupt = || StoreError::Corrupt { table: "partner", what: row.id.to_string() };
    Ok(Partner {
        id: PartnerId::new(row.id),
        name: Label::name(&row.name).map_err(|_| corrupt())?,
        theme: row.theme.parse().map_err(|_| corrupt())?,
        enabled: row.enabled,
        created_ms: row.created_ms,
    })
}

fn row_of(token: &TokenRecord) -> token::Model {
    token::Model {
        key_id: token.key_id.as_str().to_owned(),
        partner_id: token.partner.uuid(),
        secret_hash: token.digest.as_bytes().to_vec(),
        mode: token.mode.as_str().to_owned(),
        scopes: token.scopes.to_string(),
        note: token.note.as_str().to_owned(),
        created_ms: token.created_ms,
        expires_ms: token.expires_ms,
        revoked_ms: token.revoked_ms,
        last_used_ms: token.last_used_ms,
    }
}

fn token_of(row: token::Model) -> Result<TokenRecord, StoreError> {
    let corrupt = || StoreError::Corrupt { table: "token", what: row.key_id.clone() };
    Ok(TokenRecord {
        key_id: KeyId::parse(&row.key_id).map_err(|_| corrupt())?,
        partner: PartnerId::new(row.partner_id),
        digest: SecretDigest::from_bytes(&row.secret_hash).ok_or_else(corrupt)?,
        mode: row.mode.parse().map_err(|_| corrupt())?,
        scopes: row.scopes.parse().map_err(|_| corrupt())?,
        note: Label::note(&row.note).map_err(|_| corrupt())?,
        created_ms: row.created_ms,
        expires_ms: row.expires_ms,
        revoked_ms: row.revoked_ms,
        last_used_ms: row.last_used_ms,
    })
}

fn device_of(row: device::Model) -> Result<Device, StoreError> {
    let corrupt = || StoreError::Corrupt { table: "device", what: row.id.to_string() };
    Ok(Device {
        id: DeviceId::new(row.id),
        partner: PartnerId::new(row.partner_id),
        hub: HubUrl::parse(&row.hub).map_err(|_| corrupt())?,
        hub_device: HubDevice::parse(&row.hub_device).map_err(|_| corrupt())?,
        note: Label::note(&row.note).map_err(|_| corrupt())?,
        created_ms: row.created_ms,
    })
}
