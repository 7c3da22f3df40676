//! Changes of registrations, over lost connections and restarts of the service.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
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

/// Follows changes of registrations. It opens a new stream whenever one ends, and goes on where that one stopped: each change
/// is told at least once, several may come as one, and `revision` tells a repeat from news.
pub struct Watch {
    caller: Arc<Caller>,
    options: WatchOptions,
    stream: Option<Streaming<pb::WatchResponse>>,
    began: Instant,
    /// The service has answered at least once.
    reached: bool,
    /// Streams in a row that have brought nothing.
    failures: u32,
    /// Opened again with another token after the one before was refused.
    token_replaced: bool,
}

/// How a stream has ended.
enum Ended {
    /// In the usual course.
    Well,
    Badly(Error),
}

impl Watch {
    pub(super) fn new(caller: Arc<Caller>, options: WatchOptions) -> Self {
        let began = Instant::now();
        Self { caller, options, stream: None, began, reached: false, failures: 0, token_replaced: false }
    }

    /// Where to go on after the last change that was told. Store it once that change is dealt with.
    pub fn resume_token(&self) -> &str {
        &self.options.resume_token
    }

    /// Waits for the next change: a registration without its history. Can be dropped while it waits and called again without
    /// losing any.
    ///
    /// # Errors
    /// [`Error`] when the service refuses. One that cannot be reached is waited for, but for the first time, which is bounded
    /// by the timeout of the options.
    pub async fn next(&mut self) -> Result<pb::Kkt, Error> {
        loop {
            let ended = match self.message().await {
                Ok(Some(message)) => match self.take(message) {
                    Some(kkt) => return Ok(kkt),
                    None => continue,
                },
                Ok(None) => Ended::Well,
                Err(error) => Ended::Badly(error),
            };
            self.stream = None;
            self.rest(ended).await?;
        }
    }

    async fn message(&mut self) -> Result<Option<pb::WatchResponse>, Error> {
        if self.stream.is_none() {
            self.stream = Some(self.open().await?);
        }
        match &mut self.stream {
            Some(stream) => stream.message().await.map_err(|status| Error::new(METHOD, &status)),
            None => Ok(None),
        }
    }

    async fn open(&mut self) -> Result<Streaming<pb::WatchResponse>, Error> {
        let WatchOptions { kkt_ids, resume_token } = self.options.clone();
        let mut request = Request::new(pb::WatchRequest { kkt_ids, resume_token });
        let sent = self.caller.head(request.metadata_mut()).await;
        let opened = Stub::new(self.caller.streams.clone()).watch(request).await;
        match opened {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => {
                let again = status.code() == Code::Unauthenticated
                    && !self.token_replaced
                    && self.caller.tokens.replaced(sent.as_ref()).await;
                self.token_replaced = again;
                let status = if again { Status::unavailable("the token was replaced") } else { status };
                Err(Error::new(METHOD, &status))
            }
        }
    }

    fn take(&mut self, message: pb::WatchResponse) -> Option<pb::Kkt> {
        (self.reached, self.failures, self.token_replaced) = (true, 0, false);
        if !message.resume_token.is_empty() {
            self.options.resume_token = message.resume_token;
        }
        match message.event {
            Some(Event::Kkt(kkt)) => Some(kkt),
            Some(Event::Heartbeat(_) | Event::End(_)) | None => None,
        }
    }

    /// Waits before the next stream, or says why there is none.
    async fn rest(&mut self, ended: Ended) -> Result<(), Error> {
        let news = self.failures == 0 && self.reached;
        self.failures += 1;
        let asked = match ended {
            Ended::Well if news => return Ok(()),
            Ended::Well => Duration::ZERO,
            Ended::Badly(_) if self.token_replaced => return Ok(()),
            Ended::Badly(error) => {
                let too_long = !self.reached && self.began.elapsed() > self.caller.timeout;
                if !error.is_passing() || too_long {
                    return Err(error);
                }
                error.retry_after().unwrap_or_default()
            }
        };
        sleep(retry::pause(self.failures).max(asked)).await;
        Ok(())
    }
}
