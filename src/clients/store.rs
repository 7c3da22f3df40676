//! Clients in the database. Every function needs the partner's scope; every write that competes is compare-and-set and
//! checks its row count.

use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr};
use sea_orm::{
    ColumnTrait, Condition as Where, ConnectionTrait, EntityTrait, Order as Direction, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use serde::{Deserialize, Serialize};

use super::model::{Client, Draft, Filter, Order, State, StateName, fold};
use super::rows;
use crate::gateways::Gateway;
use crate::storage::entity::client;
use crate::storage::requests::{self, Accepted, Columns, Key, Known};
use crate::storage::{Db, StoreError, Tx, in_ms, of_partner, switches};
use crate::values::{ClientId, Inn, PartnerScope};

/// Clients in the database.
#[derive(Clone)]
pub struct Store {
    pub(super) db: Db,
}

/// A Register call that is about to take effect.
#[derive(Clone)]
pub struct Intent {
    /// Names the call.
    pub key: Key,
    /// What its request id stands for from now on.
    pub fingerprint: Vec<u8>,
    /// The data.
    pub draft: Draft,
    /// Our clock, for people.
    pub now_ms: i64,
    /// When the reaper asks about it, milliseconds from now.
    pub due_in_ms: i64,
}

/// Which client a Register call works on.
#[derive(Debug)]
pub enum Held {
    /// A new or continued one, ACCOUNT_PENDING, with this call's data and a password version of its own.
    Pending(Client),
    /// A pending one of the same partner with another login; nothing was written.
    OtherLogin(Client),
    /// The partner's own finished one; nothing was written.
    Active(Client),
    /// This very call has made one whose data were erased since; nothing was written.
    Erased,
}

/// A longer name, in bytes, makes a token that the contract does not take: it is looked for by its client.
const LONGEST_NAME: usize = 1_000;

/// Where a page of a list ended: what the client there is sorted by is asked for again only when it is not here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum End {
    /// At this client, which was made at this time.
    Made(ClientId, i64),
    /// At this client, which had this name: one that is erased has none, and keeps its place in the order of names.
    Named(ClientId, String),
    /// At this client, of a name that is too long for a token. Tokens of former versions name times so, too.
    Client(ClientId),
}

crate::values::discreet::discreet!(End);

impl End {
    /// At this client, in this order.
    pub fn at(client: &Client, order: Order) -> Self {
        match order {
            Order::Newest | Order::Oldest => Self::Made(client.id, client.created_ms),
            Order::Company if client.names.company.len() <= LONGEST_NAME => {
                Self::Named(client.id, client.names.company.clone())
            }
            Order::Company => Self::Client(client.id),
        }
    }
}

