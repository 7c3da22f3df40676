//! A terminal on which the program runs: `script` of util-linux.

use std::process::{Child, Command, Stdio};

use litebox_partner::config::variable;
use tempfile::TempDir;

/// Ends with the program; a program that runs still is hung up on when this is dropped.
pub struct Terminal {
    child: Child,
    folder: TempDir,
}

impl Terminal {
    /// Runs the program with these arguments and settings.
    pub fn run(arguments: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("echo $$ >pid; exec '{}' {arguments}", env!("CARGO_BIN_EXE_litebox-partner"));
        let mut command = Command::new("script");
        command.args(["--quiet", "--flush", "--return", "--command", &line, "shown"]).current_dir(folder.path());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(settings.iter().map(|(key, value)| (variable(key), *value)));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        Self { child, folder }
    }

    /// Everything that it has shown so far.
    pub fn shown(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("shown")).unwrap_or_default()
    }

    /// Whether the program has ended well; `None` while it runs.
    pub fn ended(&mut self) -> Option<bool> {
        self.child.try_wait().unwrap().map(|status| status.success())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A program that was told to ignore that the terminal hangs up would stay.
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).unwrap_or_default();
        if let (Ok(pid), None) = (pid.trim().parse::<u32>(), self.ended()) {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
