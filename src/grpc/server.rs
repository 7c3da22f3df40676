//! The server: services, layers and the limits of connections, from listening to the last answer.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;

use super::auth::Auth;
use super::call::Calls;
use super::client_service::ClientApi;
use super::deadline::Deadline;
use super::edge::config::ConnectionsConfig;
use super::edge::doors::Doors;
use super::health::Health;
use super::kkt_service::KktApi;
use super::pace::Pace;
use super::{layers, reflection};
use crate::pb::client::client_service_server::ClientServiceServer;
use crate::pb::kkt::kkt_service_server::KktServiceServer;

/// Longest message that is sent, bytes.
const LARGEST_OUT: usize = 4 * 1024 * 1024;
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams reset by errors of the peer, and before they were accepted: more end the connection.
const LOCAL_RESETS: usize = 128;
const PENDING_RESETS: usize = 20;

/// What is served.
pub struct Parts {
    /// Clients.
    pub clients: ClientApi,
    /// Registrations of cash registers.
    pub kkts: KktApi,
    /// Who may call.
    pub auth: Auth,
    /// Ids and log lines of calls.
    pub calls: Calls,
    /// The bound of every call.
    pub deadline: Deadline,
    /// How fast a partner may call.
    pub pace: Pace,
    /// What bounds connections and load.
    pub doors: Doors,
}

/// Why the server did not start or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The transport failed.
    #[error("transport: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves until `stop`. Then it accepts nothing more, tells every peer to go, ends streams, and comes back when the calls
/// under way have been answered and their commands have ended, whoever still waits for them; what is not under way, or is not
/// taken, does not keep it. Health says ready while `ready` is true.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    parts: Parts,
    listener: TcpListener,
    ready: watch::Receiver<bool>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let Doors { load, edge, reload, connections } = parts.doors;
    let load = load.until(stop.clone(), edge.life.stall);
    let commands = load.commands.clone();
    let layers = layers::layers(parts.calls, load, parts.deadline, parts.auth, parts.pace);
    let transport = transport(&connections, edge.life.age);
    if let Some(reload) = reload {
        tokio::spawn(reload.run(stop.clone()));
    }
    let routes = routes(parts.clients, parts.kkts, connections.message_bytes, ready).await;
    let incoming = edge.open(listener, stop.clone());
    let served = transport.layer(layers).add_routes(routes);
    served.serve_with_incoming_shutdown(incoming, stop.cancelled_owned()).await?;
    commands.ended().await;
    Ok(())
}

async fn routes(clients: ClientApi, kkts: KktApi, largest_in: usize, ready: watch::Receiver<bool>) -> Routes {
    let (health, health_service) = Health::closed().await;
    tokio::spawn(health.follow(ready));
    let clients =
        ClientServiceServer::new(clients).max_decoding_message_size(largest_in).max_encoding_message_size(LARGEST_OUT);
    let kkts = KktServiceServer::new(kkts).max_decoding_message_size(largest_in).max_encoding_message_size(LARGEST_OUT);
    Routes::new(health_service)
        .add_service(reflection::v1())
        .add_service(reflection::v1alpha())
        .add_service(clients)
        .add_service(kkts)
        .prepare()
}

fn transport(connections: &ConnectionsConfig, age: Duration) -> Server {
    Server::builder()
        .max_concurrent_streams(connections.streams)
        .concurrency_limit_per_connection(connections.in_flight)
        .http2_max_header_list_size(connections.header_list_bytes)
        // Without a grace: with one tonic cuts streams without a word. What does not end by itself is cut by the edge.
        .max_connection_age(age)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
        .http2_max_local_error_reset_streams(Some(LOCAL_RESETS))
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS))
}
