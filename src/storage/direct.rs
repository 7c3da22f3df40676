//! Statements that stand alone. On PostgreSQL they have connections of their own, each handed on to the next statement as soon
//! as it is free. Nothing begins a transaction here; so there is nothing left to find, and neither waits a statement for units of work,
//! nor they for it.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use super::connect::Pool;
use super::lines::{Line, Lines};

/// Statements that leave nothing behind on their connection.
const PLAIN: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

/// Where single statements go.
#[derive(Clone)]
pub struct Direct {
    /// The pool of units of work: for SQLite, and where one connection is all there is.
    pool: DatabaseConnection,
    lines: Option<Arc<Lines>>,
}

impl Direct {
    pub(super) const fn new(pool: DatabaseConnection, lines: Option<Arc<Lines>>) -> Self {
        Self { pool, lines }
    }

    /// Its own connections, if it has any.
    pub(super) fn pool(&self) -> Option<Pool> {
        self.lines.as_ref().map(|lines| lines.connections())
    }

    /// Closes its connections; statements under way end first.
    pub(super) async fn close(&self) {
        if let Some(lines) = &self.lines {
            lines.close().await;
        }
    }
}

/// The next statement may have the connection. One after another kind goes back to the pool, which sees to what may be left.
fn keep(line: Line, plain: bool) {
    if plain {
        line.keep();
    }
}

fn is_plain(sql: &str) -> bool {
    PLAIN.iter().any(|kind| sql.starts_with(kind))
}

#[async_trait::async_trait]
impl ConnectionTrait for Direct {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let Some(lines) = &self.lines else { return self.pool.execute_raw(statement).await };
        let (mut line, plain) = (lines.take().await?, is_plain(&statement.sql));
        let done = line.execute(statement).await?;
        keep(line, plain);
        Ok(done)
    }

    /// Whatever several statements leave behind is seen to.
    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let Some(lines) = &self.lines else { return self.pool.execute_unprepared(sql).await };
        lines.take().await?.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let Some(lines) = &self.lines else { return self.pool.query_one_raw(statement).await };
        let (mut line, plain) = (lines.take().await?, is_plain(&statement.sql));
        let row = line.one(statement).await?;
        keep(line, plain);
        Ok(row)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let Some(lines) = &self.lines else { return self.pool.query_all_raw(statement).await };
        let (mut line, plain) = (lines.take().await?, is_plain(&statement.sql));
        let rows = line.all(statement).await?;
        keep(line, plain);
        Ok(rows)
    }

    fn support_returning(&self) -> bool {
        self.pool.support_returning()
    }
}
