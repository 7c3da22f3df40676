//! What request ids stand for: the table that makes calls repeatable. Stores of the slices use it.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition as Where, ConnectionTrait, EntityTrait, FromQueryResult,
    JoinType, QueryFilter, QueryOrder, QuerySelect, QueryTrait, RelationDef, Select,
};
use uuid::Uuid;

use super::entity::{request, stop_switch};
use super::{StoreError, of_partner};
use crate::failure::Failure;
use crate::gateways::Gateway;
use crate::values::{PartnerScope, RequestId};

/// A call that was accepted.
#[derive(Clone, PartialEq, Eq)]
pub struct Accepted {
    /// SHA-256 over the content, without any password; empty when what it stands for was erased.
    pub fingerprint: Vec<u8>,
    /// The client or registration it made or changed.
    pub resource: Uuid,
}

impl Accepted {
    /// Whether a call with this fingerprint is the one that was accepted. A request id whose resource was erased stands for
    /// nothing, and for nothing else ever again.
    ///
    /// # Errors
    /// [`Failure::NotFound`] of `what` when it was erased; [`Failure::KeyReused`] for another content.
    pub fn is_of(&self, fingerprint: &[u8], what: &'static str) -> Result<(), Failure> {
        match self.fingerprint.as_slice() {
            [] => Err(Failure::NotFound { what }),
            same if same == fingerprint => Ok(()),
            _ => Err(Failure::KeyReused),
        }
    }
}

// A plain hash over an INN can be found by trying all of them.
crate::values::discreet::discreet!(Accepted { resource });

/// What names a call.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Whose.
    pub scope: PartnerScope,
    /// Name of the RPC: `Register`.
    pub method: &'static str,
    /// Chosen by the caller.
    pub id: RequestId,
}

/// The call of this name, when it was accepted before.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn find<C: ConnectionTrait>(on: &C, key: Key) -> Result<Option<Accepted>, StoreError> {
    Ok(named(key).one(on).await?.map(accepted))
}

/// A call that was accepted, with what it stands for.
pub struct Known<M> {
    /// The call.
    pub accepted: Accepted,
    /// What it made or changed, when the partner has it and it is not erased.
    pub resource: Option<M>,
    /// Whether an operator has stopped the gateway, when one was asked about.
    pub stopped: Option<bool>,
}

/// The columns by which a table of partners' rows is looked into: whose a row is, its id, when it was erased.
#[expect(missing_docs, reason = "the type says it")]
pub struct Columns<C> {
    pub partner: C,
    pub id: C,
    pub erased: C,
}

/// The call of this name, when it was accepted before, with the row that it stands for, and whether the gateway is stopped that it
/// would tell something: one question to the database, since whoever repeats a call is in a hurry.
///
/// # Errors
/// [`StoreError`] when the database does not answer, or a row is not one of its table.
pub async fn known<C: ConnectionTrait, R: EntityTrait>(
    on: &C,
    key: Key,
    columns: Columns<R::Column>,
    gateway: Option<Gateway>,
) -> Result<Option<Known<R::Model>>, StoreError> {
    let scope = key.scope;
    let stands_for: RelationDef = request::Entity::belongs_to(R::default())
        .from(request::Column::ResourceId)
        .to(columns.id)
        .on_condition(move |_, _| Where::all().add(of_partner(columns.partner, scope)).add(columns.erased.is_null()))
        .into();
    let stop = gateway.map(|gateway| Expr::exists(stop_switch::Entity::find_by_id(gateway.name()).into_query()));
    let select = named(key).join(JoinType::LeftJoin, stands_for).select_also(R::default());
    // Told apart from a row that cannot be read.
    let select = select.expr_as(columns.id.is_not_null(), "there");
    let select = select.expr_as(stop.unwrap_or_else(|| Expr::cust("NULL")), "stopped");
    let Some(row) = on.query_one_raw(select.build(on.get_database_backend())).await? else { return Ok(None) };
    let there: bool = row.try_get("", "there")?;
    Ok(Some(Known {
        accepted: accepted(request::Model::from_query_result(&row, "A_")?),
        resource: there.then(|| R::Model::from_query_result(&row, "B_")).transpose()?,
        stopped: row.try_get("", "stopped")?,
    }))
}

#[cfg_attr(feature = "chaos", track_caller)]
fn named(key: Key) -> Select<request::Entity> {
    request::Entity::find()
        .filter(of_partner(request::Column::PartnerId, key.scope))
        .filter(request::Column::Method.eq(key.method))
        .filter(request::Column::RequestId.eq(key.id.uuid()))
}

fn accepted(row: request::Model) -> Accepted {
    Accepted { fingerprint: row.fingerprint, resource: row.resource_id }
}

/// When this id was first accepted under one of these methods, the latest of them, Unix milliseconds.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn latest_ms<C: ConnectionTrait>(
    on: &C,
    scope: PartnerScope,
    methods: &[&str],
    id: RequestId,
) -> Result<Option<i64>, StoreError> {
    let row = request::Entity::find()
        .filter(of_partner(request::Column::PartnerId, scope))
        .filter(request::Column::Method.is_in(methods.iter().copied()))
        .filter(request::Column::RequestId.eq(id.uuid()))
        .order_by_desc(request::Column::CreatedMs)
        .one(on)
        .await?;
    Ok(row.map(|row| row.created_ms))
}

/// Remembers a call, in the unit of work that carries it out.
///
/// # Errors
/// [`StoreError::Unique`] of `RequestKey` when the same call was accepted meanwhile.
pub async fn insert<C: ConnectionTrait>(on: &C, key: Key, accepted: &Accepted, now_ms: i64) -> Result<(), StoreError> {
    let row = request::ActiveModel {
        partner_id: Set(key.scope.partner().uuid()),
        method: Set(key.method.to_owned()),
        request_id: Set(key.id.uuid()),
        fingerprint: Set(accepted.fingerprint.clone()),
        resource_id: Set(accepted.resource),
        created_ms: Set(now_ms),
    };
    row.insert(on).await?;
    Ok(())
}

/// Forgets the calls that stand for a resource which came to nothing, so that the same id may be used again.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn forget<C: ConnectionTrait>(on: &C, scope: PartnerScope, resource: Uuid) -> Result<(), StoreError> {
    request::Entity::delete_many()
        .filter(of_partner(request::Column::PartnerId, scope))
        .filter(request::Column::ResourceId.eq(resource))
        .exec(on)
        .await?;
    Ok(())
}
