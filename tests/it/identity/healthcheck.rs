//! `healthcheck --token-file`, which `helm test` runs: known callers are let in, and nobody else.

use std::path::Path;
use std::process::Command;

use litebox_partner::storage::Backend;
use serde_json::json;

use super::signer::Signer;
use super::{app_with, but, claims, issuer, published, quick};
use crate::support::app::TestApp;

/// Why it failed, if it did.
async fn healthcheck(app: &TestApp, token: &Path, options: &[&str]) -> Option<String> {
    let mut command = tokio::process::Command::from(Command::new(env!("CARGO_BIN_EXE_litebox-partner")));
    command.args(["healthcheck", "--address", &app.address().to_string(), "--token-file"]).arg(token);
    let done = command.args(options).env_clear().output().await.unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    (!done.status.success()).then_some(said)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_healthcheck_makes_a_call_with_a_token_and_sees_that_one_without_is_refused() {
    let signer = Signer::ec("k");
    let keys = published(&signer).await;
    let app = app_with(Backend::Sqlite, vec![issuer(&keys.url)]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    for token in [signer.token(&claims()), format!("{}\n", app.partner.token)] {
        std::fs::write(&file, &token).unwrap();
        assert_eq!(healthcheck(&app, &file, &[]).await, None);
    }
    for (token, why) in [
        (signer.token(&but(json!({"sub": "stranger"}))), "a call with the token: The request does not have valid"),
        (signer.token(&but(json!({"aud": "elsewhere"}))), "a call with the token: The request does not have valid"),
        ("\u{1}".to_owned(), "holds no token"),
    ] {
        std::fs::write(&file, &token).unwrap();
        let said = healthcheck(&app, &file, &[]).await.unwrap();
        assert!(said.contains(why) && !said.contains(&token), "{said}");
    }
    assert!(healthcheck(&app, &folder.path().join("none"), &[]).await.unwrap().contains("--token-file: "));
    let unverified = healthcheck(&app, &file, &["--server-name", "localhost"]).await.unwrap();
    assert!(unverified.contains("give --ca"), "{unverified}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lets_in_strangers_too_is_told_by_the_healthcheck() {
    let signer = Signer::ec("k");
    let keys = published(&signer).await;
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        quick(config, vec![issuer(&keys.url)]);
        config.server.open_reflection = true;
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, signer.token(&claims())).unwrap();
    let said = healthcheck(&app, &file, &[]).await.unwrap();
    assert!(said.contains("a call without a token was let in"), "{said}");
}
