//! A running service, and the commands of operators beside it.

use std::process::{Command, Output};

use litebox_partner::storage::Backend;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::app::TestApp;
use super::database::backends;

/// A key of documents.
pub const DOCUMENTS: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// A key of erasures.
pub const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Runs a test on a service that keeps documents, on each database.
pub async fn on_both_desks(test: impl AsyncFn(&Desk)) {
    for backend in backends() {
        println!("on {backend:?}");
        test(&Desk::open(backend).await).await;
    }
}

/// The service, and whoever sits beside it.
pub struct Desk {
    pub app: TestApp,
}

impl Desk {
    pub async fn open(backend: Backend) -> Self {
        Self { app: TestApp::start_with(backend, |config| config.documents.keys = vec![DOCUMENTS.into()]).await }
    }

    /// Runs a command; `other` settings go over the usual ones.
    pub fn run_with(&self, other: &[(&str, &str)], line: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_litebox-partner"))
            .args(line)
            .env("LITEBOX_DATABASE_URL", self.app.database.config.url.expose_secret())
            .env("LITEBOX_DOCUMENTS_KEYS", DOCUMENTS)
            .env("LITEBOX_ERASURE_KEY", SECRET)
            .env("LITEBOX_GATEWAYS_ACCOUNTS_URL", self.app.sandbox.grpc_url())
            .env("LITEBOX_ACTOR", "anna")
            .envs(other.iter().copied())
            .output()
            .unwrap()
    }

    /// What a command prints that succeeds.
    pub fn says(&self, line: &[&str]) -> String {
        let output = self.run_with(&[], line);
        assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The same as JSON.
    pub fn tells(&self, line: &[&str]) -> Value {
        serde_json::from_str(&self.says(&[line, &["--json"]].concat())).unwrap()
    }

    /// What a command says that fails and prints nothing.
    pub fn declines(&self, line: &[&str]) -> String {
        let output = self.run_with(&[], line);
        assert!(!output.status.success() && output.stdout.is_empty(), "{line:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}
