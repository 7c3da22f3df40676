use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{FutureExt, StreamExt};
use http_body::{Body as _, Frame};
use prost_reflect::DescriptorPool;
use tonic::Code;
use tonic::codegen::Bytes;
use tonic_types::StatusExt;
use uuid::Uuid;

use super::*;
use crate::grpc::edge::holders::Holders;
use crate::grpc::edge::life::Guest;
use crate::grpc::edge::newcomers::Newcomers;
use crate::grpc::edge::places::Peer;
use crate::grpc::edge::rarely::Turned;
use crate::grpc::places::Places;
use crate::metrics::Meters;
use crate::pb::DESCRIPTORS;
use crate::values::{PartnerId, PartnerScope};

const SECOND: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_millis(20);
const LIST: &str = "/litebox.kkt.v1.KktService/List";

fn request(path: &str, link: &Link) -> Request {
    http::Request::builder().uri(path).extension(link.clone()).body(Body::empty()).unwrap()
}

/// Answers with a body that has not ended.
async fn behind(_: Request) -> Result<Response, Infallible> {
    let bytes = futures::stream::pending::<Result<Frame<Bytes>, Status>>();
    Ok(http::Response::new(Body::new(Open(bytes.boxed()))))
}

struct Open(futures::stream::BoxStream<'static, Result<Frame<Bytes>, Status>>);

impl http_body::Body for Open {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.0.poll_next_unpin(cx)
    }
}

async fn answer(load: &Load, path: &str, link: &Link) -> Response {
    load.call(request(path, link), tower::service_fn(behind)).await
}

/// An answer that HTTP/2 has, and its peer does not take.
struct Left(#[expect(dead_code, reason = "held until it is taken")] Bytes);

async fn left(load: &Load, path: &str, link: &Link) -> Left {
    Left(now(&mut ask(load, path, link).await).unwrap())
}

fn code(response: &Response) -> Code {
    Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
}

/// Answers when it is allowed to.
async fn works(load: &Load, gate: Arc<Semaphore>) -> tokio::task::JoinHandle<Response> {
    let (asked, told) = tokio::sync::oneshot::channel();
    let asked = Arc::new(std::sync::Mutex::new(Some(asked)));
    let slow = tower::service_fn(move |request| {
        let (gate, asked) = (gate.clone(), asked.clone());
        async move {
            let first = asked.lock().unwrap().take();
            first.map(|asked| asked.send(()));
            let _turn = gate.acquire().await;
            behind(request).await
        }
    });
    let load = load.clone();
    let working = tokio::spawn(async move { load.call(request(LIST, &Link::default()), slow).await });
    told.await.unwrap();
    working
}

#[tokio::test]
async fn a_call_keeps_its_place_until_its_answer_begins_and_the_next_is_shed() {
    let (load, link, gate) = (Load::new(1, 1, 9, SECOND, SECOND), Link::default(), Arc::new(Semaphore::new(0)));
    let working = works(&load, gate.clone()).await;
    let shed = answer(&load, LIST, &link).await;
    let status = Status::from_header_map(shed.headers()).unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.get_details_error_info().unwrap().reason, "SERVER_OVERLOADED");
    assert!(status.get_details_retry_info().is_some());
    for path in [PROBE, HEALTH] {
        assert_eq!(code(&answer(&load, path, &link).await), Code::Ok, "{path}");
    }
    gate.add_permits(1);
    let _untaken = working.await.unwrap();
    assert_eq!(code(&answer(&load, LIST, &link).await), Code::Ok);
}

#[tokio::test]
async fn whoever_left_an_answer_longest_loses_its_connection_when_there_are_too_many() {
    let load = Load::new(9, 1, 2, SECOND, SECOND);
    let links: Vec<_> = (0..4).map(|_| Link::default()).collect();
    let _first = left(&load, LIST, &links[0]).await;
    drop(left(&load, LIST, &links[1]).await);
    let _third = left(&load, LIST, &links[2]).await;
    assert!(links.iter().all(|link| !link.token().is_cancelled()));
    let _fourth = left(&load, LIST, &links[3]).await;
    let cut: Vec<_> = links.iter().map(|link| link.token().is_cancelled()).collect();
    assert_eq!(cut, [true, false, false, false]);
}

