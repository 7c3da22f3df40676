//! Commands to the outside.

use sea_orm::entity::prelude::*;

/// A row of `effect`; the columns are explained where the table is created.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "effect")]
#[expect(missing_docs, reason = "see the migration")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub partner_id: Uuid,
    pub kkt_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub step: String,
    pub generation: i32,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    #[sea_orm(column_type = "Text")]
    pub detail: String,
    pub created_ms: i64,
    pub settled_ms: Option<i64>,
}

/// Relations are not used: joins would hide which partner a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

super::hide!("effect");
