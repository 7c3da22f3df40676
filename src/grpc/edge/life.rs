//! How long a connection lives, and how it is ended when its peer does not help.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::holders::Held;
use super::leave::{Busy, UnderWay};
use super::newcomers::Newcomer;
use super::places::Peer;
use crate::clock::Ids;
use crate::partners::model::Holder;

/// What an honest peer may be late.
const MARGIN: Duration = Duration::from_secs(30);
/// Bytes that the system keeps for a peer. Linux takes twice as many, for what it notes beside them.
const SEND_BUFFER: usize = 256 * 1024;

/// The bounds of a connection's life.
#[derive(Clone)]
pub struct Life {
    /// At this age the peer is told to open no more calls here (GOAWAY). The same for all connections of a process, and
    /// within 10 % of what is configured, so that replicas do not send everybody away at one instant.
    pub age: Duration,
    /// Streams end by themselves within this time.
    longest: Duration,
    /// A peer that takes nothing for so long, while we have more for it than the system keeps, is cut.
    pub stall: Duration,
    /// A peer that does not acknowledge for so long what the system has kept or sent, or takes none of it, is cut by the
    /// system. Longer: a peer whose network is gone for some seconds looks the same, and is honest.
    unacked: Duration,
    /// Between the end of the longest stream and the cut.
    pub(super) margin: Duration,
    /// From here on a connection goes as soon as nothing is under way on it.
    pub(super) closing: CancellationToken,
    ids: Ids,
}

impl Life {
    /// The life of connections of this process: `age` give or take 10 %, streams of `longest`; what a peer may leave untaken
    /// of ours, and of the system's.
    pub fn new(age: Duration, longest: Duration, stall: Duration, unacked: Duration, ids: Ids) -> Self {
        let age = age.mul_f64(0.9 + 0.2 * fraction(&ids));
        Self { age, longest, stall, unacked, margin: MARGIN, closing: CancellationToken::new(), ids }
    }

    /// Bounds what the system keeps of answers that a peer does not take: for how much, and for how long. Without that it
    /// takes megabytes off our hands, and who reads nothing looks as if it were reading.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn bound(&self, stream: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(stream);
        socket.set_send_buffer_size(SEND_BUFFER)?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(self.unacked))?;
        Ok(())
    }

    /// When a connection that begins now is cut, whatever it does: later than any honest one needs.
    pub fn cut(&self) -> Duration {
        let jitter = self.age.mul_f64(0.1 * fraction(&self.ids));
        self.age + self.longest + self.margin + jitter
    }
}

/// From 0 to 1.
fn fraction(ids: &Ids) -> f64 {
    let mut byte = [0];
    ids.random(&mut byte);
    f64::from(byte[0]) / 255.0
}

/// What a call knows of its connection: found in the request's extensions.
#[derive(Debug, Clone, Default)]
pub struct Link {
    end: CancellationToken,
    guest: Option<Arc<Guest>>,
    busy: Busy,
}

/// Whose a connection is.
#[derive(Debug)]
pub struct Guest {
    /// While nobody has shown a good credential on it.
    pub newcomer: Newcomer,
    /// Whose it is then, unless its peer is trusted: that one stands for many.
    pub held: Option<Held>,
}

impl Link {
    /// The link of a connection that `end` ends.
    pub fn new(end: CancellationToken, guest: Guest) -> Self {
        Self { end, guest: Some(Arc::new(guest)), busy: Busy::default() }
    }

    /// This holder has shown a good credential on it.
    pub fn known(&self, holder: Holder) {
        if let Some(guest) = &self.guest {
            guest.newcomer.known();
            if let Some(held) = &guest.held {
                held.called(holder);
            }
        }
    }

    /// Whose it is, and whether that one may be anybody: neither this machine, nor a peer that is trusted or has shown a good
    /// credential.
    pub fn peer(&self) -> Option<(Peer, bool)> {
        self.guest.as_ref().map(|guest| {
            let peer = guest.newcomer.peer();
            (peer, guest.held.is_some() && !guest.newcomer.is_known() && !peer.is_here())
        })
    }

    /// Whether its peer is trusted, and stands for many.
    pub fn is_trusted(&self) -> bool {
        self.guest.as_ref().is_some_and(|guest| guest.held.is_none())
    }

    /// The address whose share this connection takes, unless its peer is trusted.
    pub fn stranger(&self) -> Option<IpAddr> {
        self.guest.as_ref().filter(|guest| guest.held.is_some()).map(|guest| guest.newcomer.peer().address())
    }

    /// One more call on it.
    pub fn begin(&self) -> UnderWay {
        self.busy.begin()
    }

    /// Cuts it, once the server closes, when no call is under way: for a peer that does not go by itself.
    pub(in crate::grpc) async fn leave(self, closing: CancellationToken) {
        closing.cancelled_owned().await;
        self.busy.over().await;
        self.cut();
    }

    /// Ends the connection at once.
    pub fn cut(&self) {
        self.end.cancel();
    }

    /// What tells the connection.
    pub fn token(&self) -> CancellationToken {
        self.end.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_system_gives_a_peer_that_acknowledges_nothing_a_time_of_its_own() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let [age, stall, unacked] = [60, 4, 20].map(Duration::from_secs);
        Life::new(age, age, stall, unacked, Ids::system()).bound(&stream).unwrap();
        assert_eq!(SockRef::from(&stream).tcp_user_timeout().unwrap(), Some(unacked));
    }

    #[test]
    fn ages_differ_and_the_cut_comes_after_the_longest_stream() {
        let minute = Duration::from_secs(60);
        let lives: Vec<_> = (0..50).map(|_| Life::new(minute, minute, minute, minute, Ids::system())).collect();
        assert!(lives.iter().all(|l| (54..=66).contains(&l.age.as_secs())));
        assert!(lives.iter().any(|l| l.age != lives[0].age));
        for life in lives {
            let (least, most) = (life.age + minute + MARGIN, life.age.mul_f64(1.1) + minute + MARGIN);
            assert!((least..=most).contains(&life.cut()));
        }
    }
}
