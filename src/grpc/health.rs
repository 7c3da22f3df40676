//! Honest health: closed until told otherwise, and answered from memory, never by a query inside the probe.

use tokio::sync::watch;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{self, HealthServer};
use tonic_health::server::{HealthReporter, HealthService};

use crate::pb::client::client_service_server::SERVICE_NAME as CLIENTS;
use crate::pb::kkt::kkt_service_server::SERVICE_NAME as KKTS;

/// The name under which health says that the process lives, whatever the database does.
pub const LIVENESS: &str = "liveness";
/// Names that say whether calls can be served: all of the server, and each service.
pub const READINESS: [&str; 3] = ["", CLIENTS, KKTS];

/// The name of the health service; the authentication layer lets it pass.
pub const NAME: &str = <HealthServer<HealthService> as NamedService>::NAME;

/// The name of a service fits many times. Nobody needs a credential to ask: what is on its way is held for strangers.
const LARGEST_QUESTION: usize = 1024;

/// What health says.
#[derive(Clone)]
pub struct Health(HealthReporter);

impl Health {
    /// Health of a server that serves nothing yet, and the service that tells it. tonic's own reporter would begin with
    /// SERVING.
    pub async fn closed() -> (Self, HealthServer<impl health_server::Health>) {
        let health = Self(HealthReporter::new());
        health.set_ready(false).await;
        health.0.set_service_status(LIVENESS, ServingStatus::Serving).await;
        let service = HealthService::from_health_reporter(health.0.clone());
        (health, HealthServer::new(service).max_decoding_message_size(LARGEST_QUESTION))
    }

    /// Follows `ready` (database reachable, schema right, not draining) until its sender is gone; then the server is not
    /// ready any more.
    pub async fn follow(self, mut ready: watch::Receiver<bool>) {
        loop {
            let now = *ready.borrow_and_update();
            self.set_ready(now).await;
            if ready.changed().await.is_err() {
                return self.set_ready(false).await;
            }
        }
    }

    async fn set_ready(&self, ready: bool) {
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in READINESS {
            self.0.set_service_status(name, status).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus as Wire;

    async fn ask(service: &HealthService, name: &str) -> Wire {
        let request = tonic::Request::new(HealthCheckRequest { service: name.into() });
        health_server::Health::check(service, request).await.unwrap().into_inner().status()
    }

    #[tokio::test]
    async fn a_server_is_closed_until_it_is_ready_and_when_it_drains() {
        let (health, _) = Health::closed().await;
        let service = HealthService::from_health_reporter(health.0.clone());
        for name in READINESS {
            assert_eq!(ask(&service, name).await, Wire::NotServing, "{name:?}");
        }
        assert_eq!(ask(&service, LIVENESS).await, Wire::Serving);

        let (tell, ready) = watch::channel(true);
        let following = tokio::spawn(health.follow(ready));
        tokio::task::yield_now().await;
        assert_eq!(ask(&service, CLIENTS).await, Wire::Serving);
        drop(tell);
        following.await.unwrap();
        assert_eq!(ask(&service, "").await, Wire::NotServing);
        assert_eq!(ask(&service, LIVENESS).await, Wire::Serving);
    }
}
