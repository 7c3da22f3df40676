//! Reflection, v1 and v1alpha: grpcurl lists, calls and explains the service without its files. It serves
//! `google/rpc/error_details.proto` too, so that error details are printed.
//!
//! Most servers are never asked, and what is read from the files takes more memory than a hundred calls. So it is made when it is
//! first asked for.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::{Ready, ready};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures::future::Either;
use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic_reflection::server::{Builder, Error, v1, v1alpha};
use tower::Service;

use super::status;
use crate::pb::DESCRIPTORS;

/// A name fits many times. What is asked stands twice in the answer.
const LARGEST_QUESTION: usize = 1024;

/// A service that is made by its first call.
pub struct Lazily<S, E> {
    made: Arc<OnceLock<Result<S, E>>>,
    make: fn() -> Result<S, E>,
}

impl<S, E> Lazily<S, E> {
    fn new(make: fn() -> Result<S, E>) -> Self {
        Self { made: Arc::default(), make }
    }
}

impl<S, E> Clone for Lazily<S, E> {
    fn clone(&self) -> Self {
        Self { made: Arc::clone(&self.made), make: self.make }
    }
}

impl<S: NamedService, E> NamedService for Lazily<S, E> {
    const NAME: &'static str = S::NAME;
}

impl<S, E> Service<Request<Body>> for Lazily<S, E>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
    E: Display,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.made.get_or_init(self.make) {
            // Reflection is always ready.
            Ok(service) => Either::Left(service.clone().call(request)),
            Err(defect) => Either::Right(ready(Ok(status::internal(&defect.to_string()).into_http()))),
        }
    }
}

/// The descriptors as bytes: prost's own type would lose the options (rules, scopes).
fn files() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

fn made_v1() -> Result<v1::ServerReflectionServer<impl v1::ServerReflection>, Error> {
    Ok(files().build_v1()?.max_decoding_message_size(LARGEST_QUESTION))
}

fn made_v1alpha() -> Result<v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection>, Error> {
    Ok(files().build_v1alpha()?.max_decoding_message_size(LARGEST_QUESTION))
}

/// Reflection as most tools speak it today.
pub fn v1() -> Lazily<v1::ServerReflectionServer<impl v1::ServerReflection>, Error> {
    Lazily::new(made_v1)
}

/// Reflection as older tools speak it.
pub fn v1alpha() -> Lazily<v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection>, Error> {
    Lazily::new(made_v1alpha)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise nobody would know before somebody asks.
    #[test]
    fn both_versions_can_be_made() {
        assert!(made_v1().is_ok());
        assert!(made_v1alpha().is_ok());
    }

    #[tokio::test]
    async fn a_service_is_made_by_its_first_call_and_not_again() {
        let made_once = v1();
        assert!(made_once.made.get().is_none());
        for _ in 0..2 {
            assert_eq!(
                made_once.clone().call(Request::default()).await.map(|answer| answer.status().as_u16()),
                Ok(200)
            );
            assert!(made_once.made.get().is_some());
        }
    }

    #[tokio::test]
    async fn what_cannot_be_made_is_an_error_of_ours() {
        fn broken<S>(_: &Lazily<S, Error>) -> Lazily<S, &'static str> {
            Lazily::new(|| Err("no files"))
        }
        let answer = broken(&v1()).call(Request::default()).await;
        assert_eq!(answer.map(|answer| answer.headers()["grpc-status"].clone()), Ok("13".parse().unwrap()));
    }
}
