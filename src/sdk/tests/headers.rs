use opentelemetry::baggage::BaggageExt;
use opentelemetry::global::set_text_map_propagator;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

use super::scripted::Scripted;
use crate::pb::kkt::watch_response::Event;
use crate::pb::kkt::{Kkt, WatchResponse};
use crate::sdk::{Options, WatchOptions};

const SPAN: SpanId = SpanId::from_bytes([2; 8]);
const TRACE: TraceId = TraceId::from_bytes([1; 16]);

/// A trace that has baggage, as a program that sends it to its own services has.
fn traced() -> Context {
    let parts: Vec<Box<dyn opentelemetry::propagation::TextMapPropagator + Send + Sync>> =
        vec![Box::new(TraceContextPropagator::new()), Box::new(BaggagePropagator::new())];
    set_text_map_propagator(TextMapCompositePropagator::new(parts));
    let state = TraceState::from_key_value([("vendor", "1")]).unwrap();
    let span = SpanContext::new(TRACE, SPAN, TraceFlags::SAMPLED, true, state);
    Context::new().with_remote_span_context(span).with_baggage([KeyValue::new("login", "ivan")])
}

#[tokio::test]
async fn a_call_may_take_twenty_seconds_when_nothing_else_is_said() {
    let scripted = Scripted::default();
    scripted.partner(Options::default()).await.kkts().get("k").await.unwrap();
    let told = scripted.headers("grpc-timeout").remove(0);
    // "19999000u", say.
    assert!(
        told == "20S" || told == "20000000u" || told.len() == 9 && told.starts_with("19") && told.ends_with('u'),
        "{told}"
    );
}

#[tokio::test]
async fn a_call_and_a_watch_say_who_calls_and_in_which_trace_but_nothing_of_the_baggage() {
    let change = WatchResponse { event: Some(Event::Kkt(Kkt::default())), resume_token: "t".into() };
    let scripted = Scripted::new([vec![Ok(change)]]);
    let options = Options { token: Some("secret".into()), partner_id: Some("p".into()), ..Options::default() };
    let partner = scripted.partner(options).await;
    let _attached = traced().attach();
    partner.kkts().get("k").await.unwrap();
    partner.kkts().watch(WatchOptions::default()).next().await.unwrap();
    let both = |name| scripted.headers(name).try_into().unwrap_or(["".into(), "".into()] as [String; 2]);
    for (name, value) in [
        ("authorization", "Bearer secret".to_owned()),
        ("x-litebox-partner-id", "p".into()),
        ("traceparent", format!("00-{TRACE}-{SPAN}-01")),
        ("tracestate", "vendor=1".into()),
        ("baggage", String::new()),
    ] {
        assert_eq!(both(name), [value.clone(), value], "{name}");
    }
    assert!(both("user-agent").iter().all(|agent| agent.starts_with("litebox-partner-rust/")));
}
