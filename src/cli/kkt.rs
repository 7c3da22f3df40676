//! What support does with registrations.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use uuid::Uuid;

use super::CliError;
use super::act::{Who, Why};
use super::output::{Output, instant, instant_or};
use crate::clock::to_ms;
use crate::kkt::desk::{Found, Sent};
use crate::kkt::model::Step;
use crate::storage::documents::Kept;
use crate::support::explain;
use crate::support::findings::Finding;
use crate::support::service::{Case, Support};
use crate::values::{FiscalSign, Rnm};

/// Every command takes an id, a serial number, an FN or an RNM.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show a registration with its commands and its history; several with the same number are listed.
    Show {
        /// Id, serial number, FN or RNM.
        kkt: String,
    },
    /// Say in plain sentences why it hangs, what happens next by itself, and what can be done.
    Explain {
        /// Id, serial number, FN or RNM.
        kkt: String,
    },
    /// Try it again now, whatever it waits for.
    Retry {
        /// Id, serial number, FN or RNM.
        kkt: String,
        #[command(flatten)]
        why: Why,
    },
    /// Move it by what you have learned outside.
    Resolve(ResolveArgs),
    /// Let go of what an ended registration still holds.
    Release {
        /// Id, serial number, FN or RNM.
        kkt: String,
        /// Somebody has seen that its fiscal drive, which is in doubt, is unburnt: another registration may use it.
        #[arg(long)]
        drive_is_unburnt: bool,
        #[command(flatten)]
        why: Why,
    },
    /// List what was sent to and answered by the outer systems.
    Documents {
        /// Id, serial number, FN or RNM.
        kkt: String,
    },
    /// Show the content of a document. It holds personal data: that it was read is recorded.
    Document {
        /// Id, as `kkt documents` lists it.
        id: Uuid,
        /// Write the bytes as they are into this file.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Args)]
pub(super) struct ResolveArgs {
    /// Id, serial number, FN or RNM.
    kkt: String,
    /// What has happened outside.
    #[arg(long)]
    outcome: Outcome,
    /// Id of the application at FNS.
    #[arg(long, required_if_eq("outcome", "filed"))]
    application_id: Option<String>,
    /// The registration number; its check digits must fit.
    #[arg(long, required_if_eq("outcome", "rnm"))]
    rnm: Option<Rnm>,
    /// When FNS assigned it: 2026-11-23T10:12:00Z; now without it.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    assigned: Option<i64>,
    /// Number of the fiscal document.
    #[arg(long, required_if_eq("outcome", "burnt"))]
    fd: Option<u32>,
    /// As printed on the report, without a zone: 2026-11-23T13:12:00.
    #[arg(long, required_if_eq("outcome", "burnt"))]
    local_time: Option<String>,
    /// Fiscal sign as printed on the report.
    #[arg(long, required_if_eq("outcome", "burnt"))]
    fiscal_sign: Option<FiscalSign>,
    /// Number of the card.
    #[arg(long, required_if_eq("outcome", "card"))]
    number: Option<String>,
    /// When the card was issued: 2026-11-23T10:12:00Z; now without it.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    issued: Option<i64>,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Outcome {
    /// The OFD holds the code for us.
    Reserved,
    /// FNS has the application.
    Filed,
    /// FNS has assigned the number.
    Rnm,
    /// The OFD has the register.
    Connected,
    /// The fiscal drive holds our report.
    Burnt,
    /// FNS has the report.
    ReportFiled,
    /// FNS has issued the card.
    Card,
    /// FNS has refused the application.
    Rejected,
    /// The report that a person typed was never made: ends as cancelled, its drive in doubt.
    NotBurnt,
}

/// An instant in Unix milliseconds.
fn moment(text: &str) -> Result<i64, &'static str> {
    let format = &time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::parse(text, format).map(to_ms).map_err(|_| "must be like 2026-11-23T10:12:00Z")
}

