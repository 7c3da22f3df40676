//! Every transition of a registration; append-only.

use sea_orm::entity::prelude::*;

/// A row of `kkt_history`; the columns are explained where the table is created.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "kkt_history")]
#[expect(missing_docs, reason = "see the migration")]
pub struct Model {
    pub partner_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub kkt_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i64,
    #[sea_orm(column_type = "Text")]
    pub from_state: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub to_state: String,
    pub at_ms: i64,
    pub attempt: i32,
    #[sea_orm(column_type = "Text")]
    pub actor: String,
    pub effect_id: Option<Uuid>,
    #[sea_orm(column_type = "Text")]
    pub detail: String,
}

/// Relations are not used: joins would hide which partner a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

super::hide!("kkt_history");
