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

/// Longest way of a registration to the state it is watched for.
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
        let cyrillic = self.russian.chars().any(|c| ('а'..='я').contains(&c));
        screen.check(&what, self.code == code && self.reason == reason && cyrillic)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server refused with {:?} {}: {} {}", self.code, self.reason, self.message, self.russian)?;
        self.rules.iter().try_for_each(|(rule, text)| write!(f, "; {rule}: {text}"))
    }
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

    /// Watches a registration and shows every change until it has come to a state. Answers where to resume.
    pub(super) async fn follow(
        &self,
        screen: &Screen,
        kkt_id: &str,
        until: KktState,
        resume_token: &str,
    ) -> Result<(Kkt, String), Failed> {
        let watching = self.watch(screen, kkt_id, until, resume_token);
        let waited = tokio::time::timeout(PATIENCE, watching).await;
        waited.unwrap_or_else(|_| Err(Failed::new(format!("it did not come to {until:?} within {PATIENCE:?}"))))
    }

    async fn watch(
        &self,
        screen: &Screen,
        kkt_id: &str,
        until: KktState,
        resume_token: &str,
    ) -> Result<(Kkt, String), Failed> {
        let (mut resume_token, mut shown) = (resume_token.to_owned(), String::new());
        loop {
            let request = WatchRequest { kkt_ids: vec![kkt_id.to_owned()], resume_token: resume_token.clone() };
            let mut stream = told(self.kkts.clone().watch(request).await)?;
            while let Some(message) = stream.message().await.map_err(|s| Failed::new(Refusal::read(&s)))? {
                resume_token = message.resume_token;
                let Some(Event::Kkt(kkt)) = message.event else { continue };
                let line = line(&kkt);
                if line != shown {
                    screen.event(&line);
                    shown = line;
                }
                if kkt.state() == until {
                    return Ok((kkt, resume_token));
                }
                if matches!(kkt.state(), KktState::Rejected | KktState::Cancelled | KktState::Registered) {
                    return Err(Failed::new(format!("it ended in {:?}", kkt.state())));
                }
            }
        }
    }
}

/// A registration in one line.
fn line(kkt: &Kkt) -> String {
    let state = kkt.state().as_str_name().trim_start_matches("KKT_STATE_").to_owned();
    let blocked = kkt.blocked.as_ref().map(|b| format!(" [{}: {}]", b.reason, b.advice)).unwrap_or_default();
    format!("{state:<18} {}{blocked}", kkt.status_text)
}
