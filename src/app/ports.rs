//! Ports: taken before anything is changed, open when there is somebody to answer.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, lookup_host};

use super::AppError;
use crate::config::Config;

/// Connections that the system keeps until they are accepted.
const WAITING: u32 = 1024;

/// All ports of the server.
pub(super) struct Ports {
    /// Calls.
    pub calls: Port,
    /// Metrics, where they are shown.
    pub metrics: Option<Port>,
}

impl Ports {
    /// Takes them.
    ///
    /// # Errors
    /// [`AppError::Listen`] and [`AppError::Metrics`], when another process has one.
    pub async fn take(config: &Config) -> Result<Self, AppError> {
        let shown = !config.metrics.listen.is_empty();
        Ok(Self {
            calls: Port::take(&config.server.listen).await?,
            metrics: match shown {
                true => Some(Port::take(&config.metrics.listen).await.map_err(AppError::Metrics)?),
                false => None,
            },
        })
    }
}

/// A port that is ours. Until it is opened connections are refused: who is told so at once goes elsewhere, and who were
/// accepted and not answered would wait.
pub(super) struct Port(TcpSocket);

impl Port {
    async fn take(address: &str) -> io::Result<Self> {
        let mut refused = io::ErrorKind::AddrNotAvailable.into();
        for address in lookup_host(address).await? {
            match bound(address) {
                Ok(socket) => return Ok(Self(socket)),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Connections are accepted by the system from now on.
    ///
    /// # Errors
    /// When somebody else has opened it meanwhile.
    pub fn open(self) -> io::Result<TcpListener> {
        self.0.listen(WAITING)
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the process before may linger; one that listens is in the way all the same.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
