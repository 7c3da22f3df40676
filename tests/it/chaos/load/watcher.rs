//! A partner's stream over all its registrations, which goes on at another replica when the one that streams dies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use litebox_partner::pb::kkt as pb;
use litebox_partner::pb::kkt::kkt_service_client::KktServiceClient;
use pb::watch_response::Event;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::Streaming;
use uuid::Uuid;

use super::book::Told;
use super::caller::Caller;

/// A stream that is silent for so long is looked for at another replica.
const SILENCE: Duration = Duration::from_secs(3);

/// Ends when it is dropped.
pub struct Watcher {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What was told.
#[derive(Debug, Default)]
struct Seen {
    latest: BTreeMap<Uuid, Told>,
    /// A later message told an earlier revision.
    backwards: Vec<String>,
    streams: u64,
}

impl Watcher {
    /// Watches all registrations of a partner.
    pub fn start(caller: Caller) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let told = seen.clone();
        let task = tokio::spawn(async move {
            let mut token = String::new();
            for at in (0..caller.fleet.size()).cycle() {
                if let Some(stream) = open(&caller, at, &token).await {
                    follow(stream, &told, &mut token).await;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Self { seen, task }
    }

    /// What was told last of each registration.
    pub fn latest(&self) -> BTreeMap<Uuid, Told> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).latest.clone()
    }

    /// How many streams it took, and what went backwards.
    pub fn summary(&self) -> (u64, Vec<String>) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.streams, seen.backwards.clone())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn open(caller: &Caller, at: usize, token: &str) -> Option<Streaming<pb::WatchResponse>> {
    let request = pb::WatchRequest { resume_token: token.to_owned(), ..pb::WatchRequest::default() };
    let mut kkts = KktServiceClient::new(caller.wire(at)?);
    timeout(SILENCE, kkts.watch(request)).await.ok()?.ok().map(tonic::Response::into_inner)
}

async fn follow(mut stream: Streaming<pb::WatchResponse>, told: &Mutex<Seen>, token: &mut String) {
    told.lock().unwrap_or_else(PoisonError::into_inner).streams += 1;
    while let Ok(Ok(Some(message))) = timeout(SILENCE, stream.message()).await {
        token.clone_from(&message.resume_token);
        if let Some(Event::Kkt(kkt)) = message.event {
            told.lock().unwrap_or_else(PoisonError::into_inner).note(Told::from(&kkt));
        }
    }
}

impl Seen {
    fn note(&mut self, told: Told) {
        let before = self.latest.get(&told.id).map_or(0, |before| before.revision);
        if told.revision < before {
            self.backwards.push(format!("{} was told at revision {} after {before}", told.id, told.revision));
        }
        self.latest.insert(told.id, told);
    }
}
