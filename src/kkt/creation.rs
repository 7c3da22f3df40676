//! The first write of a registration, together with the request that asked for it.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait};

use super::hire::sold;
use super::model::Kkt;
use super::rows;
use super::store::Store;
use crate::clients;
use crate::fleet;
use crate::fleet::model::FleetDevice;
use crate::storage::entity::kkt_history;
use crate::storage::requests::{self, Accepted, Key};
use crate::storage::{StoreError, Tx, db_now};
use crate::values::PartnerScope;

impl Store {
    /// Takes one of the `candidates` out of the fleet and creates the registration of it together with the request that
    /// asked for it. `None` = all of them are with others by now.
    ///
    /// # Errors
    /// [`StoreError::Unique`]: `RequestKey` when the same call was accepted meanwhile, `KktSerial` or `KktFn` when the
    /// register has been sold; [`StoreError::Contention`] when it has been changed or others take too long. Nothing is
    /// created or taken then.
    pub async fn create_hired(
        &self,
        key: Key,
        accepted: Accepted,
        draft: Kkt,
        candidates: Vec<FleetDevice>,
    ) -> Result<Option<Kkt>, StoreError> {
        let ids: Vec<_> = candidates.iter().map(|device| device.id).collect();
        self.db
            .unit(move |tx| {
                Box::pin(async move {
                    let Some(device) = fleet::store::pick(tx, key.scope, &ids).await? else { return Ok(None) };
                    if !candidates.iter().any(|one| one.id == device.id && one.register == device.register) {
                        return Err(StoreError::Contention);
                    }
                    let mut kkt = draft;
                    kkt.facts.register = sold(&device.register);
                    insert(tx, key, &accepted, &kkt).await?;
                    fleet::store::take(tx, key.scope, &device, kkt.id).await?;
                    Ok(Some(kkt))
                })
            })
            .await
    }

    /// Creates a registration together with the request that asked for it.
    ///
    /// # Errors
    /// [`StoreError::Unique`]: `KktSerial` or `KktFn` when the register is taken, `RequestKey` when the same call was
    /// accepted meanwhile. Nothing is created then.
    pub async fn create(&self, key: Key, accepted: Accepted, kkt: &Kkt) -> Result<(), StoreError> {
        let kkt = kkt.clone();
        self.db.unit(move |tx| Box::pin(async move { insert(tx, key, &accepted, &kkt).await })).await
    }
}

/// Request, registration and the first line of its history.
async fn insert(tx: &Tx, key: Key, accepted: &Accepted, kkt: &Kkt) -> Result<(), StoreError> {
    clients::store::keep(tx, key.scope, kkt.client_id).await?;
    requests::insert(tx, key, accepted, kkt.created_ms).await?;
    tx.execute(&rows::new(key.scope, kkt, db_now(tx))?).await?;
    first_line(key.scope, kkt).insert(tx).await?;
    Ok(())
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
