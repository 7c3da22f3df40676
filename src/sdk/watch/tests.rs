use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use futures::stream::{BoxStream, StreamExt, iter, pending};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Response, async_trait};
use tonic_types::{ErrorDetails, StatusExt};

use super::*;
use crate::pb::kkt::kkt_service_server::{KktService, KktServiceServer};
use crate::sdk::{Options, Partner};

type Script = Vec<Result<pb::WatchResponse, Status>>;

/// Plays one script a stream; what comes after the last one stays silent. Keeps the tokens that it was asked with.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<(VecDeque<Script>, Vec<String>)>>);

impl Scripted {
    fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    async fn serve(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = KktServiceServer::new(self.clone());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
        address
    }
}

#[async_trait]
impl KktService for Scripted {
    type WatchStream = BoxStream<'static, Result<pb::WatchResponse, Status>>;

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1.push(request.into_inner().resume_token);
        Ok(Response::new(match inner.0.pop_front() {
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

    async fn get(&self, _: Request<pb::GetRequest>) -> Result<Response<pb::GetResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }

    async fn list(&self, _: Request<pb::ListRequest>) -> Result<Response<pb::ListResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }
}

async fn watching(
    scripts: impl IntoIterator<Item = Script>,
    kkt_ids: &[&str],
    resume_token: &str,
) -> (Scripted, Watch) {
    let scripted = Scripted(Arc::new(Mutex::new((scripts.into_iter().collect(), Vec::new()))));
    let address = scripted.serve().await.to_string();
    let partner = Partner::new(Options { address, plaintext: true, ..Options::default() }).unwrap();
    let kkt_ids = kkt_ids.iter().map(|&id| id.into()).collect();
    let watch = partner.kkts().watch(WatchOptions { kkt_ids, resume_token: resume_token.into() });
    (scripted, watch)
}

fn change(revision: i64, token: &str) -> Result<pb::WatchResponse, Status> {
    let kkt = pb::Kkt { id: "k".into(), revision, ..pb::Kkt::default() };
    Ok(pb::WatchResponse { event: Some(Event::Kkt(kkt)), resume_token: token.into() })
}

fn end(token: &str) -> Result<pb::WatchResponse, Status> {
    Ok(pb::WatchResponse { event: Some(Event::End(pb::End {})), resume_token: token.into() })
}

fn unknown_token() -> Result<pb::WatchResponse, Status> {
    let details = ErrorDetails::with_bad_request_violation("resume_token", "is unknown");
    Err(Status::with_error_details(Code::InvalidArgument, "no", details))
}

async fn revisions(watch: &mut Watch, count: usize) -> Vec<i64> {
    let mut seen = Vec::new();
    while seen.len() < count {
        seen.push(watch.next().await.unwrap().revision);
    }
    seen
}

#[tokio::test]
async fn each_change_is_told_as_it_comes_also_one_of_a_lower_revision() {
    let first = vec![change(5, "a"), change(5, "b"), change(3, "c"), end("d")];
    let (scripted, mut watch) = watching([first, vec![change(4, "e")]], &[], "given").await;
    assert_eq!(revisions(&mut watch, 4).await, [5, 5, 3, 4]);
    assert_eq!(scripted.asked(), ["given", "d"]);
    assert_eq!(watch.resume_token(), "e");
}

#[tokio::test]
async fn a_pause_is_kept_by_a_watch_that_is_left_in_it() {
    let busy = Status::with_error_details(
        Code::ResourceExhausted,
        "full",
        ErrorDetails::with_retry_info(Some(Duration::from_millis(700))),
    );
    let (scripted, mut watch) = watching([vec![Err(busy)], vec![change(1, "a")]], &[], "").await;
    let began = Instant::now();
    let kkt = loop {
        // As `select!` leaves it, many times.
        if let Ok(kkt) = timeout(Duration::from_millis(20), watch.next()).await {
            break kkt.unwrap();
        }
    };
    assert_eq!(kkt.revision, 1);
    assert!(began.elapsed() >= Duration::from_millis(700), "{:?}", began.elapsed());
    assert_eq!(scripted.asked().len(), 2);
}

#[tokio::test]
async fn a_stream_that_is_left_while_it_opens_goes_on_opening() {
    let (scripted, mut watch) = watching([vec![change(1, "a"), change(2, "b")]], &[], "").await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        // One poll at a time.
        if let Some(kkt) = futures::FutureExt::now_or_never(watch.next()) {
            seen.push(kkt.unwrap().revision);
        }
        tokio::task::yield_now().await;
    }
    assert_eq!((seen, scripted.asked().len()), (vec![1, 2], 1));
}

#[tokio::test]
async fn a_token_of_its_own_that_is_not_known_is_done_without_where_registrations_are_named() {
    let scripts =
        || [vec![change(1, "own"), Err(Status::unavailable("restart"))], vec![unknown_token()], vec![change(2, "new")]];
    let (scripted, mut named) = watching(scripts(), &["k"], "").await;
    assert_eq!(revisions(&mut named, 2).await, [1, 2]);
    assert_eq!(scripted.asked(), ["", "own", ""]);

    let (_, mut all) = watching(scripts(), &[], "").await;
    assert_eq!(revisions(&mut all, 1).await, [1]);
    assert_eq!(all.next().await.unwrap_err().code(), Code::InvalidArgument);

    let (scripted, mut given) = watching([vec![unknown_token()]], &["k"], "given").await;
    assert_eq!(given.next().await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(scripted.asked(), ["given"]);
}

#[tokio::test]
async fn a_service_that_only_ever_ends_its_streams_is_not_asked_in_a_loop() {
    let ends = || vec![end("t")];
    let (scripted, mut watch) = watching([ends(), ends(), ends(), vec![change(1, "a")]], &[], "").await;
    let began = Instant::now();
    assert_eq!(revisions(&mut watch, 1).await, [1]);
    // At once, then 0.1 and 0.2 s, each a fifth less at the least.
    assert!(began.elapsed() >= Duration::from_millis(240), "{:?}", began.elapsed());
    assert_eq!(scripted.asked().len(), 4);
}
