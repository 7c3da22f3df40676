//! Streams that their callers keep open, many of them without a credential: so many at once. One too many ends an older one, of
//! the peer that has the most, so that whoever opens many ends its own. A part is kept from strangers.

use std::net::Ipv4Addr;

use tokio_util::sync::CancellationToken;

use crate::grpc::edge::life::Link;
use crate::grpc::edge::newcomers::{Newcomer, Newcomers};
use crate::grpc::edge::places::Peer;

/// One of so many is for this machine, for peers that are trusted, and for those who have shown a good credential.
const KEPT: usize = 4;

/// All of them. Cheap to clone.
#[derive(Clone)]
pub(super) struct Standing {
    strangers: Newcomers,
    others: Newcomers,
}

/// One of them, until it is dropped.
pub(super) struct Stand {
    /// Told when it must end.
    pub end: CancellationToken,
    _place: Newcomer,
}

impl Standing {
    /// About so many, at least one of each sort.
    pub fn new(most: usize) -> Self {
        let kept = most.div_ceil(KEPT).max(1);
        Self { strangers: Newcomers::new(most.saturating_sub(kept).max(1)), others: Newcomers::new(kept) }
    }

    /// One more on this connection; `end` is told when it must go. A stranger loses its connection: it need not take the end,
    /// and streams that are over and not taken would be without number.
    pub fn enter(&self, link: Option<&Link>, end: CancellationToken) -> Stand {
        let (place, _) = match link.and_then(|link| Some((link, link.peer()?))) {
            Some((link, (peer, true))) => self.strangers.enter(peer, link.token()),
            Some((_, (peer, false))) => self.others.enter(peer, end.clone()),
            None => self.others.enter(Peer::of(Ipv4Addr::UNSPECIFIED.into()), end.clone()),
        };
        Stand { end, _place: place }
    }
}
