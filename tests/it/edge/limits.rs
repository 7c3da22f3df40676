//! What a connection must show, how many a peer may have, and what calls beyond the limits are told.

use std::net::Ipv4Addr;
use std::time::Duration;

use litebox_partner::partners::model::Theme;
use litebox_partner::pb::client::ListRequest;
use litebox_partner::storage::Backend;
use tokio::time::timeout;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::frames::{
    DATA, End, GOAWAY, HEADERS, INITIAL_WINDOW, PING, PREFACE, Raw, begin, begin_filled, call, frame, message,
};
use crate::kkt::shop::{COMPANY, register};
use crate::support::app::{TestApp, partner, until};

const LIST: &str = "/litebox.client.v1.ClientService/List";
const WATCH_HEALTH: &str = "/grpc.health.v1.Health/Watch";
const CHECK: &str = "/grpc.health.v1.Health/Check";
/// Against hangs only.
pub const PATIENCE: Duration = Duration::from_secs(20);

fn source(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 77, n)
}

/// Whether a connection from there is served.
async fn served(app: &TestApp, from: u8) -> Option<Raw> {
    let mut raw = Raw::open(source(from), app.address()).await.ok()?;
    // The server may have closed already.
    let _ = raw.send(&[PREFACE, &super::frames::settings(&[])].concat()).await;
    timeout(PATIENCE, raw.answers()).await.unwrap().then_some(raw)
}

#[tokio::test]
async fn a_peer_has_its_share_and_what_is_too_much_is_closed_at_once() {
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        (config.connections.total, config.connections.per_peer) = (5, 2);
        config.connections.trusted_peers = vec!["127.0.77.9/32".parse().unwrap()];
    })
    .await;
    let mut held = vec![served(&app, 1).await.unwrap(), served(&app, 1).await.unwrap()];
    assert!(served(&app, 1).await.is_none(), "a third of one peer");
    for _ in 0..3 {
        held.push(served(&app, 9).await.expect("a trusted peer"));
    }
    assert!(served(&app, 2).await.is_none(), "a sixth of all");
    drop(held);
    until("the places are free again", async || served(&app, 1).await.is_some()).await;
}

#[tokio::test]
async fn a_connection_that_does_not_say_what_it_speaks_is_closed() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.connections.preface_ms = 100).await;
    for said in [&b""[..], b"PRI * HT", b"GET / HTTP/1.1\r\n\r\n", &[0x16, 3, 1, 0, 200]] {
        let mut raw = Raw::open(source(3), app.address()).await.unwrap();
        raw.send(said).await.unwrap();
        timeout(PATIENCE, raw.closed()).await.expect("it is closed");
    }
    app.clients().list(ListRequest::default()).await.unwrap();
}

/// Whether the server still answers there.
pub async fn alive(raw: &mut Raw) -> bool {
    let answers = raw.send(&frame(PING, 0, 0, &[0; 8])).await.is_ok() && raw.answers().await;
    if answers {
        raw.until(PING).await;
    }
    answers
}

#[tokio::test]
async fn newcomers_push_out_their_own_and_keep_nobody_else_out() {
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        config.connections.newcomers = 4;
        config.connections.trusted_peers = vec!["127.0.77.9/32".parse().unwrap()];
    })
    .await;
    let mut trusted = served(&app, 9).await.unwrap();
    trusted.until(super::frames::SETTINGS).await;
    let mut caller = Raw::hello(source(6), app.address(), &[]).await.unwrap();
    caller.send(&call(1, LIST, Some(&app.partner.token), &[])).await.unwrap();
    assert!(caller.answers().await);
    caller.until(HEADERS).await;
    let mut early = served(&app, 7).await.unwrap();
    early.until(super::frames::SETTINGS).await;
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(served(&app, 5).await.expect("nobody is turned away"));
        app.clients().list(ListRequest::default()).await.expect("nor is anybody else");
    }
    for raw in &mut held[..16] {
        timeout(PATIENCE, raw.closed()).await.expect("the oldest of the crowd is ended");
    }
    for (one, who) in [(&mut trusted, "a trusted one"), (&mut caller, "one that has called"), (&mut early, "another's")]
    {
        assert!(timeout(PATIENCE, alive(one)).await.unwrap(), "{who}");
    }
}

/// A connection from there on which this credential was good.
async fn called(app: &TestApp, from: u8, token: &str) -> Raw {
    let mut raw = Raw::hello(source(from), app.address(), &[]).await.unwrap();
    raw.send(&call(1, LIST, Some(token), &[])).await.unwrap();
    assert!(raw.answers().await);
    raw.until(HEADERS).await;
    raw
}

