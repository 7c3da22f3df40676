//! Between rows and clients. A row that cannot be understood is named, never guessed.

use sea_orm::ActiveValue::Set;
use sea_orm::DerivePartialModel;
use sea_orm::sea_query::{Expr, InsertStatement};
use serde::Serialize;
use uuid::Uuid;

use super::model::{Client, Draft, Names, State, StateName};
use crate::storage::entity::client;
use crate::storage::{StoreError, insertion};
use crate::values::{ClientId, Email, Inn, PartnerScope, Phone};

/// What a client is read from. The others are for searches, for whoever finishes it, and for the file.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "client::Entity", from_query_result)]
pub struct Row {
    pub id: Uuid,
    pub inn: String,
    pub state: String,
    pub login: String,
    pub phone: String,
    pub company: String,
    pub last_name: String,
    pub first_name: String,
    pub middle_name: String,
    pub address: String,
    pub external_ref: Option<String>,
    pub account_id: Option<String>,
    pub password_version: i64,
    pub created_ms: i64,
    pub updated_ms: i64,
}

impl From<client::Model> for Row {
    fn from(row: client::Model) -> Self {
        Self {
            id: row.id,
            inn: row.inn,
            state: row.state,
            login: row.login,
            phone: row.phone,
            company: row.company,
            last_name: row.last_name,
            first_name: row.first_name,
            middle_name: row.middle_name,
            address: row.address,
            external_ref: row.external_ref,
            account_id: row.account_id,
            password_version: row.password_version,
            created_ms: row.created_ms,
            updated_ms: row.updated_ms,
        }
    }
}

/// The client in a row.
///
/// # Errors
/// [`StoreError::Corrupt`] with the id of the row.
pub fn read(row: Row) -> Result<Client, StoreError> {
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

/// Writes the row of a new client, ACCOUNT_PENDING and `due` by the database's clock.
///
/// # Errors
/// As [`content`].
pub fn new(
    scope: PartnerScope,
    id: ClientId,
    draft: &Draft,
    now_ms: i64,
    due: Expr,
) -> Result<InsertStatement, StoreError> {
    let row = client::ActiveModel {
        id: Set(id.uuid()),
        partner_id: Set(scope.partner().uuid()),
        inn: Set(draft.inn.as_str().to_owned()),
        state: Set(StateName::AccountPending.as_str().to_owned()),
        created_ms: Set(now_ms),
        lease_until_ms: Set(0),
        fence: Set(0),
        ..content(draft, 1, now_ms)?
    };
    insertion(&row, (client::Column::DueMs, due))
}

/// What a Register call leaves there: a new client, or one that it has continued.
pub fn pending(id: ClientId, draft: &Draft, before: Option<&Client>, now_ms: i64) -> Client {
    Client {
        id,
        inn: draft.inn.clone(),
        state: State::AccountPending,
        email: draft.email.clone(),
        phone: draft.phone.clone(),
        names: draft.names.clone(),
        address: draft.address.clone(),
        external_ref: draft.external_ref.clone(),
        password_version: before.map_or(1, |before| before.password_version + 1),
        created_ms: before.map_or(now_ms, |before| before.created_ms),
        updated_ms: now_ms,
    }
}

fn write<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Other(e.to_string()))
}
