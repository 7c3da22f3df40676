//! Probes, asked as the kubelet asks them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::manifest::Probe;

/// What probes ask: a server where it listens, with the environment of its container.
#[derive(Debug, Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub environment: BTreeMap<String, String>,
}

impl Probe {
    /// Asks until the answer was the same as often as it must be; `good` tells which answers to wait for.
    pub async fn until(&self, target: &Target, good: bool) {
        let (mut in_a_row, wanted) = (0, if good { 1 } else { self.failure_threshold });
        let mut clock = interval(Duration::from_secs(self.period_seconds));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while in_a_row < wanted {
            clock.tick().await;
            in_a_row = if self.ask(target).await == good { in_a_row + 1 } else { 0 };
        }
    }

    /// Asks once.
    pub async fn ask(&self, target: &Target) -> bool {
        let limit = Duration::from_secs(self.timeout_seconds);
        let asked = async {
            match (&self.grpc, &self.exec) {
                (Some(grpc), None) => serves(target.address, &grpc.service).await,
                (None, Some(exec)) => succeeds(&exec.command, &target.environment).await,
                _ => panic!("a probe asks in one way: {self:?}"),
            }
        };
        timeout(limit, asked).await.unwrap_or(false)
    }
}

async fn serves(address: SocketAddr, service: &str) -> bool {
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(channel).check(request).await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}

/// A command in the container.
async fn succeeds(command: &[String], environment: &BTreeMap<String, String>) -> bool {
    assert_eq!(command[0], "litebox-partner", "the image has one program");
    let mut asked = Command::new(env!("CARGO_BIN_EXE_litebox-partner"));
    asked.args(&command[1..]).env_clear().envs(environment).kill_on_drop(true);
    asked.output().await.unwrap().status.success()
}
