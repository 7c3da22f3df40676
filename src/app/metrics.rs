//! What operators watch of all that was built.

use super::AppError;
use super::ground::Ground;
use crate::config::Config;
use crate::grpc::auth::Auth;
use crate::metrics::{Build, Endpoint, Sources};
use crate::partners::jwt::Services;

impl Ground {
    /// The port of metrics, where one is configured.
    pub(super) async fn metrics(
        &self,
        config: &Config,
        auth: &Auth,
        services: Services,
    ) -> Result<Option<Endpoint>, AppError> {
        if config.metrics.listen.is_empty() {
            return Ok(None);
        }
        let (mode, pool_size) = (config.mode.as_str(), config.database.pool_size);
        let sources = Sources {
            build: Build { mode, started_ms: self.clock.now_ms(), pool_size },
            db: self.db.clone(),
            clock: self.clock.clone(),
            breakers: self.gateways.breakers.clone(),
            refusals: auth.access.refusals().clone(),
            services,
            catalogue: self.catalogue.clone(),
        };
        let bound = Endpoint::bind(&config.metrics, &self.meters, sources).await;
        bound.map(Some).map_err(AppError::Metrics)
    }
}
