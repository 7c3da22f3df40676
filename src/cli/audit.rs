//! Reading the audit log.

use clap::Subcommand;

use super::CliError;
use super::operate::{Term, one_partner};
use super::output::{Output, instant};
use crate::partners::service::Partners;
use crate::storage::audit::Line;
use crate::storage::crossing::support::AuditFilter;
use crate::support::service::Support;
use crate::values::KktId;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Who changed what and why, the newest first, 200 lines at most.
    List {
        /// About this registration.
        #[arg(long)]
        kkt: Option<KktId>,
        /// About this partner, by id or name.
        #[arg(long)]
        partner: Option<String>,
        /// Not longer ago than this: 7d, 12h, 30m.
        #[arg(long, value_name = "TIME")]
        since: Option<Term>,
    },
}

impl Command {
    pub(super) async fn run(self, support: &Support, partners: &Partners, output: &Output) -> Result<(), CliError> {
        let Self::List { kkt, partner, since } = self;
        let partner = one_partner(partners, partner).await?;
        let since_ms = since.map(|term| support.clock.now_ms().saturating_sub(term.ms()));
        let lines = support.audit(&AuditFilter { kkt, partner, since_ms }).await?;
        output.many(&lines, ["AT", "BY", "ACTION", "SUBJECT", "REASON", "DETAIL"], row)
    }
}

fn row(line: &Line) -> [String; 6] {
    let detail = if line.detail.is_null() { String::new() } else { line.detail.to_string() };
    [instant(line.at_ms), line.actor.clone(), line.action.clone(), line.subject.clone(), line.reason.clone(), detail]
}
