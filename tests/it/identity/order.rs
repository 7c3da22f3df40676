//! Authorization comes before validation: at every method of the contract, with a message that nobody can decode.

use litebox_partner::pb::DESCRIPTORS;
use litebox_partner::storage::Backend;
use prost_reflect::DescriptorPool;
use serde_json::json;
use tonic::{Code, Request, Status};

use super::signer::Signer;
use super::{app_with, but, claims, issuer, published, reason, subject};
use crate::support::app::TestApp;
use crate::support::raw::Raw;

async fn garbage(app: &TestApp, path: &str, token: &str, partner: Option<&str>) -> Status {
    let mut grpc = tonic::client::Grpc::new(app.channel());
    grpc.ready().await.unwrap();
    let mut request = Request::new(vec![0xFF; 7]);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    if let Some(id) = partner {
        request.metadata_mut().insert("x-litebox-partner-id", id.parse().unwrap());
    }
    match grpc.unary(request, path.parse().unwrap(), Raw).await {
        Err(status) => status,
        Ok(_) => panic!("{path} took it"),
    }
}

#[tokio::test]
async fn every_method_asks_who_calls_what_for_and_for_whom_before_it_looks_at_a_message() {
    let signer = Signer::ec("k");
    let keys = published(&signer).await;
    let mut issuer = issuer(&keys.url);
    let all =
        ["TAXPAYERS_READ", "CLIENTS_READ", "CLIENTS_WRITE", "KKT_READ", "KKT_WRITE", "KKT_FISCALIZE", "PARTNERS_ACT"];
    issuer.subjects = vec![subject("all", &all), subject("none", &["PARTNERS_ACT"])];
    let app = app_with(Backend::Sqlite, vec![issuer]).await;
    let own = app.partner.id.to_string();
    let token = |sub: &str| signer.token(&but(json!({ "sub": sub })));
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let mut methods = 0;
    for service in pool.services().filter(|s| s.full_name().starts_with("litebox.")) {
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            for (token, partner, code, expected) in [
                (signer.token(&claims()), Some(&own), Code::Unauthenticated, "CREDENTIALS_INVALID"),
                (token("none"), Some(&own), Code::PermissionDenied, "SCOPE_MISSING"),
                (token("all"), None, Code::PermissionDenied, "PARTNER_NOT_ALLOWED"),
                (token("all"), Some(&own), Code::InvalidArgument, "VALIDATION_FAILED"),
            ] {
                let refused = garbage(&app, &path, &token, partner.map(String::as_str)).await;
                assert_eq!((refused.code(), reason(&refused).as_str()), (code, expected), "{path}");
            }
            methods += 1;
        }
    }
    assert!(methods >= 11, "the methods were not found: {methods}");
}
