//! What all handlers have in common.

use std::future::Future;

use tokio::sync::watch::Receiver;
use tonic::{Request, Status};

use super::auth::AccessSince;
use super::{held, status};
use crate::budget;
use crate::failure::Failure;
use crate::partners::model::Caller;
use crate::telemetry::traces;

/// Who calls. The authentication layer lets nothing through without.
pub fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    request.extensions().get().cloned().ok_or_else(|| status::internal("a handler was reached without a caller"))
}

/// What moves when access has changed since the caller was let in.
pub fn let_in<T>(request: &Request<T>) -> Result<Receiver<u64>, Status> {
    let since = request.extensions().get().cloned().map(|AccessSince(changes)| changes);
    since.ok_or_else(|| status::internal("a handler was reached without an admission"))
}

/// Runs a command on a task of its own: when the caller hangs up or its deadline passes, tonic drops the handler, and
/// work that has begun outside must not stop halfway. After the deadline it begins nothing new outside. Until its end it holds
/// the places of its call, and the end of the server waits for it.
pub async fn detached<T: Send + 'static>(
    command: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    match held::spawn(traces::along(budget::along(command))).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Failure::Internal { detail: format!("a command did not end: {error}") }),
    }
}
