//! After a backup was restored: what is held back, and what has been compared with the outside.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::CliError;
use super::act::{Who, Why};
use super::output::{Output, instant_or};
use crate::clock::{Clock, Ids};
use crate::storage::Db;
use crate::storage::audit::{Deed, Desk};
use crate::storage::recovery::{Confirmed, Recovery};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Whether a recovery is open, and what it still holds back.
    Status,
    /// Say that a part has been compared with the outside; it is no longer held back.
    Confirm {
        /// What.
        part: Part,
        #[command(flatten)]
        why: Why,
    },
    /// Say that nothing done since the backup can come up any more: commands are sent without asking first.
    Finish {
        #[command(flatten)]
        why: Why,
    },
}

/// What is confirmed by itself.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Part {
    /// Tokens revoked since the backup are revoked again.
    Tokens,
    /// Registers hired out since the backup are taken out of the fleet.
    Fleet,
}

impl Command {
    pub(super) async fn run(self, db: &Db, who: &Who, output: &Output) -> Result<(), CliError> {
        let (what, action, why) = match self {
            Self::Status => return status(db, output).await,
            Self::Confirm { part: Part::Tokens, why } => (Confirmed::Tokens, "RECOVERY_TOKENS_CONFIRMED", why),
            Self::Confirm { part: Part::Fleet, why } => (Confirmed::Fleet, "RECOVERY_FLEET_CONFIRMED", why),
            Self::Finish { why } => (Confirmed::All, "RECOVERY_FINISHED", why),
        };
        let clock = Clock::system();
        let desk = Desk::new(clock.clone(), Ids::system(), who.act(&why)?);
        let subject = db.recovery().await?.map(|recovery| recovery.name).unwrap_or_default();
        let record = desk.record(Deed { action, subject, detail: json!({}), ..Deed::default() });
        let done = db.confirm_recovery(what, clock.now_ms(), record).await?;
        output.line(if done { "confirmed" } else { "there was nothing to confirm" })
    }
}

async fn status(db: &Db, output: &Output) -> Result<(), CliError> {
    let latest = db.recovery().await?;
    let all: Vec<Value> = latest.iter().map(shown).collect();
    output.many(&all, ["RECOVERY", "STATE", "SINCE", "TOKENS", "FLEET"], row)
}

fn shown(recovery: &Recovery) -> Value {
    let held = |held: bool| if held { "held back" } else { "free" };
    json!({
        "name": recovery.name,
        "state": if recovery.is_open() { "open" } else { "finished" },
        "since_ms": recovery.since_ms,
        "tokens": held(recovery.freezes_tokens()),
        "fleet": held(recovery.freezes_fleet()),
    })
}

fn row(recovery: &Value) -> [String; 5] {
    let text = |key: &str| recovery[key].as_str().unwrap_or_default().to_owned();
    [text("name"), text("state"), instant_or(recovery["since_ms"].as_i64(), ""), text("tokens"), text("fleet")]
}
