//! The accept loop: takes what comes, closes what is too much, and greets the rest beside the loop.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::config::ConnectionsConfig;
use super::holders::Holders;
use super::life::{Guest, Life, Link};
use super::newcomers::Newcomers;
use super::places::{Place, Places, Shares};
use super::rarely::{Turned, Why};
use super::tls::Tls;
use super::wire::{Io, Wire};
use crate::metrics::Meters;

/// After an accept error, such as no free descriptor: trying on at once would only burn a processor.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections that are greeted and not yet served.
const GREETED: usize = 16;

/// What every connection must pass. Cheap to clone.
#[derive(Clone)]
pub struct Edge {
    places: Places,
    newcomers: Newcomers,
    /// Of peers that are trusted, which push out nobody else's.
    trusted: Newcomers,
    holders: Holders,
    handshake: Duration,
    preface: Duration,
    /// The bounds of a connection's life.
    pub life: Life,
    tls: Option<Tls>,
    turned: Arc<Turned>,
}

/// What tonic serves.
pub type Incoming = ReceiverStream<io::Result<Wire>>;

impl Edge {
    /// The edge as configured; without `tls` it is plain HTTP/2.
    pub fn new(config: &ConnectionsConfig, life: Life, tls: Option<Tls>, meters: &Meters) -> Self {
        let turned = Arc::new(Turned::new(meters));
        let (each, trusted) = (config.per_peer, config.per_trusted_peer);
        let shares = Shares { each, trusted, networks: config.trusted_peers.clone() };
        Self {
            places: Places::new(config.total, shares),
            newcomers: Newcomers::new(config.newcomers),
            trusted: Newcomers::new(config.trusted_newcomers),
            holders: Holders::new(config.per_holder, turned.clone()),
            handshake: Duration::from_millis(config.handshake_ms),
            preface: Duration::from_millis(config.preface_ms),
            life,
            tls,
            turned,
        }
    }

    /// Connections to serve; once `closing` is told they go when nothing is under way on them. The listener is closed when
    /// the stream is dropped.
    pub fn open(mut self, listener: TcpListener, closing: CancellationToken) -> Incoming {
        self.life.closing = closing;
        let (out, incoming): (_, Receiver<_>) = channel(GREETED);
        tokio::spawn(self.accept(listener, out));
        ReceiverStream::new(incoming)
    }

    async fn accept(self, listener: TcpListener, out: Sender<io::Result<Wire>>) {
        loop {
            tokio::select! {
                () = out.closed() => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, address)) => self.welcome(stream, address.ip(), &out),
                    Err(error) => {
                        tracing::warn!(%error, "no connection can be accepted");
                        sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    /// Gives the connection a place and greets it on a task of its own, or closes it.
    fn welcome(&self, stream: TcpStream, address: IpAddr, out: &Sender<io::Result<Wire>>) {
        let place = match self.places.take(address) {
            Ok(place) => place,
            Err(full) => return self.turned.away(Why::Full(full)),
        };
        let link = self.link(&place);
        let (edge, out, pushed) = (self.clone(), out.clone(), link.token());
        tokio::spawn(async move {
            tokio::select! {
                () = out.closed() => {}
                () = pushed.cancelled() => {}
                () = edge.greet(stream, place, link, &out) => {}
            }
        });
    }

    /// The link of a connection that begins: a newcomer's, and then its holder's, unless its peer is trusted.
    fn link(&self, place: &Place) -> Link {
        let end = CancellationToken::new();
        let newcomers = if place.is_trusted() { &self.trusted } else { &self.newcomers };
        let (newcomer, pushed) = newcomers.enter(place.peer(), end.clone());
        if pushed {
            self.turned.away(Why::Newcomers);
        }
        let held = (!place.is_trusted()).then(|| self.holders.enter(end.clone()));
        Link::new(end, Guest { newcomer, held })
    }

    async fn greet(&self, stream: TcpStream, place: Place, link: Link, out: &Sender<io::Result<Wire>>) {
        match self.known(stream, &link).await {
            Ok(io) => {
                // Nobody takes it when the server stops.
                let _ = out.send(Ok(Wire::new(io, place, link, &self.life))).await;
            }
            Err(_) => {
                link.cut();
                self.turned.away(Why::Silent);
            }
        }
    }

    /// Finishes TLS and reads the preface, each within its time.
    async fn known(&self, stream: TcpStream, link: &Link) -> io::Result<Io> {
        stream.set_nodelay(true)?;
        self.life.bound(&stream)?;
        let mut io = match &self.tls {
            None => Io::Plain(stream),
            Some(tls) => Io::Tls(Box::new(timeout(self.handshake, tls.accept(stream, link.token())).await??)),
        };
        timeout(self.preface, io.preface()).await??;
        Ok(io)
    }
}
