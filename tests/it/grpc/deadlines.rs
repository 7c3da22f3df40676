//! What goes on behind a deadline that has passed.

use std::time::Duration;

use h2::client::SendRequest;
use litebox_partner::pb::client as cl;
use litebox_partner::sandbox::ledger::Kind;
use litebox_partner::storage::Backend;
use prost::Message;
use prost::bytes::Bytes;
use tokio::net::TcpStream;
use tonic::{Code, Request};

use crate::kkt::shop::{COMPANY, ENTREPRENEUR, register};
use crate::support::app::{TestApp, until};

fn in_time<T>(message: T, ms: u64) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_millis(ms));
    request
}

fn commands(app: &TestApp, operation: &str) -> usize {
    app.sandbox.entries().iter().filter(|e| e.is(Kind::Command, operation)).count()
}

/// Everything that another shop's registration does happens after the release, and so would the next command of this one.
async fn another_registers(app: &TestApp) {
    app.clients().register(register(COMPANY)).await.unwrap();
}

async fn late(app: &TestApp, fault: &str) -> cl::RegisterRequest {
    app.sandbox.add_fault(fault).unwrap();
    let order = register(ENTREPRENEUR);
    let refused = app.clients().register(in_time(order.clone(), 700)).await.unwrap_err();
    // The client of these tests has a clock of its own for the deadline, and calls it CANCELLED.
    assert!(matches!(refused.code(), Code::DeadlineExceeded | Code::Cancelled), "{refused:?}");
    until("the outer system holds the call, whose caller has gone", async || app.sandbox.holds().len() == 1).await;
    assert_eq!(app.sandbox.release_holds(), 1);
    app.sandbox.clear_faults();
    order
}

async fn state(app: &TestApp) -> Option<cl::ClientState> {
    let found = app.clients().list(cl::ListRequest::default()).await.unwrap().into_inner().clients;
    found.iter().find(|client| client.inn == ENTREPRENEUR).map(cl::Client::state)
}

#[tokio::test]
async fn after_the_deadline_no_new_call_goes_out_and_a_repeat_goes_on() {
    let app = TestApp::start(Backend::Sqlite).await;
    let order = late(&app, "accounts.FindByInn:hold,times=1").await;
    until("what was begun is written down", async || state(&app).await.is_some()).await;
    another_registers(&app).await;
    assert_eq!(state(&app).await, Some(cl::ClientState::AccountPending));
    assert_eq!(commands(&app, "accounts.EnsureAccount"), 1, "the other shop's; nobody waits for this one");
    app.clients().register(order).await.unwrap();
    assert_eq!(commands(&app, "accounts.EnsureAccount"), 2);
}

#[tokio::test]
async fn a_call_that_is_under_way_outside_ends_on_its_own_time_and_is_written_down() {
    let app = TestApp::start(Backend::Sqlite).await;
    let order = late(&app, "accounts.EnsureAccount:hold=before_effect,times=1").await;
    let made = || app.sandbox.entries().iter().filter(|e| e.is(Kind::Effect, "accounts.EnsureAccount")).count();
    until("the account is made", async || made() == 1).await;
    another_registers(&app).await;
    assert_eq!(commands(&app, "accounts.SetInitialPassword"), 1, "the other shop's; nobody waits for this one");
    app.clients().register(order).await.unwrap();
    assert_eq!(state(&app).await, Some(cl::ClientState::Active));
    assert_eq!(made(), 2, "one account of each");
}

/// What a call that is held up is told when its time is over. The generated client has a timer of its own, so this one is
/// written by hand.
async fn told(calls: &SendRequest<Bytes>, credentials: &str, timeout: String) -> String {
    let message = cl::LookupTaxpayerRequest { inn: COMPANY.into() }.encode_to_vec();
    let head = [&[0], &u32::try_from(message.len()).unwrap().to_be_bytes()[..]].concat();
    let request = http::Request::post("http://localhost/litebox.client.v1.ClientService/LookupTaxpayer")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", credentials)
        .header("grpc-timeout", timeout);
    let mut calls = calls.clone().ready().await.unwrap();
    let (response, mut body) = calls.send_request(request.body(()).unwrap(), false).unwrap();
    body.send_data(Bytes::from([head, message].concat()), true).unwrap();
    let response = response.await.unwrap();
    let header = |name| response.headers().get(name).map_or("", |value| value.to_str().unwrap());
    format!("{} {}", header("grpc-status"), header("grpc-message"))
}

#[tokio::test]
async fn whoever_asks_for_a_time_is_told_that_it_is_over_and_nothing_else() {
    let app = TestApp::start(Backend::Sqlite).await;
    app.sandbox.add_fault("taxpayers.party:hold").unwrap();
    let credentials = format!("Bearer {}", app.partner.token);
    for _ in 0..4 {
        let stream = TcpStream::connect(app.address()).await.unwrap();
        let (calls, connection) = h2::client::handshake(stream).await.unwrap();
        let running = tokio::spawn(connection);
        let all = (0..90).map(|ms| told(&calls, &credentials, format!("{}m", 20 + ms)));
        let told = futures::future::join_all(all).await;
        let others: Vec<_> = told.iter().filter(|status| !status.starts_with("4 ")).collect();
        assert!(others.is_empty(), "{others:?}");
        running.abort();
    }
}
