//! Asks a running server how it is, as a probe would: for containers whose orchestrator speaks no gRPC.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

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
    /// Also make a call with the token in this file, and see that the same call is refused without one. Over TLS with --ca only.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    tls: secure::Args,
}

impl Args {
    pub(super) async fn run(self, config: &Config) -> Result<(), CliError> {
        let address = self.address.clone().unwrap_or_else(|| reachable(&config.server.listen));
        let limit = Duration::from_secs(self.timeout);
        let tls = (config.tls.is_on() || self.tls.demanded()).then_some(&self.tls);
        match tokio::time::timeout(limit, self.ask(&address, tls)).await {
            Ok(asked) => asked.map_err(CliError::NotServing),
            Err(_) => Err(CliError::NotServing(format!("no answer within {} s", self.timeout))),
        }
    }

    async fn ask(&self, address: &str, tls: Option<&secure::Args>) -> Result<(), String> {
        if self.token_file.is_some() && tls.is_some_and(|tls| !tls.verifies()) {
            return Err("--token-file: a token is shown to nobody who is not verified: give --ca".to_owned());
        }
        let channel = connect(address, tls).await?;
        let request = HealthCheckRequest { service: self.service.clone() };
        let answer = HealthClient::new(channel.clone()).check(request).await;
        match answer.map_err(|status| status.code().to_string())?.into_inner().status() {
            ServingStatus::Serving => {}
            other => return Err(other.as_str_name().to_owned()),
        }
        match &self.token_file {
            Some(file) => admits(channel, file).await,
            None => Ok(()),
        }
    }
}

/// Whether callers with this token are let in, and others are not.
async fn admits(channel: Channel, file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("--token-file: {error}"))?;
    let mut token: MetadataValue<Ascii> =
        format!("Bearer {}", text.trim()).parse().map_err(|_| "--token-file: holds no token".to_owned())?;
    token.set_sensitive(true);
    match list_services(channel.clone(), None).await {
        Err(status) if status.code() == Code::Unauthenticated => {}
        Err(status) => return Err(format!("a call without a token: {}", status.code())),
        Ok(()) => return Err("a call without a token was let in".to_owned()),
    }
    list_services(channel, Some(token)).await.map_err(|status| format!("a call with the token: {}", status.code()))
}

/// Reflection needs a good credential, and neither a scope nor a partner.
async fn list_services(channel: Channel, token: Option<MetadataValue<Ascii>>) -> Result<(), Status> {
    let asked = Some(MessageRequest::ListServices(String::new()));
    let question = ServerReflectionRequest { host: String::new(), message_request: asked };
    let mut request = Request::new(tokio_stream::once(question));
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", token);
    }
    let mut answers = ServerReflectionClient::new(channel).server_reflection_info(request).await?.into_inner();
    answers.message().await?.map(drop).ok_or_else(|| Status::unavailable("no answer"))
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
