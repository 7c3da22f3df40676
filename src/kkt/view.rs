//! What partners see of a registration: a fraction of what is filed, so lists read no more of a row than this.

use serde::Deserialize;
use time::UtcOffset;

use super::model::{Block, Equipment, Kkt, SoldRegister};
use super::state::State;
use super::zone;
use crate::values::{ClientId, Inn, KktId};

/// A registration as partners see it.
#[derive(Clone)]
pub struct View {
    /// Id.
    pub id: KktId,
    /// The shop.
    pub client_id: ClientId,
    /// INN of the shop.
    pub inn: Inn,
    /// The partner's own key.
    pub external_ref: Option<String>,
    /// What was asked for.
    pub asked: Asked,
    /// What the registers said.
    pub found: Found,
    /// State with its data.
    pub state: State,
    /// Why it does not go on by itself, or what it waits for.
    pub block: Option<Block>,
    /// Rises by one with every change.
    pub revision: i64,
    /// In this state since, Unix milliseconds.
    pub since_ms: i64,
    /// When the worker looks next; absent when it waits for a call.
    pub next_attempt_ms: Option<i64>,
    /// Created, Unix milliseconds.
    pub created_ms: i64,
    /// Changed, Unix milliseconds.
    pub updated_ms: i64,
}

crate::values::discreet::discreet!(View { id, revision });

/// What is seen of [`super::model::Spec`], in the form in which that is stored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Asked {
    /// The cash register.
    pub equipment: Equipment,
    /// Burn as soon as everything is ready, without a Fiscalize call.
    pub fiscalize_automatically: bool,
}

/// What is seen of [`super::model::Facts`], in the form in which that is stored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Found {
    /// The register that is registered, sold or of the fleet.
    pub register: SoldRegister,
    /// The address of the place.
    pub address: Zoned,
}

/// What is seen of [`crate::gateways::taxpayers::RegisteredAddress`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Zoned {
    /// Time zone in the address register's form: "UTC+3".
    pub time_zone: Option<String>,
}

impl View {
    /// How far its place is ahead of UTC.
    pub fn offset(&self) -> UtcOffset {
        zone::offset(self.found.address.time_zone.as_deref())
    }

    /// Nothing happens to it before Fiscalize is called.
    pub const fn awaits_call(&self) -> bool {
        self.state.awaits_call(self.asked.fiscalize_automatically)
    }
}

impl From<Kkt> for View {
    fn from(kkt: Kkt) -> Self {
        let (spec, facts) = (kkt.spec, kkt.facts);
        let address = Zoned { time_zone: facts.address.time_zone };
        Self {
            id: kkt.id,
            client_id: kkt.client_id,
            inn: kkt.inn,
            external_ref: kkt.external_ref,
            asked: Asked { equipment: spec.equipment, fiscalize_automatically: spec.fiscalize_automatically },
            found: Found { register: facts.register, address },
            state: kkt.state,
            block: kkt.block,
            revision: kkt.revision,
            since_ms: kkt.since_ms,
            next_attempt_ms: kkt.next_attempt_ms,
            created_ms: kkt.created_ms,
            updated_ms: kkt.updated_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::kkt::model::{Facts, Spec};
    use crate::kkt::tests::samples::{company, entrepreneur};

    fn stored<T: DeserializeOwned>(value: &impl Serialize) -> T {
        serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
    }

    /// What is read of a stored registration by itself is what the whole of it says.
    #[test]
    fn what_is_seen_is_found_in_what_is_stored() {
        let mut rented = company();
        rented.0.equipment = Equipment::Rental { model: "АТОЛ 30Ф".into(), months: 12 };
        rented.0.fiscalize_automatically = false;
        rented.1.register.device_id = None;
        rented.1.address.time_zone = None;
        for (spec, facts) in [company(), entrepreneur(), rented] {
            let Spec { equipment, fiscalize_automatically, .. } = spec.clone();
            assert_eq!(stored::<Asked>(&spec), Asked { equipment, fiscalize_automatically });
            let Facts { register, address, .. } = facts.clone();
            let found = stored::<Found>(&facts);
            assert_eq!(found, Found { register, address: Zoned { time_zone: address.time_zone.clone() } });
            assert_eq!(zone::offset(found.address.time_zone.as_deref()), zone::offset_of(&address));
        }
    }
}