#[tokio::test]
async fn whoever_calls_over_too_many_connections_loses_those_that_called_longest_ago() {
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        (config.connections.per_holder, config.connections.total) = (3, 6);
        config.connections.trusted_peers = vec!["127.0.77.9/32".parse().unwrap()];
    })
    .await;
    let other = partner(&app.partners, "Другой", Theme::LiteBox).await;
    let mut others = called(&app, 20, &other.token).await;
    let mut ingress = called(&app, 9, &app.partner.token).await;
    let mut own = Vec::new();
    for n in 21..29 {
        own.push(called(&app, n, &app.partner.token).await);
        if let [.., oldest, _, _, _] = &mut own[..] {
            timeout(PATIENCE, oldest.closed()).await.expect("the one that called longest ago is let go");
        }
    }
    let kept = own.len() - 3;
    for one in own[kept..].iter_mut().chain([&mut others, &mut ingress]) {
        assert!(timeout(PATIENCE, alive(one)).await.unwrap());
    }
}

#[tokio::test]
async fn a_peer_that_reads_nothing_is_cut_also_while_the_system_keeps_what_it_is_sent() {
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        (config.connections.unacked_ms, config.connections.per_peer) = (300, 1);
    })
    .await;
    let mut deaf = Raw::deaf(source(8), app.address(), &[]).await.unwrap();
    // Answers for less than the system keeps, and more than the peer's takes.
    deaf.send(&frame(PING, 0, 0, &[0; 8]).repeat(6_000)).await.unwrap();
    assert!(served(&app, 8).await.is_none(), "it has its place");
    until("it has lost its place", async || served(&app, 8).await.is_some()).await;
}

/// A question of health without its message costs a place of nobody, and not for long.
#[tokio::test]
async fn health_is_answered_while_others_do_not_say_what_they_ask() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.server.deadline_ms = 600_000).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut raw = Raw::hello(source(10), app.address(), &[]).await.unwrap();
        let questions: Vec<u8> = (0..64).flat_map(|n| begin(2 * n + 1, CHECK, None)).collect();
        raw.send(&questions).await.unwrap();
        HealthClient::new(app.channel()).check(HealthCheckRequest { service: "liveness".into() }).await.unwrap();
        held.push(raw);
    }
    for mut raw in held {
        assert!(raw.answers().await);
        timeout(PATIENCE, raw.until(HEADERS)).await.expect("it is answered that its time is over");
    }
}

#[tokio::test]
async fn an_old_connection_is_told_to_go() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.connections.age_ms = 200).await;
    let mut raw = served(&app, 4).await.unwrap();
    timeout(PATIENCE, raw.until(GOAWAY)).await.expect("it is told");
    app.clients().list(ListRequest::default()).await.unwrap();
}

#[tokio::test]
async fn health_is_watched_by_so_many_and_asked_by_everybody() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.connections.standing_streams = 4).await;
    let request = HealthCheckRequest { service: "liveness".into() };
    let watch = async || HealthClient::new(app.channel()).watch(request.clone()).await.unwrap().into_inner();
    // A probe of this machine, which has a part of its own, and a stranger who was early.
    let mut probe = watch().await;
    assert!(probe.message().await.unwrap().is_some());
    let mut others = Vec::new();
    for n in 32..36 {
        let mut other = Raw::hello(source(n), app.address(), &[]).await.unwrap();
        other.send(&call(1, WATCH_HEALTH, None, &[])).await.unwrap();
        assert!(other.answers().await);
        other.until(DATA).await;
        others.push(other);
    }
    timeout(PATIENCE, others[0].closed()).await.expect("the oldest of strangers who have as many");
    assert!(timeout(Duration::from_millis(300), probe.message()).await.is_err(), "and not the oldest of all");
    drop(others);
    let mut early = Raw::hello(source(30), app.address(), &[]).await.unwrap();
    early.send(&call(1, WATCH_HEALTH, None, &[])).await.unwrap();
    assert!(early.answers().await);
    early.until(DATA).await;
    for _ in 0..5 {
        let mut crowd = Raw::hello(source(31), app.address(), &[]).await.unwrap();
        let streams: Vec<u8> = (0..20).flat_map(|n| call(2 * n + 1, WATCH_HEALTH, None, &[])).collect();
        crowd.send(&streams).await.unwrap();
        timeout(PATIENCE, crowd.closed()).await.expect("whoever opens many loses its own connection");
    }
    HealthClient::new(app.channel()).check(request.clone()).await.unwrap();
    assert!(timeout(Duration::from_millis(300), probe.message()).await.is_err(), "the probe's stream goes on");
    assert!(timeout(Duration::from_millis(300), early.answers()).await.is_err(), "so does another peer's");
    let mut second = watch().await;
    assert!(second.message().await.unwrap().is_some(), "this machine gets in");
    assert!(timeout(PATIENCE, probe.message()).await.unwrap().unwrap().is_none(), "and ends its own oldest, with OK");
}

