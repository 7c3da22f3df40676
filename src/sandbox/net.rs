//! Listeners whose connections can be cut from inside a handler.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Cuts one connection.
#[derive(Debug, Clone, Default)]
pub struct Cut(CancellationToken);

impl Cut {
    /// The peer sees the connection die, without an answer.
    pub fn now(&self) {
        self.0.cancel();
    }
}

/// A TCP stream that dies when it is cut.
pub struct Wire {
    stream: TcpStream,
    cut: Cut,
    dead: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Wire {
    fn new(stream: TcpStream, stop: &CancellationToken) -> Self {
        // Small answers must not wait for more; a failure costs time only.
        let _ = stream.set_nodelay(true);
        let cut = Cut(stop.child_token());
        let dead = Box::pin(cut.0.clone().cancelled_owned());
        Self { stream, cut, dead }
    }

    fn alive(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.dead.as_mut().poll(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.alive(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.alive(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.alive(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl tonic::transport::server::Connected for Wire {
    type ConnectInfo = Cut;

    fn connect_info(&self) -> Cut {
        self.cut.clone()
    }
}

/// A TCP listener that hands out wires, all of which die with the token.
pub struct Wires(pub TcpListener, pub CancellationToken);

impl axum::serve::Listener for Wires {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let (stream, peer) = axum::serve::Listener::accept(&mut self.0).await;
        (Wire::new(stream, &self.1), peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Wires>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Wires>) -> Self {
        stream.io().cut.clone()
    }
}

impl Wires {
    /// The connections as tonic takes them.
    pub fn stream(self) -> impl futures::Stream<Item = io::Result<Wire>> {
        futures::stream::unfold(self, |mut wires| async move {
            let (wire, _) = axum::serve::Listener::accept(&mut wires).await;
            Some((Ok(wire), wires))
        })
    }
}
