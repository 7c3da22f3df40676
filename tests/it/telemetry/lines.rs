//! The line of a call in the log: one, with who called for whom, and how it was answered; for people on a terminal.

use std::process::Command;

use litebox_partner::config::variable;
use litebox_partner::pb::client::client_service_client::ClientServiceClient;
use litebox_partner::pb::client::{GetRequest, ListRequest, LookupTaxpayerRequest};
use litebox_partner::storage::Backend;
use sea_orm::ConnectionTrait;
use serde_json::Value;
use tonic::Code;
use tonic::metadata::MetadataMap;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::collector::Collector;
use crate::kkt::shop::ENTREPRENEUR;
use crate::support::app::{Wire, shown, until};
use crate::support::fresh_id;
use crate::support::process::Server;
use crate::support::stage::Stage;
use crate::support::terminal::Terminal;

/// The lines of the call with this id.
async fn lines(server: &Server, id: &str) -> Vec<Value> {
    server.says(id).await;
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains(id)).map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

fn id(told: &MetadataMap) -> String {
    told.get("x-request-id").unwrap().to_str().unwrap().to_owned()
}

fn called(server: &Server, stage: &Stage, call: &str) -> ClientServiceClient<Wire> {
    let credentials = format!("Bearer {}", stage.partner.token);
    ClientServiceClient::with_interceptor(server.channel(), shown(Some(&credentials)).called(call))
}

#[tokio::test]
async fn a_call_has_one_line_with_its_id_who_called_for_whom_and_how_it_was_answered() {
    let (stage, collector) = (Stage::new(Backend::Sqlite).await, Collector::start().await);
    let traces = [("traces.otlp_endpoint", collector.url()), ("traces.sample_ratio", "1".to_owned())];
    let server = stage.server_with(&traces).await;
    let (good, bad) = (fresh_id(), fresh_id());
    let answer = called(&server, &stage, &good).list(ListRequest::default()).await.unwrap();
    assert_eq!(id(answer.metadata()), good, "the caller's id is taken and told");
    let nobody = GetRequest { client_id: fresh_id() };
    let refused = called(&server, &stage, &bad).get(nobody).await.unwrap_err();
    assert_eq!(id(refused.metadata()), bad);

    let key = &stage.partner.token["lbp_test_".len()..][..12];
    for (call, method, code, reason) in
        [(good, "List", "OK", Value::Null), (bad, "Get", "NOT_FOUND", "RESOURCE_NOT_FOUND".into())]
    {
        let all = lines(&server, &call).await;
        let [line] = &all[..] else { panic!("one line: {all:?}") };
        assert_eq!((&line["level"], &line["message"]), (&"INFO".into(), &"answered".into()), "{line}");
        assert_eq!((&line["code"], &line["reason"]), (&code.into(), &reason), "{line}");
        assert!(line["us"].as_u64().unwrap() > 0 && line["timestamp"].is_string(), "{line}");
        let span = &line["span"];
        assert_eq!((&span["name"], &span["id"]), (&"call".into(), &call.into()), "{line}");
        assert_eq!(span["method"], format!("litebox.client.v1.ClientService/{method}"), "{line}");
        assert_eq!(span["partner"], stage.partner.id.to_string(), "{line}");
        assert!(span["caller"].as_str().unwrap().contains(key), "the key: {line}");
        assert_eq!(span["trace"].as_str().unwrap().len(), 32, "{line}");
    }
}

