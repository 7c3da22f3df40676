//! After a backup was restored: what is held back, and what has been compared with the outside.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::CliError;
use super::act::{Who, Why};
use super::output::{Output, instant_or};
use super::progress;
use crate::clock::{Clock, Ids};
use crate::partners::model::HubUrl;
use crate::progress::Count;
use crate::storage::Db;
use crate::storage::audit::{Deed, Desk};
use crate::storage::crossing::support;
use crate::storage::recovery::{Confirmed, Recovery};

/// Between two looks at what is due.
const LOOK: Duration = Duration::from_millis(300);

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Whether a recovery is open, what it still holds back, and how many registrations and clients the servers have still to
    /// look at.
    Status {
        /// Wait until there are none left that are due, and show how far it is.
        #[arg(long)]
        wait: bool,
    },
    /// Say that a part has been compared with the outside; it is no longer held back.
    Confirm {
        /// What.
        part: Part,
        #[command(flatten)]
        why: Why,
    },
    /// Say that a hub is gone for good: Cancel and Amend of device wait no longer for what it could tell of burns that the backup
    /// does not know. Not for the hub of a registration's own device.
    GiveUpHub {
        /// As `device list` shows it.
        #[arg(value_parser = HubUrl::parse)]
        hub: HubUrl,
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
            Self::Status { wait } => {
                if wait {
                    looked_at(db).await?;
                }
                return status(db, output).await;
            }
            Self::GiveUpHub { hub, why } => return give_up(db, &hub, who, &why, output).await,
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

async fn give_up(db: &Db, hub: &HubUrl, who: &Who, why: &Why, output: &Output) -> Result<(), CliError> {
    let clock = Clock::system();
    let desk = Desk::new(clock.clone(), Ids::system(), who.act(why)?);
    let (action, subject) = ("RECOVERY_HUB_GIVEN_UP", hub.as_str().to_owned());
    let record = desk.record(Deed { action, subject, detail: json!({}), ..Deed::default() });
    let done = db.give_up_hub(hub.as_str(), clock.now_ms(), record).await?;
    output.line(if done { "given up" } else { "there was nothing to give up" })
}

/// Returns when nothing is due any more.
async fn looked_at(db: &Db) -> Result<(), CliError> {
    let (count, mut most) = (Count::default(), 0);
    let work = async {
        loop {
            let due = usize::try_from(support::due(db).await?).unwrap_or(usize::MAX);
            // What comes to be due meanwhile is looked at, too.
            most = most.max(due);
            count.at(most - due, most);
            if due == 0 {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    progress::shown("looked at", &count, work).await
}

async fn status(db: &Db, output: &Output) -> Result<(), CliError> {
    let (latest, due, gone) = (db.recovery().await?, support::due(db).await?, db.gone_hubs().await?);
    let all: Vec<Value> = latest.iter().map(|recovery| shown(recovery, due, &gone)).collect();
    output.many(&all, ["RECOVERY", "STATE", "SINCE", "TOKENS", "FLEET", "DUE"], row)
}

fn shown(recovery: &Recovery, due: u64, gone: &BTreeSet<String>) -> Value {
    let held = |held: bool| if held { "held back" } else { "free" };
    json!({
        "name": recovery.name,
        "state": if recovery.is_open() { "open" } else { "finished" },
        "since_ms": recovery.since_ms,
        "tokens": held(recovery.freezes_tokens()),
        "fleet": held(recovery.freezes_fleet()),
        "due": due,
        "gone_hubs": gone,
    })
}

fn row(recovery: &Value) -> [String; 6] {
    let text = |key: &str| recovery[key].as_str().unwrap_or_default().to_owned();
    let since = instant_or(recovery["since_ms"].as_i64(), "");
    [text("name"), text("state"), since, text("tokens"), text("fleet"), recovery["due"].to_string()]
}
