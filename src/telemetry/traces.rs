//! Spans for a collector, by OTLP over gRPC. What ties them together is the W3C trace context: taken from the caller's
//! metadata, given on to every outer system, and kept with a registration, so that what other replicas do hours later can be
//! found from where it began.
//!
//! Spans of traces have a target of their own, [`TARGET`], which log lines never show: a span that nobody collects costs
//! nothing, and a line of the log holds no attributes that are meant for traces. Since spans of the log are none of traces,
//! the current trace is OpenTelemetry's current context, and work on other tasks is taken [`along`].

use std::collections::HashMap;
use std::time::Duration;

use http::HeaderMap;
use opentelemetry::context::FutureExt;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceState, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use serde::Deserialize;
use tonic::Code;
use tonic::transport::ClientTlsConfig;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

/// The target of all spans that are made for traces.
pub const TARGET: &str = "otel";
const NAME: &str = "litebox-partner";
/// How long the last spans may take at the end of the process.
const FLUSH: Duration = Duration::from_secs(5);

/// The section `traces`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct TracesConfig {
    pub otlp_endpoint: String,
    pub sample_ratio: f64,
    pub follow_callers: bool,
    pub timeout_ms: u64,
}

crate::values::discreet::discreet!(TracesConfig { sample_ratio, follow_callers, timeout_ms });

impl TracesConfig {
    /// The settings that cannot be used, and what they must be.
    pub fn unfit(&self) -> Vec<(&'static str, String)> {
        let url = |scheme| self.otlp_endpoint.starts_with(scheme);
        let nowhere = !self.otlp_endpoint.is_empty() && !url("http://") && !url("https://");
        let cases = [
            (!(0.0..=1.0).contains(&self.sample_ratio), "traces.sample_ratio", "must be from 0 to 1"),
            (nowhere, "traces.otlp_endpoint", "must be empty or begin with http:// or https://"),
        ];
        cases.into_iter().filter(|(bad, ..)| *bad).map(|(_, key, what)| (key, what.to_owned())).collect()
    }
}

/// Sends spans until it is stopped; without a collector there is none.
#[derive(Debug, Clone, Default)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Sends to the configured collector, which is first spoken to when there is something to send.
    ///
    /// # Errors
    /// An endpoint that is no address.
    pub fn start(config: &TracesConfig, instance: Uuid) -> Result<Self, ExporterBuildError> {
        if config.otlp_endpoint.is_empty() {
            return Ok(Self(None));
        }
        let mut exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(&config.otlp_endpoint)
            .with_timeout(Duration::from_millis(config.timeout_ms));
        if config.otlp_endpoint.starts_with("https://") {
            exporter = exporter.with_tls_config(ClientTlsConfig::new().with_native_roots());
        }
        let resource = Resource::builder()
            .with_service_name(NAME)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", instance.to_string()));
        let own = Sampler::TraceIdRatioBased(config.sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter.build()?)
            .with_sampler(Sampler::ParentBased(Box::new(own)))
            .with_resource(resource.build());
        Ok(Self(Some(provider.build())))
    }

    /// What makes the spans, when they are sent anywhere.
    pub(super) fn tracer(&self) -> Option<SdkTracer> {
        self.0.as_ref().map(|provider| provider.tracer(NAME))
    }

    /// Sends what is left, for a few seconds at most.
    pub async fn stop(self) {
        let Some(provider) = self.0 else { return };
        // On a thread of its own: it blocks until the exporter is done, and the exporter needs this runtime.
        let flush = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH));
        if !matches!(tokio::time::timeout(FLUSH, flush).await, Ok(Ok(Ok(())))) {
            tracing::warn!("the last spans of traces were not sent");
        }
    }
}

/// Makes a span for traces: `traced!("client", "litebox.fns.v1.FnsService/GetRnm", "peer.service" = "fns")`.
macro_rules! traced {
    ($kind:literal, $name:expr $(, $key:literal = $value:expr)* $(,)?) => {
        tracing::debug_span!(
            target: "otel",
            "span",
            otel.name = $name,
            otel.kind = $kind,
            otel.status_code = tracing::field::Empty,
            $($key = $value,)*
        )
    };
}
pub(crate) use traced;

