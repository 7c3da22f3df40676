//! Answers that have begun and are not taken yet: so many at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::grpc::edge::life::Link;

/// When there are too many, whoever has left one longest loses its connection: an honest reader takes its answer at once and
/// is never that one.
#[derive(Clone)]
pub(super) struct Answers(Arc<Untaken>);

struct Untaken {
    most: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// The oldest first.
    links: BTreeMap<u64, Link>,
    next: u64,
}

impl Answers {
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Untaken { most, waiting: Mutex::default() }))
    }

    pub fn wait(&self, link: Link) -> Turn {
        let mut waiting = self.0.lock();
        let number = waiting.next;
        waiting.next += 1;
        waiting.links.insert(number, link);
        if waiting.links.len() > self.0.most
            && let Some((_, oldest)) = waiting.links.pop_first()
        {
            oldest.cut();
        }
        Turn { answers: self.0.clone(), number }
    }

    /// How many there are.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.0.lock().links.len()
    }
}

impl Untaken {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One answer among them.
pub(super) struct Turn {
    answers: Arc<Untaken>,
    number: u64,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.answers.lock().links.remove(&self.number);
    }
}
