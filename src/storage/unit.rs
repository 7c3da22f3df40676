//! Units of work: transactions that end, whatever becomes of the caller.

use std::any::type_name;
use std::future::Future;
use std::pin::Pin;

use tracing::Instrument;

use super::observed::Observed;
use super::transaction::Transaction;
use super::{Db, StoreError};
#[cfg(feature = "chaos")]
use crate::chaos::Side;
use crate::telemetry::traces::{self, traced};

/// An open transaction.
pub type Tx = Observed<Transaction>;

/// What a unit of work does inside its transaction.
pub type Work<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

impl Db {
    /// Runs `work` in a transaction: commits when it answers `Ok`, else rolls back.
    ///
    /// It runs on a task of its own. The caller's future may be dropped at any moment (client gone, deadline passed),
    /// and dropping a BEGIN in flight would leave the pooled connection inside a transaction for its next user.
    ///
    /// # Errors
    /// What `work` answers, or a [`StoreError`] of begin and commit. A failed commit may have happened.
    pub async fn unit<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t Tx) -> Work<'t, T, E> + Send + 'static,
    {
        #[cfg(feature = "chaos")]
        self.reach(function_of::<F>(), Side::Before).await?;
        let db = self.clone();
        let name = function_of::<F>();
        let span = traced!("client", name, "db.system.name" = self.backend().name(), "db.operation.name" = name);
        let work = async move { db.transact(work).await };
        let result = match tokio::spawn(traces::along(work.instrument(span))).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::Other("a unit of work ended abnormally".into()).into()),
        };
        #[cfg(feature = "chaos")]
        if result.is_ok() {
            self.reach(function_of::<F>(), Side::After).await?;
        }
        result
    }

    async fn transact<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: for<'t> FnOnce(&'t Tx) -> Work<'t, T, E>,
    {
        let pool = &self.units;
        let begun = pool.see(pool.on.begin()).await;
        let tx = pool.with(begun.map_err(StoreError::from)?);
        match work(&tx).await {
            Ok(value) => {
                pool.see(tx.on.commit()).await.map_err(StoreError::from)?;
                Ok(value)
            }
            Err(error) => {
                // The connection rolls back on release as well; the first error is the one that matters.
                let _ = pool.see(tx.on.rollback()).await;
                Err(error)
            }
        }
    }
}

/// The name of the function in which the closure of this type stands.
fn function_of<F>() -> &'static str {
    let name = type_name::<F>().trim_end_matches("::{{closure}}");
    name.rsplit("::").next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of<F: FnOnce()>(_: F) -> &'static str {
        function_of::<F>()
    }

    #[tokio::test]
    async fn a_closure_is_named_after_the_function_it_stands_in() {
        let named = async { name_of(|| ()) }.await;
        assert_eq!(named, "a_closure_is_named_after_the_function_it_stands_in");
    }
}
