//! Changes of registrations, over lost connections and restarts of the service.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::{Code, Request, Status, Streaming};

use super::caller::Caller;
use super::error::Error;
use super::retry;
use crate::pb::kkt as pb;
use crate::pb::kkt::kkt_service_client::KktServiceClient as Stub;
use crate::pb::kkt::watch_response::Event;

const METHOD: &str = "/litebox.kkt.v1.KktService/Watch";

/// What to watch. The default is every registration of the partner, from now on.
#[derive(Clone, Default)]
pub struct WatchOptions {
    /// The registrations to watch, 100 at most; each is told as it stands first.
    pub kkt_ids: Vec<String>,
    /// Of an earlier watch, to go on without a gap.
    pub resume_token: String,
}

// The token stays out.
impl fmt::Debug for WatchOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchOptions").field("kkt_ids", &self.kkt_ids).finish_non_exhaustive()
    }
}

/// Follows changes of registrations. It opens a new stream whenever one ends or is silent for too long, and goes on where that
/// one stopped: each change is told at least once, several may come as one, and `revision` tells a repeat from news.
pub struct Watch {
    caller: Arc<Caller>,
    options: WatchOptions,
    /// The resume token comes from a stream of this watch, not from the caller.
    own_token: bool,
    state: State,
    /// A stream that has said nothing until then is given up.
    due: Instant,
    began: Instant,
    /// The service has answered at least once.
    reached: bool,
    /// Streams in a row that have brought nothing.
    failures: u32,
}

/// Whoever waits for the next change may leave at any moment and come back: all that is under way stands here.
enum State {
    /// There is no stream before then.
    Resting(Instant),
    Opening(BoxFuture<'static, Result<Stream, Status>>),
    Open(Box<Stream>),
}

type Stream = Streaming<pb::WatchResponse>;

impl Watch {
    pub(super) fn new(caller: Arc<Caller>, options: WatchOptions) -> Self {
        let now = Instant::now();
        let state = State::Resting(now);
        Self { caller, options, own_token: false, state, due: now, began: now, reached: false, failures: 0 }
    }

    /// The same for a service that has answered already: it is waited for from the beginning.
    pub(super) fn of_reached(caller: Arc<Caller>, options: WatchOptions) -> Self {
        Self { reached: true, ..Self::new(caller, options) }
    }

    /// Where to go on after the last change that was told. Store it once that change is dealt with.
    pub fn resume_token(&self) -> &str {
        &self.options.resume_token
    }

    /// Waits for the next change: a registration without its history. Can be dropped while it waits and called again, as in
    /// `select!`: nothing is lost, and pauses are kept.
    ///
    /// # Errors
    /// [`Error`] when the service refuses. One that cannot be reached is waited for, but for the first time, which is bounded
    /// by the timeout of the options.
    pub async fn next(&mut self) -> Result<pb::Kkt, Error> {
        loop {
            match self.message().await {
                Ok(Some(message)) => {
                    if let Some(kkt) = self.take(message) {
                        return Ok(kkt);
                    }
                }
                Ok(None) => self.ended(),
                Err(error) => self.failed(error)?,
            }
        }
    }

    /// The next message of the stream, which is opened if there is none; `None` when it has ended in the usual course.
    async fn message(&mut self) -> Result<Option<pb::WatchResponse>, Error> {
        loop {
            match &mut self.state {
                State::Resting(until) => {
                    sleep_until(*until).await;
                    self.due = Instant::now() + self.caller.timeout;
                    self.state = State::Opening(Box::pin(open(self.caller.clone(), self.request())));
                }
                State::Opening(opening) => {
                    let stream = in_time(self.due, opening).await?;
                    self.state = State::Open(Box::new(stream));
                }
                State::Open(stream) => return in_time(self.due, stream.message()).await,
            }
        }
    }

    fn request(&self) -> pb::WatchRequest {
        let WatchOptions { kkt_ids, resume_token } = self.options.clone();
        pb::WatchRequest { kkt_ids, resume_token }
    }

    fn take(&mut self, message: pb::WatchResponse) -> Option<pb::Kkt> {
        self.reached = true;
        self.due = Instant::now() + self.caller.watch_silence;
        if !message.resume_token.is_empty() {
            (self.options.resume_token, self.own_token) = (message.resume_token, true);
        }
        // A stream that only ever ends brings nothing.
        if !matches!(message.event, Some(Event::End(_))) {
            self.failures = 0;
        }
        match message.event {
            Some(Event::Kkt(kkt)) => Some(kkt),
            Some(Event::Heartbeat(_) | Event::End(_)) | None => None,
        }
    }

    /// The next stream comes at once, unless this one has brought nothing.
    fn ended(&mut self) {
        self.failures += 1;
        let pause = if self.failures == 1 { Duration::ZERO } else { retry::pause(self.failures - 1) };
        self.state = State::Resting(Instant::now() + pause);
    }

    /// Sets the pause before the next stream, or says why there is none.
    fn failed(&mut self, error: Error) -> Result<(), Error> {
        self.failures += 1;
        let asked = error.retry_after().unwrap_or_default();
        let too_long = !self.reached && self.began.elapsed() >= self.caller.timeout;
        let (goes_on, pause) = match self.begins_anew(&error) {
            true => (true, Duration::ZERO),
            false => (error.is_passing() && !too_long, retry::pause(self.failures).max(asked)),
        };
        self.state = State::Resting(Instant::now() + pause);
        if goes_on { Ok(()) } else { Err(error) }
    }

    /// A service that was set up anew does not know the tokens that it gave. Where registrations are named, a stream without
    /// a token begins with how they stand, so that nothing is missed.
    fn begins_anew(&mut self, error: &Error) -> bool {
        let unknown = error.field_violations().iter().any(|violation| violation.field == "resume_token");
        if !unknown || !self.own_token || self.options.kkt_ids.is_empty() {
            return false;
        }
        self.options.resume_token.clear();
        self.own_token = false;
        true
    }
}

/// What does not come in time does not come at all, as when a connection has gone and nobody has said so.
async fn in_time<T>(due: Instant, coming: impl Future<Output = Result<T, Status>>) -> Result<T, Error> {
    let silent = |_| Err(Status::unavailable("the stream has been silent for too long"));
    timeout_at(due, coming).await.unwrap_or_else(silent).map_err(|status| Error::new(METHOD, &status))
}

/// Opens a stream; once more when the token is refused and its file has another one by now.
async fn open(caller: Arc<Caller>, asked: pb::WatchRequest) -> Result<Stream, Status> {
    let mut replaced = false;
    loop {
        let mut request = Request::new(asked.clone());
        let sent = caller.head(request.metadata_mut()).await;
        let status = match Stub::new(caller.streams.clone()).watch(request).await {
            Ok(response) => return Ok(response.into_inner()),
            Err(status) => status,
        };
        if replaced || status.code() != Code::Unauthenticated || !caller.tokens.replaced(sent.as_ref()).await {
            return Err(status);
        }
        replaced = true;
    }
}

#[cfg(feature = "server")]
#[cfg(test)]
mod tests;
