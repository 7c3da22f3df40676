//! A line between the service and PostgreSQL, as an address that stays while what is behind it changes: each packet to the
//! server may take its time, so that a caller can go away while one is under way; the line may be cut, or lead elsewhere.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use litebox_partner::storage::Backend;
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

use super::database::{TestDb, backends};
use super::postgres;
use super::stage::Stage;

/// A port that leads to the socket of a server. Ends when it is dropped.
pub struct Line {
    port: u16,
    /// Whoever carries follows it: any change ends what is connected.
    target: Arc<watch::Sender<Target>>,
}

/// Where a line leads.
struct Target {
    socket: PathBuf,
    /// What was connected to the former target hears nothing any more, not even that it is gone: a machine without power.
    silent: bool,
}

impl Line {
    /// A line to this socket on which each packet to the server takes `delay`.
    pub async fn to(socket: PathBuf, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Arc::new(watch::Sender::new(Target { socket, silent: false }));
        let follow = Arc::downgrade(&target);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Some(target) = follow.upgrade() else { return };
                tokio::spawn(connected(near, target.subscribe(), delay));
            }
        });
        Self { port, target }
    }

    /// The URL of a database behind the line.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Leads elsewhere from now on; what is connected is cut.
    pub fn switch(&self, socket: PathBuf) {
        self.target.send_replace(Target { socket, silent: false });
    }

    /// Leads elsewhere from now on; what is connected falls silent.
    pub fn fall_silent(&self, socket: PathBuf) {
        self.target.send_replace(Target { socket, silent: true });
    }
}

/// A stage on PostgreSQL with a line to it without delay; none without PostgreSQL.
pub async fn behind_a_line() -> Option<(Stage, Line)> {
    if !backends().contains(&Backend::Postgres) {
        return None;
    }
    let stage = Stage::new(Backend::Postgres).await;
    Some((stage, Line::to(postgres::server().unwrap().socket(), Duration::ZERO).await))
}

/// The URL of the same database through a line on which each packet takes `delay`, for as long as the test runs.
pub async fn to_postgres(database: &TestDb, delay: Duration) -> String {
    let line = Line::to(postgres::server().unwrap().socket(), delay).await;
    let url = line.url(name_of(database));
    // Nobody switches it; it ends with the test's runtime.
    std::mem::forget(line);
    url
}

/// The name of a test's database on the shared server.
pub fn name_of(database: &TestDb) -> &str {
    let url = database.config.url.expose_secret();
    url.trim_start_matches("postgres://postgres@localhost/").split('?').next().unwrap()
}

/// Carries until one side hangs up, or the line is cut, switched or silenced.
async fn connected(near: TcpStream, mut target: watch::Receiver<Target>, delay: Duration) {
    let socket = target.borrow_and_update().socket.clone();
    let mut carrying = pin!(carry(near, socket, delay));
    tokio::select! {
        // First of all: not one packet more.
        biased;
        _ = target.changed() => {}
        // A side that hangs up is no error here, and neither is a server that is not there.
        _ = &mut carrying => return,
    }
    if target.borrow_and_update().silent {
        // With both sockets open.
        let _ = target.wait_for(|target| !target.silent).await;
    }
}

async fn carry(near: TcpStream, socket: PathBuf, delay: Duration) -> std::io::Result<()> {
    near.set_nodelay(true)?;
    let far = UnixStream::connect(socket).await?;
    let ((mut from_near, mut to_near), (mut from_far, mut to_far)) = (near.into_split(), far.into_split());
    let back = async {
        tokio::io::copy(&mut from_far, &mut to_near).await?;
        to_near.shutdown().await
    };
    let forth = async {
        let mut packet = [0; 16 * 1024];
        loop {
            let length = from_near.read(&mut packet).await?;
            if length == 0 {
                return to_far.shutdown().await;
            }
            tokio::time::sleep(delay).await;
            to_far.write_all(&packet[..length]).await?;
        }
    };
    tokio::try_join!(back, forth).map(|_| ())
}