impl ResolveArgs {
    /// `None` when a value is missing, which clap has refused before.
    fn finding(&self, now_ms: i64) -> Option<Finding> {
        Some(match self.outcome {
            Outcome::Reserved => Finding::Reserved,
            Outcome::Filed => Finding::Filed { application_id: self.application_id.clone()? },
            Outcome::Rnm => Finding::Rnm { rnm: self.rnm.clone()?, assigned_ms: self.assigned.unwrap_or(now_ms) },
            Outcome::Connected => Finding::Connected,
            Outcome::Burnt => Finding::Burnt {
                fd_number: self.fd?,
                local_time: self.local_time.clone()?,
                fiscal_sign: self.fiscal_sign.clone()?,
            },
            Outcome::ReportFiled => Finding::ReportFiled,
            Outcome::Card => Finding::Card { number: self.number.clone()?, issued_ms: self.issued.unwrap_or(now_ms) },
            Outcome::Rejected => Finding::Rejected,
            Outcome::NotBurnt => Finding::NotBurnt,
        })
    }
}

impl Command {
    pub(super) async fn run(self, support: &Support, who: &Who, output: &Output) -> Result<(), CliError> {
        match self {
            Self::Show { kkt } => show(support, &kkt, output).await,
            Self::Explain { kkt } => {
                let lines = explain::explain(&support.case(&kkt).await?);
                output.lines(&lines)
            }
            Self::Retry { kkt, why } => {
                let id = support.retry(&kkt, who.act(&why)?).await?;
                output.line(&format!("{id} is due now"))
            }
            Self::Resolve(args) => {
                let act = who.act(&args.why)?;
                let Some(finding) = args.finding(support.clock.now_ms()) else { return Ok(()) };
                let (id, state) = support.resolve(&args.kkt, finding, act).await?;
                output.line(&format!("{id} is {state}"))
            }
            Self::Release { kkt, drive_is_unburnt, why } => {
                let (id, _) = support.release(&kkt, drive_is_unburnt, who.act(&why)?).await?;
                output.line(&format!("{id} holds nothing any more"))
            }
            Self::Documents { kkt } => {
                let kept = support.documents(&kkt).await?;
                output.many(&kept, ["ID", "AT", "DIRECTION", "GATEWAY", "OPERATION", "BYTES", "EFFECT"], kept_row)
            }
            Self::Document { id, out, why } => document(support, id, out, who.act(&why)?, output).await,
        }
    }
}

async fn show(support: &Support, text: &str, output: &Output) -> Result<(), CliError> {
    let found = support.search(text).await?;
    if found.len() > 1 {
        let rows: Vec<Value> = found.iter().map(found_json).collect();
        return output.many(&rows, ["ID", "STATE", "BLOCK", "MODEL", "SERIAL", "FN", "RNM", "CREATED"], found_row);
    }
    let case = support.case(text).await?;
    if output.is_json() { output.value(&case_json(&case)) } else { output.lines(&case_lines(&case)) }
}

async fn document(
    support: &Support,
    id: Uuid,
    out: Option<PathBuf>,
    act: crate::storage::audit::Act,
    output: &Output,
) -> Result<(), CliError> {
    let (kept, content) = support.document(id, act).await?;
    match out {
        Some(path) => {
            // A content is personal data: nobody but its reader may read the file.
            let mut options = std::fs::OpenOptions::new();
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.write(true).create_new(true).open(path)?.write_all(&content)?;
            output.line("written")
        }
        None if output.is_json() => {
            let mut value = serde_json::to_value(&kept).unwrap_or_default();
            value["text"] = json!(crate::support::raw::readable(&content));
            output.value(&value)
        }
        None => output.lines(&[crate::support::raw::readable(&content)]),
    }
}

