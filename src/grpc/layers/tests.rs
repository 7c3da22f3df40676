use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::ServiceExt;

use super::*;
use crate::clock::{Clock, Ids};
use crate::grpc::call::{CALL_ID_HEADER, CallId};
use crate::grpc::places::Places;
use crate::grpc::quiet::Quiet;
use crate::metrics::Meters;
use crate::partners::rate::Rate;

const CAP: Duration = Duration::from_millis(200);
/// More than any deadline here.
const LONG: Duration = Duration::from_secs(60);

/// In the place of authentication: lets in, or refuses.
#[derive(Clone)]
struct Door {
    open: bool,
}

impl Step for Door {
    async fn call<S: Inner>(&self, request: Request, mut inner: S) -> Response {
        if self.open { inner.pass(request).await } else { status::unauthenticated().into_http() }
    }
}

async fn through(open: bool, timeout: Option<&str>, answer: fn(Request) -> Response, delay: Duration) -> Response {
    let (clock, ids) = (Clock::fixed(1_795_000_000_000), Ids::counted(1));
    let calls = Calls { clock, ids, follow_callers: true, meters: Meters::default(), quiet: Quiet::default() };
    let pace = Pace { rate: Rate::new(0, 0, Clock::fixed(0)), under_way: Places::of_calls(9) };
    let layers = layers(calls, Load::new(9, 9, 9, CAP, CAP), Deadline { cap: CAP }, Door { open }, pace);
    let inner = tower::service_fn(move |request: Request| async move {
        tokio::time::sleep(delay).await;
        Ok::<_, Infallible>(answer(request))
    });
    let mut request = Request::new(Body::default());
    if let Some(timeout) = timeout {
        request.headers_mut().insert("grpc-timeout", timeout.parse().unwrap());
    }
    layers.service(inner).oneshot(request).await.unwrap()
}

fn fine(request: Request) -> Response {
    assert!(request.extensions().get::<CallId>().is_some());
    Response::new(Body::default())
}

fn told(response: &Response) -> (Code, String) {
    let status = Status::from_header_map(response.headers()).unwrap();
    let details = status.get_error_details();
    let id = response.headers().get(&CALL_ID_HEADER).unwrap().to_str().unwrap();
    assert_eq!(details.request_info().unwrap().request_id, id);
    (status.code(), details.error_info().unwrap().reason.clone())
}

#[tokio::test]
async fn an_answer_carries_the_id_of_its_call() {
    let response = through(true, None, fine, Duration::ZERO).await;
    assert!(response.headers().contains_key(&CALL_ID_HEADER));
    assert!(Status::from_header_map(response.headers()).is_none());
}

#[tokio::test]
async fn a_panic_is_an_internal_error_of_its_call() {
    let response = through(true, None, |_| panic!("on purpose"), Duration::ZERO).await;
    assert_eq!(told(&response), (Code::Internal, "INTERNAL".into()));
}

#[tokio::test]
async fn a_passed_deadline_is_deadline_exceeded() {
    let response = through(true, Some("5m"), fine, LONG).await;
    assert_eq!(told(&response), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".into()));
}

#[tokio::test]
async fn a_caller_cannot_ask_for_more_than_the_cap() {
    let response = through(true, Some("1H"), fine, LONG).await;
    assert_eq!(told(&response), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".into()));
}

#[tokio::test]
async fn a_refusal_of_authentication_is_complete_too() {
    let response = through(false, None, fine, Duration::ZERO).await;
    assert_eq!(told(&response), (Code::Unauthenticated, "CREDENTIALS_INVALID".into()));
}

#[tokio::test]
async fn an_error_of_the_framework_gets_a_reason() {
    let unknown = |_| Status::unimplemented("").into_http();
    assert_eq!(told(&through(true, None, unknown, Duration::ZERO).await), (Code::Unimplemented, "NOT_OFFERED".into()));
}
