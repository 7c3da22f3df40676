//! The configuration, before anything runs on it.

use std::path::Path;

use clap::Subcommand;
use serde_json::{Value, json};

use super::CliError;
use super::output::Output;
use crate::config::{self, Env, Problem};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Read everything as `serve` would, open the files that settings point to, and say all that is wrong: the setting, where
    /// it was set, and what would be right. Exit code 1 when the server would not start. Changes nothing; calls no database and
    /// no gateway, fetches no keys, binds no port, and tells nothing of when a certificate ends.
    Check,
    /// Print the settings in force and where they were set, secrets masked.
    Show,
}

impl Command {
    pub(super) fn run(self, file: Option<&Path>, output: &Output) -> Result<(), CliError> {
        match self {
            Self::Check => check(file, output),
            Self::Show => show(file, output),
        }
    }
}

fn check(file: Option<&Path>, output: &Output) -> Result<(), CliError> {
    let found = config::examine(file, &Env::of_process());
    if !output.is_json() {
        found.doubts.iter().for_each(|one| eprintln!("warning: {one}"));
    }
    if found.problems.is_empty() {
        return output.line("the configuration is good");
    }
    let problems: Vec<Value> = found.problems.iter().map(told).collect();
    output.problems(&problems, |one| one["line"].as_str().unwrap_or_default().to_owned());
    Err(CliError::Unfit(problems.len()))
}

fn told(problem: &Problem) -> Value {
    let Problem { key, source, what } = problem;
    json!({ "setting": key, "source": source.to_string(), "what": what, "line": problem.to_string() })
}

fn show(file: Option<&Path>, output: &Output) -> Result<(), CliError> {
    let settings = config::show(file, &Env::of_process())?;
    let row = |s: &config::Setting| json!({ "key": s.key, "value": s.value, "source": s.source.to_string() });
    let rows: Vec<Value> = settings.iter().map(row).collect();
    let cell = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    output.many(&rows, ["SETTING", "VALUE", "SOURCE"], |row| ["key", "value", "source"].map(|key| cell(row, key)))
}
