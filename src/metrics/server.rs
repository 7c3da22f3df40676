//! The port that Prometheus asks.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use super::config::MetricsConfig;
use super::figures::Follower;
use super::sources::Shown;
use super::{Meters, Sources};

/// The port, open and not yet answering.
pub struct Endpoint {
    listener: TcpListener,
    registry: Registry,
    follower: Follower,
}

impl Endpoint {
    /// The port `listener`, for these counters and what is read when somebody asks.
    pub fn new(listener: TcpListener, config: &MetricsConfig, meters: &Meters, sources: Sources) -> Self {
        let every = Duration::from_millis(config.poll_ms);
        let follower = Follower::new(sources.db.clone(), sources.clock.clone(), every);
        let mut registry = Registry::default();
        meters.register(&mut registry);
        registry.register_collector(Box::new(Shown { sources, last: follower.last() }));
        Self { listener, registry, follower }
    }

    /// Where it listens: the port that was given when the configured one is 0.
    ///
    /// # Errors
    /// When the listener has none.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers `GET /metrics` and nothing else, and reads the figures, until it is dropped. An answer waits for nothing but
    /// memory.
    pub async fn run(self) {
        let routes = axum::Router::new().route("/metrics", get(scrape)).with_state(Arc::new(self.registry));
        let serving = async {
            if let Err(error) = axum::serve(self.listener, routes).await {
                tracing::error!(%error, "metrics are not served any more");
            }
        };
        tokio::join!(serving, self.follower.run());
    }
}

async fn scrape(State(registry): State<Arc<Registry>>) -> impl IntoResponse {
    let mut text = String::new();
    match prometheus_text::encode(&mut text, &registry) {
        Ok(()) => Ok(([(CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text)),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