#[tokio::test]
async fn a_trusted_peer_has_bounds_of_its_own_and_this_machine_always_gets_in() {
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        let connections = &mut config.connections;
        (connections.total, connections.per_trusted_peer, connections.trusted_newcomers) = (8, 6, 4);
        connections.trusted_peers = vec!["127.0.77.9/32".parse().unwrap()];
    })
    .await;
    let mut newcomers = Vec::new();
    for _ in 0..6 {
        newcomers.push(served(&app, 9).await.expect("it stands for many"));
    }
    for raw in &mut newcomers[..2] {
        timeout(PATIENCE, raw.closed()).await.expect("those without a credential push out each other");
    }
    drop(newcomers);
    let mut known = Vec::new();
    until("those with one have all its places", async || {
        if let Some(mut raw) = served(&app, 9).await {
            raw.send(&call(1, LIST, Some(&app.partner.token), &[])).await.unwrap();
            raw.until(HEADERS).await;
            known.push(raw);
        }
        known.len() == 6
    })
    .await;
    assert!(served(&app, 9).await.is_none(), "a seventh of one that is trusted");
    let _others = [served(&app, 1).await.unwrap(), served(&app, 2).await.unwrap()];
    assert!(served(&app, 3).await.is_none(), "a ninth of all");
    app.clients().list(ListRequest::default()).await.expect("this machine gets in");
}

/// The next stream that ends, and how.
async fn ended(raw: &mut Raw) -> (u32, End) {
    timeout(PATIENCE, raw.ended()).await.unwrap().unwrap()
}

/// A connection on which so many calls have begun that say no more: streams 1, 3, 5, …
async fn undecided(app: &TestApp, calls: u32) -> Raw {
    let mut raw = Raw::hello(source(40), app.address(), &[]).await.unwrap();
    let begun: Vec<u8> = (0..calls).flat_map(|n| begin(2 * n + 1, LIST, Some(&app.partner.token))).collect();
    raw.send(&begun).await.unwrap();
    raw
}

#[tokio::test]
async fn a_connection_has_so_many_streams_and_what_is_too_much_is_refused_and_may_be_tried_again() {
    const REFUSED_STREAM: u32 = 7;
    let app = TestApp::start_with(Backend::Sqlite, |config| config.connections.streams = 4).await;
    let whole = |stream| call(stream, LIST, Some(&app.partner.token), &[]);
    let mut raw = undecided(&app, 3).await;
    raw.send(&whole(7)).await.unwrap();
    assert_eq!(ended(&mut raw).await, (7, End::Answered), "the fourth");
    let mut raw = undecided(&app, 4).await;
    raw.send(&begin(9, LIST, Some(&app.partner.token))).await.unwrap();
    assert_eq!(ended(&mut raw).await, (9, End::Reset(REFUSED_STREAM)), "the fifth");
    raw.send(&message(1, &[])).await.unwrap();
    assert_eq!(ended(&mut raw).await, (1, End::Answered), "the others go on");
    raw.send(&whole(11)).await.unwrap();
    assert_eq!(ended(&mut raw).await, (11, End::Answered), "its place is free");
}

#[tokio::test]
async fn so_many_calls_of_a_connection_are_worked_on_and_the_next_one_waits_its_turn() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.connections.in_flight = 2).await;
    let whole = |stream| call(stream, LIST, Some(&app.partner.token), &[]);
    let mut raw = undecided(&app, 1).await;
    raw.send(&whole(3)).await.unwrap();
    assert_eq!(ended(&mut raw).await, (3, End::Answered), "the second");
    let mut raw = undecided(&app, 2).await;
    raw.send(&whole(5)).await.unwrap();
    assert!(timeout(Duration::from_millis(300), ended(&mut raw)).await.is_err(), "the third waits");
    raw.send(&message(1, &[])).await.unwrap();
    assert_eq!(ended(&mut raw).await, (1, End::Answered));
    assert_eq!(ended(&mut raw).await, (5, End::Answered), "and has its turn when one of them ends");
}

#[tokio::test]
async fn headers_longer_than_the_limit_are_refused_and_the_connection_goes_on() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.connections.header_list_bytes = 4_096).await;
    let token = &app.partner.token;
    let mut raw = Raw::hello(source(41), app.address(), &[]).await.unwrap();
    raw.send(&[begin_filled(1, LIST, token, 4_095), message(1, &[])].concat()).await.unwrap();
    assert_eq!(ended(&mut raw).await, (1, End::Answered), "one byte below");
    raw.send(&[begin_filled(3, LIST, token, 4_097), message(3, &[])].concat()).await.unwrap();
    assert_eq!(ended(&mut raw).await, (3, End::Refused), "one above");
    raw.send(&[begin_filled(5, LIST, token, 4_095), message(5, &[])].concat()).await.unwrap();
    // Of the third one the message is refused as well.
    while ended(&mut raw).await != (5, End::Answered) {}
    // What the library of a client makes of it.
    let mut long = tonic::Request::new(ListRequest::default());
    long.metadata_mut().insert("x-filler", "y".repeat(4_097).parse().unwrap());
    let refused = app.clients().list(long).await.unwrap_err();
    assert!(refused.message().contains("HTTP status code 431"), "{refused:?}");
}

