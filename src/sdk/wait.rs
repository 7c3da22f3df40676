//! Following a registration to its end.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::timeout;

use super::error::Error;
use super::kkts::Kkts;
use super::watch::{Watch, WatchOptions};
use crate::pb::kkt as pb;

/// Is shown a registration and says whether to go on waiting.
pub type OnKkt<'a> = Box<dyn FnMut(&pb::Kkt) -> ControlFlow<()> + Send + 'a>;

/// What to do while a registration goes on. All may be left out.
#[derive(Default)]
pub struct WaitOptions<'a> {
    /// Called with the registration as it stands first, and after each change.
    pub on_change: Option<OnKkt<'a>>,
    /// Called when something comes to hold the registration up, and when its reason or who has to act changes: `blocked` says
    /// what to do. Most registrations go on by themselves once it is done.
    pub on_blocked: Option<OnKkt<'a>>,
    /// Of the whole waiting; none when absent. A registration takes a working day or more.
    pub timeout: Option<Duration>,
}

/// Why the waiting ended without a card. Each but [`WaitError::Call`] has the registration as it was seen last.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// FNS has refused the application; `rejection` says why. Order anew, with corrected data.
    #[error("{}: registration rejected ({})", .0.id, .0.rejection.as_ref().map_or("", |r| &r.reason))]
    Rejected(Box<pb::Kkt>),
    /// The registration was given up.
    #[error("{}: registration cancelled", .0.id)]
    Cancelled(Box<pb::Kkt>),
    /// A callback wanted to wait no longer.
    #[error("{}: the waiting was stopped", .0.id)]
    Stopped(Box<pb::Kkt>),
    /// A call failed; also DEADLINE_EXCEEDED when the timeout of the waiting is over.
    #[error(transparent)]
    Call(#[from] Error),
}

impl Kkts {
    /// Follows a registration to its end over lost connections and restarts of the service; the registration at REGISTERED.
    ///
    /// # Errors
    /// [`WaitError`].
    pub async fn wait_until_registered(&self, kkt_id: &str, options: WaitOptions<'_>) -> Result<pb::Kkt, WaitError> {
        match options.timeout {
            None => self.follow(kkt_id, options).await,
            Some(limit) => match timeout(limit, self.follow(kkt_id, options)).await {
                Ok(came) => came,
                Err(_) => Err(Error::late("/litebox.kkt.v1.KktService/Watch").into()),
            },
        }
    }

    async fn follow(&self, kkt_id: &str, mut options: WaitOptions<'_>) -> Result<pb::Kkt, WaitError> {
        let mut kkt = self.get(kkt_id).await?;
        let mut blocked = None;
        // A watch without a token begins with how things stand, so nothing is missed between the two.
        let mut watch = Watch::of_reached(
            self.caller.clone(),
            WatchOptions { kkt_ids: vec![kkt_id.into()], ..WatchOptions::default() },
        );
        loop {
            shown(&mut options.on_change, &kkt)?;
            let now = kkt.blocked.as_ref().map(|block| (block.reason.clone(), block.waiting_for));
            if now.is_some() && now != blocked {
                shown(&mut options.on_blocked, &kkt)?;
            }
            blocked = now;
            match kkt.state() {
                pb::KktState::Registered => return Ok(kkt),
                pb::KktState::Rejected => return Err(WaitError::Rejected(Box::new(kkt))),
                pb::KktState::Cancelled => return Err(WaitError::Cancelled(Box::new(kkt))),
                _ => {}
            }
            let seen = kkt.revision;
            kkt = loop {
                let next = watch.next().await?;
                // The same one was told twice. After a restored backup revisions begin anew at a lower one.
                if next.revision != seen {
                    break next;
                }
            };
        }
    }
}

fn shown(callback: &mut Option<OnKkt<'_>>, kkt: &pb::Kkt) -> Result<(), WaitError> {
    match callback.as_mut().map_or(ControlFlow::Continue(()), |call| call(kkt)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(WaitError::Stopped(Box::new(kkt.clone()))),
    }
}

#[cfg(feature = "server")]
#[cfg(test)]
mod tests;
