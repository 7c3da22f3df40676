//! Keys are fetched in the background; calls wait only where a key may just have been published.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Certificate, Client, Url, redirect, retry};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::config::{Place, Rules};
use super::keys::KeySet;

/// The largest set that is read.
const LARGEST: usize = 256 * 1024;

/// Calls that may wait for a fetch at once: far fewer than the server takes, since nothing is known of who they are.
const WAITING: usize = 64;

/// The keys of one issuer, as known now. Clones share them.
#[derive(Clone)]
pub struct Source {
    issuer: Arc<str>,
    place: Arc<Place>,
    rules: Rules,
    state: Arc<watch::Sender<State>>,
    wanted: Arc<Notify>,
    waiting: Arc<Semaphore>,
}

#[derive(Clone, Default)]
struct State {
    keys: Arc<KeySet>,
    fetched: Option<Instant>,
    /// Fetches that ended, well or not.
    ended: u64,
    phase: Phase,
}

#[derive(Clone, Copy, Default)]
enum Phase {
    /// A fetch is under way, or the first one is about to begin.
    #[default]
    Fetching,
    /// No fetch before this instant but the regular one.
    Resting(Instant),
}

impl Source {
    /// Keys of this issuer; none until [`run`](Self::run) has fetched them.
    pub fn new(issuer: Arc<str>, place: Place, rules: Rules) -> Self {
        let (state, wanted) = (Arc::new(watch::Sender::new(State::default())), Arc::new(Notify::new()));
        Self { issuer, place: Arc::new(place), rules, state, wanted, waiting: Arc::new(Semaphore::new(WAITING)) }
    }

    /// The keys, the newer ones when this id is not among those that are known. A fetch for that begins at most once in a
    /// while, whoever asks.
    pub async fn keys(&self, kid: &str) -> Arc<KeySet> {
        let State { keys, ended, phase, .. } = self.state.borrow().clone();
        if keys.get(kid).is_some() {
            return keys;
        }
        match phase {
            Phase::Resting(until) if Instant::now() < until => return keys,
            Phase::Resting(_) => self.wanted.notify_one(),
            Phase::Fetching => {}
        }
        // Whoever waits has proved nothing yet, and holds a place that others need.
        let Ok(_waiting) = self.waiting.try_acquire() else { return keys };
        let mut state = self.state.subscribe();
        let fetched = state.wait_for(|state| state.ended > ended);
        match tokio::time::timeout(self.rules.timeout, fetched).await {
            Ok(Ok(state)) => state.keys.clone(),
            _ => keys,
        }
    }

    /// How long ago the keys were fetched; `None` when they never were.
    pub fn age(&self) -> Option<Duration> {
        self.state.borrow().fetched.map(|at| at.elapsed())
    }

    /// Fetches the keys now, from time to time, and when somebody wants one that is unknown; until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut away = None;
        while !stop.is_cancelled() {
            self.state.send_modify(|state| state.phase = Phase::Fetching);
            let fetched = tokio::time::timeout(self.rules.timeout, self.fetch()).await;
            let fetched = fetched.unwrap_or_else(|_| Err("no answer in time".to_owned()));
            let pause = if fetched.is_ok() { self.rules.refresh } else { self.rules.rest.min(self.rules.refresh) };
            self.tell(&fetched, &mut away);
            let rested = Instant::now() + self.rules.rest;
            self.state.send_modify(|state| {
                if let Ok(keys) = fetched {
                    (state.keys, state.fetched) = (Arc::new(keys), Some(Instant::now()));
                }
                (state.ended, state.phase) = (state.ended + 1, Phase::Resting(rested));
            });
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                () = self.wanted() => {}
            }
        }
    }

    async fn wanted(&self) {
        tokio::time::sleep(self.rules.rest).await;
        self.wanted.notified().await;
    }

    /// One line at the beginning of an outage and one at its end.
    fn tell(&self, fetched: &Result<KeySet, String>, away: &mut Option<Instant>) {
        let (issuer, age_s) = (&*self.issuer, self.age().map(|age| age.as_secs()));
        match fetched {
            Ok(keys) => {
                if let Some(since) = away.take() {
                    tracing::info!(issuer, down_s = since.elapsed().as_secs(), "keys are fetched again");
                }
                if age_s.is_none() {
                    tracing::info!(issuer, keys = keys.len(), skipped = keys.skipped(), "keys are fetched");
                }
            }
            Err(why) if away.is_none() => {
                *away = Some(Instant::now());
                tracing::warn!(issuer, why, age_s, "keys cannot be fetched: those that are known are kept");
            }
            Err(why) => tracing::debug!(issuer, why, age_s, "keys cannot be fetched"),
        }
    }

    async fn fetch(&self) -> Result<KeySet, String> {
        let bytes = match &*self.place {
            Place::File(path) => file(path).await?,
            Place::Url { url, ca, token } => self.download(url, ca.as_deref(), token.as_deref()).await?,
        };
        KeySet::read(&bytes).map_err(|broken| broken.to_string())
    }

    /// A client for each fetch: authorities and the token are replaced in their files while the server runs.
    async fn download(&self, url: &Url, ca: Option<&Path>, token: Option<&Path>) -> Result<Vec<u8>, String> {
        let plain = |error: reqwest::Error| error.without_url().to_string();
        let mut client = Client::builder()
            .timeout(self.rules.timeout)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never());
        if let Some(ca) = ca {
            let trusted = Certificate::from_pem_bundle(&file(ca).await?).map_err(plain)?;
            client = client.tls_certs_only(trusted);
        }
        let mut request = client.build().map_err(plain)?.get(url.clone());
        if let Some(token) = token {
            let text = String::from_utf8(file(token).await?).map_err(|_| "the token file is no text".to_owned())?;
            request = request.bearer_auth(text.trim());
        }
        let mut response = request.send().await.map_err(plain)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(format!("HTTP status {}", response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(plain)? {
            if body.len() + chunk.len() > LARGEST {
                return Err("it is too large".to_owned());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

async fn file(path: &Path) -> Result<Vec<u8>, String> {
    use tokio::io::AsyncReadExt;
    let named = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut bytes = Vec::new();
    let opened = tokio::fs::File::open(path).await.map_err(named)?;
    opened.take(LARGEST as u64 + 1).read_to_end(&mut bytes).await.map_err(named)?;
    if bytes.len() > LARGEST { Err(format!("{}: it is too large", path.display())) } else { Ok(bytes) }
}