impl Store {
    /// The store on this database.
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// The call of this name, when it was accepted before, with the client that it stands for, and whether the account service
    /// is stopped.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn known(&self, key: Key) -> Result<Option<Known<client::Model>>, StoreError> {
        use client::Column::{ErasedMs, Id, PartnerId};
        let columns = Columns { partner: PartnerId, id: Id, erased: ErasedMs };
        requests::known::<_, client::Entity>(self.db.direct(), key, columns, Some(Gateway::Accounts)).await
    }

    /// The client, when this partner has it.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or the row is corrupt.
    pub async fn get(&self, scope: PartnerScope, id: ClientId) -> Result<Option<Client>, StoreError> {
        let query = mine(scope).filter(client::Column::Id.eq(id.uuid()));
        query.into_partial_model().one(self.db.direct()).await?.map(rows::read).transpose()
    }

    /// The partner's own client with this INN that is not abandoned.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or the row is corrupt.
    pub async fn open_by_inn(&self, scope: PartnerScope, inn: &Inn) -> Result<Option<Client>, StoreError> {
        open(self.db.direct(), scope, inn).await
    }

    /// Creates the client, or continues the partner's pending one with this call's data and the next password version,
    /// and remembers the request; one unit of work.
    ///
    /// # Errors
    /// [`StoreError::Unique`]: `ClientInn` when somebody else was faster with this INN (the index is over all partners),
    /// `RequestKey` when the same call was accepted meanwhile; [`StoreError::Contention`] when the pending client changed
    /// meanwhile. Nothing is written then.
    pub async fn hold(&self, intent: Intent) -> Result<Held, StoreError> {
        let db_now = self.db.now_sql();
        self.db.unit(move |tx| Box::pin(async move { hold(tx, &intent, db_now).await })).await
    }

    /// Ends a pending client ACTIVE, as long as it is as `seen`. `password_version` is the one in force.
    ///
    /// # Errors
    /// [`StoreError::Contention`] when it changed meanwhile.
    pub async fn activate(
        &self,
        scope: PartnerScope,
        seen: &Client,
        account_id: &str,
        password_version: i64,
        now_ms: i64,
    ) -> Result<Client, StoreError> {
        let state = State::Active { account_id: account_id.to_owned() };
        let update = settle(scope, seen, &state, now_ms)
            .col_expr(client::Column::AccountId, Expr::val(account_id))
            .col_expr(client::Column::PasswordVersion, Expr::val(password_version));
        changed(update.exec(self.db.direct()).await?.rows_affected)?;
        Ok(Client { state, password_version, updated_ms: now_ms, ..seen.clone() })
    }

    /// Ends a pending client ABANDONED, as long as it is as `seen`, and forgets the calls that stand for it: their
    /// request ids may be used again.
    ///
    /// # Errors
    /// [`StoreError::Contention`] when it changed meanwhile.
    pub async fn abandon(&self, scope: PartnerScope, seen: &Client, now_ms: i64) -> Result<(), StoreError> {
        let update = settle(scope, seen, &State::Abandoned, now_ms);
        let id = seen.id.uuid();
        self.db
            .unit(move |tx| {
                Box::pin(async move {
                    changed(update.exec(tx).await?.rows_affected)?;
                    requests::forget(tx, scope, id).await
                })
            })
            .await
    }

    /// Forgets the calls that stand for a client: their request ids may be used again.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn forget_requests(&self, scope: PartnerScope, id: ClientId) -> Result<(), StoreError> {
        requests::forget(self.db.direct(), scope, id.uuid()).await
    }

    /// A page of clients after the client `after`.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or a row is corrupt.
    pub async fn list(
        &self,
        scope: PartnerScope,
        filter: &Filter,
        order: Order,
        after: Option<&End>,
        limit: u64,
    ) -> Result<Vec<Client>, StoreError> {
        let (column, direction) = sort(order);
        let mut query = mine(scope).filter(condition(filter));
        if let Some(last) = after {
            query = query.filter(self.beyond(scope, order, last).await?);
        }
        let rows = query
            .order_by(column, direction.clone())
            .order_by(client::Column::Id, direction)
            .limit(limit)
            .into_partial_model()
            .all(self.db.direct())
            .await?;
        rows.into_iter().map(rows::read).collect()
    }

    /// The condition of keyset paging: what comes after `last` in this order, also when that was erased since.
    async fn beyond(&self, scope: PartnerScope, order: Order, last: &End) -> Result<Expr, StoreError> {
        let (id, sorted_by) = match last {
            End::Made(id, created_ms) => (*id, Expr::val(*created_ms)),
            End::Named(id, company) => (*id, Expr::val(company.as_str())),
            End::Client(id) => match self.place(scope, order, *id).await? {
                Some(place) => (*id, place),
                None => return Ok(Expr::val(false)),
            },
        };
        let (column, direction) = sort(order);
        let key = Expr::tuple([Expr::col(column), Expr::col(client::Column::Id)]);
        let end = Expr::tuple([sorted_by, Expr::val(id.uuid())]);
        Ok(if direction == Direction::Asc { key.gt(end) } else { key.lt(end) })
    }

    /// What a client is sorted by. An erased one keeps its time and has no name: a page that ended at one with a very long name
    /// has no next one then.
    async fn place(&self, scope: PartnerScope, order: Order, id: ClientId) -> Result<Option<Expr>, StoreError> {
        let row = every(scope).filter(client::Column::Id.eq(id.uuid())).one(self.db.direct()).await?;
        Ok(row.and_then(|row| match order {
            Order::Newest | Order::Oldest => Some(Expr::val(row.created_ms)),
            Order::Company => row.erased_ms.is_none().then(|| Expr::val(row.company)),
        }))
    }

    /// Takes up to `limit` pending clients that are due, for `lease_ms`, each with the scope of its partner.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or a row is corrupt.
    pub async fn claim(&self, limit: u32, lease_ms: i64) -> Result<Vec<(PartnerScope, Client)>, StoreError> {
        let rows = self.db.claim_due_clients(limit, lease_ms).await?;
        // A row that cannot be read must not keep the others waiting.
        let scoped = |(scope, row): (_, client::Model)| match rows::read(row.into()) {
            Ok(client) => Some((scope, client)),
            Err(error) => {
                tracing::error!(%error, "a client cannot be read");
                None
            }
        };
        Ok(rows.into_iter().filter_map(scoped).collect())
    }
}

