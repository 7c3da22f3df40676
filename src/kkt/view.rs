//! What partners see of a registration: a fraction of what is filed, so no more of a row is parsed for them than this.

use serde::Deserialize;
use time::UtcOffset;

use super::model::{Equipment, Kkt, SoldRegister, WaitingFor};
use super::zone;

/// A registration as partners see it.
pub type View = Kkt<Asked, Found>;

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
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Zoned {
    /// Time zone in the address register's form: "UTC+3".
    pub time_zone: Option<String>,
}

crate::values::discreet::discreet!(Zoned);

impl View {
    /// How far its place is ahead of UTC.
    pub fn offset(&self) -> UtcOffset {
        zone::offset(self.facts.address.time_zone.as_deref())
    }

    /// Who must act now; absent while the service itself is at work and when all is done.
    pub fn waiting_for(&self) -> Option<WaitingFor> {
        WaitingFor::of(&self.state, self.block.as_ref(), self.spec.fiscalize_automatically)
    }

    /// Nothing happens to it before Fiscalize is called.
    pub const fn awaits_call(&self) -> bool {
        self.state.awaits_call(self.spec.fiscalize_automatically)
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
            request_id: kkt.request_id,
            external_ref: kkt.external_ref,
            spec: Asked { equipment: spec.equipment, fiscalize_automatically: spec.fiscalize_automatically },
            facts: Found { register: facts.register, address },
            state: kkt.state,
            block: kkt.block,
            revision: kkt.revision,
            since_ms: kkt.since_ms,
            next_attempt_ms: kkt.next_attempt_ms,
            created_ms: kkt.created_ms,
            updated_ms: kkt.updated_ms,
            origin: kkt.origin,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::Value;

    use super::*;
    use crate::kkt::model::{Facts, Spec};
    use crate::kkt::tests::samples::{company, entrepreneur};

    fn stored(value: &impl Serialize) -> Value {
        serde_json::to_value(value).unwrap()
    }

    fn asked(value: &Value) -> Option<Asked> {
        serde_json::from_value(value.clone()).ok()
    }

    fn found(value: &Value) -> Option<Found> {
        serde_json::from_value(value.clone()).ok()
    }

    /// What the whole of what is stored says of it.
    fn asked_of_all(value: &Value) -> Option<Asked> {
        let Spec { equipment, fiscalize_automatically, .. } = serde_json::from_value(value.clone()).ok()?;
        Some(Asked { equipment, fiscalize_automatically })
    }

    fn found_of_all(value: &Value) -> Option<Found> {
        let Facts { register, address, .. } = serde_json::from_value(value.clone()).ok()?;
        Some(Found { register, address: Zoned { time_zone: address.time_zone } })
    }

    /// The value without one of its fields, for each of them and of theirs.
    fn without_one(value: &Value) -> Vec<Value> {
        let Value::Object(fields) = value else { return Vec::new() };
        let mut all = Vec::new();
        for (name, inner) in fields {
            let mut less = fields.clone();
            less.remove(name);
            all.push(Value::Object(less));
            all.extend(without_one(inner).into_iter().map(|inner| {
                let mut less = fields.clone();
                less.insert(name.clone(), inner);
                Value::Object(less)
            }));
        }
        all
    }

    /// What can be read as a whole shows partners the same; what is missing has no other meaning for them.
    #[test]
    fn what_is_seen_is_what_the_whole_says() {
        let mut rented = company();
        rented.0.equipment = Equipment::Rental { model: "АТОЛ 30Ф".into(), months: 12 };
        rented.0.fiscalize_automatically = false;
        rented.1.register.device_id = None;
        rented.1.address.time_zone = None;
        for (spec, facts) in [company(), entrepreneur(), rented] {
            let (spec, facts) = (stored(&spec), stored(&facts));
            assert!(asked(&spec).is_some() && found(&facts).is_some());
            let (specs, several) = (without_one(&spec), without_one(&facts));
            assert!(specs.len() > 20 && several.len() > 20, "{} {}", specs.len(), several.len());
            for value in [spec].iter().chain(&specs).filter(|value| asked_of_all(value).is_some()) {
                assert_eq!(asked(value), asked_of_all(value), "{value}");
            }
            for value in [facts].iter().chain(&several).filter(|value| found_of_all(value).is_some()) {
                assert_eq!(found(value), found_of_all(value), "{value}");
            }
        }
    }
}