/// HTTP/2 takes the answer off our hands before there is room for any of it, and keeps it.
#[tokio::test]
async fn so_many_answers_wait_for_readers_and_whoever_left_one_longest_is_cut() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.connections.untaken_answers = 2).await;
    app.clients().register(register(COMPANY)).await.unwrap();
    for window in [0, 1] {
        let mut readers = Vec::new();
        for n in 50..53 {
            let mut raw = Raw::hello(source(n), app.address(), &[(INITIAL_WINDOW, window)]).await.unwrap();
            raw.send(&call(1, LIST, Some(&app.partner.token), &[])).await.unwrap();
            assert!(raw.answers().await);
            raw.until(HEADERS).await;
            readers.push(raw);
        }
        timeout(PATIENCE, readers[0].closed()).await.unwrap_or_else(|_| panic!("with room for {window}"));
        for raw in &mut readers[1..] {
            assert!(timeout(PATIENCE, alive(raw)).await.unwrap(), "with room for {window}");
        }
        // Who takes its answer is never that one.
        app.clients().list(ListRequest::default()).await.unwrap();
    }
}

#[tokio::test]
async fn whoever_asks_health_or_reflection_says_little() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.server.open_reflection = true).await;
    let mut health = HealthClient::new(app.channel());
    let name = |length| HealthCheckRequest { service: "x".repeat(length) };
    assert_eq!(health.check(name(1_000)).await.unwrap_err().code(), tonic::Code::NotFound);
    assert_eq!(health.check(name(1_100)).await.unwrap_err().code(), tonic::Code::InvalidArgument);
    assert_eq!(health.watch(name(1_100)).await.unwrap_err().code(), tonic::Code::InvalidArgument);
    for (length, answers) in [(900, true), (1_100, false)] {
        assert_eq!(lists(&app, length).await, [answers; 2], "{length}");
    }
}

/// Whether reflection, v1 and v1alpha, lists its services to who names a host of so many bytes.
async fn lists(app: &TestApp, length: usize) -> [bool; 2] {
    use tonic_reflection::pb::{v1, v1alpha};

    let host = "x".repeat(length);
    let list = Some(v1::server_reflection_request::MessageRequest::ListServices(String::new()));
    let asked = v1::ServerReflectionRequest { host: host.clone(), message_request: list };
    let mut now = v1::server_reflection_client::ServerReflectionClient::new(app.channel());
    let now = now.server_reflection_info(futures::stream::iter([asked])).await.unwrap().into_inner().message().await;
    let list = Some(v1alpha::server_reflection_request::MessageRequest::ListServices(String::new()));
    let asked = v1alpha::ServerReflectionRequest { host, message_request: list };
    let mut older = v1alpha::server_reflection_client::ServerReflectionClient::new(app.channel());
    let older =
        older.server_reflection_info(futures::stream::iter([asked])).await.unwrap().into_inner().message().await;
    [now.unwrap().is_some(), older.unwrap().is_some()]
}

/// A message that is so long for something that the contract does not know, and so reads as one that says nothing.
fn of_length(bytes: usize) -> Vec<u8> {
    let mut message = Vec::new();
    // The key of the field takes two bytes, and so does its length.
    prost::encoding::bytes::encode(1_000, &vec![0; bytes - 4], &mut message);
    assert_eq!(message.len(), bytes);
    message
}

#[tokio::test]
async fn messages_longer_than_the_limit_are_refused_by_every_service() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.connections.message_bytes = 2_048).await;
    for list in [LIST, "/litebox.kkt.v1.KktService/List"] {
        let mut raw = Raw::hello(source(42), app.address(), &[]).await.unwrap();
        raw.send(&call(1, list, Some(&app.partner.token), &of_length(2_048))).await.unwrap();
        assert_eq!(ended(&mut raw).await, (1, End::Answered), "{list}: as long as may be");
        raw.send(&call(3, list, Some(&app.partner.token), &of_length(2_049))).await.unwrap();
        assert_eq!(ended(&mut raw).await, (3, End::Refused), "{list}: a byte longer");
        raw.send(&call(5, list, Some(&app.partner.token), &of_length(2_048))).await.unwrap();
        assert_eq!(ended(&mut raw).await, (5, End::Answered), "{list}: the connection goes on");
    }
}
