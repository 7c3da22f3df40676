use tonic::{Code, Status};

use super::scripted::Scripted;
use crate::pb::kkt::watch_response::Event;
use crate::pb::kkt::{Kkt, WatchResponse};
use crate::sdk::{Options, Partner, WatchOptions};

fn refusals(times: usize) -> Vec<Status> {
    vec![Status::unauthenticated("no such token"); times]
}

/// A partner whose token is refused so often, while its file has another one after each call.
async fn refused(times: usize) -> (tempfile::TempDir, Scripted, Partner) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let scripted = Scripted::failing(refusals(times)).rotating(&file);
    let partner = scripted.partner(Options { token_file: Some(file), ..Options::default() }).await;
    (folder, scripted, partner)
}

#[tokio::test]
async fn a_call_whose_token_is_refused_is_repeated_once_with_the_next() {
    let (_folder, scripted, partner) = refused(1).await;
    partner.kkts().get("k").await.unwrap();
    assert_eq!(scripted.headers("authorization"), ["Bearer token-0", "Bearer token-1"]);

    let (_folder, scripted, partner) = refused(2).await;
    assert_eq!(partner.kkts().get("k").await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(scripted.headers("authorization"), ["Bearer token-0", "Bearer token-1"]);
}

#[tokio::test]
async fn a_watch_whose_token_is_refused_is_opened_once_more_with_the_next() {
    let change = || Ok(WatchResponse { event: Some(Event::Kkt(Kkt::default())), resume_token: "t".into() });
    let (_folder, scripted, partner) = refused(1).await;
    scripted.play([vec![change()]]);
    partner.kkts().watch(WatchOptions::default()).next().await.unwrap();
    assert_eq!(scripted.headers("authorization"), ["Bearer token-0", "Bearer token-1"]);

    let (_folder, scripted, partner) = refused(2).await;
    let error = partner.kkts().watch(WatchOptions::default()).next().await.unwrap_err();
    assert_eq!(error.code(), Code::Unauthenticated);
    assert_eq!(scripted.headers("authorization"), ["Bearer token-0", "Bearer token-1"]);
}

#[tokio::test]
async fn a_token_that_was_refused_is_not_shown_again() {
    let scripted = Scripted::failing(refusals(1));
    let partner = scripted.partner(Options { token: Some("one".into()), ..Options::default() }).await;
    assert_eq!(partner.kkts().get("k").await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(scripted.headers("authorization").len(), 1);
}
