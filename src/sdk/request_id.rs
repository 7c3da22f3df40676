//! The id that makes a call repeatable.

use crate::pb::{client, kkt};

/// Draws a request id, a UUID of version 4. Draw one for each new intention, store it, then call: after a crash the same
/// id continues what was begun. A request without an id gets one by itself, which lives as long as the call and its
/// [`Error`](super::Error).
///
/// # Panics
/// When the machine gives no random numbers: there is nothing to go on with then.
#[expect(clippy::disallowed_methods, reason = "a program that calls has no source of ids to hand over")]
pub fn new_request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A request that may carry a request id.
pub(super) trait Named {
    /// Fills an empty id; the id, empty for requests that have none.
    fn name(&mut self) -> String {
        String::new()
    }
}

macro_rules! named {
    ($($request:ty),*) => {$(
        impl Named for $request {
            fn name(&mut self) -> String {
                if self.request_id.is_empty() {
                    self.request_id = new_request_id();
                }
                self.request_id.clone()
            }
        }
    )*};
}

named!(
    client::RegisterRequest,
    kkt::QuickRegisterRequest,
    kkt::FiscalizeRequest,
    kkt::AmendRequest,
    kkt::CancelRequest
);

impl Named for client::LookupTaxpayerRequest {}
impl Named for client::GetRequest {}
impl Named for client::ListRequest {}
impl Named for kkt::GetRequest {}
impl Named for kkt::ListRequest {}
