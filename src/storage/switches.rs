//! The stop switch of each gateway. Whoever commits the intent to send a command passes the switch in the same
//! transaction; whoever stops a gateway waits for the intents under way. So once a gateway has been stopped, no new
//! intent is committed.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    Statement,
};

use super::audit::Record;
use super::entity::stop_switch;
use super::{Db, StoreError, Tx};
use crate::gateways::Gateway;

/// The first half of the keys of the advisory locks, any number of our own; the second is the gateway.
const LOCKS: i32 = 0x0073_746f;

/// A gateway that is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Which, by its name in the configuration.
    pub gateway: String,
    /// Why.
    pub reason: String,
    /// Who stopped it.
    pub actor: String,
    /// Since when, Unix milliseconds.
    pub since_ms: i64,
}

/// Lets an intent pass, or refuses it; nobody can stop the gateway before this transaction ends.
///
/// # Errors
/// [`StoreError::Stopped`]; nothing may be sent then.
pub async fn pass(tx: &Tx, gateway: Gateway) -> Result<(), StoreError> {
    lock(tx, gateway, "pg_advisory_xact_lock_shared").await?;
    check(tx, gateway).await
}

/// The same for an intent that can as well be committed later: whether it passes. It does not wait for whoever stops the gateway, so
/// that they undo nothing of this transaction.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn passes(tx: &Tx, gateway: Gateway) -> Result<bool, StoreError> {
    if tx.get_database_backend() == DbBackend::Postgres {
        let row = tx.query_one_raw(locking("pg_try_advisory_xact_lock_shared", gateway)).await?;
        let free = row.map(|row| row.try_get::<bool>("", "free")).transpose()?;
        if free != Some(true) {
            return Ok(false);
        }
    }
    Ok(stop_switch::Entity::find_by_id(gateway.name()).one(tx).await?.is_none())
}

impl Db {
    /// Whether a command may be sent now whose intent was committed before, or that needs none.
    ///
    /// # Errors
    /// [`StoreError::Stopped`] when it may not.
    pub async fn allowed(&self, gateway: Gateway) -> Result<(), StoreError> {
        check(self.direct(), gateway).await
    }

    /// Stops a gateway; waits for the intents that are being committed. Whether it ran before: a stopped one is left as
    /// it is, and nothing is recorded.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer; `Contention` when intents are in the way: try again.
    pub async fn stop(&self, gateway: Gateway, stop: Stop, record: Record) -> Result<bool, StoreError> {
        self.unit(move |tx| {
            Box::pin(async move {
                lock(tx, gateway, "pg_advisory_xact_lock").await?;
                if stop_switch::Entity::find_by_id(gateway.name()).one(tx).await?.is_some() {
                    return Ok(false);
                }
                let row = stop_switch::Model {
                    gateway: gateway.name().to_owned(),
                    reason: stop.reason,
                    actor: stop.actor,
                    since_ms: stop.since_ms,
                };
                row.into_active_model().insert(tx).await?;
                record.write(tx).await.map(|()| true)
            })
        })
        .await
    }

    /// Lets a gateway work again. Whether it was stopped; else nothing is recorded.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn start(&self, gateway: Gateway, record: Record) -> Result<bool, StoreError> {
        self.unit(move |tx| {
            Box::pin(async move {
                let gone = stop_switch::Entity::delete_many().filter(stop_switch::Column::Gateway.eq(gateway.name()));
                if gone.exec(tx).await?.rows_affected == 0 {
                    return Ok(false);
                }
                record.write(tx).await.map(|()| true)
            })
        })
        .await
    }

    /// The gateways that are stopped.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn stops(&self) -> Result<Vec<Stop>, StoreError> {
        let rows = stop_switch::Entity::find().order_by_asc(stop_switch::Column::Gateway).all(self.direct()).await?;
        Ok(rows.into_iter().map(read).collect())
    }
}

async fn check<C: ConnectionTrait>(on: &C, gateway: Gateway) -> Result<(), StoreError> {
    match stop_switch::Entity::find_by_id(gateway.name()).one(on).await? {
        Some(_) => Err(StoreError::Stopped(gateway)),
        None => Ok(()),
    }
}

/// SQLite has one writer at a time, so its transactions need no lock of their own. On PostgreSQL a row lock would be a
/// write; an advisory one is not.
async fn lock(tx: &Tx, gateway: Gateway, function: &str) -> Result<(), StoreError> {
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_raw(locking(function, gateway)).await?;
    }
    Ok(())
}

fn locking(function: &str, gateway: Gateway) -> Statement {
    let sql = format!("SELECT {function}({LOCKS}, {}) AS free", gateway as i32);
    Statement::from_string(DbBackend::Postgres, sql)
}

fn read(row: stop_switch::Model) -> Stop {
    Stop { gateway: row.gateway, reason: row.reason, actor: row.actor, since_ms: row.since_ms }
}
