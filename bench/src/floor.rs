//! What our calls are compared with: a bare tonic server, and bare calls of the outer systems. Also a collector of traces that
//! takes everything and keeps nothing.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::Outcome;

/// No fields: whatever comes is skipped.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Nothing {}

/// What health and the accounts contract say of interest here.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Status1 {
    /// `SERVING` is 1; of an account: whether there is one.
    #[prost(int32, tag = "1")]
    pub status: i32,
}

/// A gRPC service of this name that answers everything with nothing.
struct Bare<N>(PhantomData<N>);

impl<N> Clone for Bare<N> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

struct Empty;
struct Traces;

impl NamedService for Bare<Empty> {
    const NAME: &'static str = "bench.Floor";
}
impl NamedService for Bare<Traces> {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

struct Answer;

impl UnaryService<Nothing> for Answer {
    type Response = Nothing;
    type Future = std::future::Ready<Result<Response<Nothing>, Status>>;

    fn call(&mut self, _: Request<Nothing>) -> Self::Future {
        std::future::ready(Ok(Response::new(Nothing {})))
    }
}

impl<N> Service<http::Request<Body>> for Bare<N> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move { Ok(Grpc::new(ProstCodec::<Nothing, Nothing>::default()).unary(Answer, request).await) })
    }
}

/// The process `bench floor`: says where it listens, and serves until it is ended.
pub async fn serve() -> Outcome<()> {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?.with_nodelay(Some(true));
    println!("{}", incoming.local_addr()?);
    let services = Server::builder().add_service(Bare::<Empty>(PhantomData));
    Ok(services.add_service(Bare::<Traces>(PhantomData)).serve_with_incoming(incoming).await?)
}

/// A call of the bare server.
pub const EMPTY: &str = "/bench.Floor/Call";

/// One unary call of this path; an error in words.
pub async fn unary<A, B>(channel: Channel, path: &'static str, message: A) -> Result<B, String>
where
    A: prost::Message + Send + Sync + 'static,
    B: prost::Message + Default + Send + Sync + 'static,
{
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.map_err(|error| error.to_string())?;
    let codec = ProstCodec::<A, B>::default();
    let answer = grpc.unary(Request::new(message), http::uri::PathAndQuery::from_static(path), codec).await;
    answer.map(Response::into_inner).map_err(|status| status.code().to_string())
}

/// The accounts contract, as far as Register uses it.
pub mod accounts {
    /// Whether the account service knows a number.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct FindByInn {
        #[prost(string, tag = "1")]
        pub inn: String,
    }
    /// Make an account.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct EnsureAccount {
        #[prost(string, tag = "1")]
        pub effect_id: String,
        #[prost(string, tag = "2")]
        pub inn: String,
        #[prost(string, tag = "3")]
        pub login: String,
        #[prost(string, tag = "4")]
        pub last_name: String,
        #[prost(string, tag = "5")]
        pub first_name: String,
        #[prost(string, tag = "6")]
        pub company: String,
        #[prost(string, tag = "7")]
        pub phone: String,
    }
    /// Give it a password.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct SetInitialPassword {
        #[prost(string, tag = "1")]
        pub effect_id: String,
        #[prost(int64, tag = "2")]
        pub version: i64,
        #[prost(string, tag = "3")]
        pub password: String,
    }
}

/// Whether the account service knows a number, asked bare.
pub async fn known(channel: Channel, inn: String) -> Result<(), String> {
    let _: Nothing = unary(channel, ACCOUNTS[0], accounts::FindByInn { inn }).await?;
    Ok(())
}

const ACCOUNTS: [&str; 3] = [
    "/litebox.gateway.accounts.v1.AccountsService/FindByInn",
    "/litebox.gateway.accounts.v1.AccountsService/EnsureAccount",
    "/litebox.gateway.accounts.v1.AccountsService/SetInitialPassword",
];

/// The outer calls of one Register, made bare, one after the other: the taxpayer over HTTP, then the account.
pub async fn outer_calls(http: &Http, channel: Channel, inn: String) -> Result<(), String> {
    http.party(&inn).await?;
    let effect_id = uuid::Uuid::new_v4().to_string();
    known(channel.clone(), inn.clone()).await?;
    let order = accounts::EnsureAccount {
        effect_id: effect_id.clone(),
        login: format!("floor{inn}@example.ru"),
        inn,
        last_name: "Песочный".into(),
        first_name: "Иван".into(),
        company: "ООО".into(),
        phone: "911-111-1111".into(),
    };
    let _: Nothing = unary(channel.clone(), ACCOUNTS[1], order).await?;
    let password = accounts::SetInitialPassword { effect_id, version: 1, password: "aB1!_-".into() };
    let _: Nothing = unary(channel, ACCOUNTS[2], password).await?;
    Ok(())
}

/// Connections to an HTTP/1.1 server that are used again.
pub struct Http {
    address: String,
    idle: std::sync::Mutex<Vec<BufReader<TcpStream>>>,
}

impl Http {
    /// Connects when it is first asked. `url` is `http://host:port`.
    pub fn new(url: &str) -> Self {
        Self { address: url.trim_start_matches("http://").to_owned(), idle: std::sync::Mutex::default() }
    }

    /// The state register's answer for this number.
    async fn party(&self, inn: &str) -> Result<(), String> {
        let body = format!("{{\"query\":\"{inn}\"}}");
        let head = format!(
            "POST /suggestions/api/4_1/rs/findById/party HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             accept: application/json\r\nauthorization: Token key-1\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let answer = self.exchange(&head).await.map_err(|error| error.to_string())?;
        if answer.contains(inn) { Ok(()) } else { Err(format!("not the taxpayer: {answer:.200}")) }
    }

    /// What this path shows.
    pub async fn get(&self, path: &str) -> Result<String, String> {
        let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        self.exchange(&head).await.map_err(|error| error.to_string())
    }

    async fn exchange(&self, request: &str) -> std::io::Result<String> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let mut connection = match idle {
            Some(connection) => connection,
            None => BufReader::new(TcpStream::connect(&self.address).await?),
        };
        connection.get_mut().set_nodelay(true)?;
        connection.write_all(request.as_bytes()).await?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            connection.read_line(&mut line).await?;
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(std::io::Error::other)?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body).await?;
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(connection);
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}
