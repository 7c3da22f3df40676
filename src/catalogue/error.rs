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
    #[error("{file}: line {line}: {entry}: {problem}")]
    Wrong {
        /// Path, or the name of the embedded file.
        file: String,
        /// Where the entry begins, from 1.
        line: usize,
        /// Which entry: `model 3 (АТОЛ 30Ф)`.
        entry: String,
        /// What is wrong.
        problem: String,
    },
}

/// An entry that is wrong, before the file is known.
#[derive(Debug)]
pub(super) struct WrongEntry {
    kind: &'static str,
    at: usize,
    name: String,
    problem: String,
}

impl WrongEntry {
    /// The entry is named by its kind, its place (from 0) and its name.
    pub(super) fn new(kind: &'static str, at: usize, name: &str, problem: impl Into<String>) -> Self {
        Self { kind, at, name: name.to_owned(), problem: problem.into() }
    }

    pub(super) fn in_file(self, file: String, text: &str) -> CatalogueError {
        let Self { kind, at, name, problem } = self;
        CatalogueError::Wrong {
            file,
            line: line(text, kind, at),
            entry: format!("{kind} {} ({name})", at + 1),
            problem,
        }
    }
}

/// The line on which the table of an entry begins; the first one for an entry that is written in another form.
fn line(text: &str, kind: &str, at: usize) -> usize {
    let heads = [format!("[[{kind}]]"), format!("[{kind}]")];
    let mut tables = text.lines().zip(1..).filter(|(line, _)| heads.iter().any(|head| line.trim().starts_with(head)));
    tables.nth(at).map_or(1, |(_, number)| number)
}
