//! What works without being called: nobody would miss it, so its end is noticed here.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::AppError;

/// Tasks without which a server is none: one that panics stops it, in order. Cheap to clone.
#[derive(Clone)]
pub(super) struct Watched {
    stop: CancellationToken,
    panicked: Arc<AtomicBool>,
}

impl Watched {
    /// What tells `stop`.
    pub fn new(stop: CancellationToken) -> Self {
        Self { stop, panicked: Arc::default() }
    }

    /// Does this work to its end, of whatever kind.
    pub async fn run(self, task: &'static str, work: impl Future<Output = ()> + Send) {
        let work = async move {
            #[cfg(feature = "chaos")]
            crate::chaos::panic_in(task);
            work.await;
        };
        // What it said stands in a line of its own already.
        if AssertUnwindSafe(work).catch_unwind().await.is_err() {
            tracing::error!(task, "panicked: the server stops, so that whoever watches it starts a new one");
            self.panicked.store(true, Ordering::Relaxed);
            self.stop.cancel();
        }
    }

    /// Whether all went well.
    ///
    /// # Errors
    /// [`AppError::Panicked`].
    pub fn well(&self) -> Result<(), AppError> {
        if self.panicked.load(Ordering::Relaxed) { Err(AppError::Panicked) } else { Ok(()) }
    }
}
