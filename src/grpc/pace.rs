//! How fast a partner may call, and how many calls it may have under way, whatever it calls.

use super::held;
use super::layers::{Inner, Request, Response, Step};
use super::places::{Place, Places};
use crate::failure::Failure;
use crate::partners::model::{Caller, Holder};
use crate::partners::rate::Rate;

/// Counts the calls of each partner. Stands behind authentication: what has no caller is health and open reflection.
#[derive(Clone)]
pub struct Pace {
    /// Calls a second.
    pub rate: Rate,
    /// Calls under way: fewer than the server takes at once, so that a partner whose calls do not end keeps nobody out.
    pub under_way: Places,
}

impl Step for Pace {
    async fn call<S: Inner>(&self, request: Request, mut inner: S) -> Response {
        let counted = request.extensions().get::<Caller>().map(|caller| self.count(caller)).transpose();
        match counted {
            Ok(None) => inner.pass(request).await,
            Ok(Some(place)) => {
                let mut response = held::with(place.clone()).during(inner.pass(request)).await;
                // Whoever does not take its answers has calls under way. A stream has brought a place of its own.
                response.extensions_mut().get_or_insert_with(|| place);
                response
            }
            Err(over) => tonic::Status::from(over).into_http(),
        }
    }
}

impl Pace {
    fn count(&self, caller: &Caller) -> Result<Place, Failure> {
        self.rate.spend(Holder::Partner(caller.scope.partner()))?;
        self.under_way.take(caller.scope)
    }
}
