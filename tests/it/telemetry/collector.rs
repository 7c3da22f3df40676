//! A collector that takes spans over the real protocol, OTLP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tonic::{Request, Response, Status};

/// A span as it was sent.
#[derive(Debug, Clone)]
pub struct Seen {
    pub name: String,
    pub trace: String,
    pub id: String,
    /// Empty: it has none.
    pub parent: String,
    /// Traces that it is linked to.
    pub links: Vec<String>,
    /// `name=value`
    pub attributes: Vec<String>,
    /// Of OTLP: 2 serves a call, 3 makes one.
    pub kind: i32,
    pub failed: bool,
    /// Which process it is of.
    pub instance: String,
}

impl Seen {
    fn of(span: Span, instance: &str) -> Self {
        let text = |value: Option<Value>| match value {
            Some(Value::StringValue(text)) => text,
            Some(Value::IntValue(number)) => number.to_string(),
            other => format!("{other:?}"),
        };
        Self {
            name: span.name,
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            links: span.links.iter().map(|link| hex(&link.trace_id)).collect(),
            attributes: span
                .attributes
                .into_iter()
                .map(|a| format!("{}={}", a.key, text(a.value.and_then(|v| v.value))))
                .collect(),
            kind: span.kind,
            failed: span.status.is_some_and(|status| status.code == 2),
            instance: instance.to_owned(),
        }
    }

    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|a| a == attribute)
    }

    /// Of this attribute; empty when there is none.
    pub fn value(&self, attribute: &str) -> String {
        let value = |a: &String| a.strip_prefix(attribute)?.strip_prefix('=').map(str::to_owned);
        self.attributes.iter().find_map(value).unwrap_or_default()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Clone, Default)]
struct Taken {
    spans: Arc<Mutex<Vec<Seen>>>,
    /// Everything as it came.
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Takes spans and does not answer until it is told to.
    mute: watch::Sender<bool>,
    came: Arc<Notify>,
}

#[tonic::async_trait]
impl TraceService for Taken {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        self.bytes.lock().unwrap().extend(request.encode_to_vec());
        let spans = request.resource_spans.into_iter().flat_map(spans_of);
        self.spans.lock().unwrap().extend(spans);
        self.came.notify_one();
        let _ = self.mute.subscribe().wait_for(|mute| !mute).await;
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn spans_of(process: ResourceSpans) -> Vec<Seen> {
    let about = process.resource.map(|resource| resource.attributes).unwrap_or_default();
    let instance = about.into_iter().find(|about| about.key == "service.instance.id").and_then(|about| about.value);
    let instance = match instance.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        _ => String::new(),
    };
    process.scope_spans.into_iter().flat_map(|scope| scope.spans).map(|span| Seen::of(span, &instance)).collect()
}

/// A running collector; it is gone when this is dropped.
pub struct Collector {
    pub address: SocketAddr,
    taken: Taken,
    task: JoinHandle<()>,
}

impl Collector {
    pub async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), false).await
    }

    /// One that takes spans and does not answer until it is told to.
    pub async fn mute() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), true).await
    }

    /// Where another one was.
    pub async fn at(address: SocketAddr, mute: bool) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Taken { mute: watch::Sender::new(mute), ..Taken::default() };
        let serving = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(taken.clone()))
            .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener));
        let task = tokio::spawn(async move { serving.await.unwrap() });
        Self { address, taken, task }
    }

    /// From now on it answers, also those that wait.
    pub fn answer(&self) {
        self.taken.mute.send_replace(false);
    }

    pub fn is_mute(&self) -> bool {
        *self.taken.mute.borrow()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for spans that nobody has waited for.
    pub async fn more(&self) {
        self.taken.came.notified().await;
    }

    /// Everything that came, as it came.
    pub fn bytes(&self) -> Vec<u8> {
        self.taken.bytes.lock().unwrap().clone()
    }

    pub fn spans(&self) -> Vec<Seen> {
        self.taken.spans.lock().unwrap().clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}
