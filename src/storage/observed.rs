//! A connection whose errors are looked at on their way: what they say about the database decides what callers are told,
//! and which connections of the pool are still trusted.

use std::sync::Arc;

use sea_orm::{ConnAcquireErr, ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};

use tokio::time::timeout;

use super::error::spoils;
use super::reach::Reach;

/// The pool, or an open transaction of it.
#[derive(Clone)]
pub struct Observed<C> {
    pub(super) on: C,
    reach: Arc<Reach>,
}

impl<C> Observed<C> {
    pub(super) const fn new(on: C, reach: Arc<Reach>) -> Self {
        Self { on, reach }
    }

    /// The same eyes on something else: the transaction that was begun here.
    pub(super) fn with<D>(&self, on: D) -> Observed<D> {
        Observed { on, reach: Arc::clone(&self.reach) }
    }

    /// Waits for what comes, though not for ever, and looks at it. The driver says the same of a pool that is exhausted and
    /// of a database that is away; here they are told apart.
    pub(super) async fn see<T>(&self, coming: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        let came = match self.reach.patience() {
            None => coming.await,
            Some(patience) => timeout(patience, coming).await.unwrap_or_else(|_| {
                self.reach.doubt();
                Err(away("the database has not answered"))
            }),
        };
        match came {
            Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)) if !self.reach.answers().await => {
                Err(away("the database cannot be reached"))
            }
            Err(error) => {
                if spoils(&error) {
                    self.reach.doubt();
                }
                Err(error)
            }
            good => good,
        }
    }
}

fn away(why: &str) -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(why.into()))
}

#[async_trait::async_trait]
impl<C: ConnectionTrait + Send> ConnectionTrait for Observed<C> {
    fn get_database_backend(&self) -> DbBackend {
        self.on.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.see(self.on.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.see(self.on.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.see(self.on.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.see(self.on.query_all_raw(statement)).await
    }

    fn support_returning(&self) -> bool {
        self.on.support_returning()
    }
}
