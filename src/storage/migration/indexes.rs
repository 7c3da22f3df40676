//! Indexes of tables that may be big, on PostgreSQL: built and dropped one by one, while the service reads and writes the
//! tables. That cannot be done in a transaction, so each statement may be repeated.

use sea_orm::{ConnectionTrait, DbErr, Statement};

/// Carries out the statements of such a file.
///
/// # Errors
/// [`DbErr::Migration`] for a statement that does anything else, and what the database answers.
pub(super) async fn change(on: &impl ConnectionTrait, sql: &str) -> Result<(), DbErr> {
    for statement in statements(sql) {
        match statement.split_once(" INDEX ") {
            Some(("DROP", name)) => drop(on, name).await?,
            Some((create @ ("CREATE" | "CREATE UNIQUE"), index)) => build(on, create, index).await?,
            _ => return Err(DbErr::Migration("a file of indexes does something else".into())),
        }
    }
    Ok(())
}

/// The statements of a file, without comments.
pub(super) fn statements(sql: &str) -> Vec<String> {
    let code: Vec<_> = sql.lines().filter(|line| !line.starts_with("--")).collect();
    code.join("\n").split(';').map(|statement| statement.trim().to_owned()).filter(|s| !s.is_empty()).collect()
}

async fn build(on: &impl ConnectionTrait, create: &str, index: &str) -> Result<(), DbErr> {
    let name = index.split_whitespace().next().unwrap_or_default();
    clear(on, name).await?;
    on.execute_unprepared(&format!("{create} INDEX CONCURRENTLY IF NOT EXISTS {index}")).await.map(|_| ())
}

/// Drops an index whose build was interrupted.
pub(super) async fn clear(on: &impl ConnectionTrait, name: &str) -> Result<(), DbErr> {
    if is_broken(on, name).await? { drop(on, name).await } else { Ok(()) }
}

async fn drop(on: &impl ConnectionTrait, name: &str) -> Result<(), DbErr> {
    on.execute_unprepared(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}")).await.map(|_| ())
}

/// Whether a build of this index was interrupted: it is there, costs what an index costs, and is never looked into.
async fn is_broken(on: &impl ConnectionTrait, name: &str) -> Result<bool, DbErr> {
    let sql = format!("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('{name}') AND NOT indisvalid");
    let row = on.query_one_raw(Statement::from_string(on.get_database_backend(), sql)).await?;
    Ok(row.is_some())
}
