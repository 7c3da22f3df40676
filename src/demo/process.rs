//! A process of this same program, with its log in a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::Failed;

/// Longest time from the start of a process to the line that says that it listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running process. It dies with its owner.
pub(super) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts this program with other arguments.
    pub(super) fn start(
        name: &'static str,
        args: &[&str],
        settings: &[(&str, String)],
        log: &Path,
    ) -> Result<Self, Failed> {
        let (mut command, output) = (command(args, settings)?, File::create(log)?);
        command.stdout(output.try_clone()?).stderr(output);
        Ok(Self { name, child: command.spawn()?, log: log.to_owned() })
    }

    /// The first log line with these words in it.
    pub(super) async fn says(&mut self, words: &str) -> Result<String, Failed> {
        let waited = tokio::time::timeout(PATIENCE, self.look_for(words)).await;
        waited.unwrap_or_else(|_| Err(Failed::new(format!("the {} did not say `{words}`", self.name))))
    }

    async fn look_for(&mut self, words: &str) -> Result<String, Failed> {
        loop {
            let ended = self.child.try_wait()?;
            let log = tokio::fs::read_to_string(&self.log).await?;
            let whole = log.rfind('\n').map_or("", |end| &log[..end]);
            if let Some(line) = whole.lines().find(|line| line.contains(words)) {
                return Ok(line.to_owned());
            }
            if let Some(status) = ended {
                let last = log.trim_end().lines().last().unwrap_or_default();
                return Err(Failed::new(format!("the {} ended at once ({status}): {last}", self.name)));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The process id, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills it (signal 9) and waits for its end.
    pub(super) async fn kill(&mut self) {
        // It may have ended already, which is what is wanted.
        let _ = self.child.kill().await;
    }
}

/// What a command of this program prints once it has succeeded.
pub(super) async fn printed(args: &[&str], settings: &[(&str, String)]) -> Result<String, Failed> {
    let output = command(args, settings)?.output().await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failed::new(format!("`{}` failed: {}", args.join(" "), said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// This program with other arguments. Of the caller's settings it inherits none.
fn command(args: &[&str], settings: &[(&str, String)]) -> Result<Command, Failed> {
    let mut command = Command::new(std::env::current_exe()?);
    for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("LITEBOX_")) {
        command.env_remove(key);
    }
    command.args(args).envs(settings.iter().map(|(key, value)| (key, value))).env("NO_COLOR", "1");
    command.stdin(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

/// The value after `name=` in a log line, without its quotes.
pub(super) fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let key = format!("{name}=");
    let word = line.split(' ').find_map(|word| word.strip_prefix(key.as_str()))?;
    Some(word.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_log_lines() {
        let line =
            "2026-11-23T10:00:00Z  INFO the sandbox listens http=\"http://127.0.0.1:1\" grpc=\"http://127.0.0.1:2\"";
        assert_eq!(field(line, "http"), Some("http://127.0.0.1:1"));
        assert_eq!(field(line, "grpc"), Some("http://127.0.0.1:2"));
        assert_eq!(field(line, "address"), None);
        assert_eq!(field("INFO listening address=127.0.0.1:5 mode=test", "address"), Some("127.0.0.1:5"));
    }
}
