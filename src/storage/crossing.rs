//! The only functions that see rows of more than one partner, each with its reason. Everything else needs a
//! `PartnerScope`.

pub mod access;
pub mod erasure;
pub mod fleet;
pub mod operations;
pub mod support;
pub mod work;

use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::entity::kkt;
use super::{Db, StoreError};

impl Db {
    /// Whether any partner's registration holds this register or this FN. Crosses because uniqueness goes over all
    /// partners; who holds it is not told.
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
