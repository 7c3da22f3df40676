//! Calls of outer systems in traces: a span for each, and the trace context that the other side can go on with.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body;
use tonic::transport::{Channel, Error};
use tonic::{Code, Status};
use tower::Service;
use tracing::{Instrument, Span, field};

use super::Gateway;
use crate::telemetry::traces::{self, traced};

/// A channel whose calls are spans.
#[derive(Clone)]
pub(super) struct Traced {
    channel: Channel,
    gateway: Gateway,
}

impl Traced {
    pub const fn new(channel: Channel, gateway: Gateway) -> Self {
        Self { channel, gateway }
    }
}

impl Service<Request<Body>> for Traced {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.channel.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let method = request.uri().path().trim_start_matches('/');
        let span = traced!(
            "client",
            method,
            "rpc.system.name" = "grpc",
            "rpc.method" = method,
            "rpc.status_code" = field::Empty,
            "peer.service" = self.gateway.name()
        );
        span.in_scope(|| traces::pass_on(request.headers_mut()));
        let answering = self.channel.call(request).instrument(span.clone());
        let mut asking = Asking(Some(span));
        Box::pin(async move {
            let answer = answering.await;
            asking.answered(&answer);
            answer
        })
    }
}

/// A call that nobody has answered yet: when it is dropped so, it has failed.
struct Asking(Option<Span>);

impl Asking {
    fn answered(&mut self, answer: &Result<Response<Body>, Error>) {
        let Some(span) = self.0.take() else { return };
        let code = match answer {
            // An error without a message stands in the headers; one after a message is told by the step that asked.
            Ok(response) => Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code()),
            Err(_) => Code::Unavailable,
        };
        span.record("rpc.status_code", traces::code_name(code));
        if code != Code::Ok {
            traces::failed(&span);
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(span) = self.0.take() {
            traces::failed(&span);
        }
    }
}
