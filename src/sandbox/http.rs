//! What the HTTP emulators share: whose call it is, and how a broken call looks on the wire.

use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Environment;
use super::engine::{Broken, within};
use super::net::Cut;

/// The header that names a party's world.
pub const WORLD: &str = "x-litebox-environment";

/// How a protocol words an error: HTTP status and text to body.
pub type Wording = fn(StatusCode, &str) -> Value;

/// Turns a broken call into an answer, or into none.
pub fn broken(broken: Broken, cut: &Cut, wording: Wording) -> Response {
    let error = |status: StatusCode, text: &str| (status, Json(wording(status, text))).into_response();
    match broken {
        Broken::Error(code) => {
            let status = code.parse().ok().and_then(|code| StatusCode::from_u16(code).ok());
            error(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "the sandbox was told to fail")
        }
        Broken::Invalid(why) => error(StatusCode::BAD_REQUEST, &why),
        Broken::NotFound(what) => error(StatusCode::NOT_FOUND, &format!("no such {what}")),
        Broken::Garbage => {
            ([(header::CONTENT_TYPE, "application/json")], "{\"suggestions\":[{\"value\":\u{1}").into_response()
        }
        Broken::Cut | Broken::LostReply => {
            cut.now();
            Body::empty().into_response()
        }
    }
}

/// Says on every answer which world it comes from.
pub async fn sign(State(ours): State<Environment>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(WORLD, HeaderValue::from_static(ours.name()));
    response
}

/// Turns callers of the other world away before anything is written down.
pub async fn admit(State(ours): State<Environment>, request: Request, next: Next) -> Response {
    match request.headers().get(WORLD) {
        Some(theirs) if theirs != ours.name() => {
            let body = json!({ "error": { "code": 403, "description": "the caller is of another world" } });
            (StatusCode::FORBIDDEN, Json(body)).into_response()
        }
        _ => {
            let trace = request.headers().get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned);
            within(trace.unwrap_or_default(), next.run(request)).await
        }
    }
}

/// The connection of a request.
pub type Connection = ConnectInfo<Cut>;
