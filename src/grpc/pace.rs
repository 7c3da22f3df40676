//! How fast a partner may call, whatever it calls.

use super::layers::{Inner, Request, Response, Step};
use crate::partners::model::Caller;
use crate::partners::rate::Rate;

/// Counts the calls of each partner. Stands behind authentication: what has no caller is health and open reflection.
#[derive(Clone)]
pub struct Pace(pub Rate);

impl Step for Pace {
    async fn call<S: Inner>(self, request: Request, mut inner: S) -> Response {
        let counted = request.extensions().get::<Caller>().map_or(Ok(()), |caller| self.0.spend(caller.scope));
        match counted {
            Ok(()) => inner.pass(request).await,
            Err(over) => tonic::Status::from(over).into_http(),
        }
    }
}
