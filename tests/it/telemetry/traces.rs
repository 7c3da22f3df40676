//! One registration as a collector sees it, and a collector that is not there.

use std::collections::BTreeSet;
use std::time::Duration;

use litebox_partner::pb::client::{GetRequest, ListRequest};
use litebox_partner::pb::kkt::{self, QuickRegisterRequest};
use litebox_partner::sandbox::ledger::Kind;
use litebox_partner::storage::Backend;
use tokio::time::timeout;
use tonic::{Code, Request};

use super::collector::{Collector, Seen};
use crate::kkt::shop::order;
use crate::support::app::until;
use crate::support::database::backends;
use crate::support::fresh_id;
use crate::support::process::Server;
use crate::support::stage::Stage;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
const SERVER: i32 = 2;
const CLIENT: i32 = 3;
/// So long the last spans may take at the end.
const FLUSH: Duration = Duration::from_secs(5);

fn all(url: &str) -> Vec<(&'static str, String)> {
    let follow = ("traces.follow_callers", "true".to_owned());
    vec![("traces.otlp_endpoint", url.to_owned()), ("traces.sample_ratio", "1".to_owned()), follow]
}

fn in_trace(request: QuickRegisterRequest) -> Request<QuickRegisterRequest> {
    let mut request = Request::new(request);
    let parent = format!("00-{TRACE}-{CALLER}-01");
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    request
}

/// The names of what hangs below a span, however deep.
fn below<'a>(spans: &'a [Seen], root: &Seen) -> Vec<&'a Seen> {
    let children = spans.iter().filter(|span| span.parent == root.id && span.trace == root.trace);
    children.flat_map(|child| [vec![child], below(spans, child)].concat()).collect()
}

async fn until_spans(collector: &Collector, what: &str, enough: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
    let came = timeout(Duration::from_secs(30), async {
        while !enough(&collector.spans()) {
            collector.more().await;
        }
    });
    let came = came.await;
    let spans = collector.spans();
    let names: BTreeSet<_> = spans.iter().map(|span| &span.name).collect();
    assert!(came.is_ok(), "{what}: not within 30 s; there are {names:?}");
    spans
}

#[tokio::test]
async fn one_registration_is_a_tree_of_spans_and_its_later_steps_are_linked_to_it() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let collector = Collector::start().await;
        let server = stage.server_with(&all(&collector.url())).await;
        let client = stage.client(&server).await;
        let order = in_trace(order(&client, &stage.device(1).await, 1));
        let mut kkts = server.kkts(&stage.partner.token);
        let kkt = kkts.quick_register(order).await.unwrap().into_inner().kkt.unwrap();
        stage.registered(&server, &kkt.id).await;
        let done = |spans: &[Seen]| {
            let named = |name: &str| spans.iter().any(|span| span.name == name);
            named("litebox.gateway.fns.v1.FnsService/SubmitReport") && named("litebox.kkt.v1.KktService/QuickRegister")
        };
        let spans = until_spans(&collector, "the spans are there", done).await;
        call_is_a_tree(&spans);
        steps_are_linked(&spans, &kkt.id);
        whoever_is_asked_is_told_the_span(&stage, &collector).await;
        nothing_personal(&spans, &stage);
    }
}

/// The call: within the trace of its caller, with its writes and its questions below it.
fn call_is_a_tree(spans: &[Seen]) {
    let call = spans.iter().find(|span| span.name == "litebox.kkt.v1.KktService/QuickRegister").unwrap();
    assert_eq!((call.trace.as_str(), call.parent.as_str(), call.kind), (TRACE, CALLER, SERVER));
    assert!(!call.failed);
    for attribute in
        ["rpc.system.name=grpc", "rpc.method=litebox.kkt.v1.KktService/QuickRegister", "rpc.status_code=OK"]
    {
        assert!(call.has(attribute), "{attribute}: {:?}", call.attributes);
    }
    let below = below(spans, call);
    let asked = below.iter().find(|span| span.has("peer.service=taxpayers")).unwrap();
    assert!(asked.has("http.request.method=POST") && asked.has("http.response.status_code=200"));
    assert_eq!(asked.kind, CLIENT);
    assert!(below.iter().any(|span| span.attributes.iter().any(|a| a.starts_with("db.operation.name="))), "{below:?}");
}

