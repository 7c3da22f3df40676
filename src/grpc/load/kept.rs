//! An answer on its way: what it keeps, and for how long.

use std::net::Ipv4Addr;
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

use super::standing::Stand;
use crate::grpc::edge::leave::UnderWay;
use crate::grpc::edge::life::Link;
use crate::grpc::edge::newcomers::{Newcomer, Newcomers};
use crate::grpc::edge::places::Peer;
use crate::grpc::places::Place;

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

/// The task of [`cut`]; it ends with the piece.
struct Bound(JoinHandle<()>);

impl Bound {
    fn new(link: Link, limit: Duration, ending: Ending) -> Self {
        Self(tokio::spawn(cut(link, limit, ending)))
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What an answer holds until its peer has taken it: a call is under way until then, and has its partner's place.
#[derive(Clone)]
pub(super) struct Burden {
    pub _under_way: UnderWay,
    pub _place: Option<Place>,
}

/// How pieces of an answer are counted.
pub(super) struct Scale {
    pub link: Link,
    /// Where each is one; a partner's streams are counted by their places.
    pub untaken: Option<Untaken>,
    /// So long one may be left untaken.
    pub limit: Duration,
    pub ending: Ending,
}

/// Bytes of an answer with what they are counted by until their peer has taken them, and its connection if it does not take them
/// in time. A body that has been given to HTTP/2 is over for us, and what it said stays there for as long as the peer likes: so
/// every piece carries all of this with it, and HTTP/2 drops it when it is written.
struct Piece {
    bytes: Bytes,
    _burden: Burden,
    _counted: Option<Counted>,
}

struct Counted {
    _turn: Option<Newcomer>,
    _bound: Bound,
    /// A stream that waits for what it is asked next is not under way; what it has said is.
    _under_way: UnderWay,
}

impl Scale {
    fn count(&self) -> Counted {
        let Self { link, untaken, limit, ending } = self;
        Counted {
            _turn: untaken.as_ref().map(|untaken| untaken.wait(link)),
            _bound: Bound::new(link.clone(), *limit, ending.clone()),
            _under_way: link.begin(),
        }
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Those that are not taken yet, over all connections: one too many ends the connection of the oldest, of the address that has
/// the most. Trusted peers stand for many, and are counted by themselves: else theirs would always be the most.
#[derive(Clone)]
pub(super) struct Untaken {
    others: Newcomers,
    trusted: Newcomers,
}

impl Untaken {
    /// At most so many of either sort.
    pub fn new(most: usize) -> Self {
        Self { others: Newcomers::new(most), trusted: Newcomers::new(most) }
    }

    /// One more, on this connection.
    pub fn wait(&self, link: &Link) -> Newcomer {
        let peer = link.peer().map_or(Peer::of(Ipv4Addr::UNSPECIFIED.into()), |(peer, _)| peer);
        let all = if link.is_trusted() { &self.trusted } else { &self.others };
        all.enter(peer, link.token()).0
    }

    /// How many there are.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.others.count() + self.trusted.count()
    }
}

/// What ends a stream that its caller keeps open.
pub(super) type End = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An answer: what it stands on until it has been given away, and what each piece holds until that has been taken.
pub(super) struct Kept {
    pub inner: Body,
    /// Then a stream that its caller keeps open ends with OK.
    pub end: Option<End>,
    pub over: bool,
    pub burden: Burden,
    pub scale: Option<Scale>,
    #[expect(dead_code, reason = "held until the stream is over")]
    pub stand: Option<Stand>,
}

impl Kept {
    fn laden(&self, frame: Frame<Bytes>) -> Frame<Bytes> {
        frame.map_data(|bytes| {
            let counted = self.scale.as_ref().map(Scale::count);
            Bytes::from_owner(Piece { bytes, _burden: self.burden.clone(), _counted: counted })
        })
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
        let next = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        Poll::Ready(next.map(|next| next.map(|frame| self.laden(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}
