//! Where keys come from: replaced under load, away, slow, garbage, and back; and as Kubernetes serves them.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use litebox_partner::pb::client::ListRequest;
use litebox_partner::storage::Backend;
use serde_json::json;
use tonic::{Code, Request};

use super::jwks::{Jwks, Manner};
use super::signer::{Signer, jwks, now};
use super::{ISSUER, SERVICE, app_with, claims, enters, issuer, published, quick, refused_like_nobody, subject};
use crate::support::app::{TestApp, until};
use crate::support::process::Server;
use crate::support::stage::Stage;

#[tokio::test]
async fn keys_are_replaced_under_load_and_no_call_is_refused() {
    let (old, new) = (Signer::ec("old"), Signer::rsa("new"));
    let keys = published(&old).await;
    // Nothing but an unknown id makes it fetch.
    let change = |config: &mut litebox_partner::config::Config| {
        quick(config, vec![issuer(&keys.url)]);
        config.jwt.refresh_ms = 600_000;
    };
    let app = TestApp::start_with(Backend::Sqlite, change).await;
    enters(&app, &old.token(&claims())).await.unwrap();
    let (over, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    let load = async |signer: &Signer| {
        while !over.load(Ordering::Relaxed) {
            enters(&app, &signer.token(&claims())).await.unwrap();
            calls.fetch_add(1, Ordering::Relaxed);
        }
    };
    let rotate = async {
        until("there is load", async || calls.load(Ordering::Relaxed) > 50).await;
        keys.be(Manner::Keys(jwks(&[&old, &new])));
        for _ in 0..50 {
            enters(&app, &new.token(&claims())).await.unwrap();
        }
        over.store(true, Ordering::Relaxed);
    };
    tokio::join!(load(&old), load(&old), load(&old), rotate);
    assert_eq!(keys.asked().len(), 2, "one fetch at the start, one for the new key");
}

#[tokio::test]
async fn good_keys_are_kept_whatever_becomes_of_their_source() {
    let (signer, stranger) = (Signer::ec("k"), Signer::ec("s"));
    let keys = published(&signer).await;
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        quick(config, vec![issuer(&keys.url)]);
        config.jwt.timeout_ms = 300;
    })
    .await;
    until("keys were fetched", async || enters(&app, &signer.token(&claims())).await.is_ok()).await;
    let elsewhere = published(&stranger).await;
    for (manner, what) in [
        (Manner::Status(503, jwks(&[&stranger])), "down"),
        (Manner::Status(404, "not here".into()), "gone"),
        (Manner::Keys("<html>".into()), "garbage"),
        (Manner::Keys(json!({"keys": []}).to_string()), "empty"),
        (Manner::Redirect(elsewhere.url.clone()), "redirect"),
        (Manner::Broken, "broken off"),
        (Manner::Endless, "too large"),
        (Manner::Silent, "silent"),
    ] {
        keys.be(manner);
        let before = keys.asked().len();
        until("it was asked twice since", async || keys.asked().len() >= before + 2).await;
        enters(&app, &signer.token(&claims())).await.unwrap_or_else(|refused| panic!("{what}: {refused:?}"));
        refused_like_nobody(&app, &stranger.token(&claims()), what).await;
    }
    assert!(elsewhere.asked().is_empty(), "a redirect was followed");
    keys.be(Manner::Keys(jwks(&[&stranger])));
    until("it is back", async || enters(&app, &stranger.token(&claims())).await.is_ok()).await;
    refused_like_nobody(&app, &signer.token(&claims()), "a key that was taken away").await;
}

/// What the server logs tells that it has looked.
#[tokio::test]
async fn good_keys_are_kept_whatever_becomes_of_their_file() {
    let (signer, stranger) = (Signer::ec("k"), Signer::ec("s"));
    let (good, strange) = (jwks(&[&signer]), jwks(&[&stranger]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, &good).unwrap();
    let stage = Stage::new(Backend::Sqlite).await;
    let server = reads_keys_from(&stage, &path).await;
    let enters = async |signer: &Signer| {
        let mut request = Request::new(ListRequest::default());
        request.metadata_mut().insert("x-litebox-partner-id", stage.partner.id.to_string().parse().unwrap());
        server.clients(&signer.token(&claims())).list(request).await
    };
    until("the keys were read", async || enters(&signer).await.is_ok()).await;
    let torn = [Some(&strange[..strange.len() / 2]), Some(""), Some("{\"keys\": []}"), None];
    for (before, text) in torn.into_iter().enumerate() {
        match text {
            Some(text) => std::fs::write(&path, text).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let said = |line: &str| server.log().matches(line).count() == before + 1;
        until("it has looked", async || said("keys cannot be fetched: those that are known are kept")).await;
        enters(&signer).await.unwrap_or_else(|refused| panic!("{text:?}: {refused:?}"));
        assert_eq!(enters(&stranger).await.unwrap_err().code(), Code::Unauthenticated, "{text:?}");
        std::fs::write(&path, &good).unwrap();
        until("it is whole again", async || said("keys are fetched again")).await;
    }
}

async fn reads_keys_from(stage: &Stage, path: &Path) -> Server {
    let subjects = json!([{"subject": SERVICE, "scopes": ["CLIENTS_READ", "PARTNERS_ACT"]}]);
    let issuers =
        json!([{"issuer": ISSUER, "audiences": ["litebox-partner"], "jwks_file": path, "subjects": subjects}]);
    let settings =
        [("jwt.issuers", issuers.to_string()), ("jwt.refresh_ms", "50".into()), ("jwt.rest_ms", "20".into())];
    stage.server_with(&settings).await
}

#[tokio::test]
async fn a_source_that_is_down_at_the_start_lets_nobody_in_until_it_is_there() {
    let signer = Signer::ec("k");
    let keys = published(&signer).await;
    keys.be(Manner::Status(500, String::new()));
    let app = app_with(Backend::Sqlite, vec![issuer(&keys.url)]).await;
    refused_like_nobody(&app, &signer.token(&claims()), "no keys").await;
    app.clients().list(ListRequest::default()).await.unwrap();
    keys.be(Manner::Keys(jwks(&[&signer])));
    until("it is there", async || enters(&app, &signer.token(&claims())).await.is_ok()).await;
}

#[tokio::test]
async fn callers_cannot_make_it_ask_for_keys_more_than_once_in_a_while() {
    let (signer, stranger) = (Signer::ec("k"), Signer::ec("s"));
    let keys = published(&signer).await;
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        quick(config, vec![issuer(&keys.url)]);
        (config.jwt.refresh_ms, config.jwt.rest_ms) = (600_000, 600_000);
    })
    .await;
    enters(&app, &signer.token(&claims())).await.unwrap();
    for _ in 0..100 {
        refused_like_nobody(&app, &stranger.token(&claims()), "an unknown key").await;
    }
    assert_eq!(keys.asked().len(), 1);
}

