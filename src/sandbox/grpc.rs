//! What the three gRPC emulators share: who calls, and how a broken call looks on the wire.

use std::sync::Arc;

use tonic::{Code, Request, Response, Status};

use super::engine::{Broken, Call, Desk, Engine, within};
use super::net::Cut;
use super::{Environment, checks};

/// Who calls.
pub struct Caller {
    cut: Option<Cut>,
    environment: Option<String>,
    trace: String,
}

impl Caller {
    /// The caller of this request.
    pub fn of<T>(request: &Request<T>) -> Self {
        let text = |name| request.metadata().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (environment, trace) = (text("x-litebox-environment"), text("traceparent").unwrap_or_default());
        Self { cut: request.extensions().get().cloned(), environment, trace }
    }

    /// Callers of the other world are turned away before anything is written down.
    fn admit(&self, ours: Environment) -> Result<(), Status> {
        match &self.environment {
            Some(theirs) if theirs != ours.name() => Err(Status::permission_denied("the caller is of another world")),
            _ => Ok(()),
        }
    }
}

/// Takes a call through the engine and makes its answer, or its failure, one of gRPC.
///
/// # Errors
/// Those of the contract, and those that rules demand.
pub async fn answer<A, W>(engine: &Arc<Engine>, caller: Caller, call: Call, work: W) -> Result<Response<A>, Status>
where
    A: Default + Send + 'static,
    W: FnOnce(&mut Desk<'_>) -> Result<A, Broken> + Send + 'static,
{
    caller.admit(engine.environment)?;
    introduce(engine, caller, call, work).await
}

/// The same without asking for the caller's world: for the handshake, which tells ours.
///
/// # Errors
/// Those that rules demand.
pub async fn introduce<A, W>(engine: &Arc<Engine>, caller: Caller, call: Call, work: W) -> Result<Response<A>, Status>
where
    A: Default + Send + 'static,
    W: FnOnce(&mut Desk<'_>) -> Result<A, Broken> + Send + 'static,
{
    match within(caller.trace, engine.perform(call, work)).await {
        Ok(answer) => Ok(Response::new(answer)),
        Err(Broken::Garbage) => Ok(Response::new(A::default())),
        Err(broken) => Err(status(broken, caller.cut)),
    }
}

fn status(broken: Broken, cut: Option<Cut>) -> Status {
    match broken {
        Broken::Error(name) => Status::new(code(&name), "the sandbox was told to fail"),
        Broken::Invalid(why) => Status::invalid_argument(why),
        Broken::NotFound(what) => Status::not_found(format!("no such {what}")),
        Broken::Cut => {
            cut.unwrap_or_default().now();
            Status::unavailable("the connection was cut")
        }
        Broken::LostReply | Broken::Garbage => Status::unavailable("the answer was lost"),
    }
}

fn code(name: &str) -> Code {
    match name.to_ascii_uppercase().as_str() {
        "CANCELLED" => Code::Cancelled,
        "INVALID_ARGUMENT" => Code::InvalidArgument,
        "DEADLINE_EXCEEDED" => Code::DeadlineExceeded,
        "NOT_FOUND" => Code::NotFound,
        "ALREADY_EXISTS" => Code::AlreadyExists,
        "PERMISSION_DENIED" => Code::PermissionDenied,
        "RESOURCE_EXHAUSTED" => Code::ResourceExhausted,
        "FAILED_PRECONDITION" => Code::FailedPrecondition,
        "ABORTED" => Code::Aborted,
        "OUT_OF_RANGE" => Code::OutOfRange,
        "UNIMPLEMENTED" => Code::Unimplemented,
        "INTERNAL" => Code::Internal,
        "UNAVAILABLE" => Code::Unavailable,
        "DATA_LOSS" => Code::DataLoss,
        "UNAUTHENTICATED" => Code::Unauthenticated,
        _ => Code::Unknown,
    }
}

/// Refuses a request with a field that is missing or malformed.
///
/// # Errors
/// Names the first field for which the flag is false.
pub fn demand(fields: &[(&str, bool)]) -> Result<(), Broken> {
    match fields.iter().find(|(_, fine)| !fine) {
        Some((field, _)) => Err(Broken::Invalid(format!("{field} is missing or malformed"))),
        None => Ok(()),
    }
}

/// True for an effect id.
pub fn effect_id(text: &str) -> bool {
    checks::uuid(text)
}

/// An instant on the wire.
pub fn timestamp(ms: i64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: ms.div_euclid(1000),
        nanos: i32::try_from(ms.rem_euclid(1000)).unwrap_or(0) * 1_000_000,
    }
}
