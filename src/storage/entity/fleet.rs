//! Registers that partners hire out.

use sea_orm::entity::prelude::*;

/// A row of `fleet`; the columns are explained where the table is created.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fleet")]
#[expect(missing_docs, reason = "see the migration")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub partner_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub model: String,
    #[sea_orm(column_type = "Text")]
    pub model_key: String,
    #[sea_orm(column_type = "Text")]
    pub serial: String,
    #[sea_orm(column_type = "Text")]
    pub serial_key: String,
    #[sea_orm(column_type = "Text")]
    pub fn_serial: String,
    pub device_id: Option<Uuid>,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    pub kkt_id: Option<Uuid>,
    #[sea_orm(column_type = "Text")]
    pub note: String,
    pub imported_ms: i64,
    pub changed_ms: i64,
}

/// Relations are not used: joins would hide which partner a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

super::hide!("fleet");
