//! Between rows and registrations. A row that cannot be understood is named, never guessed.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{Expr, InsertStatement};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::model::{Block, Kkt, Step};
use super::policy::Failing;
use super::state::{Name, State};
use super::view::Found;
use crate::storage::entity::{kkt, kkt_history};
use crate::storage::{StoreError, insertion};
use crate::values::{ClientId, DeviceId, EffectId, Inn, KktId, PartnerScope, RequestId};

/// What is read of a row: leases and keys of searches are for the database alone.
#[derive(FromQueryResult)]
pub struct Shown {
    id: Uuid,
    client_id: Uuid,
    inn: String,
    request_id: Uuid,
    external_ref: Option<String>,
    spec: String,
    facts: String,
    state: String,
    state_data: String,
    block: Option<String>,
    revision: i64,
    since_ms: i64,
    due_ms: Option<i64>,
    created_ms: i64,
    updated_ms: i64,
    origin: Option<String>,
}

/// The columns of [`Shown`].
pub const SHOWN: [kkt::Column; 16] = {
    use kkt::Column as C;
    [
        C::Id,
        C::ClientId,
        C::Inn,
        C::RequestId,
        C::ExternalRef,
        C::Spec,
        C::Facts,
        C::State,
        C::StateData,
        C::Block,
        C::Revision,
        C::SinceMs,
        C::DueMs,
        C::CreatedMs,
        C::UpdatedMs,
        C::Origin,
    ]
};

/// A line of the history.
#[derive(FromQueryResult)]
pub struct Line {
    pub(super) revision: i64,
    from_state: Option<String>,
    to_state: String,
    at_ms: i64,
    attempt: i32,
    actor: String,
    effect_id: Option<Uuid>,
    detail: String,
}

/// The columns of [`Line`].
pub const LINE: [kkt_history::Column; 8] = {
    use kkt_history::Column as C;
    [C::Revision, C::FromState, C::ToState, C::AtMs, C::Attempt, C::Actor, C::EffectId, C::Detail]
};

/// The registration in a row, with as much of what was asked for and said as is wanted.
///
/// # Errors
/// [`StoreError::Corrupt`] with the id of the row, when what is wanted of it cannot be understood.
pub fn read<S: DeserializeOwned, F: DeserializeOwned>(row: impl Into<Shown>) -> Result<Kkt<S, F>, StoreError> {
    let row: Shown = row.into();
    Ok(Kkt {
        id: KktId::new(row.id),
        client_id: ClientId::new(row.client_id),
        inn: row.inn()?,
        request_id: RequestId::new(row.request_id),
        spec: row.json("spec", &row.spec)?,
        facts: row.json("facts", &row.facts)?,
        state: row.state()?,
        block: row.block()?,
        external_ref: row.external_ref,
        revision: row.revision,
        since_ms: row.since_ms,
        next_attempt_ms: row.due_ms,
        created_ms: row.created_ms,
        updated_ms: row.updated_ms,
        origin: row.origin,
    })
}

impl Shown {
    fn corrupt(&self, column: &str) -> StoreError {
        StoreError::Corrupt { table: "kkt", what: format!("{column} of {}", KktId::new(self.id)) }
    }

    fn json<T: DeserializeOwned>(&self, column: &str, text: &str) -> Result<T, StoreError> {
        parse(text).ok_or_else(|| self.corrupt(column))
    }

    fn inn(&self) -> Result<Inn, StoreError> {
        Inn::parse(&self.inn).map_err(|_| self.corrupt("inn"))
    }

    fn state(&self) -> Result<State, StoreError> {
        let state: State = self.json("state_data", &self.state_data)?;
        if state.name().as_str() == self.state { Ok(state) } else { Err(self.corrupt("state")) }
    }

    fn block(&self) -> Result<Option<Block>, StoreError> {
        self.block.as_deref().map(|block| self.json("block", block)).transpose()
    }
}

/// The device that is named in the column `facts`; none in one that cannot be read.
pub fn device(facts: &str) -> Option<DeviceId> {
    parse::<Found>(facts).and_then(|facts| facts.register.device_id)
}

/// Writes the row of a new registration, due at once, with the database's time as that of its last change.
///
/// # Errors
/// [`StoreError::Other`] when a value cannot be written as JSON, which is a defect.
pub fn new(scope: PartnerScope, kkt: &Kkt, db_now: &'static str) -> Result<InsertStatement, StoreError> {
    let register = &kkt.facts.register;
    let row = kkt::ActiveModel {
        id: Set(kkt.id.uuid()),
        partner_id: Set(scope.partner().uuid()),
        client_id: Set(kkt.client_id.uuid()),
        request_id: Set(kkt.request_id.uuid()),
        external_ref: Set(kkt.external_ref.clone()),
        inn: Set(kkt.inn.as_str().to_owned()),
        model: Set(register.model.clone()),
        serial: Set(register.serial.as_str().to_owned()),
        serial_key: Set(register.serial.normalised()),
        fn_serial: Set(register.fn_serial.as_str().to_owned()),
        spec: Set(write(&kkt.spec)?),
        facts: Set(write(&kkt.facts)?),
        state: Set(kkt.state.name().as_str().to_owned()),
        state_data: Set(write(&kkt.state)?),
        block: Set(None),
        waiting_for: Set(None),
        rnm: Set(None),
        report_by_ms: Set(None),
        held: Set(kkt.state.holds_register()),
        fn_held: Set(kkt.state.holds_drive()),
        revision: Set(kkt.revision),
        since_ms: Set(kkt.since_ms),
        created_ms: Set(kkt.created_ms),
        updated_ms: Set(kkt.updated_ms),
        changed_ms: NotSet,
        due_ms: Set(Some(0)),
        lease_until_ms: Set(0),
        fence: Set(0),
        attempts: Set(0),
        failures: Set(0),
        failing_since_ms: Set(None),
        origin: Set(kkt.origin.clone()),
        erased_ms: Set(None),
    };
    insertion(&row, (kkt::Column::ChangedMs, Expr::cust(db_now)))
}

