//! The ledger: everything that reached the sandbox and everything it did, one JSON object a line, append-only.
//!
//! A command is written before it is deduplicated, so that a test can count what really arrived. State is the fold of
//! the entries that carry an event; a sandbox started on an old ledger goes on where that one stopped.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::world::Event;

/// What an entry tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A command arrived; written before deduplication.
    Command,
    /// A question arrived.
    Question,
    /// Something happened in the emulated world.
    Effect,
    /// A command was refused for good: nothing happened, and nothing will under its effect id.
    Refusal,
    /// Bookkeeping of the emulators and changes by the control interface.
    State,
}

/// Facts of a call that rules and tests look at: `inn`, `serial`, `fn`, `device`, `login`, `code`, …
pub type Facts = BTreeMap<String, String>;

/// One line of the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1.
    pub seq: u64,
    /// When, Unix milliseconds.
    pub time_ms: i64,
    /// What it tells.
    pub kind: Kind,
    /// `taxpayers`, `device`, `accounts`, `fns`, `ofd` or `control`.
    pub protocol: String,
    /// RPC name, or what the HTTP call does.
    pub operation: String,
    /// The effect id of the command, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect_id: Option<String>,
    /// Facts; never a password.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: Facts,
    /// What changed, for the fold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
}

impl Entry {
    /// True for an entry of this kind and `protocol.operation`.
    pub fn is(&self, kind: Kind, operation: &str) -> bool {
        self.kind == kind
            && operation.split_once('.').is_some_and(|(p, o)| self.protocol == p && (o == "*" || self.operation == o))
    }
}

/// The ledger of one sandbox.
pub struct Ledger {
    entries: RwLock<Vec<Entry>>,
    file: Option<Arc<Disk>>,
    latest: watch::Sender<u64>,
    closed: AtomicBool,
}

struct Disk {
    file: Mutex<File>,
    fsync: bool,
    /// Sequence numbers: last one that must be durable before an answer, last one that is.
    firm: Mutex<u64>,
    synced: Mutex<u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    /// Opens the file, or stays in memory without one. A line torn by a crash is cut off.
    ///
    /// # Errors
    /// When the file cannot be opened, is in use by another sandbox, or holds a line that is no entry.
    pub fn open(path: Option<&Path>, fsync: bool) -> io::Result<Self> {
        let (entries, file) = match path {
            None => (Vec::new(), None),
            Some(path) => {
                let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
                file.try_lock().map_err(io::Error::other)?;
                let entries = load(&mut file)?;
                let (firm, synced) = Default::default();
                (entries, Some(Arc::new(Disk { file: Mutex::new(file), fsync, firm, synced })))
            }
        };
        let latest = watch::Sender::new(entries.len() as u64);
        Ok(Self { entries: RwLock::new(entries), file, latest, closed: AtomicBool::new(false) })
    }

    /// Appends an entry; its sequence number is given here.
    ///
    /// # Errors
    /// When the file cannot be written, or the ledger is closed; then nothing was appended.
    pub fn append(&self, mut entry: Entry) -> io::Result<()> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if self.closed.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        entry.seq = entries.len() as u64 + 1;
        if let Some(disk) = &self.file {
            disk.write(&entry)?;
        }
        let seq = entry.seq;
        entries.push(entry);
        drop(entries);
        self.latest.send_replace(seq);
        Ok(())
    }

    /// Takes no entry any more and gives the file to the next sandbox, as the end of the process would.
    pub fn close(&self) {
        let _entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if let (false, Some(disk)) = (self.closed.swap(true, Ordering::SeqCst), &self.file) {
            // The lock ends with the file handle at the latest.
            let _ = lock(&disk.file).unlock();
        }
    }

    /// Waits until all commands and effects written so far are on the disk. One call syncs for all who wait.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn sync(&self) -> io::Result<()> {
        match &self.file {
            Some(disk) if disk.fsync && disk.behind() => {
                let disk = disk.clone();
                tokio::task::spawn_blocking(move || disk.sync()).await.map_err(io::Error::other)?
            }
            _ => Ok(()),
        }
    }

    /// All entries so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.read(<[Entry]>::to_vec)
    }

    /// Looks at the entries without copying them.
    pub fn read<T>(&self, look: impl FnOnce(&[Entry]) -> T) -> T {
        look(&self.entries.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the entries fulfil a condition. Woken by each new entry; no polling.
    pub async fn wait_until(&self, mut fulfilled: impl FnMut(&[Entry]) -> bool) {
        let mut news = self.latest.subscribe();
        while !self.read(&mut fulfilled) {
            if news.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Disk {
    fn write(&self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        lock(&self.file).write_all(&line)?;
        if entry.kind != Kind::Question {
            *lock(&self.firm) = entry.seq;
        }
        Ok(())
    }

    fn behind(&self) -> bool {
        *lock(&self.firm) > *lock(&self.synced)
    }

    fn sync(&self) -> io::Result<()> {
        let mut synced = lock(&self.synced);
        let firm = *lock(&self.firm);
        if firm > *synced {
            let file = lock(&self.file).try_clone()?;
            file.sync_data()?;
            *synced = firm;
        }
        Ok(())
    }
}

fn load(file: &mut File) -> io::Result<Vec<Entry>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    file.set_len(whole as u64)?;
    let lines = bytes[..whole].split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(io::Error::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(operation: &str) -> Entry {
        Entry {
            seq: 0,
            time_ms: 1,
            kind: Kind::Command,
            protocol: "fns".into(),
            operation: operation.into(),
            effect_id: None,
            facts: Facts::new(),
            event: None,
        }
    }

    #[tokio::test]
    async fn what_was_appended_is_there_after_a_restart_and_a_torn_line_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        let ledger = Ledger::open(Some(&path), true).unwrap();
        ledger.append(entry("A")).unwrap();
        ledger.append(entry("B")).unwrap();
        ledger.sync().await.unwrap();
        drop(ledger);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"seq\":3,\"ti").unwrap();

        let ledger = Ledger::open(Some(&path), true).unwrap();
        ledger.append(entry("C")).unwrap();
        let seen: Vec<_> = ledger.entries().into_iter().map(|e| (e.seq, e.operation)).collect();
        assert_eq!(seen, [(1, "A".into()), (2, "B".into()), (3, "C".into())]);
    }

    #[test]
    fn two_sandboxes_do_not_share_a_ledger() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        let _first = Ledger::open(Some(&path), false).unwrap();
        assert!(Ledger::open(Some(&path), false).is_err());
    }

    #[tokio::test]
    async fn a_waiter_is_woken_by_the_entry_it_waits_for() {
        let ledger = Arc::new(Ledger::open(None, false).unwrap());
        let waiting = ledger.clone();
        let waiter = tokio::spawn(async move {
            waiting.wait_until(|entries| entries.iter().any(|e| e.is(Kind::Command, "fns.B"))).await;
        });
        ledger.append(entry("A")).unwrap();
        ledger.append(entry("B")).unwrap();
        waiter.await.unwrap();
    }
}
