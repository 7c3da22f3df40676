//! How many calls the whole server carries at once, and what becomes of an answer that nobody takes.

mod standing;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

use self::standing::{Stand, Standing};
use super::edge::leave::UnderWay;
use super::edge::life::Link;
use super::held::{Commands, Held};
use super::layers::{Inner, Request, Response, Step};
use super::status;

/// Streams that end by themselves and are counted for each partner elsewhere.
const STREAMS: [&str; 1] = ["/litebox.kkt.v1.KktService/Watch"];
/// Streams that a caller may keep for as long as it likes, some without credentials.
const STANDING: [&str; 3] = [
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
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
    Standing,
}

fn kind(path: &str) -> Kind {
    match path {
        PROBE => Kind::Probe,
        path if STREAMS.contains(&path) => Kind::Stream,
        path if STANDING.contains(&path) => Kind::Standing,
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
    probes: Answers,
    probed: Answers,
    answers: Answers,
    longest: Duration,
    answer: Duration,
    ending: Ending,
    /// What goes on without its caller.
    pub commands: Commands,
}

/// How the end of the server bounds what is on its way to peers.
#[derive(Clone)]
struct Ending {
    /// From here on.
    closing: CancellationToken,
    /// So long an answer may take.
    answer: Duration,
}

impl Load {
    /// `calls` at once, `standing` streams of health and reflection, `answers` that are not taken yet; a stream goes on
    /// for `longest`; a peer that does not take its answer within `answer` loses its connection.
    pub fn new(calls: usize, standing: usize, answers: usize, longest: Duration, answer: Duration) -> Self {
        Self {
            calls: Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS))),
            standing: Standing::new(standing),
            probes: Answers::new(PROBES),
            probed: Answers::new(PROBES),
            answers: Answers::new(answers),
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
            Kind::Probe | Kind::Standing => Ok(None),
            Kind::Call | Kind::Stream => {
                let place = self.calls.clone().try_acquire_owned();
                place.map(|place| Some(Arc::new(place))).map_err(|_| status::overloaded())
            }
        }
    }

    /// A place among the streams that their callers keep open, for one of these.
    fn stand(&self, kind: Kind, link: Option<&Link>) -> Option<Stand> {
        (kind == Kind::Standing).then(|| self.standing.enter(link, self.ending.closing.child_token()))
    }

    /// Answers a probe, from memory. None keeps others out: one too many ends the one that has waited longest, which has not
    /// even said what it asks.
    async fn probe(&self, answer: impl Future<Output = Response>) -> Response {
        let link = Link::default();
        let _turn = self.probes.wait(link.clone());
        tokio::select! {
            biased;
            answered = timeout(PROBE_TIME, answer) => {
                answered.unwrap_or_else(|_| status::deadline_exceeded().into_http())
            }
            () = link.token().cancelled_owned() => status::overloaded().into_http(),
        }
    }

    /// The answer, with what it keeps until it has been taken.
    fn keep(
        &self,
        response: Response,
        kind: Kind,
        stand: Option<Stand>,
        link: Option<Link>,
        under_way: UnderWay,
    ) -> Response {
        let limit = match kind {
            Kind::Probe | Kind::Call => self.answer,
            Kind::Stream | Kind::Standing => self.longest + self.answer,
        };
        let end = stand.as_ref().map(|stand| self.end(stand.end.clone()));
        let closing = stand.as_ref().map_or_else(|| self.ending.closing.clone(), |stand| stand.end.clone());
        let ending = Ending { closing, ..self.ending };
        response.map(|inner| {
            if http_body::Body::is_end_stream(&inner) {
                return inner;
            }
            // Strangers' probes push out each other's answers, and no partner's.
            let counted = match kind {
                Kind::Probe => Some(&self.probed),
                Kind::Call => Some(&self.answers),
                Kind::Stream | Kind::Standing => None,
            };
            let waiting = counted.zip(link.clone()).map(|(answers, link)| answers.wait(link));
            let bound = link.map(|link| Bound(tokio::spawn(cut(link, limit, ending))));
            Body::new(Kept {
                inner,
                end,
                over: false,
                last: None,
                waiting,
                _stand: stand,
                _bound: bound,
                _under_way: under_way,
            })
        })
    }

    /// When a stream ends that its caller keeps open.
    fn end(&self, told: CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let longest = self.longest;
        Box::pin(async move {
            // An error is the end of the time.
            let _ = timeout(longest, told.cancelled_owned()).await;
        })
    }
}

/// Answers that have begun and are not taken yet. When there are too many, whoever has left one longest loses its
/// connection: an honest reader takes its answer at once and is never that one.
#[derive(Clone)]
struct Answers(Arc<Untaken>);

struct Untaken {
    most: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// The oldest first.
    links: BTreeMap<u64, Link>,
    next: u64,
}

impl Answers {
    fn new(most: usize) -> Self {
        Self(Arc::new(Untaken { most, waiting: Mutex::default() }))
    }

    fn wait(&self, link: Link) -> Turn {
        let mut waiting = self.0.lock();
        let number = waiting.next;
        waiting.next += 1;
        waiting.links.insert(number, link);
        if waiting.links.len() > self.0.most
            && let Some((_, oldest)) = waiting.links.pop_first()
        {
            oldest.cut();
        }
        Turn { answers: self.0.clone(), number }
    }
}

impl Untaken {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One answer among them.
struct Turn {
    answers: Arc<Untaken>,
    number: u64,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.answers.lock().links.remove(&self.number);
    }
}

impl Step for Load {
    async fn call<S: Inner>(self, mut request: Request, mut inner: S) -> Response {
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
        self.keep(response, kind, stand, link, under_way)
    }
}

/// A body that is not taken is not even asked for: nothing inside it could notice. The whole connection goes, since a
/// stream cannot be ended from here.
async fn cut(link: Link, limit: Duration, ending: Ending) {
    let closed = async {
        ending.closing.cancelled_owned().await;
        sleep(ending.answer).await;
    };
    tokio::select! {
        () = sleep(limit) => {}
        () = closed => {}
    }
    link.cut();
}

/// The task of [`cut`]; it ends with the answer.
struct Bound(JoinHandle<()>);

impl Drop for Bound {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer that holds its place until it has been taken or given up.
struct Kept {
    inner: Body,
    /// Then a stream that its caller keeps open ends with OK.
    end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    over: bool,
    /// The last byte of what has been given away.
    last: Option<Bytes>,
    waiting: Option<Turn>,
    _stand: Option<Stand>,
    _bound: Option<Bound>,
    _under_way: UnderWay,
}

impl Kept {
    /// All of it but the last byte. HTTP/2 takes a whole piece off our hands as soon as the peer has room for one byte, and would
    /// keep it for as long as the peer likes, counted by nobody. The last byte it asks for only when there is room for all
    /// that comes before.
    fn hold_back(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_data() {
            Ok(mut data) if self.waiting.is_some() && data.len() > 1 => {
                self.last = Some(data.split_off(data.len() - 1));
                Frame::data(data)
            }
            Ok(data) => Frame::data(data),
            Err(trailers) => trailers,
        }
    }
}

impl http_body::Body for Kept {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        if self.end.as_mut().is_some_and(|end| end.as_mut().poll(cx).is_ready()) {
            self.over = true;
            let ok = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
            return Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::from_iter([ok])))));
        }
        if let Some(last) = self.last.take() {
            return Poll::Ready(Some(Ok(Frame::data(last))));
        }
        let next = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        Poll::Ready(next.map(|next| next.map(|frame| self.hold_back(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.over || (self.last.is_none() && self.inner.is_end_stream())
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
