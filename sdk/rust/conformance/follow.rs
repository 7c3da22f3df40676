//! Waiting and watching.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Duration;

use litebox_partner::pb::kkt;
use litebox_partner::sdk::{WaitError, WaitOptions, WatchOptions};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::json::{at, check, fits, message, shown};
use crate::partners::milliseconds;
use crate::{Done, Runner};

/// The steps of `during` and `when_blocked`, done once.
struct Inner<'a> {
    steps: Option<&'a [Value]>,
}

impl<'a> Inner<'a> {
    fn new(step: &'a Value, key: &str) -> Self {
        Self { steps: step[key].as_array().map(Vec::as_slice) }
    }

    async fn done(&mut self, runner: &mut Runner) -> Done {
        match self.steps.take() {
            Some(steps) => Box::pin(runner.steps(steps)).await,
            None => Ok(()),
        }
    }

    /// The same from a callback, which is no task: on a thread of its own.
    fn done_now(&mut self, runner: &mut Runner) -> Done {
        let handle = Handle::current();
        let work = move || handle.block_on(self.done(runner));
        std::thread::scope(|scope| scope.spawn(work).join()).map_err(|_| "a step panicked")?
    }
}

/// What the callbacks of a wait have come to.
struct Seen<'a> {
    runner: &'a mut Runner,
    reasons: Vec<String>,
    trouble: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Seen<'_> {
    fn after(&mut self, came: Done) -> ControlFlow<()> {
        match came {
            Ok(()) => ControlFlow::Continue(()),
            Err(trouble) => {
                self.trouble = Some(trouble);
                ControlFlow::Break(())
            }
        }
    }
}

impl Runner {
    pub async fn wait(&mut self, step: &Value) -> Done {
        let (kkts, id) = (self.partner(step)?.kkts().clone(), step["wait"].as_str().unwrap_or_default());
        let (mut during, mut when_blocked) = (Inner::new(step, "during"), Inner::new(step, "when_blocked"));
        let seen = Mutex::new(Seen { runner: self, reasons: Vec::new(), trouble: None });
        let lock = || seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let on_change = |_: &kkt::Kkt| {
            let mut seen = lock();
            let came = during.done_now(seen.runner);
            seen.after(came)
        };
        let on_blocked = |kkt: &kkt::Kkt| {
            let mut seen = lock();
            seen.reasons.push(kkt.blocked.as_ref().map(|block| block.reason.clone()).unwrap_or_default());
            if step["stop_when_blocked"] == true {
                return ControlFlow::Break(());
            }
            let came = when_blocked.done_now(seen.runner);
            seen.after(came)
        };
        let options = WaitOptions {
            on_change: Some(Box::new(on_change)),
            on_blocked: Some(Box::new(on_blocked)),
            timeout: milliseconds(&step["timeout_ms"]),
        };
        let came = kkts.wait_until_registered(id, options).await;
        let Seen { runner, reasons, trouble } = seen.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        match trouble {
            Some(trouble) => Err(trouble),
            None => runner.waited(step, &reasons, came),
        }
    }

    /// Compares how a wait has ended with what is wanted: each end with the one that it is, and with no other.
    fn waited(&mut self, step: &Value, reasons: &[String], came: Result<kkt::Kkt, WaitError>) -> Done {
        let expect = &step["expect"];
        check(&expect["blocked_seen"], &json!(reasons), "blocked_seen")?;
        match came {
            Ok(kkt) => fits(&expect["state"], &json!(kkt.state().as_str_name()), "state"),
            Err(WaitError::Stopped(_)) if expect["stopped"] == true => Ok(()),
            Err(WaitError::Rejected(kkt)) if expect["ended"] == "KKT_STATE_REJECTED" => left(expect, &kkt),
            Err(WaitError::Cancelled(kkt)) if expect["ended"] == "KKT_STATE_CANCELLED" => left(expect, &kkt),
            Err(WaitError::Call(error)) => self.failed(step, &expect["error"], &error),
            Err(other) => Err(format!("it ended with {other}").into()),
        }
    }

    pub async fn watch(&mut self, step: &Value) -> Done {
        let limit = milliseconds(&step["timeout_ms"]).unwrap_or(Duration::from_secs(20));
        match timeout(limit, self.watched(step)).await {
            Ok(came) => came,
            Err(_) => Err("no change fitted in time".into()),
        }
    }

    /// Reads changes until one fits.
    async fn watched(&mut self, step: &Value) -> Done {
        let request: kkt::WatchRequest = message("litebox.kkt.v1.WatchRequest", &step["watch"])?;
        let options = WatchOptions { kkt_ids: request.kkt_ids, resume_token: request.resume_token };
        let (mut watch, mut during, mut revision) =
            (self.partner(step)?.kkts().watch(options), Inner::new(step, "during"), 0);
        loop {
            let kkt = match watch.next().await {
                Ok(kkt) => kkt,
                Err(error) => return self.failed(step, &step["expect"]["error"], &error),
            };
            if kkt.revision < revision {
                return Err(format!("revision {} came after {revision}", kkt.revision).into());
            }
            revision = kkt.revision;
            let value = shown("litebox.kkt.v1.Kkt", &kkt)?;
            if awaited(step, &value)? {
                self.vars.save(step, &json!({"kkt": value, "resumeToken": watch.resume_token()}));
                return if watch.resume_token().is_empty() { Err("no resume token".into()) } else { Ok(()) };
            }
            during.done(self).await?;
        }
    }
}

/// Whether this is the change that is waited for. Where an error is, there must be none.
fn awaited(step: &Value, value: &Value) -> Done<bool> {
    let fitting = fits(&step["until"], value, "kkt").is_ok();
    match at(step, "expect.error") {
        Some(wanted) if fitting => Err(format!("it told {value} and did not fail with {wanted}").into()),
        _ => Ok(fitting),
    }
}

/// The registration that a wait has ended with, as it is and as it is wanted.
fn left(expect: &Value, kkt: &kkt::Kkt) -> Done {
    fits(&expect["ended"], &json!(kkt.state().as_str_name()), "ended")?;
    check(&expect["kkt"], &shown("litebox.kkt.v1.Kkt", kkt)?, "kkt")
}

#[cfg(test)]
mod tests;