async fn hold(tx: &Tx, intent: &Intent, db_now: &'static str) -> Result<Held, StoreError> {
    switches::pass(tx, Gateway::Accounts).await?;
    let scope = intent.key.scope;
    let before = match open(tx, scope, &intent.draft.inn).await? {
        Some(own) if own.state != State::AccountPending => return Ok(Held::Active(own)),
        Some(own) if own.email.login_key() != intent.draft.email.login_key() => return Ok(Held::OtherLogin(own)),
        before => before,
    };
    let id = match &before {
        Some(pending) => pending.id,
        None => match unused(tx, intent.key).await? {
            Some(id) => id,
            None => return Ok(Held::Erased),
        },
    };
    let due = in_ms(db_now, intent.due_in_ms);
    match &before {
        Some(pending) => renew(tx, intent, pending, due).await?,
        None => {
            tx.execute(&rows::new(scope, id, &intent.draft, intent.now_ms, due)?).await?;
        }
    }
    remember(tx, intent, id, before.is_some()).await?;
    Ok(Held::Pending(rows::pending(id, &intent.draft, before.as_ref(), intent.now_ms)))
}

/// The id of the client that this call makes: the first of its generations that is not there yet. `None` when it has made one
/// that was finished, and erased later: an old call must not bring a person back.
async fn unused(tx: &Tx, key: Key) -> Result<Option<ClientId>, StoreError> {
    for generation in 0..=u32::MAX {
        let id = ClientId::derive(key.scope.partner(), key.id, generation);
        match every(key.scope).filter(client::Column::Id.eq(id.uuid())).one(tx).await? {
            None => return Ok(Some(id)),
            Some(row) if row.erased_ms.is_some() && row.state == StateName::Active.as_str() => return Ok(None),
            Some(_) => {}
        }
    }
    Err(StoreError::Other("a call has made too many clients".into()))
}

/// Gives a pending client this call's data, and the call a password version that no other call has.
async fn renew(tx: &Tx, intent: &Intent, pending: &Client, due: Expr) -> Result<(), StoreError> {
    let update = client::Entity::update_many()
        .set(rows::content(&intent.draft, pending.password_version + 1, intent.now_ms)?)
        .col_expr(client::Column::DueMs, due)
        .filter(as_seen(intent.key.scope, pending));
    changed(update.exec(tx).await?.rows_affected)
}

/// A call that continues a client may be the one that began it.
async fn remember(tx: &Tx, intent: &Intent, id: ClientId, continues: bool) -> Result<(), StoreError> {
    let accepted = Accepted { fingerprint: intent.fingerprint.clone(), resource: id.uuid() };
    let before = if continues { requests::find(tx, intent.key).await? } else { None };
    match before {
        Some(known) if known == accepted => Ok(()),
        Some(_) => Err(StoreError::Contention),
        None => requests::insert(tx, intent.key, &accepted, intent.now_ms).await,
    }
}

