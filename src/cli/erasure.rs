//! Erasing the personal data of clients, and verifying the records of that.

use clap::Subcommand;
use serde_json::{Value, json};

use super::act::{Who, Why};
use super::output::{Output, instant_or};
use super::{CliError, database, support};
use crate::clock::{Clock, Ids};
use crate::config::Config;
use crate::erasure::key::{self, Key, Malformed, PublicKey};
use crate::erasure::record::{Record, Verdict};
use crate::erasure::service::{Done, Erasures, Verified};
use crate::values::{ClientId, Inn};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Erase the personal data of a client and of its registrations for ever, and sign a record of it. Once erased, it says
    /// so and does nothing.
    Erase {
        /// Id of the client.
        client: ClientId,
        /// Its LiteBox account has been removed; without it only an ABANDONED client is erased.
        #[arg(long)]
        removed: bool,
        /// Take my word for that: do not ask the account service.
        #[arg(long, requires = "removed")]
        unasked: bool,
        /// Yes, this cannot be undone.
        #[arg(long, required = true)]
        yes: bool,
        #[command(flatten)]
        why: Why,
    },
    /// List and verify the records of erasures, the oldest first. Exit code 1 when one is not as it was signed, or when it
    /// cannot be told whether one is about the tax number.
    Erasures {
        /// Only those about this tax number. The configured key cannot tell it of records made under another one.
        #[arg(long)]
        inn: Option<Inn>,
        /// Public keys that are believed instead of that of erasure.key, with commas between.
        #[arg(long, value_name = "KEY", value_delimiter = ',', value_parser = public_key)]
        public_key: Vec<PublicKey>,
    },
    /// Make a secret key for erasure.key; prints it, this once, with its public key.
    ErasureKey,
}

fn public_key(text: &str) -> Result<PublicKey, Malformed> {
    PublicKey::parse(text)
}

impl Command {
    pub(super) async fn run(self, config: &Config, who: &Who, output: &Output) -> Result<(), CliError> {
        match self {
            Self::Erase { client, removed, unasked, yes: _, why } => {
                let (act, erasures) = (who.act(&why)?, erasures(config).await?);
                if removed && !unasked {
                    support(config).await?.account_is_gone(client).await?;
                }
                show(&erasures.erase(client, removed, act).await?, output)
            }
            Self::Erasures { inn, public_key } => {
                list(&erasures(config).await?, inn.as_ref(), public_key, output).await
            }
            Self::ErasureKey => make(output),
        }
    }
}

async fn erasures(config: &Config) -> Result<Erasures, CliError> {
    let key = config.erasure.key()?;
    Ok(Erasures { db: database(config).await?, key, clock: Clock::system(), ids: Ids::system() })
}

fn show(done: &Done, output: &Output) -> Result<(), CliError> {
    match done {
        Done::Now(record) => {
            output.one(&told(record), &record.0.id.to_string(), "erased; this is the id of the record")
        }
        Done::Before(Some(record)) => {
            output.one(&told(record), &record.0.id.to_string(), "was erased before; this is the id of the record")
        }
        Done::Before(None) => output.line("was erased before; its record is missing"),
    }
}

async fn list(erasures: &Erasures, inn: Option<&Inn>, keys: Vec<PublicKey>, output: &Output) -> Result<(), CliError> {
    let all = erasures.records(keys).await?;
    // All are verified, also those that are not shown: one that is missing shows at its neighbour.
    let (bad, of) = (all.iter().filter(|one| one.verdict != Verdict::Good).count(), all.len());
    let (mut shown, mut untold) = (Vec::new(), 0);
    for one in &all {
        match inn.map_or(Ok(Some(true)), |inn| erasures.is_about(&one.record, inn))? {
            Some(true) => shown.push(verified(one)),
            Some(false) => {}
            None => untold += 1,
        }
    }
    output.many(&shown, ["NO", "VERDICT", "AT", "BY", "PARTNER", "CLIENT", "REASON"], row)?;
    match (bad, untold) {
        (0, 0) => Ok(()),
        (0, _) => Err(CliError::Records(Unsaid::About { untold })),
        (_, 0) => Err(CliError::Records(Unsaid::Verified { bad, of })),
        _ => Err(CliError::Records(Unsaid::Both { bad, of, untold })),
    }
}

/// What records of erasures do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsaid {
    #[error("{bad} of {of} records are not as they were signed, or not verified: see VERDICT")]
    Verified { bad: usize, of: usize },
    #[error("cannot tell for {untold} records signed with another key: ask with that key as erasure.key, too")]
    About { untold: usize },
    #[error("{}; {}", Self::Verified { bad: *bad, of: *of }, Self::About { untold: *untold })]
    Both { bad: usize, of: usize, untold: usize },
}

/// A new key; needs no configuration.
pub(super) fn make(output: &Output) -> Result<(), CliError> {
    let secret = key::generate(&Ids::system());
    let public = Key::parse(&secret)?.public();
    let remark = format!("public key: {}. The secret one is shown only now.", public.as_str());
    output.one(&json!({ "key": secret, "public_key": public.as_str() }), &secret, &remark)
}

fn told(record: &Record) -> Value {
    let row = &record.0;
    json!({
        "version": row.version,
        "seq": row.seq,
        "id": row.id,
        "at_ms": row.at_ms,
        "actor": row.actor,
        "reason": row.reason,
        "partner": row.partner_id,
        "client": row.client_id,
        "inn_hash": row.inn_hash,
        "registrations": row.registrations,
        "documents": row.documents,
        "requests": row.requests,
        "previous": row.previous,
        "public_key": row.public_key,
        "signature": row.signature,
    })
}

fn verified(one: &Verified) -> Value {
    let mut shown = told(&one.record);
    shown["verdict"] = json!(one.verdict.as_str());
    shown
}

fn row(record: &Value) -> [String; 7] {
    let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
    let at = instant_or(record["at_ms"].as_i64(), "");
    let no = record["seq"].to_string();
    [no, text("verdict"), at, text("actor"), text("partner"), text("client"), text("reason")]
}
