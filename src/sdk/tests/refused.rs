use std::fs::write;
use std::time::Duration;

use tempfile::TempDir;
use tonic::{Code, Status};

use super::scripted::Scripted;
use crate::sdk::{Options, Partner, WatchOptions};

/// A partner of a server that refuses so many tokens; the file of the first has another one by now.
async fn rotated(refusals: usize) -> (TempDir, Scripted, Partner) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    write(&file, "old").unwrap();
    let scripted = Scripted::failing(vec![Status::unauthenticated("revoked"); refusals]);
    let options =
        Options { token_file: Some(file.clone()), timeout: Some(Duration::from_secs(2)), ..Options::default() };
    let partner = scripted.partner(options).await;
    write(&file, "new").unwrap();
    (folder, scripted, partner)
}

#[tokio::test]
async fn a_call_is_made_once_more_with_the_token_that_its_file_has_now() {
    let (_folder, scripted, partner) = rotated(1).await;
    partner.kkts().get("k").await.unwrap();
    assert_eq!(scripted.headers("authorization"), ["Bearer old", "Bearer new"]);

    let (_folder, scripted, partner) = rotated(2).await;
    assert_eq!(partner.kkts().get("k").await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(scripted.headers("authorization").len(), 2);
}

#[tokio::test]
async fn a_stream_is_opened_once_more_with_the_token_that_its_file_has_now() {
    let (_folder, scripted, partner) = rotated(1).await;
    // It says nothing, and is given up.
    partner.kkts().watch(WatchOptions::default()).next().await.unwrap_err();
    assert_eq!(scripted.headers("authorization"), ["Bearer old", "Bearer new"]);

    let (_folder, scripted, partner) = rotated(2).await;
    let failed = partner.kkts().watch(WatchOptions::default()).next().await.unwrap_err();
    assert_eq!((failed.code(), scripted.headers("authorization").len()), (Code::Unauthenticated, 2));
}
