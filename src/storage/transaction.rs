//! An open transaction. With PostgreSQL it is on a connection that is handed on to the next one as soon as it has been committed.

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tokio::sync::Mutex;

use super::connect::Pool;
use super::lines::{Line, Lines};

/// Where transactions are begun.
#[derive(Clone)]
pub struct Units {
    /// For SQLite, and where one connection is all there is.
    pub(super) pool: DatabaseConnection,
    lines: Option<Arc<Lines>>,
}

/// An open transaction. It is rolled back when it is dropped.
pub struct Transaction(On);

enum On {
    Pool(DatabaseTransaction),
    Line(Mutex<Line>),
}

impl Units {
    pub(super) const fn new(pool: DatabaseConnection, lines: Option<Arc<Lines>>) -> Self {
        Self { pool, lines }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that begins transactions")]
    pub(super) async fn begin(&self) -> Result<Transaction, DbErr> {
        let Some(lines) = &self.lines else {
            // A deferred transaction that reads first and then writes fails at once on SQLite when another one writes.
            let options = TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            };
            return Ok(Transaction(On::Pool(self.pool.begin_with_options(options).await?)));
        };
        let mut line = lines.take().await?;
        line.execute_unprepared("BEGIN").await?;
        Ok(Transaction(On::Line(Mutex::new(line))))
    }

    pub(super) async fn ping(&self) -> Result<(), DbErr> {
        let Some(lines) = &self.lines else { return self.pool.ping().await };
        let mut line = lines.take().await?;
        line.ping().await?;
        line.keep();
        Ok(())
    }

    /// Its own connections, if it has any.
    pub(super) fn connections(&self) -> Option<Pool> {
        self.lines.as_ref().map(|lines| lines.connections())
    }

    /// Closes its connections; transactions under way end first.
    pub(super) async fn close(&self) -> Result<(), DbErr> {
        if let Some(lines) = &self.lines {
            lines.close().await;
        }
        self.pool.close_by_ref().await
    }
}

impl Transaction {
    /// The connection is handed on only after an answer that all is written.
    pub(super) async fn commit(self) -> Result<(), DbErr> {
        match self.0 {
            On::Pool(transaction) => transaction.commit().await,
            On::Line(line) => {
                let mut line = line.into_inner();
                if !line.is_whole() {
                    return Err(DbErr::Custom("a statement of the transaction has failed".into()));
                }
                line.execute_unprepared("COMMIT").await?;
                line.keep();
                Ok(())
            }
        }
    }

    /// The pool sees to what is left.
    pub(super) async fn rollback(self) -> Result<(), DbErr> {
        match self.0 {
            On::Pool(transaction) => transaction.rollback().await,
            On::Line(line) => line.into_inner().execute_unprepared("ROLLBACK").await.map(drop),
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        match &self.0 {
            On::Pool(transaction) => transaction.get_database_backend(),
            On::Line(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match &self.0 {
            On::Pool(transaction) => transaction.execute_raw(statement).await,
            On::Line(line) => line.lock().await.execute(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match &self.0 {
            On::Pool(transaction) => transaction.execute_unprepared(sql).await,
            On::Line(line) => line.lock().await.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match &self.0 {
            On::Pool(transaction) => transaction.query_one_raw(statement).await,
            On::Line(line) => line.lock().await.one(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.0 {
            On::Pool(transaction) => transaction.query_all_raw(statement).await,
            On::Line(line) => line.lock().await.all(statement).await,
        }
    }

    fn support_returning(&self) -> bool {
        self.get_database_backend().support_returning()
    }
}
