//! Why reference data could not be used.

use std::path::PathBuf;

/// Why reference data could not be used. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A file or the folder cannot be read.
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        /// Path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A TOML file whose name is none of the catalogue: most likely a slip that would leave the embedded data in force.
    #[error("{}: not a catalogue file; known are {known}", path.display())]
    Stranger {
        /// Path.
        path: PathBuf,
        /// Names that are.
        known: String,
    },
    /// Not TOML, or a field is missing, unknown or of the wrong type.
    #[error("{file}: {detail}")]
    Malformed {
        /// Path, or the name of the embedded file.
        file: String,
        /// What and where, with line and column.
        detail: String,
    },
    /// An entry is well-formed and wrong.
    #[error("{file}: {entry}: {problem}")]
    Wrong {
        /// Path, or the name of the embedded file.
        file: String,
        /// Which entry: `model 3 (АТОЛ 30Ф)`.
        entry: String,
        /// What is wrong.
        problem: String,
    },
}

/// An entry that is wrong, before the file is known.
#[derive(Debug)]
pub(super) struct WrongEntry {
    entry: String,
    problem: String,
}

impl WrongEntry {
    /// The entry is named by its kind, its place (from 0) and its name.
    pub(super) fn new(kind: &str, at: usize, name: &str, problem: impl Into<String>) -> Self {
        Self { entry: format!("{kind} {} ({name})", at + 1), problem: problem.into() }
    }

    pub(super) fn in_file(self, file: String) -> CatalogueError {
        CatalogueError::Wrong { file, entry: self.entry, problem: self.problem }
    }
}