/// A token as the API server of Kubernetes makes it for a pod, keys behind its own authority and a token.
#[tokio::test]
async fn a_projected_service_account_token_is_one_more_issuer() {
    let signer = Signer::rsa("vLk2xvEmQ3Uw9v0PzT8cXkWl1bG0Jr7dYyq5hN4sFeE");
    let keys = Jwks::secure(jwks(&[&signer])).await;
    let folder = tempfile::tempdir().unwrap();
    let (ca, token) = (folder.path().join("ca.crt"), folder.path().join("token"));
    std::fs::write(&ca, &keys.ca).unwrap();
    std::fs::write(&token, "first\n").unwrap();
    let mut cluster = issuer(&keys.url);
    cluster.issuer = "https://kubernetes.default.svc.cluster.local".into();
    (cluster.jwks_ca_file, cluster.jwks_token_file) = (ca.clone(), token.clone());
    cluster.subjects = vec![subject("system:serviceaccount:billing:billing", &["CLIENTS_READ", "PARTNERS_ACT"])];
    let app = app_with(Backend::Sqlite, vec![cluster.clone()]).await;
    let claims = json!({
        "aud": ["litebox-partner"], "exp": now() + 3607, "iat": now(), "nbf": now(),
        "iss": "https://kubernetes.default.svc.cluster.local", "jti": "5f3b6a52-3a6e-4c1b-8a0e-0d0f1a2b3c4d",
        "kubernetes.io": {
            "namespace": "billing",
            "node": {"name": "node-1", "uid": "9d6e2a0b-1111-4222-8333-444455556666"},
            "pod": {"name": "billing-6c9f", "uid": "0c1d2e3f-1111-4222-8333-444455556666"},
            "serviceaccount": {"name": "billing", "uid": "1a2b3c4d-1111-4222-8333-444455556666"}
        },
        "sub": "system:serviceaccount:billing:billing"
    });
    enters(&app, &signer.token(&claims)).await.unwrap();
    let mut neighbour = claims.clone();
    neighbour["sub"] = "system:serviceaccount:billing:default".into();
    refused_like_nobody(&app, &signer.token(&neighbour), "another account of the namespace").await;
    let mut to_kubernetes = claims.clone();
    to_kubernetes["aud"] = json!(["https://kubernetes.default.svc.cluster.local"]);
    refused_like_nobody(&app, &signer.token(&to_kubernetes), "a token for the API server").await;
    assert!(keys.asked()[0].to_ascii_lowercase().contains("authorization: bearer first\r\n"));
    std::fs::write(&token, "second").unwrap();
    let shown = |text: &str| keys.asked().last().unwrap().to_ascii_lowercase().contains(text);
    until("the new token is shown", async || shown("bearer second\r\n")).await;
    // Whoever is vouched for by somebody else is not asked.
    let (stranger, next) = (Jwks::secure(String::new()).await, Signer::rsa("next"));
    std::fs::write(&ca, &stranger.ca).unwrap();
    let connected = keys.connected();
    until("two fetches began since", async || keys.connected() >= connected + 3).await;
    let asked = keys.asked().len();
    keys.be(Manner::Keys(jwks(&[&next])));
    until("two more began", async || keys.connected() >= connected + 5).await;
    assert_eq!(keys.asked().len(), asked, "an authority that is not trusted was believed");
    enters(&app, &signer.token(&claims)).await.unwrap();
    std::fs::write(&ca, &keys.ca).unwrap();
    until("it is trusted again", async || enters(&app, &next.token(&claims)).await.is_ok()).await;
}
