//! What a Service of Kubernetes is for replicas: new connections go to those that say that they are ready.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::fleet::Fleet;
use crate::support::process::Server;

/// Between two looks at a replica.
const LOOK: Duration = Duration::from_millis(50);

/// Ends when it is dropped.
pub struct Balancer {
    address: SocketAddr,
    ready: Ready,
    refused: Arc<AtomicU64>,
    tasks: JoinSet<()>,
}

/// Who gets new connections. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Ready(Arc<Mutex<BTreeMap<usize, SocketAddr>>>);

impl Balancer {
    /// Before the replicas of this fleet.
    pub async fn start(fleet: Arc<Fleet>) -> Self {
        let mut balancer = Self::over(Ready::default()).await;
        for at in 0..fleet.size() {
            balancer.tasks.spawn(look(fleet.clone(), at, balancer.ready.clone()));
        }
        balancer
    }

    /// Before whoever is told to be ready.
    pub async fn over(ready: Ready) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, refused, mut tasks) = (listener.local_addr().unwrap(), Arc::default(), JoinSet::new());
        tasks.spawn(balance(listener, ready.clone(), Arc::clone(&refused)));
        Self { address, ready, refused, tasks }
    }

    /// Where it takes connections.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A way through it.
    pub fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect_lazy()
    }

    /// Whether this replica gets new connections.
    pub fn sends_to(&self, at: usize) -> bool {
        self.ready.has(at)
    }

    /// Connections that came to nobody.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Ready {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, SocketAddr>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this one is ready, at that address, or is not.
    pub fn set(&self, at: usize, address: Option<SocketAddr>) {
        match address {
            Some(address) => self.lock().insert(at, address),
            None => self.lock().remove(&at),
        };
    }

    /// Whether this one is ready.
    pub fn has(&self, at: usize) -> bool {
        self.lock().contains_key(&at)
    }

    /// The ready one whose turn it is.
    fn next(&self, turn: usize) -> Option<SocketAddr> {
        let ready: Vec<_> = self.lock().values().copied().collect();
        (!ready.is_empty()).then(|| ready[turn % ready.len()])
    }
}

async fn look(fleet: Arc<Fleet>, at: usize, ready: Ready) {
    loop {
        let address = fleet.see(at, Server::address);
        let is_ready = match address {
            Some(address) => says_ready(address).await,
            None => false,
        };
        ready.set(at, address.filter(|_| is_ready));
        tokio::time::sleep(LOOK).await;
    }
}

async fn says_ready(address: SocketAddr) -> bool {
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let asked = timeout(Duration::from_secs(1), async {
        HealthClient::new(channel).check(HealthCheckRequest::default()).await.map(|told| told.into_inner().status())
    });
    matches!(asked.await, Ok(Ok(ServingStatus::Serving)))
}

async fn balance(listener: TcpListener, ready: Ready, refused: Arc<AtomicU64>) {
    let mut carried = JoinSet::new();
    for turn in 0.. {
        let (mut near, _) = listener.accept().await.unwrap();
        let (far, refused) = (ready.next(turn), Arc::clone(&refused));
        carried.spawn(async move {
            match connect(far).await {
                Some(mut far) => drop(copy_bidirectional(&mut near, &mut far).await),
                None => drop(refused.fetch_add(1, Ordering::Relaxed)),
            }
        });
        while carried.try_join_next().is_some() {}
    }
}

/// Without a ready one, or one that listens, the connection is dropped.
async fn connect(far: Option<SocketAddr>) -> Option<TcpStream> {
    TcpStream::connect(far?).await.ok()
}
