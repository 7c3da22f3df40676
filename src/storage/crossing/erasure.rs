//! Erasing the personal data of a client and of its registrations, and removing what a period has ended for. All of it crosses
//! because operators erase whoever's client it is, and periods are the same for everybody; each statement names ids that
//! were found first, so nothing but one client's rows is touched.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Statement, Value,
};
use uuid::Uuid;

use crate::storage::entity::{client, effect, erasure, kkt};
use crate::storage::{Backend, Db, StoreError, Tx, db_now, of_partner, of_partner_sql};
use crate::values::{PartnerId, PartnerScope};

/// Key of the advisory lock under which records are chained, any number of our own.
const CHAIN: i64 = 0x6572_6173_7572;

/// A client and all that hangs under it, locked until the transaction ends.
pub struct Held {
    /// The client.
    pub client: client::Model,
    /// Its registrations.
    pub kkts: Vec<kkt::Model>,
    /// Commands of these whose outcome is unclear.
    pub unclear: Vec<effect::Model>,
    /// The database's clock, Unix milliseconds.
    pub now_ms: i64,
}

/// How many rows were emptied or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each name is that of a table")]
pub struct Counts {
    pub registrations: u64,
    pub documents: u64,
    pub requests: u64,
}

/// Takes a client and its registrations, so that nobody changes them or adds one; `None` when there is no such client. Crosses
/// because an operator erases whoever's client it is.
///
/// # Errors
/// [`StoreError`] when the database does not answer; `Contention` when somebody is at work on them.
pub async fn hold(tx: &Tx, id: Uuid) -> Result<Option<Held>, StoreError> {
    let Some(client) = client::Entity::find_by_id(id).lock_exclusive().one(tx).await? else { return Ok(None) };
    let kkts = kkt::Entity::find()
        .filter(of_partner(kkt::Column::PartnerId, PartnerScope::new(PartnerId::new(client.partner_id))))
        .filter(kkt::Column::ClientId.eq(id))
        .order_by_asc(kkt::Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    let unclear = effect::Entity::find()
        .filter(effect::Column::KktId.is_in(kkts.iter().map(|row| row.id)))
        .filter(effect::Column::State.eq("INTENDED"))
        .all(tx)
        .await?;
    Ok(Some(Held { client, kkts, unclear, now_ms: now_ms(tx).await? }))
}

async fn now_ms(tx: &Tx) -> Result<i64, StoreError> {
    let sql = format!("SELECT {} AS now_ms", db_now(tx));
    let row = tx.query_one_raw(Statement::from_string(tx.get_database_backend(), sql)).await?;
    let row = row.ok_or_else(|| StoreError::Other("the database tells no time".into()))?;
    Ok(row.try_get("", "now_ms")?)
}

/// Every column of `client` that tells about a person; ids, state and times stay.
const CLIENT: &str = "UPDATE client SET inn = '', login = '', phone = '', company = '', last_name = '', first_name = '', \
    middle_name = '', address = '', taxpayer = '', search = '', external_ref = NULL, account_id = NULL, due_ms = NULL, \
    lease_until_ms = 0, fence = fence + 1, updated_ms = $1, erased_ms = $1 \
    WHERE id = $2 AND fence = $3 AND state = $4 AND erased_ms IS NULL";

/// Every column of `kkt` that tells about a person; what is held, numbers, state and times stay. The revision rises, so that
/// nothing that was read before can be written.
const KKTS: &str = "UPDATE kkt SET inn = '', external_ref = NULL, spec = '', facts = '', state_data = '', block = NULL, \
    waiting_for = NULL, origin = NULL, due_ms = NULL, lease_until_ms = 0, fence = fence + 1, revision = revision + 1, \
    updated_ms = $3, erased_ms = $3";

// Of each statement `$1` is the client's partner and `$2` the client. The schema alone would keep registrations and documents
// of others out, and ids are nobody else's; the condition holds also where a row hangs wrong.

fn kkts_emptied() -> String {
    format!("{KKTS} WHERE {} AND client_id = $2 AND erased_ms IS NULL", of_partner_sql(1))
}

fn documents_gone() -> String {
    let own = of_partner_sql(1);
    let kkts = format!("SELECT id FROM kkt WHERE {} AND client_id = $2", of_partner_sql(1));
    format!("DELETE FROM document WHERE {own} AND kkt_id IN ({kkts})")
}

/// The fingerprint is a hash over the INN without a key. The row stays, so that its id never does anything again.
fn requests_emptied() -> String {
    let own = of_partner_sql(1);
    let kkts = format!("SELECT id FROM kkt WHERE {} AND client_id = $2", of_partner_sql(1));
    format!("UPDATE request SET fingerprint = $3 WHERE {own} AND (resource_id = $2 OR resource_id IN ({kkts}))")
}

/// Empties what [`hold`] has taken, as it was then. Crosses like [`hold`], and names the partner in each statement.
///
/// # Errors
/// [`StoreError::Contention`] when it is not so any more; nothing may be committed then.
pub async fn empty(tx: &Tx, held: &Held, at_ms: i64) -> Result<Counts, StoreError> {
    let (partner, id) = (held.client.partner_id, held.client.id);
    let client = [at_ms.into(), id.into(), held.client.fence.into(), held.client.state.clone().into()];
    if run(tx, CLIENT, client).await? != 1 {
        return Err(StoreError::Contention);
    }
    let registrations = run(tx, &kkts_emptied(), [partner.into(), id.into(), at_ms.into()]).await?;
    if registrations != held.kkts.len() as u64 {
        return Err(StoreError::Contention);
    }
    let documents = run(tx, &documents_gone(), [partner.into(), id.into()]).await?;
    let requests = run(tx, &requests_emptied(), [partner.into(), id.into(), Vec::<u8>::new().into()]).await?;
    Ok(Counts { registrations, documents, requests })
}

/// The last record; nobody adds one before this transaction ends. SQLite has one writer at a time. Crosses because there is one
/// chain of records.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn last(tx: &Tx) -> Result<Option<erasure::Model>, StoreError> {
    if tx.get_database_backend() == DbBackend::Postgres {
        let lock = format!("SELECT pg_advisory_xact_lock({CHAIN})");
        tx.execute_raw(Statement::from_string(DbBackend::Postgres, lock)).await?;
    }
    Ok(erasure::Entity::find().order_by_desc(erasure::Column::Seq).one(tx).await?)
}

