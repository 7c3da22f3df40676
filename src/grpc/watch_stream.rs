//! The stream of Watch: looks when something is said to have changed and from time to time, sends signs of life, and
//! ends with OK when its time is over or the server stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::call::CallId;
use super::places::{Place, Places};
use super::{convert, status};
use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::failure::Failure;
use crate::kkt::service::Service;
use crate::kkt::watch::{News, Position, Watch};
use crate::pb::kkt as pb;
use crate::pb::kkt::watch_response::Event;

/// A silent stream gives a sign of life this often.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A reader that takes nothing for so long is left.
const STALLED: Duration = Duration::from_secs(30);
/// Messages that wait for a slow reader; then the stream waits too.
const WAITING: usize = 16;

/// How streams live.
#[derive(Clone)]
pub struct Streams {
    /// Longest life.
    pub longest: Duration,
    /// Looks for changes made by other replicas this often.
    pub poll: Duration,
    /// Ends all streams.
    pub stop: CancellationToken,
    /// How many each partner may have open.
    pub places: Places,
}

/// On what one stream stands.
pub struct Ground {
    /// Id of the call that opened it.
    pub call: CallId,
    /// Moves when tokens or partners have changed since the caller was let in: the stream ends, and whoever may goes on
    /// with a new one.
    pub access: Receiver<u64>,
    /// When the caller's credential ends, Unix milliseconds, and the stream with it.
    pub until_ms: Option<i64>,
    /// Its place among the partner's streams, while it is worked for; what it has said keeps it as long as that is not taken.
    pub place: Place,
}

type Message = Result<pb::WatchResponse, Status>;

/// The reader has gone, or the stream has failed and said so.
struct Over;

/// Starts the stream of `watch`.
pub fn stream(watch: Watch, service: &Service, streams: Streams, ground: Ground) -> ReceiverStream<Message> {
    let (out, messages) = channel(WAITING);
    let changes = service.signal.listen();
    let (clock, catalogue) = (service.clock.clone(), service.catalogue.clone());
    let Ground { call, access, until_ms, place } = ground;
    let left = until_ms.map(|until| u64::try_from(until.saturating_sub(clock.now_ms())).unwrap_or(0));
    let life = left.map_or(streams.longest, |left| streams.longest.min(Duration::from_millis(left)));
    let teller = Teller { watch, clock, catalogue, out, call, access, _place: place };
    tokio::spawn(teller.run(changes, streams, Instant::now() + life));
    ReceiverStream::new(messages)
}

struct Teller {
    watch: Watch,
    clock: Clock,
    catalogue: Arc<Catalogue>,
    out: Sender<Message>,
    call: CallId,
    access: Receiver<u64>,
    _place: Place,
}

impl Teller {
    async fn run(mut self, mut changes: Receiver<()>, streams: Streams, end: Instant) {
        // The first sign of life comes at once: a reader that is cut off before any other has a token to go on with.
        let mut silent_since = None;
        while Instant::now() < end && !streams.stop.is_cancelled() && !self.access_changed() {
            let silent = silent_since.is_none_or(|since: Instant| since.elapsed() >= HEARTBEAT);
            match self.tell(silent).await {
                Ok(true) => silent_since = Some(Instant::now()),
                Ok(false) => {}
                Err(Over) => return,
            }
            let next = end.min(Instant::now() + streams.poll);
            tokio::select! {
                Ok(()) = changes.changed() => {}
                () = sleep_until(next) => {}
                () = streams.stop.cancelled() => {}
                Ok(()) = self.access.changed() => break,
                () = self.out.closed() => return,
            }
        }
        // A reader that has gone needs no end.
        let _ = self.send(Event::End(pb::End {}), self.watch.position()).await;
    }

    fn access_changed(&self) -> bool {
        self.access.has_changed().unwrap_or(true)
    }

    /// Tells what has changed; without changes a sign of life when one is due. Whether anything was told.
    async fn tell(&mut self, silent: bool) -> Result<bool, Over> {
        let fresh = match self.watch.look().await {
            Ok(fresh) => fresh,
            Err(failure) => return self.fail(failure).await,
        };
        let told = !fresh.is_empty() || silent;
        if fresh.is_empty() && silent {
            self.send(Event::Heartbeat(pb::Heartbeat {}), self.watch.position()).await?;
        }
        for News { kkt, then } in fresh {
            let kkt = convert::kkt::kkt(&kkt, &self.catalogue, self.clock.now_ms());
            self.send(Event::Kkt(kkt), then).await?;
        }
        Ok(told)
    }

    async fn send(&self, event: Event, then: Position) -> Result<(), Over> {
        let resume_token = match self.watch.token(then) {
            Ok(token) => token,
            Err(failure) => return self.fail(failure).await,
        };
        let message = pb::WatchResponse { event: Some(event), resume_token };
        // A reader that takes nothing must not keep the stream beyond its life.
        match timeout(STALLED, self.out.send(Ok(message))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over),
        }
    }

    async fn fail<T>(&self, failure: Failure) -> Result<T, Over> {
        let status = status::complete(&Status::from(failure), &self.call).status;
        // The reader may have gone meanwhile; the stream is over either way.
        let _ = timeout(STALLED, self.out.send(Err(status))).await;
        Err(Over)
    }
}
