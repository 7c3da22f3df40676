//! What is held back after a backup was restored, until somebody has compared it with the outside.
//!
//! The outside may be ahead of what was restored: commands carried out, registers hired out, tokens revoked that nobody
//! here remembers. So while a recovery is open no command is sent before its receiver was asked whether it knows it, and
//! until they are confirmed no token is believed and no register of a fleet is given. A drive is burnt only for those
//! who asked for it after the restore; that holds for ever.

use std::collections::BTreeSet;

use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};

use super::audit::Record;
use super::crossing::access::raise;
use super::entity::gone_hub;
use super::entity::recovery::{Column, Entity, Model};
use super::{Db, StoreError, Tx};

/// A recovery after a restore, open or finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// What the operator calls this restore: `2026-11-24`.
    pub name: String,
    /// When it began, Unix milliseconds by our clock. What happened in the database before is what the backup knew.
    pub since_ms: i64,
    /// Since when tokens are believed again, Unix milliseconds.
    pub tokens_confirmed_ms: Option<i64>,
    /// Since when registers of the fleet are given again, Unix milliseconds.
    pub fleet_confirmed_ms: Option<i64>,
    /// Its end, Unix milliseconds.
    pub finished_ms: Option<i64>,
}

/// What an operator confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// The list of tokens: those revoked since the backup are revoked again.
    Tokens,
    /// The fleet: what was given since the backup is taken out of it.
    Fleet,
    /// Everything: nothing is asked before it is done any more.
    All,
}

/// What became of a hub that is given up or taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// It was not so before.
    Changed,
    /// It was so before.
    Before,
    /// No recovery is open.
    NoRecovery,
}

/// What a server found that was told to recover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// The recovery begins now.
    Now,
    /// It is open already.
    Before,
    /// It was finished: nothing is held back.
    Finished,
}

impl Recovery {
    /// Commands are asked about before they are sent.
    pub const fn is_open(&self) -> bool {
        self.finished_ms.is_none()
    }

    /// No token is believed.
    pub const fn freezes_tokens(&self) -> bool {
        self.is_open() && self.tokens_confirmed_ms.is_none()
    }

    /// No register of a fleet is given.
    pub const fn freezes_fleet(&self) -> bool {
        self.is_open() && self.fleet_confirmed_ms.is_none()
    }
}

impl Db {
    /// Opens the recovery of this name, or goes on with it. Several replicas may call this at once.
    ///
    /// # Errors
    /// [`StoreError::Other`] when another one is open; [`StoreError`] when the database does not answer.
    pub async fn begin_recovery(&self, name: &str, now_ms: i64, record: Record) -> Result<Begun, StoreError> {
        if let Some(begun) = self.begun(name).await? {
            return Ok(begun);
        }
        let (since_ms, tokens_confirmed_ms, fleet_confirmed_ms, finished_ms) = (now_ms, None, None, None);
        let row = Model { name: name.to_owned(), since_ms, tokens_confirmed_ms, fleet_confirmed_ms, finished_ms };
        let begun = self.unit(move |tx| {
            Box::pin(async move {
                row.into_active_model().insert(tx).await?;
                raise(tx).await?;
                record.write(tx).await
            })
        });
        match begun.await {
            Ok(()) => Ok(Begun::Now),
            // One is open: this one, begun by another replica meanwhile, or another one.
            Err(StoreError::Unique(_)) => self
                .begun(name)
                .await?
                .ok_or_else(|| StoreError::Other("another recovery is open: finish it first".into())),
            Err(other) => Err(other),
        }
    }

    async fn begun(&self, name: &str) -> Result<Option<Begun>, StoreError> {
        let row = Entity::find_by_id(name).one(self.direct()).await?;
        Ok(row.map(|row| if row.finished_ms.is_some() { Begun::Finished } else { Begun::Before }))
    }

    /// The latest recovery, open or finished.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn recovery(&self) -> Result<Option<Recovery>, StoreError> {
        latest(self.direct()).await
    }

    /// Gives a hub up, or takes it back: while it is given up, and until the open recovery ends, nobody waits for what it could
    /// tell of forgotten burns. Where nothing changes, nothing is recorded.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn give_up_hub(&self, hub: &str, gone: bool, now_ms: i64, record: Record) -> Result<Given, StoreError> {
        let hub = hub.to_owned();
        self.unit(move |tx| {
            Box::pin(async move {
                // Held until this is written, so that nobody finishes it meanwhile.
                let hold = Entity::update_many().col_expr(Column::FinishedMs, Expr::val(None::<i64>));
                let held = hold.filter(Column::FinishedMs.is_null()).exec(tx).await?.rows_affected == 1;
                let Some(recovery) = latest(tx).await?.filter(|latest| held && latest.is_open()) else {
                    return Ok(Given::NoRecovery);
                };
                let row = gone_hub::Model { recovery: recovery.name, hub, since_ms: now_ms };
                if !changed(tx, row, gone).await? {
                    return Ok(Given::Before);
                }
                record.write(tx).await.map(|()| Given::Changed)
            })
        })
        .await
    }

    /// The hubs that were given up in the open recovery.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn gone_hubs(&self) -> Result<BTreeSet<String>, StoreError> {
        let Some(recovery) = self.recovery().await?.filter(Recovery::is_open) else { return Ok(BTreeSet::new()) };
        let rows = gone_hub::Entity::find().filter(gone_hub::Column::Recovery.eq(recovery.name)).all(self.direct());
        Ok(rows.await?.into_iter().map(|row| row.hub).collect())
    }

    /// Confirms a part of the open recovery. Whether there was anything to confirm; else nothing is recorded.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn confirm_recovery(&self, what: Confirmed, now_ms: i64, record: Record) -> Result<bool, StoreError> {
        let column = match what {
            Confirmed::Tokens => Column::TokensConfirmedMs,
            Confirmed::Fleet => Column::FleetConfirmedMs,
            Confirmed::All => Column::FinishedMs,
        };
        self.unit(move |tx| {
            Box::pin(async move {
                let open = Entity::update_many()
                    .col_expr(column, Expr::val(now_ms))
                    .filter(Column::FinishedMs.is_null())
                    .filter(column.is_null());
                if open.exec(tx).await?.rows_affected == 0 {
                    return Ok(false);
                }
                raise(tx).await?;
                record.write(tx).await.map(|()| true)
            })
        })
        .await
    }
}

/// Writes or deletes the row; whether it was not so before.
async fn changed<C: ConnectionTrait>(on: &C, row: gone_hub::Model, gone: bool) -> Result<bool, StoreError> {
    let known = gone_hub::Entity::find_by_id((row.recovery.clone(), row.hub.clone())).one(on).await?;
    match (known, gone) {
        (None, true) => row.into_active_model().insert(on).await.map(|_| true),
        (Some(known), false) => known.into_active_model().delete(on).await.map(|_| true),
        (Some(_), true) | (None, false) => Ok(false),
    }
    .map_err(Into::into)
}

/// Whether a recovery is open, as this transaction sees it.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn is_open(tx: &Tx) -> Result<bool, StoreError> {
    Ok(latest(tx).await?.is_some_and(|recovery| recovery.is_open()))
}

async fn latest<C: ConnectionTrait>(on: &C) -> Result<Option<Recovery>, StoreError> {
    let row = Entity::find().order_by_desc(Column::SinceMs).one(on).await?;
    Ok(row.map(|Model { name, since_ms, tokens_confirmed_ms, fleet_confirmed_ms, finished_ms }| Recovery {
        name,
        since_ms,
        tokens_confirmed_ms,
        fleet_confirmed_ms,
        finished_ms,
    }))
}
