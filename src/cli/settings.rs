//! The configuration, before anything runs on it.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::output::Output;
use super::{CliError, env};
use crate::catalogue::Catalogue;
use crate::config::{self, Config};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Read everything as `serve` would and say what is wrong. Connects to nothing.
    Check,
    /// Print the settings in force, secrets masked.
    Show,
}

impl Command {
    pub(super) fn run(self, file: Option<&Path>, output: &Output) -> Result<(), CliError> {
        match self {
            Self::Check => {
                let config = Config::load(file, env)?;
                Catalogue::load(config.catalogue_dir())?;
                output.line("the configuration is good")
            }
            Self::Show => {
                let settings = config::show(file, env)?;
                let rows: Vec<_> = settings.iter().map(|s| json!({ "key": s.key, "value": s.value })).collect();
                let cell = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
                output.many(&rows, ["SETTING", "VALUE"], |row| [cell(row, "key"), cell(row, "value")])
            }
        }
    }
}
