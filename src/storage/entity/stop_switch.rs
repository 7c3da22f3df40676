//! Gateways that an operator has stopped.

use sea_orm::entity::prelude::*;

/// A row of `stop_switch`; the columns are explained where the table is created.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stop_switch")]
#[expect(missing_docs, reason = "see the migration")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub gateway: String,
    #[sea_orm(column_type = "Text")]
    pub reason: String,
    #[sea_orm(column_type = "Text")]
    pub actor: String,
    pub since_ms: i64,
}

/// Relations are not used: joins would hide which partner a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

super::hide!("stop_switch");