/// The steps of the worker: each a trace of its own with a link to where the registration began, and below it what was
/// asked and written.
fn steps_are_linked(spans: &[Seen], kkt: &str) {
    let steps: Vec<&Seen> =
        spans.iter().filter(|span| span.name == "step" && span.has(&format!("litebox.kkt.id={kkt}"))).collect();
    assert!(steps.len() >= 8, "{}", steps.len());
    for step in &steps {
        assert!(step.trace != TRACE && step.parent.is_empty(), "{step:?}");
        assert_eq!(step.links, [TRACE], "{step:?}");
    }
    let submitting = steps.iter().find(|span| span.has("litebox.kkt.state=SUBMITTING")).unwrap();
    let below = below(spans, submitting);
    let sent = below.iter().find(|span| span.name == "litebox.gateway.fns.v1.FnsService/SubmitApplication").unwrap();
    assert!(sent.has("rpc.status_code=OK") && sent.has("peer.service=fns") && sent.kind == CLIENT, "{sent:?}");
    assert!(below.iter().any(|span| span.name == "advance"), "{below:?}");
}

/// Each outer system gets the trace and the span that asks it, with every call.
async fn whoever_is_asked_is_told_the_span(stage: &Stage, collector: &Collector) {
    let calls =
        stage.sandbox.entries().into_iter().filter(|entry| matches!(entry.kind, Kind::Command | Kind::Question));
    let asked: BTreeSet<(String, String)> = calls
        .filter(|entry| entry.protocol != "control")
        .map(|entry| (entry.protocol, entry.facts.get("traceparent").cloned().unwrap_or_default()))
        .collect();
    let systems: BTreeSet<&str> = asked.iter().map(|(system, _)| system.as_str()).collect();
    assert_eq!(systems, BTreeSet::from(["accounts", "device", "fns", "ofd", "taxpayers"]));
    let spans = |spans: &[Seen]| -> BTreeSet<(String, String)> {
        let asking = spans.iter().filter(|span| span.kind == CLIENT);
        let told = |span: &Seen| format!("00-{}-{}-01", span.trace, span.id);
        asking.map(|span| (span.value("peer.service"), told(span))).collect()
    };
    until_spans(collector, &format!("the spans that asked: {asked:?}"), |seen| asked.is_subset(&spans(seen))).await;
}

fn nothing_personal(spans: &[Seen], stage: &Stage) {
    let told = format!("{spans:?}");
    for text in [crate::kkt::shop::COMPANY, &stage.partner.token, "7999", "@", "Москва"] {
        assert!(!told.contains(text), "{text}");
    }
}

/// The second replica finishes what the first one began.
#[tokio::test]
async fn a_registration_is_followed_across_replicas() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let (stage, collector) = (Stage::new(Backend::Postgres).await, Collector::start().await);
    let first = stage.server_with(&all(&collector.url())).await;
    let client = stage.client(&first).await;
    stage.sandbox.add_fault("fns.SubmitApplication:hold,times=1").unwrap();
    let order = in_trace(order(&client, &stage.device(1).await, 1));
    let kkt = first.kkts(&stage.partner.token).quick_register(order).await.unwrap().into_inner().kkt.unwrap();
    stage.sandbox.wait_for_holds(|holds| holds.len() == 1).await;
    let reserving = |spans: &[Seen]| spans.iter().any(|span| span.has("litebox.kkt.state=RESERVING"));
    until_spans(&collector, "the first replica's", reserving).await;
    first.kill();
    stage.sandbox.release_holds();
    let second = stage.server_with(&all(&collector.url())).await;
    stage.registered(&second, &kkt.id).await;
    let report = "litebox.gateway.fns.v1.FnsService/SubmitReport";
    // A step ends after what hangs below it.
    let whole = |spans: &[Seen]| {
        let reported = spans.iter().find(|span| span.name == report);
        reported.is_some_and(|span| spans.iter().any(|step| step.name == "step" && step.trace == span.trace))
    };
    let spans = until_spans(&collector, "the second's", whole).await;
    let steps: Vec<&Seen> =
        spans.iter().filter(|span| span.name == "step" && span.has(&format!("litebox.kkt.id={}", kkt.id))).collect();
    let replicas: BTreeSet<&str> = steps.iter().map(|step| step.instance.as_str()).collect();
    assert!(replicas.len() == 2 && !replicas.contains(""), "two that can be told apart: {replicas:?}");
    assert!(steps.iter().all(|step| step.links == [TRACE]), "{steps:?}");
    let reported = spans.iter().find(|span| span.name == report).unwrap();
    let above = steps.iter().find(|step| step.trace == reported.trace).unwrap();
    assert!(below(&spans, above).iter().any(|span| span.id == reported.id), "the report hangs below its step");
}