#[tokio::test]
async fn a_failure_is_told_once_beside_the_line_of_its_call() {
    let stage = Stage::new(Backend::Sqlite).await;
    let server = stage.server().await;
    let client = stage.client(&server).await;
    stage.sandbox.add_fault("taxpayers.party:error=500").unwrap();
    stage.database.db.direct().execute_unprepared("UPDATE client SET state = 'kanareikina'").await.unwrap();
    let (outside, inside) = (fresh_id(), fresh_id());
    let look_up = LookupTaxpayerRequest { inn: ENTREPRENEUR.into() };
    let refused = called(&server, &stage, &outside).lookup_taxpayer(look_up).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    let refused = called(&server, &stage, &inside).get(GetRequest { client_id: client }).await.unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
    for (call, level, what) in [(outside, "WARN", "taxpayers"), (inside, "ERROR", "internal failure")] {
        let all = lines(&server, &call).await;
        let [failure, answered] = &all[..] else { panic!("two lines: {all:?}") };
        assert_eq!(failure["level"], level);
        assert!(failure.to_string().contains(what), "{failure}");
        assert_eq!(answered["message"], "answered");
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_not_taken_and_a_stranger_has_a_line_without_a_partner() {
    let stage = Stage::new(Backend::Sqlite).await;
    let server = stage.server().await;
    let answer = called(&server, &stage, "kanareikina").list(ListRequest::default()).await.unwrap();
    let made = id(answer.metadata());
    assert_eq!((made.len(), lines(&server, &made).await.len()), (36, 1));
    assert!(!server.log().contains("kanareikina"));
    let call = fresh_id();
    let mut stranger = ClientServiceClient::with_interceptor(server.channel(), shown(Some("Bearer x")).called(&call));
    assert_eq!(id(stranger.list(ListRequest::default()).await.unwrap_err().metadata()), call);
    let line = lines(&server, &call).await.remove(0);
    assert_eq!((&line["code"], &line["span"]["partner"]), (&"UNAUTHENTICATED".into(), &Value::Null), "{line}");
    assert!(line["span"]["refused"].is_string(), "why, for the operator alone: {line}");
}

#[tokio::test]
async fn health_is_told_at_debug_only() {
    let stage = Stage::new(Backend::Sqlite).await;
    for (filter, told) in [("info", 0), ("info,litebox_partner::grpc::call=debug", 1)] {
        let server = stage.server_with(&[("log.filter", filter.to_owned())]).await;
        let asked = HealthClient::new(server.channel()).check(HealthCheckRequest::default()).await.unwrap();
        let health = id(asked.metadata());
        // What comes after it is there.
        let after = fresh_id();
        called(&server, &stage, &after).list(ListRequest::default()).await.unwrap();
        lines(&server, &after).await;
        let log = server.log();
        let of_health = log.lines().filter(|line| line.contains(&health) && line.contains("answered"));
        assert_eq!(of_health.clone().count(), told, "{filter}");
        assert!(of_health.into_iter().all(|line| line.contains(r#""level":"DEBUG""#)));
    }
}

/// The line of a server that says where it listens.
async fn first_line(terminal: bool, format: &str) -> String {
    let settings = [("server.listen", "127.0.0.1:0"), ("metrics.listen", ""), ("log.format", format)];
    // Whole, so with its end.
    let listens = |log: &str| {
        let line = log.split_inclusive('\n').find(|line| line.contains("listening") && line.ends_with('\n'));
        line.map(str::to_owned)
    };
    if terminal {
        let terminal = Terminal::run("serve", &settings);
        until("the server listens", async || listens(&terminal.shown()).is_some()).await;
        return listens(&terminal.shown()).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_litebox-partner"));
    command.arg("serve").env_clear().envs(settings.iter().map(|(key, value)| (variable(key), value)));
    let server = Server::spawn(command);
    until("the server listens", async || listens(&server.log()).is_some()).await;
    listens(&server.log()).unwrap()
}

#[tokio::test]
async fn a_terminal_shows_lines_for_people_and_a_file_gets_json() {
    for (terminal, format, json) in
        [(true, "auto", false), (false, "auto", true), (true, "json", true), (false, "text", false)]
    {
        let line = first_line(terminal, format).await;
        let is_json = serde_json::from_str::<Value>(line.trim()).is_ok();
        assert_eq!(is_json, json, "{terminal} {format}: {line}");
        assert_eq!(line.contains('\x1b'), terminal && !json, "colours on a terminal alone: {line:?}");
        assert!(json || line.contains("INFO"), "{line}");
    }
}