fn found_json(found: &Found) -> Value {
    let (kkt, register) = (&found.kkt, &found.kkt.facts.register);
    json!({
        "id": kkt.id,
        "partner": found.scope.partner(),
        "client": kkt.client_id,
        "external_ref": kkt.external_ref,
        "state": kkt.state.name().as_str(),
        "block": kkt.block.as_ref().map(|b| json!({ "reason": b.reason, "waiting_for": b.waiting_for, "advice": b.advice })),
        "model": register.model,
        "serial": register.serial,
        "fn_serial": register.fn_serial,
        "device": register.device_id,
        "inn": kkt.inn,
        "rnm": kkt.state.rnm(),
        "application_id": kkt.state.application_id(),
        "report_by_ms": kkt.state.numbers().map(|n| n.report_by_ms),
        "report": kkt.state.report(),
        "card": kkt.state.card(),
        "holds": held(found),
        "revision": kkt.revision,
        "since_ms": kkt.since_ms,
        "created_ms": kkt.created_ms,
        "updated_ms": kkt.updated_ms,
        "next_attempt_ms": kkt.next_attempt_ms,
        "attempts": found.attempts,
        "failures": found.failures,
    })
}

/// What it keeps others from.
fn held(found: &Found) -> Vec<&'static str> {
    let state = &found.kkt.state;
    let code = (state.held().is_some()).then_some("activation code");
    let register = state.holds_register().then_some("register");
    let drive = state.holds_drive().then_some("fiscal drive");
    [code, register, drive].into_iter().flatten().collect()
}

fn found_row(found: &Value) -> [String; 8] {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    [
        text(&found["id"]),
        text(&found["state"]),
        text(&found["block"]["reason"]),
        text(&found["model"]),
        text(&found["serial"]),
        text(&found["fn_serial"]),
        text(&found["rnm"]),
        instant_or(found["created_ms"].as_i64(), ""),
    ]
}

fn case_json(case: &Case) -> Value {
    let mut value = found_json(&case.found);
    value["partner_name"] = json!(case.partner);
    value["documents"] = json!(case.documents);
    value["commands"] = case.sent.iter().map(sent_json).collect();
    value["history"] = case.history.iter().map(step_json).collect();
    value
}

fn sent_json(sent: &Sent) -> Value {
    json!({
        "effect_id": sent.effect.id,
        "step": sent.step,
        "generation": sent.effect.generation,
        "standing": sent.effect.standing.name(),
        "intended_ms": sent.created_ms,
        "settled_ms": sent.settled_ms,
    })
}

fn step_json(step: &Step) -> Value {
    json!({
        "revision": step.revision,
        "from": step.from.map(crate::kkt::state::Name::as_str),
        "to": step.to.as_str(),
        "at_ms": step.at_ms,
        "attempt": step.attempt,
        "actor": step.actor,
        "effect_id": step.effect,
        "detail": step.detail,
    })
}

fn case_lines(case: &Case) -> Vec<String> {
    let head = found_json(&case.found);
    let mut lines = vec![format!("partner: {} ({})", case.partner, case.found.scope.partner())];
    for (key, value) in head.as_object().into_iter().flatten().filter(|(key, _)| *key != "partner") {
        lines.extend(shown(key, value));
    }
    lines.push("commands:".to_owned());
    lines.extend(case.sent.iter().map(|sent| {
        let (effect, settled) = (&sent.effect, instant_or(sent.settled_ms, "unclear"));
        format!("  {}  {} {} {} ({settled})", instant(sent.created_ms), sent.step, effect.standing.name(), effect.id)
    }));
    lines.push("history:".to_owned());
    lines.extend(
        case.history
            .iter()
            .map(|step| format!("  {}  {} {} by {}", instant(step.at_ms), step.to.as_str(), step.detail, step.actor)),
    );
    lines
}

/// A line of a value that is there; instants for people.
fn shown(key: &str, value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Number(ms) if key.ends_with("_ms") => instant_or(ms.as_i64(), ""),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    Some(format!("{}: {text}", key.trim_end_matches("_ms")))
}

fn kept_row(kept: &Kept) -> [String; 7] {
    [
        kept.id.to_string(),
        instant(kept.at_ms),
        kept.direction.clone(),
        kept.gateway.clone(),
        kept.operation.clone(),
        kept.bytes.to_string(),
        kept.effect.map(|id| id.to_string()).unwrap_or_default(),
    ]
}
