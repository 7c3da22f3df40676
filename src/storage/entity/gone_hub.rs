//! Hubs that were given up in a recovery.

use sea_orm::entity::prelude::*;

/// A row of `gone_hub`; the columns are explained where the table is created.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "gone_hub")]
#[expect(missing_docs, reason = "see the migration")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub recovery: String,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub hub: String,
    pub since_ms: i64,
}

/// Relations are not used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
