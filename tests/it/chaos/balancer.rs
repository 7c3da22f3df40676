//! What a Service of Kubernetes is for replicas: new connections go to those that say that they are ready.

use std::net::SocketAddr;
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
    _tasks: JoinSet<()>,
}

#[derive(Clone)]
struct Ready(Arc<Mutex<Vec<Option<SocketAddr>>>>);

impl Balancer {
    /// Before the replicas of this fleet.
    pub async fn start(fleet: Arc<Fleet>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, ready) = (listener.local_addr().unwrap(), Ready(Arc::new(Mutex::new(vec![None; fleet.size()]))));
        let mut tasks = JoinSet::new();
        for at in 0..fleet.size() {
            tasks.spawn(look(fleet.clone(), at, ready.clone()));
        }
        tasks.spawn(balance(listener, ready.clone()));
        Self { address, ready, _tasks: tasks }
    }

    /// A way through it.
    pub fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect_lazy()
    }

    /// Whether this replica gets new connections.
    pub fn sends_to(&self, at: usize) -> bool {
        self.ready.lock()[at].is_some()
    }
}

impl Ready {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Option<SocketAddr>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ready one whose turn it is.
    fn next(&self, turn: usize) -> Option<SocketAddr> {
        let ready: Vec<_> = self.lock().iter().flatten().copied().collect();
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
        ready.lock()[at] = address.filter(|_| is_ready);
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

async fn balance(listener: TcpListener, ready: Ready) {
    let mut carried = JoinSet::new();
    for turn in 0.. {
        let (mut near, _) = listener.accept().await.unwrap();
        // Without a ready one the connection is dropped.
        let Some(far) = ready.next(turn) else { continue };
        carried.spawn(async move {
            if let Ok(mut far) = TcpStream::connect(far).await {
                let _ = copy_bidirectional(&mut near, &mut far).await;
            }
        });
        while carried.try_join_next().is_some() {}
    }
}
