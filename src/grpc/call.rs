//! The id of a call, its log line, and what every error must carry whoever made it.

use std::time::Instant;

use http::{HeaderName, HeaderValue};
use tonic::Code;
use tracing::{Instrument, field};

use super::layers::{Inner, Request, Response, Step};
use super::status;
use crate::clock::{Clock, Ids};

/// The header in which an answer tells its call id.
pub const CALL_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a call, for people who report an error and for the log. Found in the request's extensions. Not the
/// request_id of the contract, which repeats; this one never does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallId(pub String);

/// Gives every call an id, a span with one log line at its end, and completes its error.
#[derive(Clone)]
pub struct Calls {
    /// The time inside ids.
    pub clock: Clock,
    /// Where ids come from.
    pub ids: Ids,
}

impl Step for Calls {
    async fn call<S: Inner>(self, mut request: Request, mut inner: S) -> Response {
        let id = CallId(self.ids.uuid_v7(&self.clock).to_string());
        request.extensions_mut().insert(id.clone());
        // The rest is recorded by the authentication layer: who calls, for whom, or why nobody is let in.
        let (caller, partner, refused) = (field::Empty, field::Empty, field::Empty);
        let span = tracing::info_span!("call", method = request.uri().path(), id = %id.0, caller, partner, refused);
        async move {
            let started = Instant::now();
            let response = finish(inner.pass(request).await, &id);
            log(&response, started);
            response
        }
        .instrument(span)
        .await
    }
}

/// Completes the error of `response`, if it is one, and adds the id of the call.
fn finish(response: Response, id: &CallId) -> Response {
    let mut response = match tonic::Status::from_header_map(response.headers()) {
        Some(status) if status.code() != Code::Ok => status::complete(&status, id).into_http(),
        _ => response,
    };
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(CALL_ID_HEADER, value);
    }
    response
}

fn log(response: &Response, started: Instant) {
    let code = tonic::Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
    let us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    tracing::info!(?code, us, "answered");
}