/// A connection from there, of a peer that is trusted or not.
fn from(address: [u8; 4], trusted: bool) -> Link {
    let end = CancellationToken::new();
    let held = (!trusted).then(|| Holders::new(9, Arc::new(Turned::new(&Meters::default()))).enter(end.clone()));
    let (newcomer, _) = Newcomers::new(9).enter(Peer::of(address.into()), end.clone());
    Link::new(end, Guest { newcomer, held })
}

#[tokio::test]
async fn one_answer_too_many_ends_the_oldest_of_the_address_that_has_the_most_and_trusted_peers_are_counted_apart() {
    let load = Load::new(9, 1, 3, SECOND, SECOND);
    let ([few, many], ingress) = ([1, 2].map(|n| from([203, 0, 113, n], false)), from([203, 0, 113, 3], true));
    let mut untaken = vec![left(&load, LIST, &few).await];
    for link in [&ingress, &ingress, &ingress, &many, &many] {
        untaken.push(left(&load, LIST, link).await);
    }
    let cut = || [&few, &many, &ingress].map(|link| link.token().is_cancelled());
    assert_eq!(cut(), [false, false, false]);
    untaken.push(left(&load, LIST, &many).await);
    assert_eq!(cut(), [false, true, false], "the oldest of all is another's");
    untaken.push(left(&load, LIST, &ingress).await);
    assert_eq!(cut(), [false, true, true]);
}

#[tokio::test]
async fn one_probe_too_many_ends_the_one_that_waits_longest_and_keeps_nobody_out() {
    let load = Load::new(1, 1, 9, SECOND, SECOND);
    let never = || tower::service_fn(|_| std::future::pending::<Result<Response, Infallible>>());
    let ask = || Box::pin(load.call(request(PROBE, &Link::default()), never()));
    let mut waiting: Vec<_> = (0..PROBES).map(|_| ask()).collect();
    assert!(waiting.iter_mut().all(|one| one.now_or_never().is_none()));
    assert_eq!(code(&answer(&load, PROBE, &Link::default()).await), Code::Ok);
    let first = waiting.remove(0).now_or_never().expect("it has ended");
    assert_eq!(code(&first), Code::ResourceExhausted);
    assert!(waiting.iter_mut().all(|one| one.now_or_never().is_none()), "the others go on");
}

#[tokio::test]
async fn answers_to_probes_that_nobody_takes_push_out_each_other_and_no_partners() {
    let load = Load::new(1, 1, 2, SECOND, SECOND);
    let partners = Link::default();
    let _own = left(&load, LIST, &partners).await;
    let (mut links, mut untaken) = (Vec::new(), Vec::new());
    for _ in 0..=PROBES {
        links.push(Link::default());
        untaken.push(left(&load, PROBE, &links[links.len() - 1]).await);
    }
    let cut = links.iter().map(|link| link.token().is_cancelled()).collect::<Vec<_>>();
    assert!(cut[0] && !cut[1..].contains(&true), "the one that was left longest");
    assert!(!partners.token().is_cancelled(), "a partner's answer is among others");
    drop(untaken);
    assert_eq!(load.probed.count(), 0, "what is taken or gone is not remembered");
}

/// Answers each piece of its request with itself.
async fn echoes(request: Request) -> Result<Response, Infallible> {
    Ok(http::Response::new(request.into_body()))
}

/// Asks a piece there, and the answers.
async fn ask(load: &Load, path: &str, link: &Link) -> Body {
    let mut request = request(path, link);
    let pieces = futures::stream::iter([Ok(Frame::data(Bytes::from_static(b"asked")))]);
    *request.body_mut() = Body::new(Open(pieces.chain(futures::stream::pending()).boxed()));
    load.call(request, tower::service_fn(echoes)).await.into_body()
}