/// Says that what the span stands for has failed.
pub fn failed(span: &Span) {
    span.record("otel.status_code", "ERROR");
}

/// `NOT_FOUND`, as the contract, logs and metrics write it.
pub const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Makes the span a part of the caller's trace, or one of its own with a link to the caller's.
pub fn join(span: &Span, headers: &HeaderMap, follow: bool) {
    if span.is_disabled() {
        return;
    }
    let caller = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    let caller = caller.span().span_context().clone();
    // Without `tracestate`: what a caller writes there would go on to every outer system.
    let (trace, span_id, flags) = (caller.trace_id(), caller.span_id(), caller.trace_flags());
    let context = SpanContext::new(trace, span_id, flags, true, TraceState::NONE);
    match context.is_valid() {
        // It fails only for a span that has begun to be used, or without a collector.
        true if follow => drop(span.set_parent(Context::new().with_remote_span_context(context))),
        true => span.add_link(context),
        false => {}
    }
}

/// Gives the current trace on to whoever is called.
pub fn pass_on(headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&Context::current(), &mut HeaderInjector(headers));
}

/// The current trace, 32 hexadecimal digits; absent when nobody collects.
pub fn trace_id() -> Option<String> {
    let current = Context::current();
    let context = current.span().span_context().clone();
    context.is_valid().then(|| context.trace_id().to_string())
}

/// Where a registration begins, to be kept with it: `traceparent` of W3C, 55 characters.
pub fn here() -> Option<String> {
    let mut headers = HashMap::new();
    TraceContextPropagator::new().inject_context(&Context::current(), &mut headers);
    headers.remove("traceparent")
}

/// Links the current span to where a registration began. What cannot be read is no link.
pub fn link(origin: Option<&str>) {
    let current = Context::current();
    if let Some(context) = origin.filter(|_| current.has_active_span()).and_then(read) {
        current.span().add_link(context, Vec::new());
    }
}

/// Takes the current trace, and the span of the log, along to another task.
pub fn along<F: Future>(work: F) -> impl Future<Output = F::Output> {
    work.in_current_span().with_current_context()
}

fn read(traceparent: &str) -> Option<SpanContext> {
    let headers = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&headers);
    let context = context.span().span_context().clone();
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    /// What goes on to an outer system from a call with these headers.
    fn passed_on(follow: bool) -> (String, String) {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(NAME));
        let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        let mut headers = HeaderMap::new();
        let parent = HeaderValue::from_str(&format!("00-{TRACE}-b7ad6b7169203331-01")).unwrap();
        headers.insert("traceparent", parent);
        headers.insert("tracestate", HeaderValue::from_static("theirs=canary"));
        let span = traced!("server", "call");
        join(&span, &headers, follow);
        let mut out = HeaderMap::new();
        span.in_scope(|| pass_on(&mut out));
        let text = |name| out.get(name).map_or("", |value: &HeaderValue| value.to_str().unwrap()).to_owned();
        (text("traceparent"), text("tracestate"))
    }

    #[test]
    fn a_followed_caller_gives_its_trace_and_nothing_that_it_wrote_beside_it() {
        let (parent, state) = passed_on(true);
        assert!(parent.starts_with(&format!("00-{TRACE}-")) && !parent.contains("b7ad6b7169203331"), "{parent}");
        assert_eq!(state, "");
        let (parent, state) = passed_on(false);
        assert!(parent.len() == 55 && !parent.contains(TRACE), "{parent}");
        assert_eq!(state, "");
    }

    #[test]
    fn without_a_collector_nothing_goes_on_and_nothing_is_kept() {
        let mut out = HeaderMap::new();
        pass_on(&mut out);
        assert!(out.get("traceparent").is_none() && here().is_none() && trace_id().is_none());
        link(Some("nonsense"));
        assert!(read("nonsense").is_none() && read("").is_none());
    }
}
