//! How partners call: each call under one request id, repeated at one replica after the other until it is answered for
//! good.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use litebox_partner::pb::client::client_service_client::ClientServiceClient;
use litebox_partner::pb::kkt::kkt_service_client::KktServiceClient;
use litebox_partner::pb::{client as cl, kkt as pb};
use tokio::time::timeout;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use super::book::{Answer, Asked, Book, Told};
use crate::chaos::fleet::{ATTEMPT, Fleet};
use crate::model::dice::Dice;
use crate::support::app::{Shown, Wire, shown};
use crate::support::fresh_id;

/// Attempts before a call counts as never answered; with their pauses three minutes and more.
const ATTEMPTS: u32 = 200;
/// Longest pause between two attempts.
const PAUSE_MS: u64 = 2_000;

/// One partner's program.
#[derive(Clone)]
pub struct Caller {
    pub fleet: Arc<Fleet>,
    pub book: Arc<Book>,
    /// Which partner, by its place in the fleet.
    pub partner: usize,
    /// Which replica is called first.
    pub first: usize,
}

/// What a repeated call came to.
pub type Came<T> = Result<T, String>;

impl Caller {
    pub fn new(fleet: &Arc<Fleet>, book: &Arc<Book>, partner: usize) -> Self {
        Self { fleet: fleet.clone(), book: book.clone(), partner, first: partner }
    }

    /// The call as the book keeps it.
    pub fn asked(&self, method: &'static str, request_id: &str, subject: &str, content: &str) -> Asked {
        let (request_id, partner) = (request_id.parse().unwrap(), self.fleet.partners[self.partner].id.uuid());
        Asked { partner, method, request_id, subject: subject.to_owned(), content: content.to_owned() }
    }

    pub async fn register(&self, request: cl::RegisterRequest) -> Came<Uuid> {
        let asked = self.asked("Register", &request.request_id, &request.inn, &request.external_ref);
        let send = |wire| register(wire, request.clone());
        self.insist(&asked, 0, send).await
    }

    pub async fn quick_register(&self, request: pb::QuickRegisterRequest) -> Came<Uuid> {
        let asked = self.asked("QuickRegister", &request.request_id, &serial(&request), &request.external_ref);
        let send = |wire| quick_register(wire, request.clone());
        self.insist(&asked, 1, send).await
    }

    pub async fn fiscalize(&self, request: pb::FiscalizeRequest) -> Came<Uuid> {
        let asked = self.asked("Fiscalize", &request.request_id, &request.kkt_id, "");
        let send = |wire| fiscalize(wire, request.clone());
        self.insist(&asked, 0, send).await
    }

    pub async fn cancel(&self, request: pb::CancelRequest) -> Came<Uuid> {
        let asked = self.asked("Cancel", &request.request_id, &request.kkt_id, "");
        let send = |wire| cancel(wire, request.clone());
        self.insist(&asked, 1, send).await
    }

    /// Asks until somebody answers.
    pub async fn get(&self, id: Uuid) -> pb::Kkt {
        let request = pb::GetRequest { kkt_id: id.to_string() };
        let send = |wire| get(wire, request.clone());
        let asked = self.asked("Get", &Uuid::nil().to_string(), &id.to_string(), "");
        self.repeat(&asked, 0, send, false).await.unwrap().unwrap()
    }

    /// The registration of a serial number, as the list shows it.
    pub async fn listed(&self, serial: &str) -> Vec<pb::Kkt> {
        let request = pb::ListRequest { serial: serial.to_owned(), ..pb::ListRequest::default() };
        let send = |wire| list(wire, request.clone());
        let asked = self.asked("List", &Uuid::nil().to_string(), serial, "");
        self.repeat(&asked, 1, send, false).await.unwrap().unwrap()
    }

    /// Repeats a call that changes something and tells the id that it was answered with, or the reason of its refusal.
    pub async fn insist<F, S>(&self, asked: &Asked, first: usize, send: S) -> Came<Uuid>
    where
        S: Fn(Wire) -> F,
        F: Future<Output = Result<Told, Status>>,
    {
        self.book.ask(asked);
        match self.repeat(asked, first, send, true).await {
            Some(Ok(told)) => Ok(told.id),
            Some(Err(reason)) => Err(reason),
            None => Err("NEVER_ANSWERED".to_owned()),
        }
    }

    /// `None` when it was never answered for good.
    async fn repeat<T, F, S>(&self, asked: &Asked, first: usize, send: S, noted: bool) -> Option<Came<T>>
    where
        S: Fn(Wire) -> F,
        F: Future<Output = Result<T, Status>>,
        T: Noted,
    {
        for attempt in 0..ATTEMPTS {
            let at = (first + self.first + attempt as usize) % self.fleet.size();
            let status = match self.attempt(at, &send).await {
                Ok(told) => {
                    self.note(asked, told.noted().filter(|_| noted));
                    return Some(Ok(told));
                }
                Err(status) => status,
            };
            let answer = meaning(&status);
            if attempt % 50 == 49 {
                println!("{asked:?} has been tried {} times: {status:?}", attempt + 1);
            }
            self.note(asked, Some(answer.clone()).filter(|_| noted));
            match answer {
                Answer::Refused(reason) => return Some(Err(reason)),
                Answer::Unclear(why) => self.book.repeat(attempt + 1, &why),
                Answer::Told(_) => {}
            }
            tokio::time::sleep(pause(attempt)).await;
        }
        None
    }