async fn open<C: ConnectionTrait>(on: &C, scope: PartnerScope, inn: &Inn) -> Result<Option<Client>, StoreError> {
    let row = mine(scope)
        .filter(client::Column::Inn.eq(inn.as_str()))
        .filter(client::Column::State.ne(StateName::Abandoned.as_str()))
        .into_partial_model()
        .one(on)
        .await?;
    row.map(rows::read).transpose()
}

/// The end of a pending client: its state, and no more business for the reaper.
pub(super) fn settle(
    scope: PartnerScope,
    seen: &Client,
    state: &State,
    now_ms: i64,
) -> sea_orm::UpdateMany<client::Entity> {
    client::Entity::update_many()
        .col_expr(client::Column::State, Expr::val(state.name().as_str()))
        .col_expr(client::Column::DueMs, Expr::cust("NULL"))
        .col_expr(client::Column::UpdatedMs, Expr::val(now_ms))
        .filter(as_seen(scope, seen))
}

/// The password version rises with every call, so it tells whether anybody else was at work.
#[cfg_attr(feature = "chaos", track_caller)]
fn as_seen(scope: PartnerScope, seen: &Client) -> Where {
    Where::all()
        .add(of_partner(client::Column::PartnerId, scope))
        .add(client::Column::Id.eq(seen.id.uuid()))
        .add(client::Column::ErasedMs.is_null())
        .add(client::Column::State.eq(StateName::AccountPending.as_str()))
        .add(client::Column::PasswordVersion.eq(seen.password_version))
}

pub(super) const fn changed(rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Contention) }
}

/// The partner's clients; an erased one is as missing.
#[cfg_attr(feature = "chaos", track_caller)]
fn mine(scope: PartnerScope) -> Select<client::Entity> {
    every(scope).filter(client::Column::ErasedMs.is_null())
}

/// Erased ones too: their ids are taken for ever.
#[cfg_attr(feature = "chaos", track_caller)]
fn every(scope: PartnerScope) -> Select<client::Entity> {
    client::Entity::find().filter(of_partner(client::Column::PartnerId, scope))
}

/// Keeps a client from being erased before this transaction ends: a registration is about to hang under it.
///
/// # Errors
/// [`StoreError::Contention`] when it has just been erased.
pub async fn keep(tx: &Tx, scope: PartnerScope, id: ClientId) -> Result<(), StoreError> {
    let here = mine(scope).filter(client::Column::Id.eq(id.uuid())).lock_shared().one(tx).await?;
    here.map(drop).ok_or(StoreError::Contention)
}

const fn sort(order: Order) -> (client::Column, Direction) {
    match order {
        Order::Newest => (client::Column::CreatedMs, Direction::Desc),
        Order::Oldest => (client::Column::CreatedMs, Direction::Asc),
        Order::Company => (client::Column::Company, Direction::Asc),
    }
}

fn condition(filter: &Filter) -> Where {
    let states = filter.states.iter().map(|s| s.as_str());
    Where::all()
        .add_option(filter.inn.as_ref().map(|inn| client::Column::Inn.eq(inn.as_str())))
        .add_option(filter.text.as_deref().map(|text| Expr::col(client::Column::Search).like(containing(text))))
        .add_option(filter.external_ref.as_deref().map(|own| client::Column::ExternalRef.eq(own)))
        .add_option((!filter.states.is_empty()).then(|| client::Column::State.is_in(states)))
        .add_option(filter.created_from_ms.map(|ms| client::Column::CreatedMs.gte(ms)))
        .add_option(filter.created_before_ms.map(|ms| client::Column::CreatedMs.lt(ms)))
}

/// The pattern of texts that contain `text` literally.
fn containing(text: &str) -> LikeExpr {
    let literal = fold(text).replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
    LikeExpr::new(format!("%{literal}%")).escape('\\')
}

#[cfg(test)]
mod tests;
