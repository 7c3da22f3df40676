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
use crate::kkt::state::Name;
use crate::kkt::worker::DRIVEN;
use crate::partners::model::HubUrl;
use crate::progress::Count;
use crate::storage::Db;
use crate::storage::audit::{Act, Deed, Desk};
use crate::storage::crossing::{access, support};
use crate::storage::recovery::{Confirmed, Given, Recovery};

/// Between two looks at what is due.
const LOOK: Duration = Duration::from_millis(300);

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Whether a recovery is open, what it still holds back, how many registrations are due and not tried yet, and which hubs
    /// were given up.
    Status {
        /// While a recovery is open, wait until the servers have tried each registration that is due now, and show how far
        /// they are. Tried is not done: what fails is tried again later, and `gateway list` tells what does not answer.
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
    /// does not know. A registration whose own device is at it still does.
    GiveUpHub {
        /// As `device list` shows it.
        #[arg(value_parser = HubUrl::parse)]
        hub: HubUrl,
        /// It is there all the same: take it back.
        #[arg(long)]
        undo: bool,
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
                if wait && db.recovery().await?.is_some_and(|recovery| recovery.is_open()) {
                    tried(db).await?;
                }
                return status(db, output).await;
            }
            Self::GiveUpHub { hub, undo, why } => return give_up(db, &hub, !undo, &who.act(&why)?, output).await,
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

/// Gives a hub up, or takes it back. One that no device names is a slip of the pen.
async fn give_up(db: &Db, hub: &HubUrl, gone: bool, act: &Act, output: &Output) -> Result<(), CliError> {
    let devices = access::devices(db).await?.iter().filter(|device| device.hub == hub.as_str()).count();
    if devices == 0 {
        return Err(CliError::NoSuchHub);
    }
    let clock = Clock::system();
    let desk = Desk::new(clock.clone(), Ids::system(), act.clone());
    let action = if gone { "RECOVERY_HUB_GIVEN_UP" } else { "RECOVERY_HUB_TAKEN_BACK" };
    let detail = json!({ "devices": devices });
    let record = desk.record(Deed { action, subject: hub.as_str().to_owned(), detail, ..Deed::default() });
    match db.give_up_hub(hub.as_str(), gone, clock.now_ms(), record).await? {
        Given::Changed => {
            output.line(&format!("{}, devices at it: {devices}", if gone { "given up" } else { "taken back" }))
        }
        Given::Before => output.line("it stood so before"),
        Given::NoRecovery => output.line("no recovery is open"),
    }
}

/// Returns when each registration that is due now has been tried.
async fn tried(db: &Db) -> Result<(), CliError> {
    let (count, began) = (Count::default(), Clock::system().now_ms());
    let left = async || untried(db, began).await;
    let work = async {
        let of = left().await?;
        loop {
            let left = left().await?;
            count.at(of.saturating_sub(left), of);
            if left == 0 {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    progress::shown("tried", &count, work).await
}

async fn untried(db: &Db, at_ms: i64) -> Result<usize, CliError> {
    let left = support::untried(db, &DRIVEN.map(Name::as_str), at_ms).await?;
    Ok(usize::try_from(left).unwrap_or(usize::MAX))
}

async fn status(db: &Db, output: &Output) -> Result<(), CliError> {
    let due = untried(db, Clock::system().now_ms()).await?;
    let (latest, gone) = (db.recovery().await?, db.gone_hubs().await?);
    let all: Vec<Value> = latest.iter().map(|recovery| shown(recovery, due, &gone)).collect();
    output.many(&all, ["RECOVERY", "STATE", "SINCE", "TOKENS", "FLEET", "DUE", "GONE HUBS"], row)
}

fn shown(recovery: &Recovery, due: usize, gone: &BTreeSet<String>) -> Value {
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

fn row(recovery: &Value) -> [String; 7] {
    let text = |key: &str| recovery[key].as_str().unwrap_or_default().to_owned();
    let since = instant_or(recovery["since_ms"].as_i64(), "");
    let gone = recovery["gone_hubs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    let due = recovery["due"].to_string();
    [text("name"), text("state"), since, text("tokens"), text("fleet"), due, gone.join(" ")]
}
