//! Signed records of what was erased.

use sea_orm::entity::prelude::*;

/// A row of `erasure`; the columns are explained where the table is created.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "erasure")]
#[expect(missing_docs, reason = "see the migration")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub seq: i64,
    pub version: i32,
    pub at_ms: i64,
    #[sea_orm(column_type = "Text")]
    pub actor: String,
    #[sea_orm(column_type = "Text")]
    pub reason: String,
    pub partner_id: Uuid,
    pub client_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub inn_hash: String,
    pub registrations: i64,
    pub documents: i64,
    pub requests: i64,
    #[sea_orm(column_type = "Text")]
    pub previous: String,
    #[sea_orm(column_type = "Text")]
    pub public_key: String,
    #[sea_orm(column_type = "Text")]
    pub signature: String,
}

/// Relations are not used: a record outlives what it is about.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

super::hide!("erasure");
