//! What both HTTP gateways need: one pooled client, bounded answers, the check of worlds.

use std::time::{Duration, Instant};

use http::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, Request, RequestBuilder, StatusCode, redirect, retry};
use serde::de::DeserializeOwned;
use tracing::{Instrument, field};

use super::breaker::Breakers;
use super::transcript::{self, Direction};
use super::{ENVIRONMENT_HEADER, Gateway, Mishap, SANDBOX, Setback, SetbackKind, SetupError, World};
use crate::telemetry::traces::{self, traced};

/// The largest answer that is read.
const MAX_BODY: usize = 1 << 20;

/// An HTTP client of one gateway.
pub(super) struct Http {
    client: Client,
    gateway: Gateway,
    world: World,
    breakers: Breakers,
}

/// An answer of the right world, read whole.
pub(super) struct Answer {
    pub status: StatusCode,
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

impl Http {
    /// Redirects, proxies of the environment and silent retries are off: a call goes once, to the configured address.
    pub fn new(gateway: Gateway, world: World, connect: Duration, whole: Duration) -> Result<Self, SetupError> {
        let client = Client::builder()
            .connect_timeout(connect)
            .timeout(whole)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .tcp_nodelay(true)
            .build()
            .map_err(|e| SetupError { gateway, detail: e.to_string() })?;
        Ok(Self { client, gateway, world, breakers: Breakers::off() })
    }

    pub fn guard(&mut self, breakers: &Breakers) {
        self.breakers = breakers.clone();
    }

    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request and reads its answer, whatever its status.
    pub async fn exchange(&self, request: RequestBuilder) -> Result<Answer, Mishap> {
        let request = request.header(ENVIRONMENT_HEADER, self.world.header()).build().map_err(|e| self.broken(&e))?;
        let operation = operation(&request);
        if request.method() != Method::GET {
            self.note(&operation, Direction::Sent, || body(&request));
        }
        let leave = self.breakers.pass(self.gateway, request.url().authority(), Instant::now())?;
        let answer = self.traced(request).await;
        leave.told(&self.seen(&answer), Instant::now());
        match &answer {
            Ok(told) if told.status.is_success() => {
                self.note(&operation, Direction::Received, || told.body.clone());
            }
            Ok(told) => {
                let head = format!("HTTP {}\n", told.status.as_u16());
                self.note(&operation, Direction::Failed, || [head.as_bytes(), &told.body].concat());
            }
            Err(mishap) => self.note(&operation, Direction::Failed, || mishap.setback().to_string().into_bytes()),
        }
        answer
    }

    /// What an answer tells of the other side. Other refusals than of our credentials are answers to what was asked.
    fn seen(&self, answer: &Result<Answer, Mishap>) -> Result<(), Mishap> {
        match answer {
            Ok(told) if matches!(told.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(Mishap::Unsure(self.unwelcome(told)))
            }
            Ok(told) if told.status.is_server_error() || told.status == StatusCode::TOO_MANY_REQUESTS => {
                Err(Mishap::Unsure(self.unwelcome(told)))
            }
            Ok(_) => Ok(()),
            Err(mishap) => Err(mishap.clone()),
        }
    }

    fn note(&self, operation: &str, direction: Direction, message: impl FnOnce() -> Vec<u8>) {
        transcript::note(self.gateway, operation, direction, message);
    }

    /// Asks within a span; the other side gets its trace context.
    async fn traced(&self, mut request: Request) -> Result<Answer, Mishap> {
        let (method, gateway) = (request.method().to_string(), self.gateway.name());
        let span = traced!(
            "client",
            method,
            "http.request.method" = method,
            "peer.service" = gateway,
            "http.response.status_code" = field::Empty
        );
        span.in_scope(|| traces::pass_on(request.headers_mut()));
        let answer = self.answer(request).instrument(span.clone()).await;
        if let Ok(told) = &answer {
            span.record("http.response.status_code", told.status.as_u16());
        }
        if !answer.as_ref().is_ok_and(|told| told.status.is_success()) {
            traces::failed(&span);
        }
        answer
    }

    async fn answer(&self, request: Request) -> Result<Answer, Mishap> {
        let mut response = self.client.execute(request).await.map_err(|e| self.broken(&e))?;
        self.check_world(response.headers()).map_err(Mishap::Unsure)?;
        let (status, retry_after) = (response.status(), retry_after(response.headers()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.broken(&e))? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(Mishap::Unsure(self.setback(SetbackKind::Garbled, "the answer is too large")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, retry_after, body })
    }

    /// Reads the body as JSON. The text of the error never quotes the body.
    pub fn json<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, Setback> {
        serde_json::from_slice(&answer.body).map_err(|e| {
            let place = format!("{:?} error at line {} column {}", e.classify(), e.line(), e.column());
            self.setback(SetbackKind::Garbled, place)
        })
    }

    /// The setback that an answer with an unwelcome status means.
    pub fn unwelcome(&self, answer: &Answer) -> Setback {
        let kind = match answer.status {
            StatusCode::TOO_MANY_REQUESTS => SetbackKind::Overloaded,
            status if status.is_server_error() => SetbackKind::Failed,
            status if status.is_client_error() || status.is_redirection() => SetbackKind::Denied,
            _ => SetbackKind::Garbled,
        };
        let mut setback = self.setback(kind, format!("HTTP status {}", answer.status.as_u16()));
        setback.retry_after = answer.retry_after;
        setback
    }

    pub fn setback(&self, kind: SetbackKind, detail: impl Into<String>) -> Setback {
        Setback::new(self.gateway, kind, detail)
    }

    fn check_world(&self, headers: &HeaderMap) -> Result<(), Setback> {
        let sandbox = headers.get(ENVIRONMENT_HEADER).is_some_and(|v| v == SANDBOX);
        match (self.world, sandbox) {
            (World::Live, true) => Err(self.setback(SetbackKind::WrongWorld, "a sandbox answered a live server")),
            (World::Test, false) => Err(self.setback(SetbackKind::WrongWorld, "no sandbox answered a test server")),
            _ => Ok(()),
        }
    }

    /// Only a failure to connect proves that nothing was sent.
    fn broken(&self, error: &reqwest::Error) -> Mishap {
        if error.is_builder() {
            return Mishap::NotSent(self.setback(SetbackKind::Denied, "the configured address is not valid"));
        }
        if error.is_connect() {
            return Mishap::NotSent(self.setback(SetbackKind::Unreachable, "no connection"));
        }
        Mishap::Unsure(match () {
            () if error.is_timeout() => self.setback(SetbackKind::TimedOut, "no answer in time"),
            () if error.is_decode() => self.setback(SetbackKind::Garbled, "the answer breaks off"),
            () => self.setback(SetbackKind::Failed, "the connection broke"),
        })
    }
}

/// `POST /api/v2/requests?deviceID=1`: without the host, which may carry a user's name.
fn operation(request: &Request) -> String {
    let url = request.url();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{} {}{query}", request.method(), url.path())
}

fn body(request: &Request) -> Vec<u8> {
    request.body().and_then(|body| body.as_bytes()).unwrap_or_default().to_vec()
}

/// `Retry-After` in seconds; its other form, a date, is not used by anybody we speak to.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse::<u32>().ok()?;
    Some(Duration::from_secs(seconds.into()))
}
