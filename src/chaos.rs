//! For tests that prove guarantees: points at which a unit of work can be made to fail, wait or die, and deliberately
//! broken behaviour that the proofs must notice.
//!
//! There only with the cargo feature `chaos`, which the tests turn on and which does not build without debug assertions,
//! so never in what is deployed. Both are carried by a [`Db`] and its clones, since tests run side by side; only a missing
//! condition on the partner is for a whole process.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use futures::future::BoxFuture;

use crate::storage::{Db, StoreError};

#[cfg(not(debug_assertions))]
compile_error!("the feature `chaos` is for tests: it must not be in a release build");

/// The environment variable that names the broken behaviour of a process: see [`Broken::name`].
pub const BREAK_VARIABLE: &str = "LITEBOX_CHAOS_BREAK";

/// The environment variable that names a condition `of_partner` which is left out, as `FILE:LINE`: the rows of all partners
/// are seen there. For a whole process, because such a condition stands where no database connection is known.
pub const UNSCOPED_VARIABLE: &str = "LITEBOX_CHAOS_UNSCOPED";
static UNSCOPED: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(UNSCOPED_VARIABLE).ok());

/// The environment variable that names a file into which every such place is written that is met, one a line.
pub const MET_VARIABLE: &str = "LITEBOX_CHAOS_MET";
static MET: LazyLock<Option<(PathBuf, Mutex<BTreeSet<String>>)>> =
    LazyLock::new(|| std::env::var_os(MET_VARIABLE).map(|file| (file.into(), Mutex::default())));

/// Whether the condition that stands here is left out.
pub(crate) fn is_unscoped(at: &Location<'_>) -> bool {
    let site = || format!("{}:{}", at.file(), at.line());
    if let Some((file, met)) = &*MET {
        meet(file, met, site());
    }
    UNSCOPED.as_ref().is_some_and(|unscoped| *unscoped == site())
}

fn meet(file: &Path, met: &Mutex<BTreeSet<String>>, site: String) {
    let mut met = met.lock().unwrap_or_else(PoisonError::into_inner);
    if met.contains(&site) {
        return;
    }
    let written = File::options().create(true).append(true).open(file).and_then(|mut to| writeln!(to, "{site}"));
    // What cannot be written is missed by whoever reads it.
    if written.is_ok() {
        met.insert(site);
    }
}

/// The environment variable that makes every call of one method panic, as `PATH TEXT`.
pub const PANIC_VARIABLE: &str = "LITEBOX_CHAOS_PANIC";
static PANIC: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(PANIC_VARIABLE).ok());

/// Panics with the text that the environment names for calls of this path.
#[expect(clippy::panic, reason = "what becomes of a panic is to be seen")]
pub(crate) fn panic_in(path: &str) {
    if let Some((named, text)) = PANIC.as_ref().and_then(|panic| panic.split_once(' '))
        && named == path
    {
        std::panic::panic_any(text.to_owned());
    }
}

/// A guarantee that is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// A command that may have been sent is sent again without asking what became of it.
    BlindResend,
    /// A command that may have been sent is done again under a new effect id, without proof that the former one is
    /// refused or void.
    NewIdOnRetry,
    /// What a step came to is written whoever else has written meanwhile.
    NoCompareAndSet,
}

impl Broken {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::BlindResend, Self::NewIdOnRetry, Self::NoCompareAndSet];

    /// Its name in [`BREAK_VARIABLE`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::BlindResend => "blind-resend",
            Self::NewIdOnRetry => "new-id-on-retry",
            Self::NoCompareAndSet => "no-compare-and-set",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|broken| broken.name() == text);
        found.ok_or_else(|| StoreError::Other(format!("{BREAK_VARIABLE} names no broken behaviour")))
    }
}

/// On which side of a write a failpoint lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Nothing is written yet.
    Before,
    /// It is committed, and nobody knows yet.
    After,
}

/// A failpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The function that writes: `intend`.
    pub write: &'static str,
    /// Before or after the commit.
    pub side: Side,
}

/// What happens at a failpoint: goes on, waits, never comes back, or fails as a database that does not answer.
pub type Hook = Arc<dyn Fn(Point) -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync>;

/// What a database connection does wrong on purpose. Nothing, unless told.
#[derive(Clone, Default)]
pub struct Chaos {
    broken: Option<Broken>,
    hook: Option<Hook>,
}

impl Chaos {
    /// What the environment of this process asks for.
    ///
    /// # Errors
    /// [`StoreError::Other`] when [`BREAK_VARIABLE`] names nothing that is known.
    pub(crate) fn from_environment() -> Result<Self, StoreError> {
        let named = std::env::var(BREAK_VARIABLE).ok();
        Ok(Self { broken: named.as_deref().map(Broken::parse).transpose()?, hook: None })
    }
}

impl Db {
    /// The same database, used by stores and workers that break a guarantee.
    #[must_use]
    pub fn breaking(mut self, broken: Broken) -> Self {
        self.chaos.broken = Some(broken);
        self
    }

    /// The same database, with something that happens at each failpoint.
    #[must_use]
    pub fn failing_at(mut self, hook: Hook) -> Self {
        self.chaos.hook = Some(hook);
        self
    }

    /// The guarantee that is broken on purpose.
    pub const fn broken(&self) -> Option<Broken> {
        self.chaos.broken
    }

    /// Comes to a failpoint.
    ///
    /// # Errors
    /// Whatever the hook answers.
    pub(crate) async fn reach(&self, write: &'static str, side: Side) -> Result<(), StoreError> {
        match &self.chaos.hook {
            Some(hook) => hook(Point { write, side }).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broken_behaviour_is_found_by_its_name_and_nothing_else_is() {
        for broken in Broken::ALL {
            assert_eq!(Broken::parse(broken.name()), Ok(broken));
        }
        assert!(Broken::parse("").is_err());
    }
}