    /// Calls a replica once, by a name that its log tells.
    async fn attempt<T, F: Future<Output = Result<T, Status>>>(
        &self,
        at: usize,
        send: &impl Fn(Wire) -> F,
    ) -> Result<T, Status> {
        let call = fresh_id();
        let came = match self.shows(at, |shown| shown.called(&call).within(self.fleet.patience)) {
            None => Err(Status::unavailable("this replica is away")),
            Some(wire) => timeout(self.fleet.patience, send(wire))
                .await
                .unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time"))),
        };
        self.book.attempt(call, came.as_ref().err().and_then(made_up));
        came
    }

    fn note(&self, asked: &Asked, answer: Option<Answer>) {
        if let Some(answer) = answer {
            self.book.answer(asked, answer);
        }
    }

    /// A connection to a replica, with the partner's credentials.
    pub fn wire(&self, at: usize) -> Option<Wire> {
        self.shows(at, |shown| shown)
    }

    fn shows(&self, at: usize, with: impl FnOnce(Shown) -> Shown) -> Option<Wire> {
        let token = format!("Bearer {}", self.fleet.partners[self.partner].token);
        let channel = self.fleet.channel(at)?;
        Some(Wire::new(channel, with(shown(Some(&token)))))
    }
}

/// Longer and longer, and never the same for two callers: those that were in each other's way would be so again.
fn pause(attempt: u32) -> Duration {
    static CALLERS: AtomicU64 = AtomicU64::new(0);
    let most = PAUSE_MS.min(20 << attempt.min(7));
    Duration::from_millis(1 + Dice::new(CALLERS.fetch_add(1, Ordering::Relaxed)).roll(most))
}

/// What an attempt leaves in the book.
pub trait Noted {
    fn noted(&self) -> Option<Answer> {
        None
    }
}

impl Noted for Told {
    fn noted(&self) -> Option<Answer> {
        Some(Answer::Told(self.clone()))
    }
}

impl Noted for pb::Kkt {}
impl Noted for Vec<pb::Kkt> {}

/// The standard retry: what the transport made up, and the codes that promise that a repeat may help.
pub fn meaning(status: &Status) -> Answer {
    let again = [Code::Unavailable, Code::Aborted, Code::ResourceExhausted, Code::DeadlineExceeded];
    match status.get_details_error_info() {
        Some(info) if !again.contains(&status.code()) => Answer::Refused(info.reason),
        Some(info) => Answer::Unclear(info.reason),
        None => Answer::Unclear(format!("{:?}: {}", status.code(), status.message())),
    }
}

/// What the caller's own side said when no server answered: every error of ours names its reason.
fn made_up(status: &Status) -> Option<String> {
    let causes = std::iter::successors(status.source(), |cause| (**cause).source());
    let told = |causes: String| format!("{:?}: {}{causes}", status.code(), status.message());
    status.get_details_error_info().is_none().then(|| told(causes.map(|cause| format!("; {cause}")).collect()))
}

/// The register that an order is about.
pub fn serial(order: &pb::QuickRegisterRequest) -> String {
    match order.equipment.as_ref().and_then(|e| e.kind.as_ref()) {
        Some(pb::equipment::Kind::Sale(sale)) => sale.serial.clone(),
        _ => String::new(),
    }
}

/// The server ends its work on a call whose caller has gone away; without a deadline it would not.
fn bounded<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(ATTEMPT);
    request
}

fn body<T>(answer: Result<Response<T>, Status>) -> Result<T, Status> {
    answer.map(Response::into_inner)
}

pub async fn register(wire: Wire, request: cl::RegisterRequest) -> Result<Told, Status> {
    let answer = ClientServiceClient::new(wire).register(bounded(request)).await;
    Ok(Told::from(&body(answer)?.client.unwrap()))
}

pub async fn quick_register(wire: Wire, request: pb::QuickRegisterRequest) -> Result<Told, Status> {
    let answer = KktServiceClient::new(wire).quick_register(bounded(request)).await;
    Ok(Told::from(&body(answer)?.kkt.unwrap()))
}

pub async fn fiscalize(wire: Wire, request: pb::FiscalizeRequest) -> Result<Told, Status> {
    let answer = KktServiceClient::new(wire).fiscalize(bounded(request)).await;
    Ok(Told::from(&body(answer)?.kkt.unwrap()).by_id())
}

pub async fn cancel(wire: Wire, request: pb::CancelRequest) -> Result<Told, Status> {
    let answer = KktServiceClient::new(wire).cancel(bounded(request)).await;
    Ok(Told::from(&body(answer)?.kkt.unwrap()).by_id())
}

async fn get(wire: Wire, request: pb::GetRequest) -> Result<pb::Kkt, Status> {
    Ok(body(KktServiceClient::new(wire).get(bounded(request)).await)?.kkt.unwrap())
}

async fn list(wire: Wire, request: pb::ListRequest) -> Result<Vec<pb::Kkt>, Status> {
    Ok(body(KktServiceClient::new(wire).list(bounded(request)).await)?.kkts)
}
