//! Tells the worker and the watching streams of this process that something changed. Only a hint: both also look by
//! themselves, because another replica may have made the change.

use std::sync::Arc;

use tokio::sync::watch;

/// Raised after every change.
#[derive(Debug, Clone)]
pub struct Signal(Arc<watch::Sender<()>>);

impl Signal {
    /// A signal that nobody has raised.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(())))
    }

    /// Wakes all who listen.
    pub fn raise(&self) {
        self.0.send_replace(());
    }

    /// A listener; sees what is raised from now on.
    pub fn listen(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

impl Default for Signal {
    fn default() -> Self {
        Self::new()
    }
}