/// What is there of an answer at once.
fn now(body: &mut Body) -> Option<Bytes> {
    let next = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).now_or_never()?;
    next?.unwrap().into_data().ok()
}

#[tokio::test]
async fn whoever_left_a_file_longest_loses_its_connection_and_who_takes_it_is_not_counted() {
    let load = Load::new(1, 5 * FILES, 1, SECOND, SECOND);
    let links: Vec<_> = (0..=FILES).map(|_| Link::default()).collect();
    let mut bodies = Vec::new();
    for link in &links {
        bodies.push(ask(&load, REFLECTION[0], link).await);
    }
    assert_eq!(load.files.count(), 0, "nothing has been given away");
    for _ in 0..3 {
        let mut taken = ask(&load, REFLECTION[0], &Link::default()).await;
        let given = now(&mut taken).unwrap();
        assert_eq!((&*given, load.files.count()), (&b"asked"[..], 1));
        assert_eq!(now(&mut taken), None, "the stream goes on");
        drop(given);
        assert_eq!(load.files.count(), 0, "it has been written");
    }
    let given = bodies.iter_mut().map(|body| now(body).unwrap()).collect::<Vec<_>>();
    assert_eq!(load.files.count(), FILES);
    drop(bodies);
    assert_eq!(load.files.count(), FILES, "a stream that is over has left its answers to HTTP/2");
    let cut = links.iter().map(|link| link.token().is_cancelled()).collect::<Vec<_>>();
    assert!(cut[0] && !cut[1..].contains(&true), "{cut:?}");
    drop(given);
    assert_eq!(load.files.count(), 0);
}

#[tokio::test]
async fn what_a_stream_says_has_its_time_and_is_under_way_until_it_is_written() {
    for (path, longest) in [(STREAMS[0], SOON), (HEALTH, SECOND * 60), (REFLECTION[0], SECOND * 60)] {
        let load = Load::new(9, 9, 9, longest, SOON);
        let (slow, link) = (Link::default(), Link::default());
        let mut body = ask(&load, path, &link).await;
        drop(now(&mut body).unwrap());
        let _kept = left(&load, path, &slow).await;
        slow.token().cancelled().await;
        assert!(!link.token().is_cancelled(), "{path}: what it has said is written, and it goes on");
        drop(body);
        let closing = CancellationToken::new();
        closing.cancel();
        let load = Load::new(9, 9, 9, SECOND * 60, SECOND * 60);
        let mut body = ask(&load, path, &link).await;
        let given = now(&mut body).unwrap();
        assert_eq!(now(&mut body), None, "it waits for what is asked next");
        let mut leave = Box::pin(link.clone().leave(closing));
        assert!(timeout(SECOND, &mut leave).await.is_err(), "{path}: it is not written");
        drop((given, body));
        leave.await;
    }
}