/// The columns that a move to `after` changes besides times and leases; `corrected` when what is asked for changes too.
///
/// # Errors
/// [`StoreError::Other`] when a value cannot be written as JSON, which is a defect.
pub fn moved(after: &Kkt, corrected: bool) -> Result<kkt::ActiveModel, StoreError> {
    let state = &after.state;
    let given = if corrected { (Set(write(&after.spec)?), Set(write(&after.facts)?)) } else { (NotSet, NotSet) };
    Ok(kkt::ActiveModel {
        spec: given.0,
        facts: given.1,
        state: Set(state.name().as_str().to_owned()),
        state_data: Set(write(state)?),
        block: Set(after.block.as_ref().map(write).transpose()?),
        waiting_for: Set(after.waiting_for().map(|who| who.name().to_owned())),
        rnm: Set(after.rnm().map(|rnm| rnm.as_str().to_owned())),
        report_by_ms: Set(state.numbers().map(|n| n.report_by_ms)),
        held: Set(state.holds_register()),
        fn_held: Set(state.holds_drive()),
        ..Default::default()
    })
}

/// The line of the history in a row.
///
/// # Errors
/// [`StoreError::Corrupt`] with the id of the registration.
pub fn step(of: KktId, row: Line) -> Result<Step, StoreError> {
    let corrupt = || StoreError::Corrupt { table: "kkt_history", what: format!("state of {of}") };
    Ok(Step {
        revision: row.revision,
        from: row.from_state.as_deref().map(|s| Name::parse(s).ok_or_else(corrupt)).transpose()?,
        to: Name::parse(&row.to_state).ok_or_else(corrupt)?,
        at_ms: row.at_ms,
        attempt: row.attempt,
        actor: row.actor,
        effect: row.effect_id.map(EffectId::new),
        detail: row.detail,
    })
}

impl From<kkt::Model> for Shown {
    fn from(row: kkt::Model) -> Self {
        Self {
            id: row.id,
            client_id: row.client_id,
            inn: row.inn,
            request_id: row.request_id,
            external_ref: row.external_ref,
            spec: row.spec,
            facts: row.facts,
            state: row.state,
            state_data: row.state_data,
            block: row.block,
            revision: row.revision,
            since_ms: row.since_ms,
            due_ms: row.due_ms,
            created_ms: row.created_ms,
            updated_ms: row.updated_ms,
            origin: row.origin,
        }
    }
}

/// How its outer system has failed a registration.
pub const fn failing(row: &kkt::Model) -> Failing {
    Failing { times: row.failures, since_ms: row.failing_since_ms }
}

fn parse<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

fn write<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Other("a registration cannot be written as JSON".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kkt::model::WaitingFor;
    use crate::kkt::tests::samples::company;
    use crate::kkt::view::View;

    /// A row that cannot be understood any more.
    type Damage = fn(&mut Shown);

    fn shown(state: &State, block: Option<&Block>) -> Shown {
        let (spec, facts) = company();
        let id = |n| Uuid::from_u128(n);
        Shown {
            id: id(1),
            client_id: id(2),
            inn: facts.taxpayer.inn.as_str().to_owned(),
            request_id: id(3),
            external_ref: Some("ORDER-17".into()),
            spec: write(&spec).unwrap(),
            facts: write(&facts).unwrap(),
            state: state.name().as_str().to_owned(),
            state_data: write(state).unwrap(),
            block: block.map(|block| write(block).unwrap()),
            revision: 4,
            since_ms: 5,
            due_ms: Some(6),
            created_ms: 7,
            updated_ms: 8,
            origin: Some("origin".into()),
        }
    }

    #[test]
    fn what_partners_see_of_a_row_is_what_it_says() {
        let block = Block { reason: "DEVICE_OFFLINE".into(), advice: "?".into(), waiting_for: WaitingFor::Device };
        for state in [State::Reserving, State::AwaitingRnm { held: None, application_id: "app-1".into() }] {
            for block in [None, Some(&block)] {
                let whole: Kkt = read(shown(&state, block)).unwrap();
                assert_eq!((whole.since_ms, whole.next_attempt_ms), (5, Some(6)));
                assert_eq!((whole.created_ms, whole.updated_ms), (7, 8));
                assert!(read(shown(&state, block)).is_ok_and(|seen: View| seen == View::from(whole)));
            }
        }
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let cases: [(&str, Damage); 5] = [
            ("inn", |row| row.inn = "1".into()),
            ("spec", |row| row.spec = "{}".into()),
            ("facts", |row| row.facts.clear()),
            ("state", |row| row.state = "SUBMITTING".into()),
            ("block", |row| row.block = Some("?".into())),
        ];
        for (column, damage) in cases {
            let damaged = || {
                let mut row = shown(&State::Reserving, None);
                damage(&mut row);
                row
            };
            let what = format!("{column} of {}", KktId::new(Uuid::from_u128(1)));
            let named = Some(StoreError::Corrupt { table: "kkt", what });
            let (seen, whole): (Result<View, _>, Result<Kkt, _>) = (read(damaged()), read(damaged()));
            assert_eq!((seen.err(), whole.err()), (named.clone(), named));
        }
    }
}
