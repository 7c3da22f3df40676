//! DaData on the wire: `findById/party`, `findById/address`, `suggest/address`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{LIQUIDATED_MEANWHILE, address, party, register};
use crate::sandbox::engine::{Broken, Call, Engine};
use crate::sandbox::http::{Connection, broken};

/// The longest query that DaData takes, in characters.
const LONGEST: usize = 300;

/// The routes of DaData.
pub fn routes() -> Router<Arc<Engine>> {
    const BASE: &str = "/suggestions/api/4_1/rs";
    Router::new()
        .route(&format!("{BASE}/findById/party"), post(find_party))
        .route(&format!("{BASE}/findById/address"), post(find_address))
        .route(&format!("{BASE}/suggest/address"), post(suggest_address))
}

/// The body of an address question. Unknown fields are refused; the bounds are taken and not applied.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields that are taken and not applied")]
struct AddressQuery {
    query: String,
    count: Option<usize>,
    language: Option<String>,
    division: Option<String>,
    locations: Option<Value>,
    locations_boost: Option<Value>,
    from_bound: Option<Value>,
    to_bound: Option<Value>,
    restrict_value: Option<bool>,
}

async fn find_party(
    State(engine): State<Arc<Engine>>,
    ConnectInfo(cut): Connection,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query: Option<party::Query> = read(&body);
    let inn = query.as_ref().map_or("", |q| &q.query).to_owned();
    let call = Call::question("taxpayers.party").fact("inn", &inn);
    let done = engine.perform(call, move |desk| {
        check(&headers, &inn)?;
        let query = query.filter(party::Query::fits).ok_or_else(malformed)?;
        let mut found = desk.world.taxpayers.find(&inn);
        let meanwhile = register::magic(&inn) == Some(LIQUIDATED_MEANWHILE) && desk.asked_before("inn") > 0;
        if let Some(taxpayer) = found.as_mut().filter(|_| meanwhile) {
            taxpayer.status = "LIQUIDATED";
        }
        Ok(query.answer(found.as_ref()))
    });
    reply(done.await, &cut)
}

async fn suggest_address(
    State(engine): State<Arc<Engine>>,
    ConnectInfo(cut): Connection,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query: Option<AddressQuery> = read(&body);
    let text = query.as_ref().map_or("", |q| &q.query).to_owned();
    let call = Call::question("taxpayers.address").fact("query", &text);
    let done = engine.perform(call, move |_| {
        check(&headers, &text)?;
        let query = query.filter(|q| !q.query.is_empty()).ok_or_else(malformed)?;
        let count = query.count.unwrap_or(10).min(20);
        let found: Vec<Value> = address::suggest(&text).iter().take(count).map(address::Address::suggestion).collect();
        Ok(json!({ "suggestions": found }))
    });
    reply(done.await, &cut)
}

/// The body of `findById/address`. Unknown fields are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields that are taken and not applied")]
struct AddressId {
    query: String,
    count: Option<usize>,
    language: Option<String>,
}

async fn find_address(
    State(engine): State<Arc<Engine>>,
    ConnectInfo(cut): Connection,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query: Option<AddressId> = read(&body);
    let id = query.as_ref().map_or("", |q| &q.query).to_owned();
    let call = Call::question("taxpayers.addressById").fact("query", &id);
    let done = engine.perform(call, move |_| {
        check(&headers, &id)?;
        query.filter(|q| !q.query.is_empty()).ok_or_else(malformed)?;
        let found: Vec<Value> = address::by_id(&id).iter().map(address::Address::suggestion).collect();
        Ok(json!({ "suggestions": found }))
    });
    reply(done.await, &cut)
}

fn reply(done: Result<Value, Broken>, cut: &crate::sandbox::net::Cut) -> Response {
    match done {
        Ok(answer) => Json(answer).into_response(),
        Err(failure) => broken(failure, cut, wording),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

fn malformed() -> Broken {
    Broken::Invalid("the body is not JSON, lacks a field or has an unknown one".into())
}

/// The key is any but `denied`, `limited` and `broken`; the query is at most 300 characters.
fn check(headers: &HeaderMap, query: &str) -> Result<(), Broken> {
    let header = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    match header.and_then(|v| v.strip_prefix("Token ")).map(str::trim) {
        None | Some("") => Err(Broken::Error("401".into())),
        Some("denied") => Err(Broken::Error("403".into())),
        Some("limited") => Err(Broken::Error("429".into())),
        Some("broken") => Err(Broken::Error("503".into())),
        Some(_) if query.chars().count() > LONGEST => Err(Broken::Error("413".into())),
        Some(_) => Ok(()),
    }
}

fn wording(status: StatusCode, text: &str) -> Value {
    let family = if status.is_client_error() { "CLIENT_ERROR" } else { "SERVER_ERROR" };
    json!({ "family": family, "reason": status.canonical_reason(), "message": text })
}
