//! What all handlers have in common.

use std::future::Future;

use tonic::{Request, Status};
use tracing::Instrument;

use super::status;
use crate::failure::Failure;
use crate::partners::model::Caller;

/// Who calls. The authentication layer lets nothing through without.
pub fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    request.extensions().get().cloned().ok_or_else(|| status::internal("a handler was reached without a caller"))
}

/// Runs a command on a task of its own: when the caller hangs up or its deadline passes, tonic drops the handler, and
/// work that has begun outside must not stop halfway.
pub async fn detached<T: Send + 'static>(
    command: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::spawn(command.in_current_span()).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Failure::Internal { detail: format!("a command did not end: {error}") }),
    }
}
