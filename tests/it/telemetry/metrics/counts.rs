//! Calls, refusals and what is too much are counted where they happen.

use futures::future::join_all;
use litebox_partner::pb::client::{ListRequest, LookupTaxpayerRequest};
use litebox_partner::pb::kkt::WatchRequest;
use litebox_partner::storage::Backend;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{LIST, list, lists, scrape, shows};
use crate::edge::frames::Raw;
use crate::kkt::shop::COMPANY;
use crate::support::app::until;
use crate::support::process::Server;
use crate::support::stage::Stage;

const SHED: &str = "litebox_calls_shed_total";
const OVERLOADED: &str = "SERVER_OVERLOADED";

#[tokio::test]
async fn calls_are_counted_by_method_and_status_and_timed() {
    let stage = Stage::new(Backend::Sqlite).await;
    let server = stage.server().await;
    for _ in 0..3 {
        list(&server, &stage.partner.token).await.unwrap();
    }
    let bad = ListRequest { page_token: "no token".into(), ..ListRequest::default() };
    server.clients(&stage.partner.token).list(bad).await.unwrap_err();
    let shown = scrape(&server).await;
    assert_eq!((lists(&shown, "OK"), lists(&shown, "INVALID_ARGUMENT")), (3.0, 1.0));
    for code in ["INTERNAL", "UNKNOWN", "DATA_LOSS", "UNAVAILABLE"] {
        let from_the_start = [("rpc_method", LIST), ("rpc_status_code", code)];
        assert_eq!(shown.find("rpc_server_call_duration_seconds_count", &from_the_start), Some(0.0), "{code}");
    }
    let ok = [("rpc_method", LIST), ("rpc_status_code", "OK")];
    let took = shown.get("rpc_server_call_duration_seconds_sum", &ok);
    assert!(took > 0.0 && took < 30.0, "seconds: {took}");
}

#[tokio::test]
async fn calls_that_are_not_let_in_are_counted_by_reason() {
    let stage = Stage::new(Backend::Sqlite).await;
    let server = stage.server().await;
    let nobody = crate::support::app::shown(None);
    let mut bare = litebox_partner::pb::client::client_service_client::ClientServiceClient::with_interceptor(
        server.channel(),
        nobody,
    );
    for _ in 0..2 {
        assert_eq!(bare.list(ListRequest::default()).await.unwrap_err().code(), Code::Unauthenticated);
    }
    assert_eq!(list(&server, "lbp_test_nonsense").await.unwrap_err().code(), Code::Unauthenticated);
    let shown = scrape(&server).await;
    let refused = |reason| shown.get("litebox_auth_failures_total", &[("reason", reason)]);
    assert_eq!((refused("missing"), refused("malformed"), refused("token_revoked")), (2.0, 1.0, 0.0));
    assert_eq!(shown.sum("litebox_auth_failures_total"), 3.0);
    assert_eq!(lists(&shown, "UNAUTHENTICATED"), 3.0);
}

/// What a refused caller was told, in the words of the metric.
fn told(status: &Status) -> String {
    let info = status.get_details_error_info().unwrap();
    info.metadata.get("limit").cloned().unwrap_or(info.reason)
}

#[tokio::test]
async fn what_is_shed_is_counted_as_callers_are_told() {
    let stage = Stage::new(Backend::Sqlite).await;
    let with = async |key, value: &str| stage.server_with(&[(key, value.to_owned())]).await;
    let token = &stage.partner.token;

    let server =
        stage.server_with(&[("limits.in_flight", "2".to_owned()), ("limits.calls_under_way", "1".to_owned())]).await;
    let answers = until_told(&server, token, OVERLOADED).await;
    let (ours, others): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.as_ref().err().is_some_and(|status| told(status) == OVERLOADED));
    let shown = scrape(&server).await;
    assert_eq!(shown.get(SHED, &[("reason", OVERLOADED)]) as usize, ours.len());
    assert_eq!(shown.sum(SHED) as usize, ours.len() + others.iter().filter(|answer| answer.is_err()).count());
    drop(server);

    let server = stage
        .server_with(&[("limits.calls_per_second", "1".to_owned()), ("limits.calls_at_once", "2".to_owned())])
        .await;
    shed_as_told(&server, "CALLS_PER_SECOND", join_all((0..9).map(|_| list(&server, token))).await).await;
    drop(server);

    let server = with("limits.calls_under_way", "1").await;
    shed_as_told(&server, "CALLS_UNDER_WAY", until_told(&server, token, "CALLS_UNDER_WAY").await).await;
    drop(server);

    let server = with("limits.watch_streams", "1").await;
    let _open = server.kkts(token).watch(WatchRequest::default()).await.unwrap();
    let second = server.kkts(token).watch(WatchRequest::default()).await.map(drop);
    shed_as_told(&server, "WATCH_STREAMS", vec![second]).await;
    drop((_open, server));

    let server = with("limits.lookups_per_hour", "1").await;
    let look = async || {
        let request = LookupTaxpayerRequest { inn: COMPANY.into() };
        server.clients(token).lookup_taxpayer(request).await.map(drop)
    };
    shed_as_told(&server, "LOOKUPS_PER_HOUR", vec![look().await, look().await]).await;
}

/// Answers to many calls at once, and to as many again until one is refused for this reason: a machine that is busy otherwise may
/// bring them one after the other.
async fn until_told(server: &Server, token: &str, reason: &str) -> Vec<Result<(), Status>> {
    let mut answers = Vec::new();
    until("one call too many", async || {
        answers.extend(join_all((0..60).map(|_| list(server, token))).await);
        answers.iter().any(|answer| answer.as_ref().err().is_some_and(|status| told(status) == reason))
    })
    .await;
    answers
}

/// Something was refused for this reason, as often as it is counted, and nothing for another one.
async fn shed_as_told(server: &Server, reason: &str, answers: Vec<Result<(), Status>>) {
    let refused: Vec<String> = answers.iter().filter_map(|answer| answer.as_ref().err()).map(told).collect();
    assert!(!refused.is_empty() && refused.iter().all(|told| told == reason), "{reason}: {refused:?}");
    let shown = scrape(server).await;
    assert_eq!(shown.get(SHED, &[("reason", reason)]) as usize, refused.len(), "{reason}");
    assert_eq!(shown.sum(SHED) as usize, refused.len(), "{reason}");
}

#[tokio::test]
async fn connections_that_are_turned_away_are_counted_by_reason() {
    let stage = Stage::new(Backend::Sqlite).await;
    let server = stage.server_with(&[("connections.per_peer", "2".to_owned())]).await;
    let turned = "litebox_connections_turned_away_total";
    let mut stranger = TcpStream::connect(server.address()).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\nand nothing that HTTP/2 begins with").await.unwrap();
    until("it is closed", async || shows(&server, turned, &[("reason", "silent")]).await == 1.0).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        // This machine's own address always has some places.
        held.push(Raw::open([127, 0, 0, 2].into(), server.address()).await.unwrap());
    }
    until("they are closed", async || shows(&server, turned, &[("reason", "peer_full")]).await >= 2.0).await;
    assert_eq!(shows(&server, turned, &[("reason", "full")]).await, 0.0);
}
