//! From the configuration to the exit code: what is started in which order, and what waits for whom at the end.
//! `docs/architecture.md` says why.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use futures::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::watched::Watched;
use super::{App, AppError};
use crate::clients::reaper::Reaper;
use crate::clock::{Clock, Ids};
use crate::config::{Config, Env};
use crate::erasure::retention::Retention;
use crate::grpc::server;
use crate::kkt::worker::Worker;
use crate::readiness;
use crate::telemetry;

/// For the last statements when everything else has ended.
const CLOSE: Duration = Duration::from_secs(1);

/// Runs the server until it is told to stop. It waits for a database that takes no connections yet; on a backup that was
/// restored, the name of its recovery comes with it.
///
/// # Errors
/// [`AppError`]; [`AppError::ToldEarly`] when a signal cut the start, [`AppError::ToldTwice`] when a second one cut what was
/// under way.
pub async fn serve(file: Option<&Path>, recover: Option<&str>, wait: Duration) -> Result<(), AppError> {
    let config = Config::load_whole(file, &Env::of_process())?;
    let instance = Ids::system().uuid_v7(&Clock::system());
    let traces = telemetry::begin(&config.log, &config.traces, instance)?;
    let served = live(config, recover, wait).await;
    // Whoever says it twice waits for nobody.
    if !matches!(served, Err(AppError::ToldTwice)) {
        traces.stop().await;
    }
    served
}

/// Binds, migrates or checks, and serves. The first signal stops that in order, the second one at once.
async fn live(config: Config, recover: Option<&str>, wait: Duration) -> Result<(), AppError> {
    let mut signals = Signals::listen()?;
    let app = tokio::select! {
        built = App::build_within(wait, config, Clock::system(), Ids::system()) => built?,
        // Nothing is under way; a migration that is cut leaves the schema as it was. Whoever waits for a server got none.
        () = signals.next() => return Err(AppError::ToldEarly),
    };
    if let Some(name) = recover {
        app.recover(name).await?;
    }
    if let Some(address) = app.metrics_address()? {
        tracing::info!(%address, "metrics");
    }
    tracing::info!(address = %app.address()?, mode = %app.config.mode, "listening");
    let stop = CancellationToken::new();
    let told_twice = async {
        signals.next().await;
        stop.cancel();
        signals.next().await;
    };
    tokio::select! {
        ended = app.run(stop.clone()) => ended,
        () = told_twice => Err(AppError::ToldTwice),
    }
}

/// What tells the process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, AppError> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl App {
    /// Serves and works until `stop`. Then it is not ready and still answers, so that callers go elsewhere, for
    /// `shutdown.delay_ms`; then nothing new begins, and calls and steps under way end, side by side, for at most
    /// `shutdown.drain_ms`.
    ///
    /// # Errors
    /// [`AppError::Serve`]; [`AppError::Panicked`] when the stop began because something beside the calls did. A drain that
    /// was cut short is none.
    pub async fn run(self, stop: CancellationToken) -> Result<(), AppError> {
        let ms = Duration::from_millis;
        let (delay, drain) = (ms(self.config.shutdown.delay_ms), ms(self.config.shutdown.drain_ms));
        let ((tell, ready), closing) = (watch::channel(false), self.closing);
        let watched = Watched::new(stop.clone());
        // Dropped, and ended with it, when all else has: how a replica drains is worth seeing.
        let mut beside = JoinSet::new();
        let probe = readiness::probe(self.db.clone(), self.config.health, tell, stop.clone());
        let follow = self.parts.auth.access.clone().follow(ms(self.config.server.access_poll_ms), closing.clone());
        beside.spawn(close(stop, delay, closing.clone()));
        beside.spawn(watched.clone().run("readiness", probe));
        beside.spawn(watched.clone().run("access", follow));
        beside.spawn(watched.clone().run("services", self.services.run(closing.clone())));
        if let Some(metrics) = self.metrics {
            beside.spawn(watched.clone().run("metrics", metrics.run()));
        }
        let mut steps = steps(self.worker, self.reaper, self.retention, &closing, &watched);
        let calls = async {
            let served = server::serve(self.parts, self.listener, ready, closing.clone()).await;
            // It may have failed.
            closing.cancel();
            served
        };
        let steps = async { while steps.join_next().await.is_some() {} };
        let (served, stepped) =
            tokio::join!(bounded("calls", calls, &closing, drain), bounded("steps", steps, &closing, drain));
        // Before the pool, which waits for whoever still looks at the database.
        let _ = timeout(CLOSE, beside.shutdown()).await;
        let _ = timeout(CLOSE, self.db.close()).await;
        // What was cut may still be at work on connections of its own.
        let whole = served.is_some() && stepped.is_some();
        if whole {
            drop(self.alone)
        } else {
            self.alone.keep()
        }
        tracing::info!("stopped");
        served.transpose()?;
        watched.well()
    }
}

/// All that works without being called. What has not ended when they are dropped is cut.
fn steps(
    worker: Worker,
    reaper: Reaper,
    retention: Retention,
    closing: &CancellationToken,
    watched: &Watched,
) -> JoinSet<()> {
    let mut steps = JoinSet::new();
    steps.spawn(watched.clone().run("worker", worker.run(closing.clone())));
    let end = closing.clone();
    steps.spawn(watched.clone().run("reaper", async move { reaper.run(end).await }));
    let end = closing.clone();
    steps.spawn(watched.clone().run("retention", async move { retention.run(end).await }));
    steps
}

/// Closes, some time after `stop`.
async fn close(stop: CancellationToken, delay: Duration, closing: CancellationToken) {
    stop.cancelled_owned().await;
    tracing::info!("told to stop: not ready, still answering");
    sleep(delay).await;
    tracing::info!("closing: what is under way ends, nothing new begins");
    closing.cancel();
}

/// What ends by itself after `closing`. What has not ended `drain` later is dropped: `None`.
async fn bounded<T>(
    what: &'static str,
    work: impl Future<Output = T>,
    closing: &CancellationToken,
    drain: Duration,
) -> Option<T> {
    let too_long = async {
        closing.cancelled().await;
        sleep(drain).await;
    };
    let closed = closing.clone();
    let ended = async {
        let (ended, after) = tokio::join!(work, closed.cancelled_owned().map(|()| Instant::now()));
        let ms = u64::try_from(after.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(what, ms, "ended");
        ended
    };
    tokio::select! {
        ended = ended => Some(ended),
        () = too_long => {
            tracing::warn!(what, "cut: not all that was under way has ended in time");
            None
        }
    }
}
