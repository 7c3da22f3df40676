//! What keeps a connection open once the server closes: calls under way, and nothing else.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::timeout;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

use crate::grpc::status;

/// After the last call an honest peer takes its answer, confirms the GOAWAY and is gone before. Longer than the way to any
/// partner and back.
const LINGER: Duration = Duration::from_millis(500);

/// The calls under way on one connection. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Busy(Arc<Calls>);

#[derive(Debug, Default)]
struct Calls {
    count: AtomicUsize,
    /// What begins now came after the server had closed.
    closed: AtomicBool,
    /// Told of each change of the count once that matters. Every call changes it a few times.
    changed: Notify,
}

impl Calls {
    /// In one order with the close: either that sees this count, or this that somebody waits.
    fn counted(&self, one_more: bool) {
        if one_more {
            self.count.fetch_add(1, SeqCst)
        } else {
            self.count.fetch_sub(1, SeqCst)
        };
        if self.closed.load(SeqCst) {
            self.changed.notify_waiters();
        }
    }
}

impl Busy {
    /// One more call. It is under way until the last clone is dropped.
    pub fn begin(&self) -> UnderWay {
        let matters = AtomicBool::new(!self.0.closed.load(Relaxed));
        let call = Call { busy: self.clone(), matters, counts: AtomicBool::new(false) };
        call.count(true);
        UnderWay(Arc::new(call))
    }

    /// Closes; comes back when for a while nothing has been under way, and nothing has come or gone.
    pub async fn over(&self) {
        self.0.closed.store(true, SeqCst);
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            // Before the count is read: no change after it goes unseen.
            changed.as_mut().enable();
            let limit = if self.0.count.load(SeqCst) == 0 { LINGER } else { Duration::MAX };
            if timeout(limit, changed).await.is_err() {
                return;
            }
        }
    }
}

/// A call under way. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UnderWay(Arc<Call>);

#[derive(Debug)]
struct Call {
    busy: Busy,
    /// Strangers' calls that came too late do not: they would keep the connection, and with it the server, for as long as
    /// they come.
    matters: AtomicBool,
    counts: AtomicBool,
}

impl UnderWay {
    /// Somebody who may call has made it.
    pub fn known(&self) {
        self.0.matters.store(true, Relaxed);
        self.0.count(true);
    }

    /// The message of this call. While the server waits for it, the call does not count: who does not say what it asks keeps
    /// nothing open.
    pub fn message(&self, inner: Body) -> Body {
        Body::new(Message { inner, call: self.clone() })
    }
}

impl Call {
    fn count(&self, counts: bool) {
        let counts = counts && self.matters.load(Relaxed);
        if self.counts.swap(counts, Relaxed) != counts {
            self.busy.0.counted(counts);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.count(false);
    }
}

struct Message {
    inner: Body,
    call: UnderWay,
}

impl http_body::Body for Message {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        self.call.0.count(polled.is_ready());
        // A peer that goes away in the middle of its message is no fault of the server.
        polled.map_err(|_| status::undecodable())
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use futures::FutureExt;
    use http_body::Body as _;

    use super::*;

    /// A message that comes, or does not.
    struct Empty {
        comes: bool,
    }

    impl http_body::Body for Empty {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            if self.comes { Poll::Ready(None) } else { Poll::Pending }
        }
    }

    async fn next(body: &mut Body) -> Option<Result<Frame<Bytes>, Status>> {
        std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
    }

    #[tokio::test]
    async fn a_connection_is_over_a_while_after_its_last_call() {
        let busy = Busy::default();
        let (first, second) = (busy.begin(), busy.begin());
        let mut over = Box::pin(busy.over());
        drop((first.clone(), first));
        assert!(timeout(LINGER * 2, &mut over).await.is_err(), "a call is under way");
        drop(second);
        assert!((&mut over).now_or_never().is_none(), "its answer is on the way");
        let began = Instant::now();
        let late = busy.begin();
        late.known();
        drop(late);
        over.await;
        assert!(began.elapsed() >= LINGER, "so is that of another");
    }

    #[tokio::test]
    async fn a_call_whose_message_does_not_come_is_not_under_way() {
        let busy = Busy::default();
        let call = busy.begin();
        let mut silent = call.message(Body::new(Empty { comes: false }));
        assert!(next(&mut silent).now_or_never().is_none());
        busy.over().await;
        let mut whole = call.message(Body::new(Empty { comes: true }));
        assert!(next(&mut whole).await.is_none());
        assert_eq!(busy.0.count.load(SeqCst), 1, "it has come");
        drop((silent, whole, call));
        assert_eq!(busy.0.count.load(SeqCst), 0, "and has been answered");
    }

    #[tokio::test]
    async fn a_call_that_comes_after_the_close_is_under_way_once_somebody_is_known_to_make_it() {
        let busy = Busy::default();
        busy.over().await;
        let late = busy.begin();
        assert_eq!(busy.0.count.load(SeqCst), 0);
        late.known();
        assert_eq!(busy.0.count.load(SeqCst), 1);
        drop(late);
        assert_eq!(busy.0.count.load(SeqCst), 0);
    }
}
