//! One connection as tonic sees it: bytes in and out, plain or TLS, with its place, and with an end that it cannot put off.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Fuse};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{DropGuard, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::life::{Life, Link};
use super::places::Place;

/// The first bytes of every HTTP/2 connection (RFC 9113, 3.4).
const PREFACE: [u8; 24] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes that a connection is read before the others have their turn. Of frames that cost their sender nothing the system holds
/// many; whoever calls beside a flood of them would wait until each of its connections has been read empty.
const TURN: usize = 16 * 1024;
/// The same of a connection on which nobody has shown a good credential: enough for a call, and not for the beginnings of a
/// hundred, which would all be held before the first of them is refused.
const FIRST_TURN: usize = 256;

/// What carries the bytes.
pub enum Io {
    /// As they are.
    Plain(TcpStream),
    /// Encrypted.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Io {
    /// Reads the preface. What is anything else is known at its first wrong byte.
    ///
    /// # Errors
    /// When the peer closes, or says something else.
    pub async fn preface(&mut self) -> io::Result<()> {
        let (mut said, mut length) = ([0; PREFACE.len()], 0);
        while length < PREFACE.len() {
            let more = match self {
                Self::Plain(io) => io.read(&mut said[length..]).await?,
                Self::Tls(io) => io.read(&mut said[length..]).await?,
            };
            length += more;
            if more == 0 || said[..length] != PREFACE[..length] {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        Ok(())
    }

    fn reader(&mut self) -> Pin<&mut (dyn AsyncRead + Send + Unpin)> {
        match self {
            Self::Plain(io) => Pin::new(io),
            Self::Tls(io) => Pin::new(io.as_mut()),
        }
    }

    fn writer(&mut self) -> Pin<&mut (dyn AsyncWrite + Send + Unpin)> {
        match self {
            Self::Plain(io) => Pin::new(io),
            Self::Tls(io) => Pin::new(io.as_mut()),
        }
    }
}

/// The connection.
pub struct Wire {
    io: Io,
    /// Bytes of the preface that tonic has not read yet.
    greeting: &'static [u8],
    /// Bytes that have been read in this turn.
    read: usize,
    link: Link,
    /// Its call for an end comes from [`Link::cut`].
    told: Pin<Box<WaitForCancellationFutureOwned>>,
    end: Pin<Box<Sleep>>,
    /// Cuts it when the server closes and nothing is under way.
    leaving: Fuse<BoxFuture<'static, ()>>,
    /// Since the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    stall: Duration,
    /// Whoever waits for the end of the connection learns of it, however it ends.
    _over: DropGuard,
    _place: Place,
}

impl Wire {
    /// A connection whose preface has been read.
    pub fn new(io: Io, place: Place, link: Link, life: &Life) -> Self {
        let told = Box::pin(link.token().cancelled_owned());
        let end = Box::pin(sleep(life.cut()));
        let over = link.token().drop_guard();
        let leaving = link.clone().leave(life.closing.clone()).boxed().fuse();
        let stall = life.stall;
        Self {
            io,
            greeting: &PREFACE,
            read: 0,
            link,
            told,
            end,
            leaving,
            stalled: None,
            stall,
            _over: over,
            _place: place,
        }
    }

    /// An error once the connection must end. Whatever the peer does or leaves undone, its task is woken for this.
    fn over(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        // What is still being taken goes on, as long as it does.
        let _ = self.stalled.is_none() && self.leaving.poll_unpin(cx).is_ready();
        let told = self.told.as_mut().poll(cx).is_ready();
        let stalled = self.stalled.as_mut().is_some_and(|stalled| stalled.as_mut().poll(cx).is_ready());
        if told || stalled || self.end.as_mut().poll(cx).is_ready() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    /// How much it may say before the others have their turn.
    fn turn(&self) -> usize {
        if self.link.peer().is_some_and(|(_, stranger)| stranger) { FIRST_TURN } else { TURN }
    }

    /// Notes whether the peer takes what it is sent.
    fn progress<T>(&mut self, wrote: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let until = Instant::now() + self.stall;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Connected for Wire {
    type ConnectInfo = Link;

    fn connect_info(&self) -> Link {
        self.link.clone()
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.over(cx)?;
        if !self.greeting.is_empty() {
            let (now, later) = self.greeting.split_at(self.greeting.len().min(buf.remaining()));
            buf.put_slice(now);
            self.greeting = later;
            return Poll::Ready(Ok(()));
        }
        let left = self.turn().saturating_sub(self.read);
        if left == 0 {
            self.read = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let came = if buf.remaining() <= left {
            self.io.reader().poll_read(cx, buf)
        } else {
            let mut some = ReadBuf::new(buf.initialize_unfilled_to(left));
            let came = self.io.reader().poll_read(cx, &mut some);
            let read = some.filled().len();
            buf.advance(read);
            came
        };
        self.read = if came.is_ready() { self.read + buf.filled().len() - before } else { 0 };
        came
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.over(cx)?;
        let wrote = self.io.writer().poll_write(cx, bytes);
        self.progress(wrote, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.over(cx)?;
        let wrote = self.io.writer().poll_write_vectored(cx, slices);
        self.progress(wrote, cx)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(io) => io.is_write_vectored(),
            Io::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.over(cx)?;
        let flushed = self.io.writer().poll_flush(cx);
        self.progress(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.over(cx)?;
        ready!(self.io.writer().poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use tokio_util::sync::CancellationToken;

    use super::super::holders::Holders;
    use super::super::life::Guest;
    use super::super::newcomers::Newcomers;
    use super::super::places::{Peer, Places, Shares};
    use super::super::rarely::Turned;
    use super::*;
    use crate::clock::Ids;
    use crate::metrics::Meters;

    const SOON: Duration = Duration::from_millis(20);
    const LATE: Duration = Duration::from_secs(60);

    /// A connection of this life, and its peer, who does nothing.
    async fn pair(life: &Life) -> (Wire, TcpStream, Places) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, address) = listener.accept().await.unwrap();
        let places = Places::new(1, Shares { each: 1, trusted: 1, networks: Vec::new() });
        let place = places.take(address.ip()).unwrap();
        (Wire::new(Io::Plain(stream), place, Link::default(), life), peer, places)
    }

    async fn greeted(life: &Life) -> (Wire, TcpStream, Places) {
        let (mut wire, peer, places) = pair(life).await;
        let mut said = [0; PREFACE.len()];
        wire.read_exact(&mut said).await.unwrap();
        assert_eq!(said, PREFACE, "tonic reads it as if nobody had before");
        (wire, peer, places)
    }

    #[tokio::test]
    async fn a_silent_connection_is_cut_at_its_end_and_gives_its_place_back() {
        let mut life = Life::new(SOON, SOON, LATE, LATE, Ids::system());
        life.margin = SOON;
        let (mut wire, _peer, places) = greeted(&life).await;
        assert_eq!(wire.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(wire);
        assert_eq!(places.taken(), 0);
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_cut() {
        let (mut wire, _peer, _places) = greeted(&Life::new(LATE, LATE, SOON, LATE, Ids::system())).await;
        let endless = vec![0; 1 << 26];
        assert_eq!(wire.write_all(&endless).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    /// The most that is read of this connection before others have their turn, when its peer says much.
    async fn longest_turn((mut wire, mut peer, _places): (Wire, TcpStream, Places)) -> usize {
        let much = 16 * TURN;
        let says = tokio::spawn(async move { peer.write_all(&vec![0; much]).await.map(|()| peer) });
        let (mut all, mut longest) = (0, 0);
        while all < much {
            let mut turn = 0;
            std::future::poll_fn(|cx| {
                let mut space = [0; 8192];
                let mut buf = ReadBuf::new(&mut space);
                while Pin::new(&mut wire).poll_read(cx, &mut buf)?.is_ready() && !buf.filled().is_empty() {
                    turn += buf.filled().len();
                    buf.clear();
                }
                if turn > 0 { Poll::Ready(io::Result::Ok(())) } else { Poll::Pending }
            })
            .await
            .unwrap();
            (all, longest) = (all + turn, longest.max(turn));
        }
        says.await.unwrap().unwrap();
        longest
    }

    #[tokio::test]
    async fn a_connection_that_says_much_leaves_others_their_turn_and_a_strangers_sooner() {
        let life = Life::new(LATE, LATE, LATE, LATE, Ids::system());
        assert_eq!(longest_turn(greeted(&life).await).await, TURN);
        let (mut wire, peer, places) = greeted(&life).await;
        let end = CancellationToken::new();
        let held = Some(Holders::new(1, Arc::new(Turned::new(&Meters::default()))).enter(end.clone()));
        let (newcomer, _) = Newcomers::new(1).enter(Peer::of([203, 0, 113, 7].into()), end.clone());
        wire.link = Link::new(end, Guest { newcomer, held });
        assert_eq!(longest_turn((wire, peer, places)).await, FIRST_TURN);
    }

    #[tokio::test]
    async fn a_link_ends_its_connection() {
        let (mut wire, _peer, _places) = greeted(&Life::new(LATE, LATE, LATE, LATE, Ids::system())).await;
        wire.connect_info().cut();
        assert_eq!(wire.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
