//! Tiny parties on loopback that answer as a test says.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use prost::Message;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use super::{ENVIRONMENT_HEADER, SANDBOX, SetbackKind};

/// A request that a fake HTTP party got.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

/// An answer of a fake HTTP party, which says that it is a sandbox.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    late: bool,
}

pub fn reply(status: u16, body: impl ToString) -> Reply {
    let headers = vec![(ENVIRONMENT_HEADER, SANDBOX.to_owned())];
    Reply { status, headers, body: body.to_string(), late: false }
}

impl Reply {
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The answer never comes.
    pub const fn late(mut self) -> Self {
        self.late = true;
        self
    }

    pub fn live(mut self) -> Self {
        self.headers.retain(|(name, _)| *name != ENVIRONMENT_HEADER);
        self
    }
}

/// A running fake.
pub struct Fake {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// An HTTP party.
pub async fn http(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Fake {
    let (answer, asked) = (Arc::new(answer), Arc::new(Mutex::new(Vec::new())));
    let kept = asked.clone();
    let handler = move |request: Request| {
        let (answer, kept) = (answer.clone(), kept.clone());
        async move {
            let one = read(request).await;
            let reply = answer(&one);
            kept.lock().unwrap().push(one);
            if reply.late {
                std::future::pending::<()>().await;
            }
            write(reply)
        }
    };
    Fake { url: serve(Router::new().fallback(handler)).await, asked }
}

async fn read(request: Request) -> Asked {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    Asked {
        method: head.method.to_string(),
        path: head.uri.path_and_query().unwrap().to_string(),
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

fn write(reply: Reply) -> Response {
    let mut response = Response::builder().status(StatusCode::from_u16(reply.status).unwrap());
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}

/// A gRPC party: gets the method's name and the message, answers a message or a status.
pub async fn grpc(answer: impl Fn(&str, &[u8]) -> Result<Vec<u8>, Status> + Clone + Send + Sync + 'static) -> String {
    let handler = move |request: Request| {
        let answer = answer.clone();
        async move {
            let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            let work = tower::service_fn(move |request: tonic::Request<Bytes>| {
                let told = answer(&method, &request.into_inner()).map(|m| tonic::Response::new(Bytes::from(m)));
                std::future::ready(told)
            });
            tonic::server::Grpc::new(Raw).unary(work, request).await.map(Body::new)
        }
    };
    serve(Router::new().fallback(handler)).await
}

/// A gRPC party of the sandbox's world that answers every method but the handshake with the same message.
pub async fn says(message: impl Message) -> String {
    let bytes = message.encode_to_vec();
    grpc(move |method, _| Ok(if method == "Handshake" { handshake(2) } else { bytes.clone() })).await
}

/// A gRPC party of the sandbox's world that answers the handshake and nothing else.
pub async fn hangs() -> String {
    let handler = |request: Request| async move {
        if !request.uri().path().ends_with("/Handshake") {
            std::future::pending::<()>().await;
        }
        let work = tower::service_fn(|_: tonic::Request<Bytes>| {
            std::future::ready(Ok(tonic::Response::new(Bytes::from(handshake(2)))))
        });
        tonic::server::Grpc::new(Raw).unary(work, request).await.map(Body::new)
    };
    serve(Router::new().fallback(handler)).await
}

/// A gRPC party of the sandbox's world that answers every method but the handshake with this status.
pub async fn fails(status: Status) -> String {
    grpc(move |method, _| if method == "Handshake" { Ok(handshake(2)) } else { Err(status.clone()) }).await
}

/// The answer to a handshake, the same bytes in all three contracts.
pub fn handshake(environment: i32) -> Vec<u8> {
    super::pb::accounts::HandshakeResponse { environment }.encode_to_vec()
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// An address where nobody listens.
pub async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A party that takes connections and never says a word.
pub async fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    url
}

/// A party that reads the beginning of a request and then breaks the connection.
pub async fn breaks() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 16]).await;
        }
    });
    url
}

/// The outcomes of calls that a status code alone decides: the code, what went wrong, and whether it is certain that
/// nothing happened.
pub const STATUSES: [(tonic::Code, SetbackKind, bool); 12] = [
    (tonic::Code::InvalidArgument, SetbackKind::Denied, true),
    (tonic::Code::PermissionDenied, SetbackKind::Denied, true),
    (tonic::Code::Unauthenticated, SetbackKind::Denied, true),
    (tonic::Code::Unimplemented, SetbackKind::Denied, true),
    (tonic::Code::ResourceExhausted, SetbackKind::Overloaded, false),
    (tonic::Code::DeadlineExceeded, SetbackKind::TimedOut, false),
    (tonic::Code::Cancelled, SetbackKind::TimedOut, false),
    (tonic::Code::Unavailable, SetbackKind::Failed, false),
    (tonic::Code::Internal, SetbackKind::Failed, false),
    (tonic::Code::Aborted, SetbackKind::Failed, false),
    (tonic::Code::FailedPrecondition, SetbackKind::Failed, false),
    (tonic::Code::Unknown, SetbackKind::Failed, false),
];

/// Messages as bytes.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes_put(to, &item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let mut all = vec![0; prost::bytes::Buf::remaining(from)];
        prost::bytes::Buf::copy_to_slice(from, &mut all);
        Ok(Some(all.into()))
    }
}

fn bytes_put(to: &mut EncodeBuf<'_>, item: &[u8]) {
    prost::bytes::BufMut::put_slice(to, item);
}
