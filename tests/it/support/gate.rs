//! A line between the service and an outer system that can be held up: what the service sends waits in it, as it waits in
//! a network that is slow, until the gate is opened.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The line. Its connections end with it.
pub struct Gate {
    url: String,
    state: Arc<State>,
}

struct State {
    open: watch::Sender<bool>,
    /// Bytes that wait.
    held: watch::Sender<usize>,
    /// The first packet with these bytes waits, whatever else goes through.
    trap: Mutex<Option<Vec<u8>>>,
    sprung: watch::Sender<bool>,
}

impl Gate {
    /// An open gate before the party at `url` (`http://host:port`).
    pub async fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let (open, held, sprung) = (watch::Sender::new(true), watch::Sender::new(0), watch::Sender::new(false));
        let state = Arc::new(State { open, held, trap: Mutex::default(), sprung });
        let (far, gate) = (url.trim_start_matches("http://").to_owned(), Arc::clone(&state));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, far.clone(), Arc::clone(&gate)));
            }
        });
        Self { url: here, state }
    }

    /// Where to connect instead.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Holds back what is sent from now on.
    pub fn close(&self) {
        self.state.open.send_replace(false);
    }

    /// Holds back the next packet with this text, and what follows it on its connection.
    pub fn trap(&self, text: &str) {
        self.state.sprung.send_replace(true);
        *self.state.trap.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.as_bytes().to_vec());
    }

    /// Lets everything through, in its order.
    pub fn open(&self) {
        self.state.open.send_replace(true);
        self.state.sprung.send_replace(false);
    }

    /// Waits until something is held back.
    pub async fn holds(&self) {
        // The sender lives as long as `self`.
        let _ = self.state.held.subscribe().wait_for(|held| *held > 0).await;
    }
}

impl State {
    /// Waits until a packet may go on.
    async fn pass(&self, packet: &[u8]) {
        self.held.send_modify(|held| *held += packet.len());
        // The senders live in `self`.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        if self.catches(packet) {
            let _ = self.sprung.subscribe().wait_for(|sprung| !*sprung).await;
        }
        self.held.send_modify(|held| *held -= packet.len());
    }

    fn catches(&self, packet: &[u8]) -> bool {
        let mut trap = self.trap.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |text: &Vec<u8>| packet.windows(text.len()).any(|window| window == text);
        trap.take_if(|text| fits(text)).is_some()
    }
}

async fn carry(near: TcpStream, far: String, state: Arc<State>) -> std::io::Result<()> {
    let far = TcpStream::connect(far).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((mut from_near, mut to_near), (mut from_far, mut to_far)) = (near.into_split(), far.into_split());
    let back = async { tokio::io::copy(&mut from_far, &mut to_near).await.map(|_| ()) };
    let forth = async {
        let mut packet = [0; 16 * 1024];
        loop {
            let length = from_near.read(&mut packet).await?;
            if length == 0 {
                return to_far.shutdown().await;
            }
            state.pass(&packet[..length]).await;
            to_far.write_all(&packet[..length]).await?;
        }
    };
    tokio::try_join!(back, forth).map(|_| ())
}
