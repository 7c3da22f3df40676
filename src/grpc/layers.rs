//! What happens around every call: one ordered list, with the reason for each position.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use tonic::body::Body;
use tower::layer::util::Stack;
use tower::{Layer, Service, ServiceBuilder};

use super::call::Calls;
use super::deadline::Deadline;
use super::load::Load;
use super::pace::Pace;
use super::status;

/// A request as the layers see it.
pub type Request = http::Request<Body>;
/// A response as the layers see it.
pub type Response = http::Response<Body>;

/// The layers, outermost first. `auth` is closed by default: no handler behind it is open.
pub fn layers<A: Step>(calls: Calls, load: Load, deadline: Deadline, auth: A, pace: Pace) -> ServiceBuilder<Layers<A>> {
    ServiceBuilder::new()
        // Outermost: every answer, whoever made it, gets the call id, an ErrorInfo and a log line.
        .layer(Around::new(calls))
        // Inside the log line, so that a panic is logged with its call; outside everything that may panic.
        .layer(Around::new(CatchPanic))
        // Outside authentication, which costs something; inside the log line, so that what is shed is seen. Outside the
        // deadline: a call that has ended for its caller, and whose command has, has given its place back.
        .layer(Around::new(load))
        // Bounds authentication too: it may ask the database or a key server.
        .layer(Around::new(deadline))
        // Decides before any message is decoded, so authorization comes before validation.
        .layer(Around::new(auth))
        // Behind it, since it counts the calls of the partner that auth has found.
        .layer(Around::new(pace))
}

/// The type of [`layers`].
pub type Layers<A> = Stack<Around<Pace>, Stack<Around<A>, Bounded>>;
type Bounded = Stack<
    Around<Deadline>,
    Stack<Around<Load>, Stack<Around<CatchPanic>, Stack<Around<Calls>, tower::layer::util::Identity>>>,
>;

/// What a layer does with a call: answer it, or pass it on to `inner`.
pub trait Step: Send + Sync + 'static {
    /// Handles one call.
    fn call<S: Inner>(&self, request: Request, inner: S) -> impl Future<Output = Response> + Send;
}

/// What stands behind a layer.
pub trait Inner: Clone + Send + 'static {
    /// Passes the call on.
    fn pass(&mut self, request: Request) -> impl Future<Output = Response> + Send;
}

impl<S> Inner for S
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    async fn pass(&mut self, request: Request) -> Response {
        match self.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// A tower layer made of a [`Step`], which all calls share: a copy of the layers is made for each of them, at each layer.
pub struct Around<T>(Arc<T>);

impl<T> Around<T> {
    fn new(step: T) -> Self {
        Self(Arc::new(step))
    }
}

impl<T> Clone for Around<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S, T> Layer<S> for Around<T> {
    type Service = Stepped<S, T>;

    fn layer(&self, inner: S) -> Self::Service {
        Stepped { inner, step: self.0.clone() }
    }
}

/// The service of [`Around`].
pub struct Stepped<S, T> {
    inner: S,
    step: Arc<T>,
}

impl<S: Clone, T> Clone for Stepped<S, T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), step: self.step.clone() }
    }
}

impl<S, T> Service<Request> for Stepped<S, T>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    T: Step,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The clone that was polled ready must serve this call; a fresh one takes its place.
        let fresh = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, fresh);
        let step = self.step.clone();
        Box::pin(async move { Ok(step.call(request, ready).await) })
    }
}

/// Turns a panic of a handler into INTERNAL; the connection and its other calls go on.
#[derive(Clone)]
pub struct CatchPanic;

impl Step for CatchPanic {
    async fn call<S: Inner>(&self, request: Request, mut inner: S) -> Response {
        let handled = async move {
            #[cfg(feature = "chaos")]
            crate::chaos::panic_in(request.uri().path());
            inner.pass(request).await
        };
        match AssertUnwindSafe(handled).catch_unwind().await {
            Ok(response) => response,
            Err(_) => status::internal("a handler panicked").into_http(),
        }
    }
}

#[cfg(test)]
mod tests;
