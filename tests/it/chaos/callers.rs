//! Callers under whom something breaks. Each repeats a call under its request id until it is answered, as the standard
//! retry policy does, and everything they are answered is remembered: what was acknowledged must be there for ever.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use litebox_partner::pb::client::client_service_client::ClientServiceClient;
use litebox_partner::pb::kkt::kkt_service_client::KktServiceClient;
use litebox_partner::pb::{client as cl, kkt as pb};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;

use crate::clients::inn;
use crate::kkt::shop::{order, register};
use crate::support::app::Wire;

/// What a caller gives a call.
const DEADLINE: Duration = Duration::from_secs(10);
/// No call outlives its deadline by more than a busy machine needs to say so.
const HUNG: Duration = Duration::from_secs(30);

/// A registration that was acknowledged, with the client it is for.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The client.
    pub client: String,
    /// Its tax number.
    pub inn: String,
    /// The registration; absent when only the client has been acknowledged so far.
    pub kkt: Option<String>,
    /// Number of the sandbox's register.
    pub n: u32,
}

/// An answer that was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// Its code.
    pub code: Code,
    /// Its reason.
    pub reason: String,
    /// How long the caller waited for it.
    pub after: Duration,
}

/// What all callers were answered.
#[derive(Default)]
pub struct Ledger {
    kept: Mutex<Vec<Kept>>,
    missed: Mutex<Vec<Missed>>,
    answered: AtomicU32,
}

impl Ledger {
    /// What was acknowledged, by register.
    pub fn kept(&self) -> Vec<Kept> {
        let mut newest: Vec<Kept> = self.kept.lock().unwrap().clone();
        newest.reverse();
        newest.sort_by_key(|kept| kept.n);
        newest.dedup_by_key(|kept| kept.n);
        newest
    }

    /// What was no answer.
    pub fn missed(&self) -> Vec<Missed> {
        self.missed.lock().unwrap().clone()
    }

    /// How many calls were answered, reads too.
    pub fn answered(&self) -> u32 {
        self.answered.load(Ordering::Relaxed)
    }

    /// How many answers said that the database is away.
    pub fn away(&self) -> usize {
        self.missed.lock().unwrap().iter().filter(|missed| missed.reason == "STORAGE_UNAVAILABLE").count()
    }

    fn keep(&self, client: &cl::Client, kkt: Option<&pb::Kkt>, n: u32) {
        let kkt = kkt.map(|kkt| kkt.id.clone());
        self.kept.lock().unwrap().push(Kept { client: client.id.clone(), inn: client.inn.clone(), kkt, n });
    }

    /// Notes an answer that was none; when to repeat the call.
    fn miss(&self, status: &Status, after: Duration) -> Duration {
        let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
        let retry = status.get_details_retry_info().and_then(|info| info.retry_delay);
        let repeatable = [Code::Unavailable, Code::Aborted, Code::ResourceExhausted].contains(&status.code());
        assert!(repeatable && retry.is_some(), "nobody may be answered so while a database is away: {status:?}");
        self.missed.lock().unwrap().push(Missed { code: status.code(), reason, after });
        retry.unwrap()
    }
}

/// One caller, over one connection.
#[derive(Clone)]
pub struct Caller {
    /// Clients, at one replica.
    pub clients: ClientServiceClient<Wire>,
    /// Registrations, at the same.
    pub kkts: KktServiceClient<Wire>,
    /// What was answered.
    pub ledger: Arc<Ledger>,
    /// The partner's devices: the sandbox's registers from 1.
    pub devices: Arc<Vec<String>>,
    /// How many of them have been taken.
    pub taken: Arc<AtomicU32>,
}

impl Caller {
    /// Opens shops and registers their devices until told to stop; ends what it has begun.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let n = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
            let Some(device) = self.devices.get(n as usize - 1) else {
                // All registers are sold: goes on asking.
                self.taken.fetch_sub(1, Ordering::Relaxed);
                self.list().await;
                continue;
            };
            self.shop(n, device).await;
        }
    }

    async fn shop(&self, n: u32, device: &str) {
        let request = register(inn(770_000_000 + n).as_str());
        let client =
            self.answered(request, |mut at, r| async move { at.clients.register(r).await }).await.client.unwrap();
        self.ledger.keep(&client, None, n);
        let request = order(&client.id, device, n);
        let kkt = self.answered(request, |mut at, r| async move { at.kkts.quick_register(r).await }).await.kkt.unwrap();
        self.ledger.keep(&client, Some(&kkt), n);
        let found = self.kkt(&kkt.id).await;
        assert_eq!((found.id, found.client_id), (kkt.id, client.id));
        self.list().await;
    }

    /// A registration, by its id.
    pub async fn kkt(&self, id: &str) -> pb::Kkt {
        let request = pb::GetRequest { kkt_id: id.to_owned() };
        self.answered(request, |mut at, r| async move { at.kkts.get(r).await }).await.kkt.unwrap()
    }

    /// A client, by its id.
    pub async fn client(&self, id: &str) -> cl::Client {
        let request = cl::GetRequest { client_id: id.to_owned() };
        self.answered(request, |mut at, r| async move { at.clients.get(r).await }).await.client.unwrap()
    }

    /// A page of registrations.
    pub async fn list(&self) {
        self.answered(pb::ListRequest::default(), |mut at, r| async move { at.kkts.list(r).await }).await;
    }

    /// Repeats a call until it is answered.
    async fn answered<Q: Clone, A, F>(&self, message: Q, call: impl Fn(Self, Request<Q>) -> F) -> A
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        loop {
            let mut request = Request::new(message.clone());
            request.set_timeout(DEADLINE);
            let started = Instant::now();
            let came = timeout(HUNG, call(self.clone(), request))
                .await
                .unwrap_or_else(|_| panic!("a call hung past its deadline"));
            match came {
                Ok(answer) => {
                    self.ledger.answered.fetch_add(1, Ordering::Relaxed);
                    return answer.into_inner();
                }
                // Sooner than it was told to: the harder way to ask.
                Err(status) => tokio::time::sleep(self.ledger.miss(&status, started.elapsed()) / 10).await,
            }
        }
    }
}
