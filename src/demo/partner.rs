//! A partner's program: the generated stubs with a token, and refusals in readable form.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;

use super::Failed;
use super::screen::Screen;
use crate::pb::client::client_service_client::ClientServiceClient;
use crate::pb::kkt::kkt_service_client::KktServiceClient;
use crate::pb::kkt::watch_response::Event;
use crate::pb::kkt::{Kkt, KktState, WatchRequest};

/// Longest way of a registration to where it is wanted.
const PATIENCE: Duration = Duration::from_secs(20);

/// Adds the token to every call.
#[derive(Clone)]
pub(super) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

type Wire = InterceptedService<Channel, Bearer>;

/// A partner.
#[derive(Clone)]
pub(super) struct Partner {
    pub token: String,
    pub clients: ClientServiceClient<Wire>,
    pub kkts: KktServiceClient<Wire>,
}

/// What a registration is watched for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// A state.
    State(KktState),
    /// Being held up for this reason.
    Blocked(&'static str),
}

impl Goal {
    fn is_reached(self, kkt: &Kkt) -> bool {
        match self {
            Self::State(state) => kkt.state() == state,
            Self::Blocked(reason) => kkt.blocked.as_ref().is_some_and(|blocked| blocked.reason == reason),
        }
    }
}

/// What a watch has shown last, and where to resume it.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub kkt: Kkt,
    resume_token: String,
}

/// How the server refused a call.
#[derive(Debug)]
pub(super) struct Refusal {
    pub code: Code,
    /// Of `ErrorReason`, without its prefix.
    pub reason: String,
    pub metadata: HashMap<String, String>,
    pub russian: String,
    /// Rules that were broken: type and description.
    pub rules: Vec<(String, String)>,
    message: String,
}

impl Refusal {
    fn read(status: &Status) -> Self {
        let info = status.get_details_error_info();
        let rules = status.get_details_precondition_failure().map(|failure| failure.violations).unwrap_or_default();
        Self {
            code: status.code(),
            reason: info.as_ref().map(|i| i.reason.clone()).unwrap_or_default(),
            metadata: info.map(|i| i.metadata).unwrap_or_default(),
            russian: status.get_details_localized_message().map(|m| m.message).unwrap_or_default(),
            rules: rules.into_iter().map(|rule| (rule.r#type, rule.description)).collect(),
            message: status.message().to_owned(),
        }
    }

    /// Shows it, and holds it against what was expected.
    pub(super) fn must_be(&self, screen: &Screen, code: Code, reason: &str) -> Result<(), Failed> {
        screen.fact("answer", &format!("{:?} {}", self.code, self.reason));
        for (rule, text) in &self.rules {
            screen.fact("rule", &format!("{rule}: {text}"));
        }
        screen.fact("in Russian", &self.russian);
        let what = format!("it is refused with {code:?} {reason} and a Russian sentence");
        screen.check(&what, self.code == code && self.reason == reason && is_russian(&self.russian))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server refused with {:?} {}: {} {}", self.code, self.reason, self.message, self.russian)?;
        self.rules.iter().try_for_each(|(rule, text)| write!(f, "; {rule}: {text}"))
    }
}

/// True for a text for people in Russia.
pub(super) fn is_russian(text: &str) -> bool {
    text.chars().any(|c| ('а'..='я').contains(&c))
}

/// The answer of a call that must succeed.
pub(super) fn told<T>(answer: Result<Response<T>, Status>) -> Result<T, Failed> {
    answer.map(Response::into_inner).map_err(|status| Failed::new(Refusal::read(&status)))
}

/// The refusal of a call that must not succeed.
pub(super) fn refused<T>(answer: Result<Response<T>, Status>) -> Result<Refusal, Failed> {
    match answer {
        Ok(_) => Err(Failed::new("the server accepted what it had to refuse")),
        Err(status) => Ok(Refusal::read(&status)),
    }
}

/// A part of an answer that the contract promises.
pub(super) fn part<T>(value: Option<T>, name: &str) -> Result<T, Failed> {
    value.ok_or_else(|| Failed::new(format!("the answer lacks `{name}`")))
}

impl Partner {
    /// A partner whose program connects with its first call, and again when the server comes back.
    pub(super) fn connect(address: &str, token: String) -> Result<Self, Failed> {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(Failed::new)?;
        let channel = endpoint.connect_lazy();
        let bearer = Bearer(format!("Bearer {token}").parse().map_err(Failed::new)?);
        let clients = ClientServiceClient::with_interceptor(channel.clone(), bearer.clone());
        let kkts = KktServiceClient::with_interceptor(channel, bearer);
        Ok(Self { token, clients, kkts })
    }

    /// Watches a registration and shows every change until it has come to where it is wanted.
    pub(super) async fn follow(&self, screen: &Screen, id: &str, goal: Goal, seen: Seen) -> Result<Seen, Failed> {
        let waited = tokio::time::timeout(PATIENCE, self.watch(screen, id, goal, seen)).await;
        waited.unwrap_or_else(|_| Err(Failed::new(format!("it did not come to {goal:?} within {PATIENCE:?}"))))
    }

    async fn watch(&self, screen: &Screen, id: &str, goal: Goal, mut seen: Seen) -> Result<Seen, Failed> {
        loop {
            let request = WatchRequest { kkt_ids: vec![id.to_owned()], resume_token: seen.resume_token.clone() };
            let mut stream = told(self.kkts.clone().watch(request).await)?;
            while let Some(message) = stream.message().await.map_err(|s| Failed::new(Refusal::read(&s)))? {
                seen.resume_token = message.resume_token;
                let Some(Event::Kkt(kkt)) = message.event else { continue };
                if line(&kkt) != line(&seen.kkt) {
                    screen.event(&line(&kkt));
                }
                seen.kkt = kkt;
                if goal.is_reached(&seen.kkt) {
                    return Ok(seen);
                }
                if matches!(seen.kkt.state(), KktState::Rejected | KktState::Cancelled | KktState::Registered) {
                    return Err(Failed::new(format!("it ended in {:?}", seen.kkt.state())));
                }
            }
        }
    }
}

/// A registration in one line.
fn line(kkt: &Kkt) -> String {
    let state = kkt.state().as_str_name().trim_start_matches("KKT_STATE_").to_owned();
    // The advice of a block is the text of the status.
    let blocked = kkt.blocked.as_ref().map(|blocked| format!(" [{}]", blocked.reason)).unwrap_or_default();
    format!("{state:<18} {}{blocked}", kkt.status_text)
}
