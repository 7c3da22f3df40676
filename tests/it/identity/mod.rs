//! Who calls, and for whom.

mod healthcheck;
pub mod jwks;
mod keys;
mod naming;
mod order;
mod readers;
mod signed;
pub mod signer;
mod strangers;
mod streams;
mod tokens;

use std::path::PathBuf;

use litebox_partner::config::Config;
use litebox_partner::partners::jwt::config::{IssuerConfig, SubjectConfig};
use litebox_partner::pb::client::ListRequest;
use litebox_partner::storage::Backend;
use serde_json::{Value, json};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use self::jwks::Jwks;
use self::signer::now;
use crate::auth::seen;
use crate::support::app::TestApp;

const ISSUER: &str = "https://login.example";
const SERVICE: &str = "service-a";

/// An issuer whose keys are here.
fn issuer(url: &str) -> IssuerConfig {
    IssuerConfig {
        issuer: ISSUER.into(),
        audiences: vec!["litebox-partner".into(), "other-name-of-ours".into()],
        jwks_url: url.into(),
        jwks_file: PathBuf::new(),
        jwks_ca_file: PathBuf::new(),
        jwks_token_file: PathBuf::new(),
        subjects: vec![subject(SERVICE, &["CLIENTS_READ", "KKT_READ", "PARTNERS_ACT"])],
    }
}

fn subject(name: &str, scopes: &[&str]) -> SubjectConfig {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    SubjectConfig { subject: name.into(), scopes, partners: Vec::new() }
}

/// A service that believes these issuers and looks for keys again at once.
async fn app_with(backend: Backend, issuers: Vec<IssuerConfig>) -> TestApp {
    TestApp::start_with(backend, |config| quick(config, issuers)).await
}

fn quick(config: &mut Config, issuers: Vec<IssuerConfig>) {
    config.jwt.issuers = issuers;
    (config.jwt.refresh_ms, config.jwt.rest_ms, config.jwt.timeout_ms) = (100, 50, 10_000);
}

/// The claims of a good token.
fn claims() -> Value {
    json!({"iss": ISSUER, "sub": SERVICE, "aud": "litebox-partner", "iat": now() - 5, "exp": now() + 600})
}

/// The same with other values; null takes one away.
fn but(changes: Value) -> Value {
    let mut all = claims();
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            all.as_object_mut().unwrap().remove(key)
        } else {
            all.as_object_mut().unwrap().insert(key.clone(), value.clone())
        };
    }
    all
}

/// Reads clients with this token, naming these partners.
async fn list(app: &TestApp, token: &str, partners: &[&str]) -> Result<usize, Status> {
    let mut request = Request::new(ListRequest::default());
    for partner in partners {
        request.metadata_mut().append("x-litebox-partner-id", partner.parse().unwrap());
    }
    let credentials = format!("Bearer {token}");
    let answer = app.clients_as(Some(&credentials)).list(request).await?;
    Ok(answer.into_inner().clients.len())
}

/// What the app's partner's data look like to a service.
async fn enters(app: &TestApp, token: &str) -> Result<usize, Status> {
    list(app, token, &[&app.partner.id.to_string()]).await
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// The answer is the one that shows nothing: the same as to whoever has no credentials at all.
async fn refused_like_nobody(app: &TestApp, token: &str, what: &str) {
    let Err(refused) = enters(app, token).await else { panic!("{what} was let in") };
    let nobody = app.clients_as(None).list(ListRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "{what}");
    assert_eq!(seen(&refused), seen(&nobody), "{what}");
}

/// The issuer's keys are at a server.
async fn published(signer: &signer::Signer) -> Jwks {
    Jwks::start(signer::jwks(&[signer])).await
}
