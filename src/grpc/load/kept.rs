//! An answer on its way: what it keeps, and for how long.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

use super::answers::{Answers, Turn};
use super::standing::Stand;
use crate::grpc::edge::leave::UnderWay;
use crate::grpc::edge::life::Link;

/// How the end of the server bounds what is on its way to peers.
#[derive(Clone)]
pub(super) struct Ending {
    /// From here on.
    pub closing: CancellationToken,
    /// So long an answer may take.
    pub answer: Duration,
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
pub(super) struct Bound(JoinHandle<()>);

impl Bound {
    pub fn new(link: Link, limit: Duration, ending: Ending) -> Self {
        Self(tokio::spawn(cut(link, limit, ending)))
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How an answer is among those that are not taken yet.
pub(super) enum Counted {
    /// It is small, or counted elsewhere.
    No,
    /// As a whole, from its beginning until it is gone.
    Whole { _turn: Turn },
    /// Each piece by itself, from when it is given away until it is taken.
    Pieces { answers: Answers, link: Link, given: Option<Turn> },
}

impl Counted {
    pub fn whole(answers: &Answers, link: Link) -> Self {
        Self::Whole { _turn: answers.wait(link) }
    }

    pub fn pieces(answers: &Answers, link: Link) -> Self {
        Self::Pieces { answers: answers.clone(), link, given: None }
    }

    /// A piece is given away.
    fn give(&mut self) {
        if let Self::Pieces { answers, link, given } = self {
            *given = Some(answers.wait(link.clone()));
        }
    }

    /// All of the piece is taken.
    fn taken(&mut self) {
        if let Self::Pieces { given, .. } = self {
            *given = None;
        }
    }
}

/// What ends a stream that its caller keeps open.
pub(super) type End = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An answer that holds its place until it has been taken or given up.
pub(super) struct Kept {
    pub inner: Body,
    /// Then a stream that its caller keeps open ends with OK.
    pub end: Option<End>,
    pub over: bool,
    /// The last byte of what has been given away.
    pub last: Option<Bytes>,
    pub counted: Counted,
    #[expect(dead_code, reason = "held until the answer is gone")]
    pub stand: Option<Stand>,
    #[expect(dead_code, reason = "held until the answer is gone")]
    pub bound: Option<Bound>,
    #[expect(dead_code, reason = "held until the answer is gone")]
    pub under_way: UnderWay,
}

impl Kept {
    /// All of it but the last byte. HTTP/2 takes a whole piece off our hands as soon as the peer has room for one byte, and would
    /// keep it for as long as the peer likes, counted by nobody. The last byte it takes only when there is room for all that comes
    /// before, and what comes after it is not asked for earlier.
    fn hold_back(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_data() {
            Ok(mut data) if !matches!(self.counted, Counted::No) && data.len() > 1 => {
                self.counted.give();
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
        // Before any end: what has been given away is counted until this is taken.
        if let Some(last) = self.last.take() {
            return Poll::Ready(Some(Ok(Frame::data(last))));
        }
        self.counted.taken();
        if self.end.as_mut().is_some_and(|end| end.as_mut().poll(cx).is_ready()) {
            self.over = true;
            let ok = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
            return Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::from_iter([ok])))));
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
