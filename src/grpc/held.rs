//! What a call holds while it is worked on: its place among the calls of the server, and among its partner's. A command goes
//! on when its caller has hung up, and so does what it holds: whoever calls and hangs up has no more at once than others.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinHandle;

use super::places::Place;

tokio::task_local! {
    static HELD: Held;
}

/// The commands that are not at their end. Cheap to clone.
#[derive(Clone, Default)]
pub struct Commands(Arc<watch::Sender<usize>>);

impl Commands {
    fn begin(&self) -> Command {
        self.0.send_modify(|commands| *commands += 1);
        Command(self.clone())
    }

    /// Comes back when all have ended.
    pub async fn ended(&self) {
        // The sender is here: there is no error.
        let _ = self.0.subscribe().wait_for(|commands| *commands == 0).await;
    }
}

/// One of them.
struct Command(Commands);

impl Drop for Command {
    fn drop(&mut self) {
        self.0.0.send_modify(|commands| *commands -= 1);
    }
}

/// All of it, and who waits for commands at the end of the server. Cheap to clone; given back with the last clone.
#[derive(Clone, Default)]
pub struct Held {
    commands: Commands,
    _call: Option<Arc<OwnedSemaphorePermit>>,
    _partner: Option<Place>,
}

impl Held {
    /// The place of a call; `commands` counts what goes on without it.
    pub fn new(commands: Commands, call: Option<Arc<OwnedSemaphorePermit>>) -> Self {
        Self { commands, _call: call, _partner: None }
    }

    /// Holds it while `work` is done, and while the commands that it begins are.
    pub fn during<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        HELD.scope(self, work)
    }
}

/// What the call holds, and this place.
pub fn with(place: Place) -> Held {
    Held { _partner: Some(place), ..held() }
}

/// Does a command on a task of its own, which holds what the call does.
pub fn spawn<T: Send + 'static>(command: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let held = held();
    let begun = held.commands.begin();
    tokio::spawn(async move {
        let _to_its_end = (held, begun);
        command.await
    })
}

fn held() -> Held {
    HELD.try_with(Clone::clone).unwrap_or_default()
}
