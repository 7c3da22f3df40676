//! How many calls the whole server carries at once, and what becomes of an answer that nobody takes.

mod kept;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;

use self::kept::{Burden, End, Ending, Kept, Scale, Untaken};
use self::standing::{Stand, Standing};
use super::edge::leave::UnderWay;
use super::edge::life::Link;
use super::held::{Commands, Held};
use super::layers::{Inner, Request, Response, Step};
use super::places::Place;
use super::status;

/// Streams that end by themselves and are counted for each partner elsewhere.
const STREAMS: [&str; 1] = ["/litebox.kkt.v1.KktService/Watch"];
/// A stream that a caller may keep for as long as it likes, without credentials. What it tells is small.
const HEALTH: &str = "/grpc.health.v1.Health/Watch";
/// The same, with questions whose answers are files.
const REFLECTION: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
/// Their answers that may be left untaken, over all connections. The largest file has some 50 KiB, and behind one that is given
/// away wait two at most.
const FILES: usize = 64;
/// What an orchestrator asks. Answered from memory, whatever there is to do.
const PROBE: &str = "/grpc.health.v1.Health/Check";
/// Probes that wait for their message, over all connections: one that is whole is answered at once.
const PROBES: usize = 256;
/// So long a probe may wait.
const PROBE_TIME: Duration = Duration::from_secs(1);

/// What a path asks of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Probe,
    Call,
    Stream,
    Health,
    Reflection,
}

fn kind(path: &str) -> Kind {
    match path {
        PROBE => Kind::Probe,
        path if STREAMS.contains(&path) => Kind::Stream,
        HEALTH => Kind::Health,
        path if REFLECTION.contains(&path) => Kind::Reflection,
        _ => Kind::Call,
    }
}

/// Sheds at once what is too much. A call keeps its place until its answer begins and its command has ended: neither streams
/// that last nor peers that take nothing keep places of calls. Answers are counted by themselves until they are taken. Health
/// is answered nevertheless.
#[derive(Clone)]
pub struct Load {
    calls: Arc<Semaphore>,
    standing: Standing,
    probes: Untaken,
    probed: Untaken,
    files: Untaken,
    answers: Untaken,
    longest: Duration,
    answer: Duration,
    ending: Ending,
    /// What goes on without its caller.
    pub commands: Commands,
}

impl Load {
    /// `calls` at once, `standing` streams of health and reflection, `answers` that are not taken yet; a stream goes on
    /// for `longest`; a peer that does not take its answer within `answer` loses its connection.
    pub fn new(calls: usize, standing: usize, answers: usize, longest: Duration, answer: Duration) -> Self {
        Self {
            calls: Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS))),
            standing: Standing::new(standing),
            probes: Untaken::new(PROBES),
            probed: Untaken::new(PROBES),
            files: Untaken::new(FILES),
            answers: Untaken::new(answers),
            longest,
            answer,
            ending: Ending { closing: CancellationToken::new(), answer },
            commands: Commands::default(),
        }
    }

    /// Once `closing` is told, streams of health and reflection end, and a peer that does not take its answer within
    /// `answer` loses its connection.
    #[must_use]
    pub fn until(self, closing: CancellationToken, answer: Duration) -> Self {
        Self { ending: Ending { closing, answer }, ..self }
    }

    /// A place among the calls, if one is needed.
    fn place(&self, kind: Kind) -> Result<Option<Arc<OwnedSemaphorePermit>>, Status> {
        match kind {
            Kind::Probe | Kind::Health | Kind::Reflection => Ok(None),
            Kind::Call | Kind::Stream => {
                let place = self.calls.clone().try_acquire_owned();
                place.map(|place| Some(Arc::new(place))).map_err(|_| status::overloaded())
            }
        }
    }

    /// A place among the streams that their callers keep open, for one of these.
    fn stand(&self, kind: Kind, link: Option<&Link>) -> Option<Stand> {
        let stands = matches!(kind, Kind::Health | Kind::Reflection);
        stands.then(|| self.standing.enter(link, self.ending.closing.child_token()))
    }

    /// Answers a probe, from memory. None keeps others out: one too many ends the one that has waited longest, which has not
    /// even said what it asks.
    async fn probe(&self, answer: impl Future<Output = Response>) -> Response {
        let link = Link::default();
        let _turn = self.probes.wait(&link);
        tokio::select! {
            biased;
            answered = timeout(PROBE_TIME, answer) => {
                answered.unwrap_or_else(|_| status::deadline_exceeded().into_http())
            }
            () = link.token().cancelled_owned() => status::overloaded().into_http(),
        }
    }

    /// The answer, with what it keeps until it has been taken.
    fn keep(&self, mut response: Response, way: Way) -> Response {
        let Way { kind, stand, link, under_way } = way;
        let place = response.extensions_mut().remove::<Place>();
        let end = stand.as_ref().map(|stand| self.end(stand.end.clone()));
        let closing = stand.as_ref().map_or_else(|| self.ending.closing.clone(), |stand| stand.end.clone());
        let ending = Ending { closing, ..self.ending };
        response.map(|inner| {
            if http_body::Body::is_end_stream(&inner) {
                return inner;
            }
            let burden = Burden { _under_way: under_way, _place: place };
            let untaken = self.untaken(kind).cloned();
            let limit = match kind {
                // Read as slowly as its caller works; so many a partner has, and each says little at once.
                Kind::Stream => self.longest + self.answer,
                Kind::Probe | Kind::Call | Kind::Health | Kind::Reflection => self.answer,
            };
            let scale = link.map(|link| Scale { link, untaken, limit, ending });
            Body::new(Kept { inner, end, over: false, burden, scale, stand })
        })
    }

    /// Where what is said is counted.
    const fn untaken(&self, kind: Kind) -> Option<&Untaken> {
        match kind {
            // Strangers' probes push out each other's answers, and no partner's.
            Kind::Probe => Some(&self.probed),
            Kind::Call => Some(&self.answers),
            Kind::Reflection => Some(&self.files),
            // A partner has so many streams. Health says little, and stands for it.
            Kind::Stream | Kind::Health => None,
        }
    }

    /// When a stream ends that its caller keeps open.
    fn end(&self, told: CancellationToken) -> End {
        let longest = self.longest;
        Box::pin(async move {
            // An error is the end of the time.
            let _ = timeout(longest, told.cancelled_owned()).await;
        })
    }
}

/// What goes along with a call.
struct Way {
    kind: Kind,
    stand: Option<Stand>,
    link: Option<Link>,
    under_way: UnderWay,
}

impl Step for Load {
    async fn call<S: Inner>(&self, mut request: Request, mut inner: S) -> Response {
        let kind = kind(request.uri().path());
        let place = match self.place(kind) {
            Ok(place) => place,
            Err(refused) => return refused.into_http(),
        };
        let link = request.extensions().get::<Link>().cloned();
        let stand = self.stand(kind, link.as_ref());
        let under_way = link.clone().unwrap_or_default().begin();
        request.extensions_mut().insert(under_way.clone());
        let request = request.map(|message| under_way.message(message));
        let response = match kind {
            Kind::Probe => self.probe(inner.pass(request)).await,
            _ => Held::new(self.commands.clone(), place).during(inner.pass(request)).await,
        };
        self.keep(response, Way { kind, stand, link, under_way })
    }
}

#[cfg(test)]
mod tests;
