//! HTTP/2 frames written by hand over TCP, from any address of the loopback network: what no decent client sends.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RESET: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
/// The setting of the window with which streams begin.
pub const INITIAL_WINDOW: u16 = 4;

/// One frame (RFC 9113, 4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// SETTINGS with these values.
pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        values.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    frame(SETTINGS, 0, 0, &payload)
}

/// The header block of a gRPC call, without compression (RFC 7541, 6.2.2).
pub fn call_headers(path: &str, token: Option<&str>) -> Vec<u8> {
    // `:method: POST` and `:scheme: http` of the static table.
    let mut block = vec![0x83, 0x86];
    let shown = token.map(|token| format!("Bearer {token}"));
    let fields = [
        (":path", Some(path)),
        (":authority", Some("localhost")),
        ("content-type", Some("application/grpc")),
        ("te", Some("trailers")),
        ("authorization", shown.as_deref()),
    ];
    for (name, value) in fields.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "longer texts need more bytes for their length");
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// HEADERS of a call whose message is still to come.
pub fn begin(stream: u32, path: &str, token: Option<&str>) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &call_headers(path, token))
}

/// A whole call with this message.
pub fn call(stream: u32, path: &str, token: Option<&str>, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let body = [&[0], &length[..], message].concat();
    [begin(stream, path, token), frame(DATA, END_STREAM, stream, &body)].concat()
}

/// A connection that its owner writes to as it likes.
pub struct Raw {
    out: OwnedWriteHalf,
    input: Option<OwnedReadHalf>,
    reading: Option<JoinHandle<()>>,
}

impl Raw {
    /// A connection from this address of the loopback network; nothing is said yet.
    pub async fn open(from: Ipv4Addr, to: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let (input, out) = socket.connect(to).await?.into_split();
        Ok(Self { out, input: Some(input), reading: None })
    }

    /// One whose system keeps little of what it does not read.
    pub async fn deaf(from: Ipv4Addr, to: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.bind((from, 0).into())?;
        let (input, out) = socket.connect(to).await?.into_split();
        let mut raw = Self { out, input: Some(input), reading: None };
        raw.send(&[PREFACE, &settings(&[])].concat()).await?;
        Ok(raw)
    }

    /// The same, and HTTP/2 has begun with these settings.
    pub async fn hello(from: Ipv4Addr, to: SocketAddr, values: &[(u16, u32)]) -> io::Result<Self> {
        let mut raw = Self::open(from, to).await?;
        raw.send(&[PREFACE, &settings(values)].concat()).await?;
        Ok(raw)
    }

    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes).await
    }

    /// Takes whatever comes and looks at nothing.
    pub fn drain(&mut self) {
        if let Some(mut input) = self.input.take() {
            self.reading = Some(tokio::spawn(async move {
                let _ = tokio::io::copy(&mut input, &mut tokio::io::sink()).await;
            }));
        }
    }

    /// Whether the server says anything before it closes.
    pub async fn answers(&mut self) -> bool {
        let mut byte = [0];
        matches!(self.input.as_mut().unwrap().read(&mut byte).await, Ok(1))
    }

    /// Reads frames until the end of one of this kind. The first byte of the first one has been read by [`Raw::answers`].
    pub async fn until(&mut self, kind: u8) {
        let input = self.input.as_mut().unwrap();
        let (mut head, mut read) = ([0; 9], 1);
        loop {
            input.read_exact(&mut head[read..]).await.unwrap();
            let length = usize::from(head[1]) << 8 | usize::from(head[2]);
            input.read_exact(&mut vec![0; length]).await.unwrap();
            if head[3] == kind {
                return;
            }
            read = 0;
        }
    }

    /// Waits until the server has closed; what comes before is thrown away.
    pub async fn closed(&mut self) {
        let _ = tokio::io::copy(self.input.as_mut().unwrap(), &mut tokio::io::sink()).await;
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(reading) = &self.reading {
            reading.abort();
        }
    }
}
