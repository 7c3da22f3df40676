//! The only functions that see rows of more than one partner, each with its reason. Everything else needs a
//! `PartnerScope`.

pub mod access;
pub mod fleet;
pub mod support;

use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, Statement};

use super::entity::{client, kkt};
use super::{Backend, Db, StoreError};
use crate::values::{PartnerId, PartnerScope};

impl Db {
    /// Takes up to `limit` registrations that are due, for `lease_ms`. A worker serves all partners.
    ///
    /// Only rows in one of `states` are taken: a state that this program does not know belongs to a newer one. The
    /// attempt is counted here, so that a row that kills its worker is not tried without end at full speed.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn claim_due_kkt(
        &self,
        states: &[&'static str],
        limit: u32,
        lease_ms: i64,
    ) -> Result<Vec<kkt::Model>, StoreError> {
        let now = self.now_sql();
        let states = states.iter().map(|s| format!("'{s}'")).collect::<Vec<_>>().join(", ");
        let skip = if self.backend() == Backend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
        let sql = format!(
            "UPDATE kkt SET lease_until_ms = {now} + {lease_ms}, fence = fence + 1, attempts = attempts + 1 \
             WHERE id IN (SELECT id FROM kkt WHERE due_ms <= {now} AND lease_until_ms <= {now} AND state IN ({states}) \
             ORDER BY due_ms LIMIT {limit} {skip}) RETURNING *"
        );
        let statement = Statement::from_string(self.direct().get_database_backend(), sql);
        let rows = self.direct().query_all_raw(statement).await?;
        rows.iter().map(|row| Ok(kkt::Model::from_query_result(row, "")?)).collect()
    }
}

impl Db {
    /// Takes up to `limit` clients whose registration was left unfinished and is due, for `lease_ms`, each with the
    /// scope of its partner. The reaper serves all partners.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn claim_due_clients(
        &self,
        limit: u32,
        lease_ms: i64,
    ) -> Result<Vec<(PartnerScope, client::Model)>, StoreError> {
        let now = self.now_sql();
        let skip = if self.backend() == Backend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
        let sql = format!(
            "UPDATE client SET lease_until_ms = {now} + {lease_ms}, fence = fence + 1 \
             WHERE id IN (SELECT id FROM client WHERE due_ms <= {now} AND lease_until_ms <= {now} \
             AND state = 'ACCOUNT_PENDING' ORDER BY due_ms LIMIT {limit} {skip}) RETURNING *"
        );
        let statement = Statement::from_string(self.direct().get_database_backend(), sql);
        let rows = self.direct().query_all_raw(statement).await?;
        let read = |row| {
            let row = client::Model::from_query_result(row, "")?;
            Ok((PartnerScope::new(PartnerId::new(row.partner_id)), row))
        };
        rows.iter().map(read).collect()
    }

    /// Whether any partner's registration holds this register or this FN. Uniqueness goes over all partners; who holds
    /// it is not told.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn kkt_is_held(&self, model: &str, serial_key: &str, fn_serial: &str) -> Result<bool, StoreError> {
        let same = kkt::Column::Model.eq(model).and(kkt::Column::SerialKey.eq(serial_key));
        let found = kkt::Entity::find()
            .filter(
                (kkt::Column::Held.eq(true).and(same))
                    .or(kkt::Column::FnHeld.eq(true).and(kkt::Column::FnSerial.eq(fn_serial))),
            )
            .count(self.direct())
            .await?;
        Ok(found > 0)
    }
}
