use futures::FutureExt;
use tokio::time::timeout;
use tonic_types::{ErrorDetails, StatusExt};

use super::*;
use crate::sdk::Options;
use crate::sdk::tests::scripted::{Script, Scripted};

async fn watching(
    scripts: impl IntoIterator<Item = Script>,
    kkt_ids: &[&str],
    resume_token: &str,
) -> (Scripted, Watch) {
    let scripted = Scripted::new(scripts);
    let partner = scripted.partner(Options::default()).await;
    let kkt_ids = kkt_ids.iter().map(|&id| id.into()).collect();
    let watch = partner.kkts().watch(WatchOptions { kkt_ids, resume_token: resume_token.into() });
    (scripted, watch)
}

fn change(revision: i64, token: &str) -> Result<pb::WatchResponse, Status> {
    let kkt = pb::Kkt { id: "k".into(), revision, ..pb::Kkt::default() };
    Ok(pb::WatchResponse { event: Some(Event::Kkt(kkt)), resume_token: token.into() })
}

fn end(token: &str) -> Result<pb::WatchResponse, Status> {
    Ok(pb::WatchResponse { event: Some(Event::End(pb::End {})), resume_token: token.into() })
}

fn unknown_token() -> Result<pb::WatchResponse, Status> {
    let details = ErrorDetails::with_bad_request_violation("resume_token", "is unknown");
    Err(Status::with_error_details(Code::InvalidArgument, "no", details))
}

async fn revisions(watch: &mut Watch, count: usize) -> Vec<i64> {
    let mut seen = Vec::new();
    while seen.len() < count {
        seen.push(watch.next().await.unwrap().revision);
    }
    seen
}

#[tokio::test]
async fn each_change_is_told_as_it_comes_also_one_of_a_lower_revision() {
    let first = vec![change(5, "a"), change(5, "b"), change(3, "c"), end("d")];
    let (scripted, mut watch) = watching([first, vec![change(4, "e")]], &[], "given").await;
    assert_eq!(revisions(&mut watch, 4).await, [5, 5, 3, 4]);
    assert_eq!(scripted.asked(), ["given", "d"]);
    assert_eq!(watch.resume_token(), "e");
}

#[tokio::test]
async fn a_pause_is_kept_by_a_watch_that_is_left_in_it() {
    let busy = Status::with_error_details(
        Code::ResourceExhausted,
        "full",
        ErrorDetails::with_retry_info(Some(Duration::from_millis(700))),
    );
    let (scripted, mut watch) = watching([vec![Err(busy)], vec![change(1, "a")]], &[], "").await;
    let began = Instant::now();
    let kkt = loop {
        // As `select!` leaves it, many times.
        if let Ok(kkt) = timeout(Duration::from_millis(20), watch.next()).await {
            break kkt.unwrap();
        }
    };
    assert_eq!(kkt.revision, 1);
    assert!(began.elapsed() >= Duration::from_millis(700), "{:?}", began.elapsed());
    assert_eq!(scripted.asked().len(), 2);
}

#[tokio::test]
async fn a_stream_that_is_left_while_it_opens_goes_on_opening() {
    let (scripted, mut watch) = watching([vec![change(1, "a"), change(2, "b")]], &[], "").await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        // One poll at a time.
        if let Some(kkt) = watch.next().now_or_never() {
            seen.push(kkt.unwrap().revision);
        }
        tokio::task::yield_now().await;
    }
    assert_eq!((seen, scripted.asked().len()), (vec![1, 2], 1));
}

#[tokio::test]
async fn a_token_of_its_own_that_is_not_known_is_done_without_where_registrations_are_named() {
    let scripts =
        || [vec![change(1, "own"), Err(Status::unavailable("restart"))], vec![unknown_token()], vec![change(2, "new")]];
    let (scripted, mut named) = watching(scripts(), &["k"], "").await;
    assert_eq!(revisions(&mut named, 2).await, [1, 2]);
    assert_eq!(scripted.asked(), ["", "own", ""]);

    let (_, mut all) = watching(scripts(), &[], "").await;
    assert_eq!(revisions(&mut all, 1).await, [1]);
    assert_eq!(all.next().await.unwrap_err().code(), Code::InvalidArgument);

    let (scripted, mut given) = watching([vec![unknown_token()]], &["k"], "given").await;
    assert_eq!(given.next().await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(scripted.asked(), ["given"]);
}

#[tokio::test]
async fn a_service_that_only_ever_ends_its_streams_is_not_asked_in_a_loop() {
    let ends = || vec![end("t")];
    let (scripted, mut watch) = watching([ends(), ends(), ends(), vec![change(1, "a")]], &[], "").await;
    let began = Instant::now();
    assert_eq!(revisions(&mut watch, 1).await, [1]);
    // At once, then 0.1 and 0.2 s, each a fifth less at the least.
    assert!(began.elapsed() >= Duration::from_millis(240), "{:?}", began.elapsed());
    assert_eq!(scripted.asked().len(), 4);
}
