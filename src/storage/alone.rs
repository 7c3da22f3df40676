//! One server on an SQLite database: its writers know nothing of each other's workers, and its file is on one machine.

use std::fs::{File, TryLockError};

use super::{Db, StoreError};

/// Held by the server of an SQLite database until it ends, however it ends. PostgreSQL takes any number of servers.
#[must_use = "dropping it lets another server in"]
pub struct Alone(#[expect(dead_code, reason = "held, not read")] Option<File>);

impl Alone {
    /// Holds it until the process ends: something may still be at work here.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Db {
    /// Claims the database for one server, when it is one that has a single replica.
    ///
    /// # Errors
    /// [`StoreError::Other`] when another server runs on it, or the lock file beside the database cannot be made.
    pub fn alone(&self) -> Result<Alone, StoreError> {
        let Some(path) = &self.file else { return Ok(Alone(None)) };
        let unmade = |error: std::io::Error| StoreError::Other(format!("the server's lock file: {}", error.kind()));
        let file = File::create(path.with_extension("serve.lock")).map_err(unmade)?;
        match file.try_lock() {
            Ok(()) => Ok(Alone(Some(file))),
            Err(TryLockError::WouldBlock) => Err(StoreError::Other(TAKEN.into())),
            Err(TryLockError::Error(error)) => Err(unmade(error)),
        }
    }
}

const TAKEN: &str = "another server runs on this SQLite database, and SQLite serves one replica: end it first, or use \
                     PostgreSQL for several";
