//! Asks a running server how it is, as a probe would: for containers whose orchestrator speaks no gRPC.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::{CliError, secure};
use crate::config::Config;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which health: empty for readiness, `liveness`, or the full name of a service.
    #[arg(long, default_value = "")]
    service: String,
    /// Where the server answers; the configured listener without it.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Longest wait, seconds.
    #[arg(long, default_value_t = 3)]
    timeout: u64,
    #[command(flatten)]
    tls: secure::Args,
}

impl Args {
    pub(super) async fn run(self, config: &Config) -> Result<(), CliError> {
        let address = self.address.unwrap_or_else(|| reachable(&config.server.listen));
        let limit = Duration::from_secs(self.timeout);
        let tls = (config.tls.is_on() || self.tls.demanded()).then_some(&self.tls);
        match tokio::time::timeout(limit, ask(&address, tls, self.service)).await {
            Ok(Ok(ServingStatus::Serving)) => Ok(()),
            Ok(Ok(other)) => Err(CliError::NotServing(other.as_str_name().to_owned())),
            Ok(Err(why)) => Err(CliError::NotServing(why)),
            Err(_) => Err(CliError::NotServing(format!("no answer within {} s", self.timeout))),
        }
    }
}

async fn ask(address: &str, tls: Option<&secure::Args>, service: String) -> Result<ServingStatus, String> {
    let channel = connect(address, tls).await?;
    let answer = HealthClient::new(channel).check(HealthCheckRequest { service }).await;
    answer.map(|a| a.into_inner().status()).map_err(|status| status.code().to_string())
}

async fn connect(address: &str, tls: Option<&secure::Args>) -> Result<Channel, String> {
    // The scheme is plain in either case: what finishes TLS is the way.
    let endpoint =
        Endpoint::from_shared(format!("http://{address}")).map_err(|_| "the address is not one".to_owned())?;
    let Some(tls) = tls else {
        return endpoint.connect().await.map_err(|_| format!("{address} does not answer"));
    };
    let (way, at) = (tls.way(address)?, address.to_owned());
    let connector = tower::service_fn(move |_| way.clone().open(at.clone()));
    let connected = endpoint.connect_with_connector(connector).await;
    connected.map_err(|error| format!("{address} does not answer over TLS: {}", root(&error)))
}

/// The cause at the bottom: tonic's own text says only that the transport failed.
fn root(mut error: &dyn std::error::Error) -> String {
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

/// A listener on all addresses is asked on loopback.
fn reachable(listen: &str) -> String {
    match listen.parse::<std::net::SocketAddr>() {
        Ok(at) if at.ip().is_unspecified() && at.is_ipv6() => format!("[::1]:{}", at.port()),
        Ok(at) if at.ip().is_unspecified() => format!("127.0.0.1:{}", at.port()),
        _ => listen.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:50051", "127.0.0.1:50051"),
            ("[::]:50051", "[::1]:50051"),
            ("10.0.0.1:50051", "10.0.0.1:50051"),
            ("localhost:50051", "localhost:50051"),
        ] {
            assert_eq!(reachable(listen), asked);
        }
    }
}
