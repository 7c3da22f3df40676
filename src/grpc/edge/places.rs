//! Places for connections: so many in all, and so many for one peer; more for one that is trusted, and always some for this
//! machine. A crowd has no bound here: those of it that show no credential are bounded among the newcomers, the others by whose
//! credential it is.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;

/// Whose connections are counted together. Whoever has one IPv6 address has a /64 of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(IpAddr);

/// Peers that one party may be: whoever rents IPv6 is often given a whole /48 of them. Of IPv4 a peer is one by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Crowd(IpAddr);

impl Peer {
    /// An IPv4 address in IPv6 form is the IPv4 address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            four @ IpAddr::V4(_) => Self(four),
        }
    }

    /// Among whom it is.
    pub fn crowd(self) -> Crowd {
        match self.0 {
            IpAddr::V6(address) => {
                let [a, b, c, ..] = address.segments();
                Crowd(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into())
            }
            four @ IpAddr::V4(_) => Crowd(four),
        }
    }

    /// Whether it is this machine: its own probes come from there.
    pub fn is_here(self) -> bool {
        self.0 == Ipv4Addr::LOCALHOST || self.0 == Ipv6Addr::UNSPECIFIED
    }

    /// The address, or the first one of the /64.
    pub const fn address(self) -> IpAddr {
        self.0
    }
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// All are taken.
    All,
    /// This peer has all that it may have.
    Peer,
}

/// Beyond all others, for this machine: whoever looks from beside the server whether it is well gets in.
const HERE: usize = 16;

/// The places. Cheap to clone.
#[derive(Clone)]
pub struct Places(Arc<Inner>);

/// How many one peer may have.
#[derive(Debug, Clone)]
pub struct Shares {
    /// Any.
    pub each: usize,
    /// One that is trusted: it stands for many.
    pub trusted: usize,
    /// Who is trusted.
    pub networks: Vec<IpNet>,
}

struct Inner {
    total: usize,
    shares: Shares,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    peers: HashMap<Peer, usize>,
}

impl Places {
    /// `total` places, of which one peer may have its share.
    pub fn new(total: usize, shares: Shares) -> Self {
        Self(Arc::new(Inner { total, shares, taken: Mutex::default() }))
    }

    /// A place for a connection from this address. It is free again when it is dropped.
    ///
    /// # Errors
    /// [`Full`].
    pub fn take(&self, address: IpAddr) -> Result<Place, Full> {
        let peer = Peer::of(address);
        let trusted = self.0.trusts(address);
        let share = if trusted { self.0.shares.trusted } else { self.0.shares.each };
        let mut taken = self.0.lock();
        let has = taken.peers.get(&peer).copied().unwrap_or(0);
        let kept = peer.is_here() && has < HERE;
        if taken.all >= self.0.total && !kept {
            return Err(Full::All);
        }
        if has >= share && !kept {
            return Err(Full::Peer);
        }
        taken.all += 1;
        taken.peers.insert(peer, has + 1);
        Ok(Place { places: self.0.clone(), peer, trusted })
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.0.lock().all
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.shares.networks.iter().any(|network| network.contains(&address))
    }
}

/// The place of one connection.
pub struct Place {
    places: Arc<Inner>,
    peer: Peer,
    trusted: bool,
}

impl Place {
    /// Whose it is.
    pub const fn peer(&self) -> Peer {
        self.peer
    }

    /// Whether that peer is trusted.
    pub const fn is_trusted(&self) -> bool {
        self.trusted
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all = taken.all.saturating_sub(1);
        let has = taken.peers.get(&self.peer).copied().unwrap_or(0);
        if has > 1 {
            taken.peers.insert(self.peer, has - 1);
        } else {
            // Strangers come from everywhere: nobody is remembered who has gone.
            taken.peers.remove(&self.peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn places(total: usize, each: usize, trusted: usize, networks: &[&str]) -> Places {
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        Places::new(total, Shares { each, trusted, networks })
    }

    #[test]
    fn a_peer_has_its_share_and_all_have_the_total() {
        let places = places(3, 2, 9, &[]);
        let held = [places.take(at("10.0.0.1")).unwrap(), places.take(at("10.0.0.1")).unwrap()];
        assert_eq!(places.take(at("10.0.0.1")).err(), Some(Full::Peer));
        let other = places.take(at("10.0.0.2")).unwrap();
        assert_eq!(places.take(at("10.0.0.3")).err(), Some(Full::All));
        drop(other);
        drop(held);
        assert_eq!(places.taken(), 0);
        assert!(places.0.lock().peers.is_empty(), "who has gone is not remembered");
        places.take(at("10.0.0.1")).unwrap();
    }

    #[test]
    fn an_ipv6_network_is_one_peer_and_a_mapped_address_is_its_ipv4() {
        let places = places(9, 1, 9, &[]);
        let _six = places.take(at("2001:db8:0:1::1")).unwrap();
        assert_eq!(places.take(at("2001:db8:0:1:ffff::2")).err(), Some(Full::Peer));
        let _next = places.take(at("2001:db8:0:2::1")).unwrap();
        let _four = places.take(at("10.0.0.1")).unwrap();
        assert_eq!(places.take(at("::ffff:10.0.0.1")).err(), Some(Full::Peer));
        let _mapped = places.take(at("::ffff:10.0.0.2")).unwrap();
    }

    #[test]
    fn a_trusted_peer_has_a_share_of_its_own_but_no_more_than_all() {
        let places = places(4, 1, 2, &["10.1.0.0/16", "10.2.0.0/16"]);
        let _two: Vec<_> = ["10.2.0.1"; 2].map(|a| places.take(at(a)).unwrap()).into();
        assert_eq!(places.take(at("10.2.0.1")).err(), Some(Full::Peer));
        let held: Vec<_> = ["10.1.2.3", "::ffff:10.1.2.3"].map(|a| places.take(at(a)).unwrap()).into();
        assert_eq!(places.take(at("10.1.2.3")).err(), Some(Full::All));
        drop(held);
    }

    #[test]
    fn this_machine_gets_in_though_all_are_taken() {
        let places = places(1, 1, 1, &[]);
        let _other = places.take(at("10.0.0.1")).unwrap();
        let mut here: Vec<_> = (0..HERE - 1).map(|_| places.take(at("127.0.0.1")).unwrap()).collect();
        here.push(places.take(at("::ffff:127.0.0.1")).unwrap());
        assert_eq!(places.take(at("127.0.0.1")).err(), Some(Full::All));
        let _six = places.take(at("::1")).unwrap();
        assert_eq!(
            places.take(at("127.0.0.2")).err(),
            Some(Full::All),
            "another address of the same network is no probe's"
        );
    }
}
