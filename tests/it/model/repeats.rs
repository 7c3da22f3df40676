//! Calls that are sent once more under their request id, as after a lost answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use litebox_partner::kkt::model::{Amend, Cancel, Fiscalize};
use litebox_partner::kkt::service::Service;
use litebox_partner::values::{KktId, PartnerScope};

use super::run::Run;

/// A call that changes a registration.
#[derive(Debug, Clone)]
pub enum Call {
    Fiscalize(Fiscalize),
    Amend(Amend),
    Cancel(Cancel),
}

/// A call that was sent, whether anybody has answered that it is done, and whether its last answer was that.
#[derive(Clone)]
pub struct Sent {
    call: Call,
    done: Arc<AtomicBool>,
    last: Arc<AtomicBool>,
}

impl Call {
    const fn kkt(&self) -> KktId {
        match self {
            Self::Fiscalize(call) => call.kkt_id,
            Self::Amend(call) => call.kkt_id,
            Self::Cancel(call) => call.kkt_id,
        }
    }

    async fn send(self, service: Service, scope: PartnerScope) -> bool {
        let answer = match self {
            Self::Fiscalize(call) => service.fiscalize(scope, call).await,
            Self::Amend(call) => service.amend(scope, call).await,
            Self::Cancel(call) => service.cancel(scope, call).await,
        };
        answer.is_ok()
    }
}

impl Run<'_> {
    /// Sends a call for the first time.
    pub async fn send_first(&mut self, what: &str, call: Call) {
        let sent = Sent { call, done: Arc::default(), last: Arc::default() };
        self.sent.push(sent.clone());
        let end = self.send_call(sent).await;
        self.note(format!("{what}: {end}"));
    }

    /// Sends one of the calls so far again. One that was answered before changes nothing.
    pub async fn send_again(&mut self) {
        if self.sent.is_empty() {
            return;
        }
        let sent = self.sent[usize::try_from(self.dice.roll(self.sent.len() as u64)).unwrap()].clone();
        let known = sent.done.load(Ordering::SeqCst);
        let before = self.service.get(self.stage.scope, sent.call.kkt()).await.unwrap().revision;
        let end = self.send_call(sent.clone()).await;
        let after = self.service.get(self.stage.scope, sent.call.kkt()).await.unwrap().revision;
        self.note(format!("again, answered before: {known}: {:?}: {end}", sent.call));
        if known {
            self.story.repeats += 1;
            let refused = end == "done" && !sent.last.load(Ordering::SeqCst);
            if before != after || refused {
                self.world.lock().breaches.push(format!("a repeat was refused or changed something: {:?}", sent.call));
            }
        }
    }

    async fn send_call(&mut self, sent: Sent) -> &'static str {
        let (service, scope) = (self.service.clone(), self.stage.scope);
        self.work(Box::pin(async move {
            let done = sent.call.send(service, scope).await;
            sent.done.fetch_or(done, Ordering::SeqCst);
            sent.last.store(done, Ordering::SeqCst);
        }))
        .await
    }
}
