//! What LiteBox's support does, through the library and through the real binary.

mod commands;
mod documents;
mod exits;
mod switches;

use std::process::{Command, Output};

use litebox_partner::storage::Backend;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::database::backends;

/// A key of documents.
const KEY: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Runs a test on a service that keeps documents, on each database.
async fn on_both_desks(test: impl AsyncFn(&Desk)) {
    for backend in backends() {
        println!("on {backend:?}");
        test(&Desk::open(backend).await).await;
    }
}

/// A running service, and the commands of support beside it.
struct Desk {
    app: TestApp,
}

impl Desk {
    async fn open(backend: Backend) -> Self {
        Self { app: TestApp::start_with(backend, |config| config.documents.keys = vec![KEY.into()]).await }
    }

    fn run_with(&self, keys: &str, line: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_litebox-partner"))
            .args(line)
            .env("LITEBOX_DATABASE_URL", self.app.database.config.url.expose_secret())
            .env("LITEBOX_DOCUMENTS_KEYS", keys)
            .env("LITEBOX_GATEWAYS_ACCOUNTS_URL", self.app.sandbox.grpc_url())
            .env("LITEBOX_ACTOR", "anna")
            .output()
            .unwrap()
    }

    /// What a command prints that succeeds.
    fn says(&self, line: &[&str]) -> String {
        let output = self.run_with(KEY, line);
        assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The same as JSON.
    fn tells(&self, line: &[&str]) -> Value {
        serde_json::from_str(&self.says(&[line, &["--json"]].concat())).unwrap()
    }

    /// Changes something, with a reason; without one it is refused.
    fn does(&self, line: &[&str]) -> String {
        self.declines(line);
        self.says(&[line, &["--reason", "T-1"]].concat())
    }

    /// What a command says that fails and prints nothing.
    fn declines(&self, line: &[&str]) -> String {
        let output = self.run_with(KEY, line);
        assert!(!output.status.success() && output.stdout.is_empty(), "{line:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// The actions in the audit log about a registration, the oldest first.
    fn audited(&self, kkt: &str) -> Vec<String> {
        let lines = self.tells(&["audit", "list", "--kkt", kkt]);
        let lines = lines.as_array().unwrap().iter().rev();
        lines
            .map(|line| {
                assert_eq!((&line["actor"], &line["reason"]), (&"anna".into(), &"T-1".into()));
                line["action"].as_str().unwrap().to_owned()
            })
            .collect()
    }
}
