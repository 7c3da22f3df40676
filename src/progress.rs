//! How far a long piece of work has come: whoever does it counts, and whoever waits for it looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts up to a total. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Count(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    done: AtomicUsize,
    of: AtomicUsize,
}

impl Count {
    /// Begins: nothing of so many is done. Work that is repeated begins again.
    pub fn begin(&self, of: usize) {
        self.at(0, of);
    }

    /// So many are done of so many, for work of others that is looked at.
    pub fn at(&self, done: usize, of: usize) {
        self.0.done.store(done, Ordering::Relaxed);
        self.0.of.store(of, Ordering::Relaxed);
    }

    /// One more is done.
    pub fn step(&self) {
        self.0.done.fetch_add(1, Ordering::Relaxed);
    }

    /// How many are done, and of how many.
    pub fn now(&self) -> (usize, usize) {
        (self.0.done.load(Ordering::Relaxed), self.0.of.load(Ordering::Relaxed))
    }
}
