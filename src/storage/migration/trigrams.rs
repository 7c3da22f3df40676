//! Searches by a part of a text, on PostgreSQL: an index of trigrams finds the clients. It needs the module `pg_trgm`, which
//! comes with PostgreSQL, but which a system may lack and an account may have no right to add; then a search reads all
//! clients of the partner. So this is no migration: `litebox-partner migrate` looks each time whether it can be built by now.

use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::indexes;

/// What operators are told.
pub const LACKING: &str = "searches by text read all clients of a partner: `litebox-partner migrate` builds their index \
                           with PostgreSQL's module pg_trgm";

/// Whether it is there.
pub(super) const BUILT: &str = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('client_by_text') AND indisvalid";
/// Where the module is. It may have been put into a schema that is looked into by name only.
const MODULE: &str = "SELECT quote_ident(nspname) AS schema FROM pg_extension \
                      JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_trgm'";

/// Builds the index, and adds the module before it if need be.
///
/// # Errors
/// What the database answers, also that the module cannot be had.
pub(super) async fn build(on: &impl ConnectionTrait) -> Result<(), DbErr> {
    let schema = match schema(on).await? {
        None => {
            on.execute_unprepared("CREATE EXTENSION IF NOT EXISTS pg_trgm").await?;
            schema(on).await?
        }
        there => there,
    };
    let class = schema.map(|schema| format!("{schema}.gin_trgm_ops"));
    let class = class.ok_or_else(|| DbErr::Migration("there is no module pg_trgm".into()))?;
    let built = indexes::change(on, &format!("CREATE INDEX client_by_text ON client USING gin (search {class})")).await;
    if built.is_err() {
        // What is half built costs every write. The first error is the one that matters, and time has been spent.
        let _ = on.execute_unprepared("SET statement_timeout = 10000").await;
        let _ = indexes::clear(on, "client_by_text").await;
    }
    built
}

async fn schema(on: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    let row = on.query_one_raw(Statement::from_string(on.get_database_backend(), MODULE)).await?;
    row.map(|row| row.try_get("", "schema")).transpose()
}