/// Answers with a piece, and with what its caller has taken for it.
async fn holds(places: Places, path: &str, load: &Load) -> Body {
    let answers = tower::service_fn(move |_| {
        let place = places.take(PartnerScope::new(PartnerId::new(Uuid::nil()))).unwrap();
        let pieces = futures::stream::iter([Ok(Frame::data(Bytes::from_static(b"said")))]);
        let mut response = http::Response::new(Body::new(Open(pieces.boxed())));
        response.extensions_mut().insert(place);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    load.call(request(path, &Link::default()), answers).await.into_body()
}

#[tokio::test]
async fn a_partner_has_its_place_until_its_answer_is_written() {
    let load = Load::new(9, 9, 9, SECOND, SECOND);
    let scope = PartnerScope::new(PartnerId::new(Uuid::nil()));
    for path in [LIST, STREAMS[0]] {
        let places = Places::of_calls(1);
        let mut body = holds(places.clone(), path, &load).await;
        let given = now(&mut body).unwrap();
        drop(body);
        assert!(places.take(scope).is_err(), "{path}");
        drop(given);
        assert!(places.take(scope).is_ok(), "{path}");
    }
}

#[tokio::test]
async fn an_answer_counts_until_what_it_has_said_is_written() {
    let load = Load::new(9, 9, 9, SECOND, SOON);
    let link = Link::default();
    let mut body = ask(&load, LIST, &link).await;
    let given = now(&mut body).unwrap();
    drop(body);
    assert_eq!((&*given, load.answers.count()), (&b"asked"[..], 1));
    link.token().cancelled().await;
    drop(given);
    assert_eq!(load.answers.count(), 0);
}

#[tokio::test]
async fn a_watch_takes_no_place_of_calls_and_standing_streams_are_counted_by_themselves() {
    let (load, link) = (Load::new(1, 1, 9, SECOND, SECOND), Link::default());
    let _watches = [answer(&load, STREAMS[0], &link).await, answer(&load, STREAMS[0], &link).await];
    assert_eq!(load.calls.available_permits(), 1);
    let mut oldest = answer(&load, HEALTH, &link).await.into_body();
    let _newer = answer(&load, REFLECTION[0], &link).await;
    let last = std::future::poll_fn(|cx| Pin::new(&mut oldest).poll_frame(cx)).await.unwrap().unwrap();
    assert_eq!(last.into_trailers().unwrap()["grpc-status"], "0", "one too many ends the oldest");
    assert_eq!(code(&answer(&load, LIST, &link).await), Code::Ok);
}

#[tokio::test]
async fn a_standing_stream_ends_with_ok() {
    let (load, link) = (Load::new(1, 1, 9, SOON, SECOND), Link::default());
    let mut body = answer(&load, HEALTH, &link).await.into_body();
    let last = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().unwrap();
    assert_eq!(last.into_trailers().unwrap()["grpc-status"], "0");
    assert!(body.is_end_stream());
}

#[tokio::test]
async fn an_answer_that_is_not_taken_ends_its_connection_and_one_that_is_gone_does_not() {
    let load = Load::new(2, 1, 9, SECOND, SOON);
    let (slow, fast) = (Link::default(), Link::default());
    // The fast one first: it would be cut before the slow one.
    drop(left(&load, LIST, &fast).await);
    let _kept = left(&load, LIST, &slow).await;
    slow.token().cancelled().await;
    assert!(!fast.token().is_cancelled());
}

#[tokio::test]
async fn when_the_server_closes_a_standing_stream_ends_with_ok() {
    let closing = CancellationToken::new();
    let (load, link) = (Load::new(1, 1, 9, SECOND * 60, SECOND).until(closing.clone(), SECOND), Link::default());
    let mut body = answer(&load, HEALTH, &link).await.into_body();
    let mut next = Box::pin(std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)));
    assert!((&mut next).now_or_never().is_none());
    closing.cancel();
    assert_eq!(next.await.unwrap().unwrap().into_trailers().unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn when_the_server_closes_an_answer_that_is_not_taken_soon_ends_its_connection() {
    let (closing, link) = (CancellationToken::new(), Link::default());
    let load = Load::new(1, 1, 9, SECOND, SECOND * 60).until(closing.clone(), SOON);
    let _kept = left(&load, LIST, &link).await;
    assert!(timeout(SOON * 5, link.token().cancelled()).await.is_err(), "it has its time");
    closing.cancel();
    link.token().cancelled().await;
}

#[test]
fn every_streaming_method_is_in_a_list() {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let streams = method.is_server_streaming() || method.is_client_streaming();
        assert_eq!(kind(&path) == Kind::Stream, streams, "{path}");
    }
    assert_eq!(kind("/grpc.health.v1.Health/Nonsense"), Kind::Call);
}
