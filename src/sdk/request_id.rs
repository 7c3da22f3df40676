//! The id that makes a call repeatable.

use crate::pb::{client, kkt};

/// Draws a request id, a UUID of version 4. Draw one for each new intention, store it, then call: after a crash the same
/// id continues what was begun. A request without an id gets one by itself, which lives as long as the call and its
/// [`Error`](super::Error).
///
/// # Panics
/// When the machine gives no random numbers.
#[expect(clippy::expect_used, reason = "without random numbers there is nothing to go on with")]
pub fn new_request_id() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the machine gives random numbers");
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
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
