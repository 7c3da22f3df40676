//! What was sent and answered, encrypted.

use sea_orm::entity::prelude::*;

/// A row of `document`; the columns are explained where the table is created.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "document")]
#[expect(missing_docs, reason = "see the migration")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub partner_id: Uuid,
    pub kkt_id: Uuid,
    pub seq: i64,
    pub effect_id: Option<Uuid>,
    #[sea_orm(column_type = "Text")]
    pub gateway: String,
    #[sea_orm(column_type = "Text")]
    pub operation: String,
    #[sea_orm(column_type = "Text")]
    pub direction: String,
    pub at_ms: i64,
    pub mark: Vec<u8>,
    #[sea_orm(column_type = "Text")]
    pub key_id: String,
    pub nonce: Vec<u8>,
    pub cipher: Vec<u8>,
}

/// Relations are not used: joins would hide which partner a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

super::hide!("document");
