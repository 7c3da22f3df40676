//! `litebox-partner gateway check`: does a site's own adapter keep the contract that this service relies on?
//!
//! The cases are data: a name, the rule of the contract, and a try. They are what our own tests expect of the sandbox, so
//! an adapter that passes behaves as the one that this service was built against. Everything is asked over the network.
//!
//! Cases that change something run only against an adapter that says it is a sandbox. Against a live one only those that
//! read run. A fiscal drive is never burnt: the cases for registers ask questions only.

pub mod accounts;
pub mod device;
pub mod fns;
pub mod inputs;
pub mod ofd;
mod rpc;
pub mod taxpayers;

use std::time::Duration;

use futures::future::BoxFuture;
use serde::Serialize;

use crate::clock::Ids;
use crate::gateways::{Gateway, SetupError};
pub use inputs::Inputs;

/// No case may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// One expectation.
pub(crate) struct Case<B> {
    /// What is tried.
    name: &'static str,
    /// What the contract says.
    rule: &'static str,
    kind: Kind,
    run: for<'a> fn(&'a B) -> BoxFuture<'a, Checked>,
}

/// Whether a case leaves traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It only asks.
    Reads,
    /// It sends commands.
    Changes,
}

/// What a try came to.
type Checked = Result<(), Trouble>;

/// Why a case did not pass.
enum Trouble {
    /// The contract is broken.
    Broken(String),
    /// It could not be tried.
    Skipped(String),
}

impl From<tonic::Status> for Trouble {
    fn from(status: tonic::Status) -> Self {
        Self::Broken(format!("answered the status {:?}: {}", status.code(), status.message()))
    }
}

fn broken(what: impl Into<String>) -> Trouble {
    Trouble::Broken(what.into())
}

fn expect(fine: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if fine { Ok(()) } else { Err(Trouble::Broken(otherwise())) }
}

/// What a case showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Name of the case.
    pub case: &'static str,
    /// What the contract says.
    pub rule: &'static str,
    /// The outcome.
    pub verdict: Verdict,
    /// What was seen instead, or why it was not tried.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// The outcome of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As the contract says.
    Pass,
    /// Not as the contract says.
    Fail,
    /// Not tried.
    Skip,
}

/// Why nothing could be tried.
#[derive(Debug, thiserror::Error)]
pub enum Unchecked {
    /// An input or address that cannot be used.
    #[error("{0}")]
    Input(String),
    /// A client that cannot be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The handshake did not come to an answer.
    #[error("the adapter does not answer the handshake: {0}")]
    Silent(String),
}

/// Tries all cases of a gateway's contract on the adapter at `url`.
///
/// # Errors
/// When an input is unusable, or a gRPC adapter does not answer the handshake.
pub async fn check(gateway: Gateway, url: &str, inputs: &Inputs, ids: &Ids) -> Result<Vec<Finding>, Unchecked> {
    match gateway {
        Gateway::Accounts => accounts::check(url, inputs, ids).await,
        Gateway::Fns => fns::check(url, inputs, ids).await,
        Gateway::Ofd => ofd::check(url, inputs, ids).await,
        Gateway::Device => device::check(url, inputs, ids).await,
        Gateway::Taxpayers => taxpayers::check(url, inputs).await,
    }
}

async fn run<B>(cases: &[Case<B>], bench: &B, live: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for case in cases {
        let (verdict, detail) = if live && case.kind == Kind::Changes {
            (Verdict::Skip, "the adapter belongs to the live world".to_owned())
        } else {
            judge(tokio::time::timeout(PATIENCE, (case.run)(bench)).await)
        };
        findings.push(Finding { case: case.name, rule: case.rule, verdict, detail });
    }
    findings
}

fn judge(tried: Result<Checked, tokio::time::error::Elapsed>) -> (Verdict, String) {
    match tried {
        Ok(Ok(())) => (Verdict::Pass, String::new()),
        Ok(Err(Trouble::Broken(what))) => (Verdict::Fail, what),
        Ok(Err(Trouble::Skipped(why))) => (Verdict::Skip, why),
        Err(_) => (Verdict::Fail, format!("no end within {} s", PATIENCE.as_secs())),
    }
}

/// An id that was never used.
fn fresh(ids: &Ids) -> uuid::Uuid {
    let mut random = [0; 16];
    ids.random(&mut random);
    uuid::Builder::from_random_bytes(random).into_uuid()
}

/// A table of cases: `kind function "name" "rule"`.
macro_rules! cases {
    ($($kind:ident $run:ident $name:literal $rule:literal)*) => {
        [$($crate::conformance::Case {
            name: $name,
            rule: $rule,
            kind: $crate::conformance::Kind::$kind,
            run: |bench| Box::pin($run(bench)),
        }),*]
    };
}
use cases;
