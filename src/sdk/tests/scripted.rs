//! A server whose answers a test writes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::{BoxStream, StreamExt, iter, pending};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::{Request, Response, Status, async_trait};

use crate::pb::kkt as pb;
use crate::pb::kkt::kkt_service_server::{KktService, KktServiceServer};
use crate::sdk::{Options, Partner};

pub type Script = Vec<Result<pb::WatchResponse, Status>>;

/// Plays one script a stream; what comes after the last one stays silent. Shows an empty registration to Get. Both begin once it
/// has no failure left for them. Keeps what it was asked with.
#[derive(Clone, Default)]
pub struct Scripted(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    scripts: VecDeque<Script>,
    failures: VecDeque<Status>,
    resume_tokens: Vec<String>,
    headers: Vec<MetadataMap>,
    rotating: Option<PathBuf>,
}

impl Scripted {
    pub fn new(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self(Arc::new(Mutex::new(Inner { scripts: scripts.into_iter().collect(), ..Inner::default() })))
    }

    /// Calls fail with each of these once.
    pub fn failing(failures: impl IntoIterator<Item = Status>) -> Self {
        Self(Arc::new(Mutex::new(Inner { failures: failures.into_iter().collect(), ..Inner::default() })))
    }

    /// Adds scripts.
    pub fn play(&self, scripts: impl IntoIterator<Item = Script>) {
        self.inner().scripts.extend(scripts);
    }

    /// By the time that a call has been answered, the file has the next of the tokens `token-1`, `token-2`, and so on.
    pub fn rotating(self, file: &Path) -> Self {
        std::fs::write(file, "token-0").unwrap();
        self.inner().rotating = Some(file.to_owned());
        self
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The resume tokens of its streams.
    pub fn asked(&self) -> Vec<String> {
        self.inner().resume_tokens.clone()
    }

    /// One header of each call.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let read =
            |headers: &MetadataMap| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().into();
        self.inner().headers.iter().map(read).collect()
    }

    /// A partner of this server, in plain text.
    pub async fn partner(&self, options: Options) -> Partner {
        let address = self.serve(Server::builder()).await.to_string();
        let options = Options { address, plaintext: true, allow_token_in_plaintext: true, ..options };
        Partner::new(options).unwrap()
    }

    pub async fn serve(&self, mut server: Server) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = KktServiceServer::new(self.clone());
        tokio::spawn(server.add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
        address
    }
}

impl Inner {
    /// Keeps what a call came with, and fails as it was told to.
    fn heard(&mut self, headers: &MetadataMap) -> Result<(), Status> {
        self.headers.push(headers.clone());
        if let Some(file) = &self.rotating {
            std::fs::write(file, format!("token-{}", self.headers.len())).unwrap();
        }
        self.failures.pop_front().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl KktService for Scripted {
    type WatchStream = BoxStream<'static, Result<pb::WatchResponse, Status>>;

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let mut inner = self.inner();
        inner.heard(request.metadata())?;
        inner.resume_tokens.push(request.into_inner().resume_token);
        Ok(Response::new(match inner.scripts.pop_front() {
            Some(script) => iter(script).boxed(),
            None => pending().boxed(),
        }))
    }

    async fn quick_register(
        &self,
        _: Request<pb::QuickRegisterRequest>,
    ) -> Result<Response<pb::QuickRegisterResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    async fn fiscalize(&self, _: Request<pb::FiscalizeRequest>) -> Result<Response<pb::FiscalizeResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    async fn amend(&self, _: Request<pb::AmendRequest>) -> Result<Response<pb::AmendResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    async fn cancel(&self, _: Request<pb::CancelRequest>) -> Result<Response<pb::CancelResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    async fn get(&self, request: Request<pb::GetRequest>) -> Result<Response<pb::GetResponse>, Status> {
        self.inner().heard(request.metadata())?;
        Ok(Response::new(pb::GetResponse::default()))
    }

    async fn list(&self, _: Request<pb::ListRequest>) -> Result<Response<pb::ListResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }
}
