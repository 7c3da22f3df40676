//! Who gives a command, and why.

use clap::Args;

use super::CliError;
use crate::storage::audit::Act;

/// What every command that changes something asks.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// Why; kept in the audit log for ever. A ticket number and a few words, no personal data.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Who gives the command: `--actor`, else the user of the operating system.
pub(super) struct Who(Option<String>);

impl Who {
    pub(super) fn new(named: Option<String>, env: impl Fn(&str) -> Option<String>) -> Self {
        Self(named.or_else(|| env("USER")).or_else(|| env("LOGNAME")))
    }

    pub(super) fn act(&self, why: &Why) -> Result<Act, CliError> {
        Ok(Act::new(self.0.as_deref().unwrap_or_default(), &why.reason)?)
    }
}
