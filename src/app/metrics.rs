//! What operators watch of all that was built.

use tokio::net::TcpListener;

use super::ground::Ground;
use crate::config::Config;
use crate::grpc::auth::Auth;
use crate::metrics::{Build, Endpoint, Sources};
use crate::partners::jwt::Services;

impl Ground {
    /// The port of metrics.
    pub(super) fn metrics(&self, listener: TcpListener, config: &Config, auth: &Auth, services: Services) -> Endpoint {
        let sources = Sources {
            build: Build { mode: config.mode.as_str(), started_ms: self.clock.now_ms() },
            db: self.db.clone(),
            clock: self.clock.clone(),
            breakers: self.gateways.breakers.clone(),
            refusals: auth.access.refusals().clone(),
            services,
            catalogue: self.catalogue.clone(),
        };
        Endpoint::new(listener, &config.metrics, &self.meters, sources)
    }
}
