use tonic::{Code, Status};

use super::*;
use crate::pb::kkt::watch_response::Event;
use crate::pb::kkt::{Blocked, KktState, Rejection, WaitingFor, WatchResponse};
use crate::sdk::Options;
use crate::sdk::tests::scripted::Scripted;

fn kkt(revision: i64, state: KktState) -> pb::Kkt {
    pb::Kkt { id: "k".into(), revision, state: state.into(), ..pb::Kkt::default() }
}

fn held_up(revision: i64, reason: &str, waiting_for: WaitingFor) -> pb::Kkt {
    let blocked = Blocked { reason: reason.into(), waiting_for: waiting_for.into(), ..Blocked::default() };
    pb::Kkt { blocked: Some(blocked), ..kkt(revision, KktState::Fiscalizing) }
}

/// Waits while the service tells these changes.
async fn waited(told: &[pb::Kkt], options: WaitOptions<'_>) -> Result<pb::Kkt, WaitError> {
    let message = |kkt: &pb::Kkt| WatchResponse { event: Some(Event::Kkt(kkt.clone())), resume_token: "t".into() };
    let scripted = Scripted::new([told.iter().map(message).map(Ok).collect()]);
    let partner = scripted.partner(Options::default()).await;
    partner.kkts().wait_until_registered("k", options).await
}

#[tokio::test]
async fn a_wait_ends_with_the_type_of_its_end() {
    let on_the_way = || kkt(1, KktState::AwaitingRnm);
    let registered = waited(&[on_the_way(), kkt(2, KktState::Registered)], WaitOptions::default()).await.unwrap();
    assert_eq!(registered.revision, 2);

    let refused = Rejection { reason: "FN_UNKNOWN".into(), ..Rejection::default() };
    let refused = pb::Kkt { rejection: Some(refused), ..kkt(2, KktState::Rejected) };
    let rejected = waited(&[on_the_way(), refused], WaitOptions::default()).await.unwrap_err();
    assert!(matches!(&rejected, WaitError::Rejected(kkt) if kkt.revision == 2), "{rejected:?}");
    assert_eq!(rejected.to_string(), "k: registration rejected (FN_UNKNOWN)");

    let given_up = waited(&[on_the_way(), kkt(2, KktState::Cancelled)], WaitOptions::default()).await.unwrap_err();
    assert!(matches!(&given_up, WaitError::Cancelled(kkt) if kkt.revision == 2), "{given_up:?}");
}

#[tokio::test]
async fn each_change_is_told_once_and_what_blocks_whenever_it_changes() {
    let (mut revisions, mut blocks) = (Vec::new(), Vec::new());
    let (device, partner) = (WaitingFor::Device, WaitingFor::Partner);
    let told = [
        held_up(1, "NO_PAPER", device),
        held_up(1, "NO_PAPER", device),
        held_up(2, "NO_PAPER", device),
        held_up(3, "NO_PAPER", partner),
        kkt(4, KktState::Fiscalizing),
        held_up(5, "NO_PAPER", partner),
        kkt(6, KktState::Registered),
    ];
    let options = WaitOptions {
        on_change: Some(Box::new(|kkt| {
            revisions.push(kkt.revision);
            ControlFlow::Continue(())
        })),
        on_blocked: Some(Box::new(|kkt| {
            blocks.push(kkt.revision);
            ControlFlow::Continue(())
        })),
        timeout: None,
    };
    waited(&told, options).await.unwrap();
    // The first one is what Get has shown.
    assert_eq!((revisions, blocks), (vec![0, 1, 2, 3, 4, 5, 6], vec![1, 3, 5]));
}

#[tokio::test]
async fn a_callback_that_breaks_off_stops_the_waiting() {
    let told = [held_up(1, "NO_PAPER", WaitingFor::Device), kkt(2, KktState::Registered)];
    let breaks = || -> Option<OnKkt<'static>> { Some(Box::new(|_| ControlFlow::Break(()))) };
    let blocked = waited(&told, WaitOptions { on_blocked: breaks(), ..WaitOptions::default() }).await;
    assert!(matches!(&blocked, Err(WaitError::Stopped(kkt)) if kkt.revision == 1), "{blocked:?}");
    let changed = waited(&told, WaitOptions { on_change: breaks(), ..WaitOptions::default() }).await;
    assert!(matches!(&changed, Err(WaitError::Stopped(kkt)) if kkt.revision == 0), "{changed:?}");
}

#[tokio::test]
async fn a_wait_whose_time_is_over_and_one_that_is_refused_end_with_the_error_of_a_call() {
    let options = WaitOptions { timeout: Some(Duration::from_millis(300)), ..WaitOptions::default() };
    let late = waited(&[kkt(1, KktState::AwaitingRnm)], options).await;
    assert!(matches!(&late, Err(WaitError::Call(error)) if error.code() == Code::DeadlineExceeded), "{late:?}");

    let scripted = Scripted::failing([Status::not_found("there is none")]);
    let partner = scripted.partner(Options::default()).await;
    let refused = partner.kkts().wait_until_registered("k", WaitOptions::default()).await;
    assert!(matches!(&refused, Err(WaitError::Call(error)) if error.code() == Code::NotFound), "{refused:?}");
}