/// The latest record about a client. Crosses like [`hold`].
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn of_client(tx: &Tx, client: Uuid) -> Result<Option<erasure::Model>, StoreError> {
    let about = erasure::Entity::find().filter(erasure::Column::ClientId.eq(client));
    Ok(about.order_by_desc(erasure::Column::Seq).one(tx).await?)
}

/// Adds a record. Crosses like [`last`].
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn add(tx: &Tx, row: erasure::Model) -> Result<(), StoreError> {
    row.into_active_model().insert(tx).await?;
    Ok(())
}

/// All records, the oldest first. Crosses because the chain is verified whole.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn all(db: &Db) -> Result<Vec<erasure::Model>, StoreError> {
    Ok(erasure::Entity::find().order_by_asc(erasure::Column::Seq).all(db.direct()).await?)
}

/// When a client changed last, Unix milliseconds, and which.
pub type Place = (i64, Uuid);

/// Up to `limit` abandoned clients that have not changed since `before_ms`, the oldest first, after this one.
/// Crosses because periods are the same for everybody.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn abandoned(db: &Db, before_ms: i64, after: Option<Place>, limit: u64) -> Result<Vec<Place>, StoreError> {
    use client::Column as C;
    let old = client::Entity::find().filter(C::State.eq("ABANDONED")).filter(C::ErasedMs.is_null());
    let mut old = old.filter(C::UpdatedMs.lt(before_ms));
    if let Some((updated_ms, id)) = after {
        let place = Expr::tuple([Expr::col(C::UpdatedMs), Expr::col(C::Id)]);
        old = old.filter(place.gt(Expr::tuple([Expr::val(updated_ms), Expr::val(id)])));
    }
    let old = old.order_by_asc(C::UpdatedMs).order_by_asc(C::Id).limit(limit);
    Ok(old.select_only().column(C::UpdatedMs).column(C::Id).into_tuple().all(db.direct()).await?)
}

const ENDED: &str = "('REGISTERED', 'REJECTED', 'CANCELLED')";

/// Deletes up to `limit` request ids accepted before `before_ms` whose client or registration has come to an end, the oldest
/// first; how many. Those of erased ones stay: they hold nothing, and keep an old call from doing anything. Crosses like
/// [`abandoned`].
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn drop_requests(db: &Db, before_ms: i64, limit: u64) -> Result<u64, StoreError> {
    run(db.direct(), &requests_sql(db.backend(), limit), [before_ms.into()]).await
}

/// The statement of [`drop_requests`]. Its conditions of age and fingerprint are those of the index `request_kept`, to the
/// letter. What became of each is asked by its key: an `EXISTS` would let PostgreSQL read all registrations instead. Those found are
/// deleted from where they stand: told their keys, PostgreSQL would look for a portion of them by reading all request ids.
pub fn requests_sql(backend: Backend, limit: u64) -> String {
    let found = |place| {
        format!(
            "SELECT r.{place} FROM request r WHERE r.created_ms < $1 AND length(r.fingerprint) > 0 \
             AND COALESCE((SELECT c.state <> 'ACCOUNT_PENDING' FROM client c WHERE c.id = r.resource_id), TRUE) \
             AND COALESCE((SELECT k.state IN {ENDED} AND k.due_ms IS NULL FROM kkt k WHERE k.id = r.resource_id), TRUE) \
             ORDER BY r.created_ms LIMIT {limit}"
        )
    };
    let these = match backend {
        Backend::Postgres => format!("ctid = ANY (ARRAY({}))", found("ctid")),
        Backend::Sqlite => format!("rowid IN ({})", found("rowid")),
    };
    // Once more of the row as it is by then: it may just have been emptied.
    format!("DELETE FROM request WHERE length(fingerprint) > 0 AND {these}")
}

/// Deletes up to `limit` documents from before `before_ms` of registrations that ended before that, the oldest first; how many.
/// Crosses like [`abandoned`].
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn drop_documents(db: &Db, before_ms: i64, limit: u64) -> Result<u64, StoreError> {
    run(db.direct(), &documents_sql(limit), [before_ms.into()]).await
}

/// The statement of [`drop_documents`]: by the age of documents, since registrations that have none any more stay for ever.
pub fn documents_sql(limit: u64) -> String {
    format!(
        "DELETE FROM document WHERE id IN (SELECT d.id FROM document d WHERE d.at_ms < $1 AND (SELECT k.state IN {ENDED} \
         AND k.since_ms < $1 AND k.due_ms IS NULL FROM kkt k WHERE k.id = d.kkt_id) \
         ORDER BY d.at_ms LIMIT {limit})"
    )
}

async fn run<const N: usize>(on: &impl ConnectionTrait, sql: &str, values: [Value; N]) -> Result<u64, StoreError> {
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, values);
    Ok(on.execute_raw(statement).await?.rows_affected())
}
