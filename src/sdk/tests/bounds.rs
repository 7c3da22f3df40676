use std::time::Duration;

use tokio::time::{Instant, timeout};
use tonic::transport::Server;
use tonic::{Code, Status};

use super::scripted::Scripted;
use crate::pb::kkt as pb;
use crate::pb::kkt::watch_response::Event;
use crate::sdk::{Options, Partner, WaitError, WaitOptions, WatchOptions};

/// What does not end by itself has failed.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(500);

fn hasty() -> Options {
    Options { timeout: Some(SHORT), ..Options::default() }
}

fn registered() -> Result<pb::WatchResponse, Status> {
    let kkt = pb::Kkt { revision: 1, state: pb::KktState::Registered.into(), ..pb::Kkt::default() };
    Ok(pb::WatchResponse { event: Some(Event::Kkt(kkt)), resume_token: "t".into() })
}

#[tokio::test]
async fn a_watch_whose_first_stream_says_nothing_ends_after_the_time_of_a_call() {
    let scripted = Scripted::default();
    let mut watch = scripted.partner(hasty()).await.kkts().watch(WatchOptions::default());
    let failed = timeout(LONG, watch.next()).await.unwrap().unwrap_err();
    assert_eq!((failed.code(), scripted.asked().len()), (Code::Unavailable, 1));
}

#[tokio::test]
async fn a_wait_goes_on_longer_than_a_call_for_a_service_that_has_answered() {
    let down = || vec![Err(Status::unavailable("restart"))];
    let scripted = Scripted::new([down(), down(), down(), down(), vec![registered()]]);
    let partner = scripted.partner(hasty()).await;
    let began = Instant::now();
    let came = timeout(LONG, partner.kkts().wait_until_registered("k", WaitOptions::default())).await;
    assert_eq!(came.unwrap().unwrap().state(), pb::KktState::Registered);
    assert!(began.elapsed() > SHORT, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_wait_ends_after_its_timeout() {
    let partner = Scripted::default().partner(Options::default()).await;
    let options = WaitOptions { timeout: Some(SHORT), ..WaitOptions::default() };
    let ended = timeout(LONG, partner.kkts().wait_until_registered("k", options)).await.unwrap();
    let Err(WaitError::Call(failed)) = ended else { panic!("{ended:?}") };
    assert_eq!((failed.code(), failed.reason_text()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
}

#[tokio::test]
async fn an_address_may_say_that_its_name_is_looked_up() {
    let address = format!("dns:///{}", Scripted::default().serve(Server::builder()).await);
    let partner = Partner::new(Options { address, plaintext: true, ..Options::default() }).unwrap();
    partner.kkts().get("k").await.unwrap();
}
