//! What support sees of clients of all partners, and how it ends one, with a line in the audit log in the same transaction.

use sea_orm::sea_query::Expr;

use super::model::{Client, State};
use super::rows;
use super::store::{Store, changed, settle};
use crate::storage::StoreError;
use crate::storage::audit::Record;
use crate::storage::crossing::support::{self, ClientFilter};
use crate::storage::entity::client;
use crate::storage::requests;
use crate::values::{ClientId, PartnerId, PartnerScope};

/// A client as support sees it in a list.
#[derive(Debug, Clone)]
pub enum Listed {
    /// It is there.
    There(PartnerScope, Box<Client>),
    /// Its personal data were erased.
    Erased {
        /// Its id.
        id: ClientId,
        /// Whose it was.
        partner: PartnerId,
        /// Unix milliseconds.
        created_ms: i64,
        /// Unix milliseconds.
        erased_ms: i64,
    },
}

/// How support ends a pending client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Its account is there.
    Active {
        /// Id in the LiteBox service.
        account_id: String,
    },
    /// It came to nothing.
    Abandoned,
}

impl Store {
    /// Clients of any partner, for support, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or a row is corrupt.
    pub async fn search(&self, filter: &ClientFilter) -> Result<Vec<Listed>, StoreError> {
        support::clients(&self.db, filter).await?.into_iter().map(listed).collect()
    }

    /// A client of any partner, for support.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or the row is corrupt.
    pub async fn find(&self, id: ClientId) -> Result<Option<(PartnerScope, Client)>, StoreError> {
        support::client(&self.db, id.uuid()).await?.map(scoped).transpose()
    }

    /// Ends a pending client as support says, with its line in the audit log.
    ///
    /// # Errors
    /// [`StoreError::Contention`] when it changed meanwhile.
    pub async fn end(
        &self,
        scope: PartnerScope,
        seen: &Client,
        end: End,
        record: Record,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let id = seen.id.uuid();
        let update = match &end {
            End::Abandoned => settle(scope, seen, &State::Abandoned, now_ms),
            End::Active { account_id } => {
                settle(scope, seen, &State::Active { account_id: account_id.clone() }, now_ms)
                    .col_expr(client::Column::AccountId, Expr::val(account_id.as_str()))
            }
        };
        self.db
            .unit(move |tx| {
                Box::pin(async move {
                    changed(update.exec(tx).await?.rows_affected)?;
                    if end == End::Abandoned {
                        requests::forget(tx, scope, id).await?;
                    }
                    record.write(tx).await
                })
            })
            .await
    }
}

fn listed(row: client::Model) -> Result<Listed, StoreError> {
    let (id, partner, created_ms) = (ClientId::new(row.id), PartnerId::new(row.partner_id), row.created_ms);
    match row.erased_ms {
        Some(erased_ms) => Ok(Listed::Erased { id, partner, created_ms, erased_ms }),
        None => scoped(row).map(|(scope, client)| Listed::There(scope, Box::new(client))),
    }
}

fn scoped(row: client::Model) -> Result<(PartnerScope, Client), StoreError> {
    let scope = PartnerScope::new(PartnerId::new(row.partner_id));
    Ok((scope, rows::read(row.into())?))
}
