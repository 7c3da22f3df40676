//! A program of partners that is not ours: grpc-go with the service config that is published, and nothing else that repeats.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;

use super::load::book::{Answer, Told};
use super::load::caller::Caller;

/// The first nine digits of the first INN that it registers; nobody else's begin so.
const FIRST: &str = "790000000";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The service config that is published.
pub fn policy() -> PathBuf {
    root().join("sdk/service_config.json")
}

/// It calls until it is ended. Killed when it is dropped.
pub struct Standard {
    child: Child,
    told: Option<JoinHandle<Vec<Value>>>,
}

impl Standard {
    /// Starts it, unless it is not built; says so then, and never in CI.
    pub fn start(at: SocketAddr, token: &str, policy: &Path) -> Option<Self> {
        let program = root().join(".tools/bin/standard-caller");
        if !program.exists() {
            assert!(std::env::var_os("CI").is_none(), "CI asks a caller with the standard policy: make tools");
            eprintln!("\n!!! NO CALLER WITH THE STANDARD POLICY: standard-caller is missing: make tools !!!\n");
            return None;
        }
        let mut command = Command::new(program);
        command.arg(at.to_string()).arg(policy).arg(FIRST);
        command.env_clear().env("TOKEN", token).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let read = move || lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        Some(Self { child, told: Some(std::thread::spawn(read)) })
    }

    /// Ends it; what it has seen.
    pub fn end(mut self) -> Seen {
        drop(self.child.stdin.take());
        let mut told = self.told.take().unwrap().join().unwrap();
        assert!(self.child.wait().unwrap().success());
        let sum = told.pop().unwrap();
        let (clients, failed) = told.into_iter().partition(|line| line["client"].is_string());
        Seen { sum, clients, failed }
    }
}

/// What it has seen.
pub struct Seen {
    sum: Value,
    clients: Vec<Value>,
    /// Calls that failed, with what was told.
    pub failed: Vec<Value>,
}

impl Seen {
    /// Panics when a call has failed. What was registered is written into its partner's book.
    pub fn all_answered(&self, partner: &Caller) -> String {
        assert!(self.failed.is_empty() && self.sum["failed"] == 0, "{}: {:?}", self.sum, self.failed);
        assert!(self.clients.len() > 20, "it has hardly called: {}", self.sum);
        for client in &self.clients {
            note(partner, client);
        }
        format!("grpc-go with the published policy: {}", self.sum)
    }
}

/// A client as it was acknowledged.
fn note(partner: &Caller, client: &Value) {
    let text = |key: &str| client[key].as_str().unwrap().to_owned();
    let asked = partner.asked("Register", &text("request"), &text("inn"), "");
    let (id, state) = (text("client").parse().unwrap(), text("state").replace("CLIENT_STATE_", ""));
    partner.book.ask(&asked);
    partner.book.answer(&asked, Answer::Told(Told { id, subject: text("inn"), state, revision: 0 }));
}

impl Drop for Standard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
