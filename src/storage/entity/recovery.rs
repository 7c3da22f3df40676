//! What followed when a backup was restored.

use sea_orm::entity::prelude::*;

/// A row of `recovery`; the columns are explained where the table is created.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery")]
#[expect(missing_docs, reason = "see the migration")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub name: String,
    pub since_ms: i64,
    pub tokens_confirmed_ms: Option<i64>,
    pub fleet_confirmed_ms: Option<i64>,
    pub finished_ms: Option<i64>,
}

/// Relations are not used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
