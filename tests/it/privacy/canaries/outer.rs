//! Outer systems that tell marked things: a relay that puts marked words into what the sandbox answers, and a peer that
//! answers nothing but errors, full of them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::search::Marks;

/// Words of the sandbox and the marked ones that stand for them; as many bytes, so that no length changes.
const WORDS: [(&str, &str); 9] = [
    ("ПЕСОЧНИЦА", "КАНАРАБВГ"),
    ("Песочный", "Канардеж"),
    ("Образцов", "Канарзик"),
    ("Примеров", "Канарлмн"),
    ("Тестов", "Канаро"),
    ("Учебный", "Канарпр"),
    ("Песочная", "Канарсту"),
    // Stands in a refusal of FNS. With what a browser or a terminal would obey.
    ("основание", "<i>канарэ\r\n\u{1b}"),
    ("получено", "канаршщы"),
];

/// Marks what outer systems answer.
pub fn mark(marks: &mut Marks) {
    WORDS.iter().for_each(|(_, marked)| marks.add("answer of an outer system", marked));
    marks.add("error of an outer system", ERROR);
}

/// The address of a relay to `to`. What is asked with marked words arrives with the sandbox's own.
pub async fn relay(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            tokio::spawn(async move {
                let far = TcpStream::connect(to).await?;
                let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                let (forth, back) = (carry(from_near, to_far, false), carry(from_far, to_near, true));
                tokio::try_join!(forth, back)
            });
        }
    });
    address
}

async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, back: bool) -> std::io::Result<()> {
    let mut packet = vec![0; 1 << 20];
    loop {
        let length = from.read(&mut packet).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        for (plain, marked) in WORDS {
            let (what, by) = if back { (plain, marked) } else { (marked, plain) };
            replace(&mut packet[..length], what.as_bytes(), by.as_bytes());
            // Applications are filed in this encoding.
            let [what, by] = [what, by].map(|text| encoding_rs::WINDOWS_1251.encode(text).0);
            if what.len() == by.len() {
                replace(&mut packet[..length], &what, &by);
            }
        }
        to.write_all(&packet[..length]).await?;
    }
}

fn replace(packet: &mut [u8], what: &[u8], by: &[u8]) {
    assert_eq!(what.len(), by.len());
    let mut at = 0;
    while at + what.len() <= packet.len() {
        if packet[at..].starts_with(what) {
            packet[at..at + what.len()].copy_from_slice(by);
        }
        at += 1;
    }
}

/// What a hostile peer says, everywhere it can say something.
const ERROR: &str = "kanarfault-7788990011";

/// How an enemy fails.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// HTTP 500 or gRPC INTERNAL, with a text.
    Error,
    /// HTTP 404 or gRPC FAILED_PRECONDITION, with a text.
    Refusal,
    /// What fits no contract, as a success.
    Garbage,
    /// Begins to answer and hangs up.
    BreaksOff,
}

impl Fault {
    pub const ALL: [Self; 4] = [Self::Error, Self::Refusal, Self::Garbage, Self::BreaksOff];
}

/// A peer that fails, over HTTP and over gRPC.
pub struct Enemy {
    pub address: SocketAddr,
    fault: Mutex<Fault>,
    asked: AtomicUsize,
}

impl Enemy {
    pub async fn listen() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let enemy = Arc::new(Self { address, fault: Mutex::new(Fault::Error), asked: AtomicUsize::new(0) });
        let of = enemy.clone();
        let app = Router::new().fallback(move |request: Request| {
            of.asked.fetch_add(1, Ordering::Relaxed);
            let fault = *of.fault.lock().unwrap();
            async move { answer(fault, &request) }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        enemy
    }

    /// Fails so from now on.
    pub fn fail(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn answer(fault: Fault, request: &Request) -> Response {
    let grpc = request.headers().get("content-type").is_some_and(|t| t.as_bytes().starts_with(b"application/grpc"));
    let world = [("x-litebox-environment", "sandbox"), ("x-kanar", ERROR)];
    let said = format!("{{\"error\": {{\"code\": 77, \"description\": \"{ERROR}\"}}, \"suggestions\": \"{ERROR}\"}}");
    match (fault, grpc) {
        (Fault::Error, true) => (world, failed("13")).into_response(),
        (Fault::Refusal, true) => (world, failed("9")).into_response(),
        (Fault::Garbage, true) => (world, [("content-type", "application/grpc")], ERROR).into_response(),
        (Fault::Error, false) => (StatusCode::INTERNAL_SERVER_ERROR, world, said).into_response(),
        (Fault::Refusal, false) => (StatusCode::NOT_FOUND, world, said).into_response(),
        (Fault::Garbage, false) => (world, format!("{said} {ERROR}")).into_response(),
        (Fault::BreaksOff, _) => {
            let parts = [Ok(ERROR), Err(std::io::Error::other(ERROR))];
            let body = axum::body::Body::from_stream(tokio_stream::iter(parts));
            (world, [("content-type", if grpc { "application/grpc" } else { "application/json" })], body)
                .into_response()
        }
    }
}

fn failed(status: &'static str) -> [(&'static str, &'static str); 3] {
    [("content-type", "application/grpc"), ("grpc-status", status), ("grpc-message", ERROR)]
}
