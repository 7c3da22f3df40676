//! What a request id stands for.

use sea_orm::entity::prelude::*;

/// A row of `request`; the columns are explained where the table is created.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "request")]
#[expect(missing_docs, reason = "see the migration")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub partner_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub method: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: Uuid,
    pub fingerprint: Vec<u8>,
    pub resource_id: Uuid,
    pub created_ms: i64,
}

/// Relations are not used: joins would hide which partner a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

super::hide!("request");
