//! HTTP/2 frames written by hand over TCP, from any address of the loopback network: what no decent client sends.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::pki::secured;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RESET: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
/// Of PING and SETTINGS: an answer.
pub const ACK: u8 = 1;
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

/// The headers of a gRPC call.
fn fields<'a>(path: &'a str, shown: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let usual = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost")];
    let grpc = [("content-type", "application/grpc"), ("te", "trailers")];
    let shown = shown.map(|credentials| ("authorization", credentials));
    usual.into_iter().chain(grpc).chain(shown).collect()
}

/// A header block without compression (RFC 7541, 6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let literal = |text: &str| [length(text.len()), text.as_bytes().to_vec()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], literal(name), literal(value)].concat()).collect()
}

/// A length of seven bits, or more bytes where that does not do (RFC 7541, 5.1).
fn length(length: usize) -> Vec<u8> {
    let Some(mut rest) = length.checked_sub(127) else { return vec![u8::try_from(length).unwrap()] };
    let mut bytes = vec![127];
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

/// The header block of a gRPC call.
pub fn call_headers(path: &str, token: Option<&str>) -> Vec<u8> {
    let shown = token.map(|token| format!("Bearer {token}"));
    block(&fields(path, shown.as_deref()))
}

/// HEADERS of a call, filled up to a header list of so many bytes (RFC 9113, 6.5.2).
pub fn begin_filled(stream: u32, path: &str, token: &str, bytes: usize) -> Vec<u8> {
    let shown = format!("Bearer {token}");
    let fields = fields(path, Some(&shown));
    let size = |(name, value): &(&str, &str)| name.len() + value.len() + 32;
    let left = bytes - fields.iter().map(size).sum::<usize>() - size(&("x-filler", ""));
    let filler = "y".repeat(left);
    let block = block(&[&fields[..], &[("x-filler", &filler)]].concat());
    // A frame holds 16 KiB.
    let (first, rest) = block.split_at(block.len().min(16_000));
    let more = frame(CONTINUATION, END_HEADERS, stream, rest);
    [frame(HEADERS, 0, stream, first), more].concat()
}

/// HEADERS of a call whose message is still to come.
pub fn begin(stream: u32, path: &str, token: Option<&str>) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &call_headers(path, token))
}

/// A whole message, after which the caller says no more.
pub fn message(stream: u32, message: &[u8]) -> Vec<u8> {
    messages(stream, &[message])
}

/// Several at once.
pub fn messages(stream: u32, messages: &[&[u8]]) -> Vec<u8> {
    let length = |message: &[u8]| u32::try_from(message.len()).unwrap().to_be_bytes();
    let said = messages.iter().flat_map(|message| [&[0], &length(message)[..], message].concat());
    frame(DATA, END_STREAM, stream, &said.collect::<Vec<_>>())
}

/// A whole call with this message.
pub fn call(stream: u32, path: &str, token: Option<&str>, said: &[u8]) -> Vec<u8> {
    [begin(stream, path, token), message(stream, said)].concat()
}

/// How a stream has ended, as its caller sees it.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// With a message.
    Answered,
    /// Without one.
    Refused,
    /// With this error code of HTTP/2.
    Reset(u32),
}

/// A frame as it came.
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A connection that its owner writes to as it likes.
pub struct Raw {
    out: Box<dyn AsyncWrite + Send + Unpin>,
    input: Option<Box<dyn AsyncRead + Send + Unpin>>,
    reading: Option<JoinHandle<()>>,
    /// Streams on which a message has come.
    told: HashSet<u32>,
}

impl Raw {
    fn over(stream: TcpStream) -> Self {
        let (input, out) = stream.into_split();
        Self { out: Box::new(out), input: Some(Box::new(input)), reading: None, told: HashSet::new() }
    }

    /// A connection from this address of the loopback network; nothing is said yet.
    pub async fn open(from: Ipv4Addr, to: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        Ok(Self::over(socket.connect(to).await?))
    }

