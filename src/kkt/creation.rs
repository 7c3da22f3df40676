//! The first write of a registration, together with the request that asked for it.

use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::model::Kkt;
use super::rows;
use super::store::Store;
use crate::storage::StoreError;
use crate::storage::entity::{kkt, kkt_history};
use crate::storage::requests::{self, Accepted, Key};
use crate::values::PartnerScope;

impl Store {
    /// Creates a registration together with the request that asked for it.
    ///
    /// # Errors
    /// [`StoreError::Unique`]: `KktSerial` or `KktFn` when the register is taken, `RequestKey` when the same call was
    /// accepted meanwhile. Nothing is created then.
    pub async fn create(&self, key: Key, accepted: Accepted, kkt: &Kkt) -> Result<(), StoreError> {
        let (row, first) = (rows::new(key.scope, kkt)?, first_line(key.scope, kkt));
        let created_ms = kkt.created_ms;
        let db_now = self.db.now_sql();
        let id = kkt.id.uuid();
        self.db
            .unit(move |tx| {
                Box::pin(async move {
                    requests::insert(tx, key, &accepted, created_ms).await?;
                    kkt::Entity::insert(row).exec_without_returning(tx).await?;
                    kkt::Entity::update_many()
                        .col_expr(kkt::Column::ChangedMs, Expr::cust(db_now))
                        .filter(kkt::Column::Id.eq(id))
                        .exec(tx)
                        .await?;
                    first.insert(tx).await?;
                    Ok(())
                })
            })
            .await
    }
}

fn first_line(scope: PartnerScope, kkt: &Kkt) -> kkt_history::ActiveModel {
    kkt_history::ActiveModel {
        partner_id: Set(scope.partner().uuid()),
        kkt_id: Set(kkt.id.uuid()),
        revision: Set(kkt.revision),
        from_state: Set(None),
        to_state: Set(kkt.state.name().as_str().to_owned()),
        at_ms: Set(kkt.created_ms),
        attempt: Set(0),
        actor: Set("partner".to_owned()),
        effect_id: Set(None),
        detail: Set("ACCEPTED".to_owned()),
    }
}
