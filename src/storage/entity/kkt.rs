//! Registrations of cash registers.

use sea_orm::entity::prelude::*;

/// A row of `kkt`; the columns are explained where the table is created.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "kkt")]
#[expect(missing_docs, reason = "see the migration")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub partner_id: Uuid,
    pub client_id: Uuid,
    pub request_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub external_ref: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub inn: String,
    #[sea_orm(column_type = "Text")]
    pub model: String,
    #[sea_orm(column_type = "Text")]
    pub serial: String,
    #[sea_orm(column_type = "Text")]
    pub serial_key: String,
    #[sea_orm(column_type = "Text")]
    pub fn_serial: String,
    #[sea_orm(column_type = "Text")]
    pub spec: String,
    #[sea_orm(column_type = "Text")]
    pub facts: String,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    #[sea_orm(column_type = "Text")]
    pub state_data: String,
    #[sea_orm(column_type = "Text")]
    pub block: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub waiting_for: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub rnm: Option<String>,
    pub report_by_ms: Option<i64>,
    pub held: bool,
    pub fn_held: bool,
    pub revision: i64,
    pub since_ms: i64,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub changed_ms: i64,
    pub due_ms: Option<i64>,
    pub lease_until_ms: i64,
    pub fence: i64,
    pub attempts: i32,
    pub failures: i32,
    pub failing_since_ms: Option<i64>,
    #[sea_orm(column_type = "Text")]
    pub origin: Option<String>,
    pub erased_ms: Option<i64>,
}

/// Relations are not used: joins would hide which partner a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

super::hide!("kkt");
