//! `gateway check`: does a site's own adapter keep the contract?

use clap::{Args, ValueEnum};

use super::CliError;
use super::output::Output;
use crate::clock::Ids;
use crate::conformance::{self, Finding, Inputs, Verdict};
use crate::gateways::Gateway;

/// Try the cases of a contract on an adapter, as our own tests do on the sandbox.
///
/// Cases that change something run only against an adapter that says it is a sandbox; run this against a test
/// environment. No fiscal drive is written to. Exit code 0 when no case fails.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Which contract.
    gateway: Contract,
    /// Where the adapter answers: http://host:port.
    url: String,
    #[command(flatten)]
    inputs: Inputs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Contract {
    Accounts,
    Fns,
    Ofd,
    Device,
    Taxpayers,
}

impl From<Contract> for Gateway {
    fn from(contract: Contract) -> Self {
        match contract {
            Contract::Accounts => Self::Accounts,
            Contract::Fns => Self::Fns,
            Contract::Ofd => Self::Ofd,
            Contract::Device => Self::Device,
            Contract::Taxpayers => Self::Taxpayers,
        }
    }
}

impl CheckArgs {
    pub(super) async fn run(self, output: &Output) -> Result<(), CliError> {
        let findings = conformance::check(self.gateway.into(), &self.url, &self.inputs, &Ids::system()).await?;
        output.many(&findings, ["VERDICT", "CASE", "THE CONTRACT", "SEEN"], row)?;
        let failed = findings.iter().filter(|f| f.verdict == Verdict::Fail).count();
        if failed == 0 { Ok(()) } else { Err(CliError::Nonconforming { failed, of: findings.len() }) }
    }
}

fn row(finding: &Finding) -> [String; 4] {
    let verdict = match finding.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::Skip => "skip",
    };
    [verdict, finding.case, finding.rule, &finding.detail].map(str::to_owned)
}
