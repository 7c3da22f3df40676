//! A stream of Watch lives no longer than what its caller was let in by. It begins with a sign of life, and one that lives on
//! gives the next after 15 s: here the end must come before.

use litebox_partner::clock::Clock;
use litebox_partner::config::Config;
use litebox_partner::partners::model::{Label, Scopes, Theme};
use litebox_partner::partners::service::NewToken;
use litebox_partner::partners::token::KeyId;
use litebox_partner::pb::kkt::watch_response::Event;
use litebox_partner::pb::kkt::{WatchRequest, WatchResponse};
use litebox_partner::storage::Backend;
use prost::Message;
use sea_orm::ConnectionTrait;
use serde_json::json;
use tokio::sync::oneshot;
use tonic::{Request, Streaming};

use super::signer::{Signer, now};
use super::{app_with, but, issuer, list, published};
use crate::support::app::{TestApp, until};
use crate::support::raw::Raw;

fn as_bearer<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

async fn ends_first(mut stream: Streaming<WatchResponse>) {
    let mut told = stream.message().await.unwrap().unwrap();
    if matches!(told.event, Some(Event::Heartbeat(_))) {
        told = stream.message().await.unwrap().unwrap();
    }
    assert!(matches!(told.event, Some(Event::End(_))), "{told:?}");
    assert!(!told.resume_token.is_empty());
}

#[tokio::test]
async fn a_stream_ends_when_access_changes() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.server.access_poll_ms = 50).await;
    let other = app.other_partner("Другой", Theme::LiteBox).await;
    let stream = app.kkts_as(None).watch(as_bearer(WatchRequest::default(), &other.token)).await.unwrap().into_inner();
    app.partners.set_enabled(other.id, false).await.unwrap();
    ends_first(stream).await;
    let refused = app.kkts_as(None).watch(as_bearer(WatchRequest::default(), &other.token)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);
}

#[tokio::test]
async fn a_stream_ends_when_changes_of_access_cannot_be_seen_for_as_long_as_a_token_is_remembered() {
    let quick = |config: &mut Config| {
        config.server.access_poll_ms = 50;
        config.server.token_cache_ms = 500;
    };
    let app = TestApp::start_with(Backend::Sqlite, quick).await;
    let watch = as_bearer(WatchRequest::default(), &app.partner.token);
    let stream = app.kkts_as(None).watch(watch).await.unwrap().into_inner();
    app.database.db.direct().execute_unprepared("ALTER TABLE access_change RENAME TO gone").await.unwrap();
    ends_first(stream).await;
}

/// Between the headers, by which the caller is let in, and the message, with which the stream begins, there may be any time.
#[tokio::test]
async fn a_stream_whose_message_comes_after_the_change_ends_too() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.server.access_poll_ms = 50).await;
    let other = app.other_partner("Другой", Theme::LiteBox).await;
    let key_id = KeyId::parse(&other.token[9..21]).unwrap();
    let (send, message) = oneshot::channel::<Vec<u8>>();
    let body = futures::stream::once(async { message.await.unwrap() });
    let mut grpc = tonic::client::Grpc::new(app.channel());
    grpc.ready().await.unwrap();
    let path = "/litebox.kkt.v1.KktService/Watch".parse().unwrap();
    let call = as_bearer(body, &other.token);
    let call = tokio::spawn(async move { grpc.streaming(call, path, Raw).await });
    until("it was let in", async || {
        let tokens = app.partners.tokens(Some(other.id)).await.unwrap();
        tokens.iter().any(|token| token.key_id == key_id && token.last_used_ms.is_some())
    })
    .await;
    app.partners.set_enabled(other.id, false).await.unwrap();
    until("the change is seen", async || list(&app, &other.token, &[]).await.is_err()).await;
    send.send(WatchRequest::default().encode_to_vec()).unwrap();
    let mut stream = call.await.unwrap().unwrap().into_inner();
    let first = WatchResponse::decode(stream.message().await.unwrap().unwrap().as_slice()).unwrap();
    assert!(matches!(first.event, Some(Event::End(_))), "{first:?}");
}

#[tokio::test]
async fn a_stream_ends_with_the_token_it_was_opened_with() {
    let app = TestApp::start(Backend::Sqlite).await;
    let new =
        NewToken { scopes: Scopes::all(), note: Label::default(), expires_ms: Some(Clock::system().now_ms() + 4_000) };
    let (token, _) = app.partners.issue(app.partner.id, new).await.unwrap();
    let watch = as_bearer(WatchRequest::default(), &token.reveal());
    ends_first(app.kkts_as(None).watch(watch).await.unwrap().into_inner()).await;
}

#[tokio::test]
async fn a_stream_of_a_service_ends_with_its_signed_token() {
    let signer = Signer::ec("k");
    let keys = published(&signer).await;
    let app = app_with(Backend::Sqlite, vec![issuer(&keys.url)]).await;
    // The skew is allowed on top: at most 30 s by default, so that this one has some 4 s.
    let token = signer.token(&but(json!({ "exp": now() - 26 })));
    let mut watch = as_bearer(WatchRequest::default(), &token);
    watch.metadata_mut().insert("x-litebox-partner-id", app.partner.id.to_string().parse().unwrap());
    ends_first(app.kkts_as(None).watch(watch).await.unwrap().into_inner()).await;
}