    /// One whose system keeps little of what it does not read.
    pub async fn deaf(from: Ipv4Addr, to: SocketAddr, values: &[(u16, u32)]) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.bind((from, 0).into())?;
        let mut raw = Self::over(socket.connect(to).await?);
        raw.send(&[PREFACE, &settings(values)].concat()).await?;
        Ok(raw)
    }

    /// A connection on which HTTP/2 has begun with these settings.
    pub async fn hello(from: Ipv4Addr, to: SocketAddr, values: &[(u16, u32)]) -> io::Result<Self> {
        let mut raw = Self::open(from, to).await?;
        raw.send(&[PREFACE, &settings(values)].concat()).await?;
        Ok(raw)
    }

    /// The same over TLS.
    pub async fn secure_hello(from: Ipv4Addr, to: SocketAddr, config: Arc<ClientConfig>) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let (input, out) = tokio::io::split(secured(socket.connect(to).await?, config).await?);
        let mut raw = Self { out: Box::new(out), input: Some(Box::new(input)), reading: None, told: HashSet::new() };
        raw.send(&[PREFACE, &settings(&[])].concat()).await?;
        Ok(raw)
    }

    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes).await?;
        self.out.flush().await
    }

    /// Takes whatever comes and looks at nothing.
    pub fn drain(&mut self) {
        if let Some(mut input) = self.input.take() {
            self.reading = Some(tokio::spawn(async move {
                let _ = tokio::io::copy(&mut input, &mut tokio::io::sink()).await;
            }));
        }
    }

    /// From now on idle: it says nothing but that it is there, when it is asked.
    pub fn rest(&mut self) {
        let (out, input) = (std::mem::replace(&mut self.out, Box::new(tokio::io::sink())), self.input.take());
        let mut quiet = Self { out, input, reading: None, told: HashSet::new() };
        self.reading = Some(tokio::spawn(async move { while quiet.next().await.is_ok() {} }));
    }

    /// The next stream that ends, and how.
    pub async fn ended(&mut self) -> io::Result<(u32, End)> {
        loop {
            let Frame { kind, flags, stream, payload } = self.next().await?;
            let end = match kind {
                // The end of a gRPC call is in its trailers.
                DATA => {
                    self.told.insert(stream);
                    None
                }
                HEADERS if flags & END_STREAM == 0 => None,
                HEADERS if self.told.remove(&stream) => Some(End::Answered),
                HEADERS => Some(End::Refused),
                RESET => Some(End::Reset(u32::from_be_bytes(payload.try_into().unwrap()))),
                _ => None,
            };
            if let Some(end) = end {
                return Ok((stream, end));
            }
        }
    }

    /// Whether the server says anything before it closes.
    pub async fn answers(&mut self) -> bool {
        let mut byte = [0];
        matches!(self.input.as_mut().unwrap().read(&mut byte).await, Ok(1))
    }

    /// Reads frames until the end of one of this kind. The first byte of the first one has been read by [`Raw::answers`].
    pub async fn until(&mut self, kind: u8) {
        let mut read = 1;
        while self.take(read).await.unwrap().kind != kind {
            read = 0;
        }
    }

    /// The next frame. PING is answered.
    pub async fn next(&mut self) -> io::Result<Frame> {
        let came = self.take(0).await?;
        if came.kind == PING && came.flags & ACK == 0 {
            self.send(&frame(PING, ACK, 0, &came.payload)).await?;
        }
        Ok(came)
    }

    /// The next frame, of which so many bytes have been read.
    async fn take(&mut self, read: usize) -> io::Result<Frame> {
        let (input, mut head) = (self.input.as_mut().unwrap(), [0; 9]);
        input.read_exact(&mut head[read..]).await?;
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        input.read_exact(&mut payload).await?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Ok(Frame { kind: head[3], flags: head[4], stream, payload })
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
