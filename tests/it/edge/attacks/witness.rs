//! Who calls all the while, and how it is served. On a task of its own: attackers that never wait would keep it from its turn
//! as the server does not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use litebox_partner::pb::client::ListRequest;
use litebox_partner::pb::client::client_service_client::ClientServiceClient;
use rustls::ClientConfig;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use super::super::pki::channel;
use crate::support::app::shown;

/// How to call. Cheap to clone.
#[derive(Clone)]
pub struct Witness {
    pub to: SocketAddr,
    /// Of TLS, where the server speaks that.
    pub tls: Option<Arc<ClientConfig>>,
    pub token: String,
    /// Calls that have been made.
    pub seen: Arc<AtomicU64>,
}

/// Calls of the witness, with their latencies.
#[derive(Default)]
pub struct Calls {
    pub micros: Vec<u64>,
    pub failed: u64,
    pub why: String,
}

impl Calls {
    pub fn median(&mut self) -> u64 {
        self.micros.sort_unstable();
        self.micros.get(self.micros.len() / 2).copied().unwrap_or(0)
    }
}

impl Witness {
    pub fn channel(&self) -> Channel {
        match &self.tls {
            Some(config) => channel(self.to, config.clone()),
            None => Endpoint::from_shared(format!("http://{}", self.to)).unwrap().connect_lazy(),
        }
    }

    /// Its calls while `other` goes on, at least one; and what came of that.
    pub async fn during<T>(&self, other: impl Future<Output = T>) -> (Calls, T) {
        let stop = CancellationToken::new();
        let calls = tokio::spawn(self.clone().calls(stop.clone()));
        let came = other.await;
        stop.cancel();
        (calls.await.unwrap(), came)
    }

    /// One after the other, every tenth over a new connection.
    async fn calls(self, stop: CancellationToken) -> Calls {
        let mut calls = Calls::default();
        let shown = shown(Some(&format!("Bearer {}", self.token)));
        let open = || ClientServiceClient::with_interceptor(self.channel(), shown.clone());
        let mut client = open();
        for n in 0_u64.. {
            if n % 10 == 0 {
                client = open();
            }
            let begun = Instant::now();
            let answer = timeout(Duration::from_secs(30), client.list(ListRequest::default())).await;
            calls.micros.push(u64::try_from(begun.elapsed().as_micros()).unwrap());
            self.seen.fetch_add(1, Ordering::Relaxed);
            if !matches!(answer, Ok(Ok(_))) {
                calls.failed += 1;
                calls.why = format!("{answer:?}");
            }
            if stop.is_cancelled() {
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
        calls
    }
}