#[tokio::test]
async fn a_call_that_steps_in_later_is_linked_to_where_the_registration_began() {
    let (stage, collector) = (Stage::new(Backend::Sqlite).await, Collector::start().await);
    let server = stage.server_with(&all(&collector.url())).await;
    let client = stage.client(&server).await;
    let order = order(&client, &stage.device(1).await, 1);
    let by_hand = in_trace(QuickRegisterRequest { fiscalize_automatically: false, ..order });
    let mut kkts = server.kkts(&stage.partner.token);
    let kkt_id = kkts.quick_register(by_hand).await.unwrap().into_inner().kkt.unwrap().id;
    until("it waits for the partner", async || {
        let get = kkt::GetRequest { kkt_id: kkt_id.clone() };
        kkts.get(get).await.unwrap().into_inner().kkt.unwrap().state() == kkt::KktState::ReadyToFiscalize
    })
    .await;
    kkts.cancel(kkt::CancelRequest { request_id: fresh_id(), kkt_id }).await.unwrap();
    let method = "litebox.kkt.v1.KktService/Cancel";
    let spans = until_spans(&collector, "the span", |spans| spans.iter().any(|span| span.name == method)).await;
    let cancel = spans.iter().find(|span| span.name == method).unwrap();
    assert!(cancel.trace != TRACE && cancel.links == [TRACE], "{cancel:?}");
}

#[tokio::test]
async fn a_collector_that_is_down_or_slow_costs_nothing_but_the_spans_and_is_used_when_it_is_back() {
    let stage = Stage::new(Backend::Sqlite).await;
    let gone = Collector::start().await.address;
    let slow = Collector::mute().await;
    for url in [format!("http://{gone}"), slow.url()] {
        let server = stage.server_with(&[all(&url), vec![("traces.timeout_ms", "300".to_owned())]].concat()).await;
        let mut clients = server.clients(&stage.partner.token);
        let calls = async {
            for _ in 0..200 {
                clients.list(ListRequest::default()).await.unwrap();
            }
        };
        // Were each to wait for the collector, they would take a minute.
        timeout(Duration::from_secs(30), calls).await.expect("calls wait for no collector");
        if url == slow.url() {
            until("spans are sent", async || !slow.spans().is_empty()).await;
            slow.answer();
            quick_again(&slow, &server, &stage).await;
            continue;
        }
        let back = Collector::at(gone, false).await;
        quick_again(&back, &server, &stage).await;
    }
}

/// The span of this call is made just before, and sent long before its turn would have come.
#[tokio::test]
async fn the_last_spans_are_sent_before_the_process_ends_and_a_collector_that_does_not_answer_holds_it_for_seconds() {
    let stage = Stage::new(Backend::Sqlite).await;
    for collector in [Collector::start().await, Collector::mute().await] {
        let settings = [all(&collector.url()), vec![("shutdown.delay_ms", "0".to_owned())]].concat();
        let server = stage.server_with(&[settings, vec![("traces.timeout_ms", "60000".to_owned())]].concat()).await;
        server.clients(&stage.partner.token).list(ListRequest::default()).await.unwrap();
        server.terminate();
        let (code, log) = server.ended_within(FLUSH + Duration::from_secs(10)).await;
        assert_eq!(code, 0, "{log}");
        let list = "litebox.client.v1.ClientService/List";
        assert!(collector.spans().iter().any(|span| span.name == list), "{:?}", collector.spans());
        let unsent = log.contains("the last spans of traces were not sent");
        assert_eq!(unsent, collector.is_mute(), "{log}");
    }
}

/// What is asked only now is collected.
async fn quick_again(collector: &Collector, server: &Server, stage: &Stage) {
    let mut clients = server.clients(&stage.partner.token);
    until("spans come again", async || {
        let nobody = GetRequest { client_id: fresh_id() };
        assert_eq!(clients.get(nobody).await.unwrap_err().code(), Code::NotFound);
        collector.spans().iter().any(|span| span.name == "litebox.client.v1.ClientService/Get")
    })
    .await;
}

#[tokio::test]
async fn a_caller_outside_is_linked_and_not_followed_when_so_configured() {
    let stage = Stage::new(Backend::Sqlite).await;
    let collector = Collector::start().await;
    let other = [all(&collector.url()), vec![("traces.follow_callers", "false".to_owned())]].concat();
    let server = stage.server_with(&other).await;
    let mut kkts = server.kkts(&stage.partner.token);
    assert!(kkts.quick_register(in_trace(QuickRegisterRequest::default())).await.is_err());
    let method = "litebox.kkt.v1.KktService/QuickRegister";
    let spans = until_spans(&collector, "the span", |spans| spans.iter().any(|span| span.name == method)).await;
    let call = spans.iter().find(|span| span.name == method).unwrap();
    assert!(call.trace != TRACE && call.parent.is_empty() && call.links == [TRACE], "{call:?}");
    assert!(
        call.has("rpc.status_code=INVALID_ARGUMENT") && !call.failed,
        "the caller's fault is none of ours: {call:?}"
    );
}
