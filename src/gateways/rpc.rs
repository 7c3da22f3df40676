//! What the three gRPC gateways need: one channel, the handshake, the meaning of status codes.

use std::error::Error;
use std::future::Future;
use std::time::{Duration, Instant};

use prost::Message;
use tokio::sync::OnceCell;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;

use super::breaker::Breakers;
use super::config::{RpcConfig, ms};
use super::traced::Traced;
use super::transcript::{self, Direction};
use super::{ENVIRONMENT_HEADER, Gateway, Mishap, Setback, SetbackKind, SetupError, World};

/// Pings keep a silent connection honest: a dead peer is noticed between calls, not by the next one.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to a party that speaks one of our contracts, opened by the first call.
pub(super) struct Line {
    channel: Channel,
    gateway: Gateway,
    world: World,
    timeout: Duration,
    met: OnceCell<()>,
    breakers: Breakers,
}

impl Line {
    pub fn new(gateway: Gateway, world: World, config: &RpcConfig) -> Result<Self, SetupError> {
        let endpoint = Endpoint::from_shared(config.url.clone())
            .map_err(|e| SetupError { gateway, detail: format!("url: {e}") })?
            .connect_timeout(ms(config.connect_timeout_ms))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
        Ok(Self {
            channel: endpoint.connect_lazy(),
            gateway,
            world,
            timeout: ms(config.timeout_ms),
            met: OnceCell::new(),
            breakers: Breakers::off(),
        })
    }

    pub fn guard(&mut self, breakers: &Breakers) {
        self.breakers = breakers.clone();
    }

    pub fn channel(&self) -> Traced {
        Traced::new(self.channel.clone(), self.gateway)
    }

    /// Our world in the numbering that all three contracts share.
    pub const fn environment(&self) -> i32 {
        match self.world {
            World::Live => 1,
            World::Test => 2,
        }
    }

    /// Runs the handshake before the first command. A failed one is asked again by the next command.
    pub async fn meet(&self, handshake: impl Future<Output = Result<i32, Mishap>>) -> Result<(), Mishap> {
        let check = async {
            let told = handshake.await.map_err(Setback::from)?;
            if told == self.environment() {
                return Ok(());
            }
            Err(self.setback(SetbackKind::WrongWorld, "the other side belongs to another world"))
        };
        self.met.get_or_try_init(|| check).await.map(|_| ()).map_err(Mishap::NotSent)
    }

    /// A request with our world and the deadline.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert(ENVIRONMENT_HEADER, MetadataValue::from_static(self.world.header()));
        request.set_timeout(self.timeout);
        request
    }

    /// The same for a call that belongs into the transcript under this name.
    pub fn named<T: Message>(&self, operation: &str, message: T) -> Request<T> {
        self.note(operation, Direction::Sent, || message.encode_to_vec());
        self.request(message)
    }

    /// Waits for an answer, no longer than configured.
    pub async fn answer<T>(&self, call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, Mishap> {
        self.ask(call).await?.map_err(|status| self.mishap(&status))
    }

    /// Like [`Line::answer`], noting the answer.
    pub async fn hear<T: Message>(
        &self,
        operation: &str,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Mishap> {
        self.listen(operation, call).await?.map_err(|status| self.mishap(&status))
    }

    /// Like [`Line::hear`], with `NOT_FOUND` as an answer.
    pub async fn find<T: Message>(
        &self,
        operation: &str,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<Option<T>, Mishap> {
        match self.listen(operation, call).await? {
            Ok(message) => Ok(Some(message)),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(self.mishap(&status)),
        }
    }

    async fn listen<T: Message>(
        &self,
        operation: &str,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<Result<T, Status>, Mishap> {
        let answer = self.ask(call).await;
        match &answer {
            Ok(Ok(message)) => self.note(operation, Direction::Received, || message.encode_to_vec()),
            Ok(Err(status)) => self.note(operation, Direction::Failed, || {
                format!("gRPC {:?}: {}", status.code(), status.message()).into_bytes()
            }),
            Err(mishap) => self.note(operation, Direction::Failed, || mishap.setback().to_string().into_bytes()),
        }
        answer
    }

    fn note(&self, operation: &str, direction: Direction, message: impl FnOnce() -> Vec<u8>) {
        transcript::note(self.gateway, operation, direction, message);
    }

    async fn ask<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<Result<T, Status>, Mishap> {
        let leave = self.breakers.pass(self.gateway, "", Instant::now())?;
        let answer = match tokio::time::timeout(self.timeout, call).await {
            Ok(answer) => Ok(answer.map(Response::into_inner)),
            Err(_) => Err(Mishap::Unsure(self.setback(SetbackKind::TimedOut, "no answer in time"))),
        };
        leave.told(&self.seen(&answer), Instant::now());
        answer
    }

    /// What an answer tells of the other side.
    fn seen<T>(&self, answer: &Result<Result<T, Status>, Mishap>) -> Result<(), Mishap> {
        match answer {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(status)) if status.code() == Code::NotFound => Ok(()),
            Ok(Err(status)) => Err(self.mishap(status)),
            Err(mishap) => Err(mishap.clone()),
        }
    }

    pub fn setback(&self, kind: SetbackKind, detail: impl Into<String>) -> Setback {
        Setback::new(self.gateway, kind, detail)
    }

    /// An answer that the contract does not allow.
    pub fn garbled(&self, what: &str) -> Setback {
        self.setback(SetbackKind::Garbled, what)
    }

    /// Certainly nothing happened only when no connection was made, or when the code says that the request was turned
    /// away at the door. The same UNAVAILABLE also stands for a connection lost after sending.
    fn mishap(&self, status: &Status) -> Mishap {
        if never_connected(status) {
            return Mishap::NotSent(self.setback(SetbackKind::Unreachable, "no connection"));
        }
        let detail = format!("gRPC status {:?}", status.code());
        let mut setback = self.setback(kind(status), detail);
        setback.retry_after = status.get_details_retry_info().and_then(|info| info.retry_delay);
        match setback.kind {
            SetbackKind::Denied => Mishap::NotSent(setback),
            _ => Mishap::Unsure(setback),
        }
    }
}

fn kind(status: &Status) -> SetbackKind {
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented | Code::InvalidArgument => {
            SetbackKind::Denied
        }
        Code::ResourceExhausted => SetbackKind::Overloaded,
        // The channel enforces the deadline too, and calls that CANCELLED.
        Code::DeadlineExceeded | Code::Cancelled => SetbackKind::TimedOut,
        _ => SetbackKind::Failed,
    }
}

fn never_connected(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
