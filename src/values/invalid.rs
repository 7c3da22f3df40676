//! Why a value was refused.

use std::fmt;

/// Why a value was refused. Never holds the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Machine-readable: `INN_CHECK_DIGIT`.
    pub reason: &'static str,
    /// What is wrong and what is expected, English.
    pub text: String,
    /// The same in Russian.
    pub russian: String,
}

impl Invalid {
    /// An error of these words.
    pub fn new(reason: &'static str, text: impl Into<String>, russian: impl Into<String>) -> Self {
        Self { reason, text: text.into(), russian: russian.into() }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Invalid {}
