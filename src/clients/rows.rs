//! Between rows and clients. A row that cannot be understood is named, never guessed.

use sea_orm::ActiveValue::Set;
use serde::Serialize;

use super::model::{Client, Draft, Names, State, StateName};
use crate::storage::StoreError;
use crate::storage::entity::client;
use crate::values::{ClientId, Email, Inn, PartnerScope, Phone};

/// The client in a row.
///
/// # Errors
/// [`StoreError::Corrupt`] with the id of the row.
pub fn read(row: client::Model) -> Result<Client, StoreError> {
    let id = ClientId::new(row.id);
    let corrupt = |column: &str| StoreError::Corrupt { table: "client", what: format!("{column} of {id}") };
    Ok(Client {
        id,
        inn: Inn::parse(&row.inn).map_err(|_| corrupt("inn"))?,
        state: state(&row.state, row.account_id).ok_or_else(|| corrupt("state"))?,
        email: Email::parse(&row.login).map_err(|_| corrupt("login"))?,
        phone: Phone::parse(&row.phone).map_err(|_| corrupt("phone"))?,
        names: Names { last: row.last_name, first: row.first_name, middle: row.middle_name, company: row.company },
        address: serde_json::from_str(&row.address).map_err(|_| corrupt("address"))?,
        taxpayer: serde_json::from_str(&row.taxpayer).map_err(|_| corrupt("taxpayer"))?,
        external_ref: row.external_ref,
        password_version: row.password_version,
        created_ms: row.created_ms,
        updated_ms: row.updated_ms,
    })
}

fn state(name: &str, account_id: Option<String>) -> Option<State> {
    let names = [StateName::AccountPending, StateName::Active, StateName::Abandoned];
    match names.into_iter().find(|n| n.as_str() == name)? {
        StateName::AccountPending => Some(State::AccountPending),
        StateName::Active => account_id.map(|account_id| State::Active { account_id }),
        StateName::Abandoned => Some(State::Abandoned),
    }
}

/// The columns that a Register call decides, with the version of its password.
///
/// # Errors
/// [`StoreError::Other`] when a value cannot be written as JSON, which is a defect.
pub fn content(draft: &Draft, password_version: i64, now_ms: i64) -> Result<client::ActiveModel, StoreError> {
    Ok(client::ActiveModel {
        login: Set(draft.email.as_str().to_owned()),
        phone: Set(draft.phone.as_str().to_owned()),
        company: Set(draft.names.company.clone()),
        last_name: Set(draft.names.last.clone()),
        first_name: Set(draft.names.first.clone()),
        middle_name: Set(draft.names.middle.clone()),
        address: Set(write(&draft.address)?),
        taxpayer: Set(write(&draft.taxpayer)?),
        search: Set(draft.search()),
        external_ref: Set(draft.external_ref.clone()),
        password_version: Set(password_version),
        updated_ms: Set(now_ms),
        ..Default::default()
    })
}

/// The row of a new client, ACCOUNT_PENDING.
///
/// # Errors
/// As [`content`].
pub fn new(scope: PartnerScope, id: ClientId, draft: &Draft, now_ms: i64) -> Result<client::ActiveModel, StoreError> {
    Ok(client::ActiveModel {
        id: Set(id.uuid()),
        partner_id: Set(scope.partner().uuid()),
        inn: Set(draft.inn.as_str().to_owned()),
        state: Set(StateName::AccountPending.as_str().to_owned()),
        account_id: Set(None),
        created_ms: Set(now_ms),
        due_ms: Set(None),
        lease_until_ms: Set(0),
        fence: Set(0),
        erased_ms: Set(None),
        ..content(draft, 1, now_ms)?
    })
}

fn write<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Other(e.to_string()))
}
