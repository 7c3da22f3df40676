//! The rental fleets of partners.

use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use super::act::{Who, Why};
use super::output::{Output, instant};
use super::{CliError, database, partners, progress};
use crate::catalogue::Catalogue;
use crate::clock::{Clock, Ids};
use crate::config::Config;
use crate::fleet::import::Problem;
use crate::fleet::model::{FleetDevice, State};
use crate::fleet::service::{Fleets, Imported, Refused};
use crate::progress::Count;
use crate::storage::audit::Desk;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bring a partner's fleet up to a CSV file, or list every line that is wrong and change nothing.
    ///
    /// The first line names the columns: model, serial, fn, and if wanted device_id (as `device list` shows it) and state
    /// (FREE or OUT; empty means FREE). UTF-8, separated by commas or semicolons. The same file again changes nothing.
    /// A register in the file that is free or out is changed; one that is with a client is not. Registers that the file
    /// does not name stay as they are.
    Import(ImportArgs),
    /// List registers, the oldest first: the order in which they are hired out.
    List {
        /// Id or name of one partner; all without it.
        #[arg(long)]
        partner: Option<String>,
        /// Only those in this state.
        #[arg(long, value_parser = PossibleValuesParser::new(State::NAMES))]
        state: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// Id or name of the partner.
    partner: String,
    /// The file.
    file: PathBuf,
    /// Take models that the catalogue does not have; a partner must acknowledge MODEL_UNKNOWN to hire one.
    #[arg(long)]
    allow_unknown: bool,
    #[command(flatten)]
    why: Why,
}

impl Command {
    pub(super) async fn run(self, config: &Config, who: &Who, output: &Output) -> Result<(), CliError> {
        let partners = partners(config).await?;
        let fleets = Fleets {
            db: database(config).await?,
            catalogue: Arc::new(Catalogue::load(config.catalogue_dir())?),
            clock: Clock::system(),
            ids: Ids::system(),
            progress: Count::default(),
        };
        match self {
            Self::Import(args) => {
                let partner = partners.find(&args.partner).await?;
                let file = tokio::fs::read(&args.file).await?;
                let desk = Desk::new(Clock::system(), Ids::system(), who.act(&args.why)?);
                let work = fleets.import(&desk, partner.id, &file, args.allow_unknown);
                let outcome = progress::shown("registers", &fleets.progress, work).await;
                let done = outcome.inspect_err(|refused| told(refused, output))?;
                let remark = format!("fleet of {}", partner.name);
                output.one(&done, &sentence(done), &remark)
            }
            Self::List { partner, state } => {
                let partner = match partner {
                    Some(named) => Some(partners.find(&named).await?.id),
                    None => None,
                };
                let all = fleets.list(partner, state.as_deref()).await?;
                let head = ["ID", "PARTNER", "MODEL", "SERIAL", "FN", "DEVICE", "STATE", "KKT", "CHANGED", "NOTE"];
                output.many(&all, head, row)
            }
        }
    }
}

fn sentence(done: Imported) -> String {
    format!("added {}, updated {}, unchanged {}", done.added, done.updated, done.unchanged)
}

/// Every problem, before the command fails; as the result itself for programs.
fn told(refused: &Refused, output: &Output) {
    if let Refused::Lines(problems) = refused {
        output.problems(problems, |Problem { line, field, reason }| format!("line {line}, {field}: {reason}"));
    }
}

fn row(device: &FleetDevice) -> [String; 10] {
    let or_none = |text: Option<String>| text.unwrap_or_default();
    [
        device.id.to_string(),
        device.partner.to_string(),
        device.register.model.clone(),
        device.register.serial.to_string(),
        device.register.fn_serial.to_string(),
        or_none(device.register.device_id.map(|id| id.to_string())),
        device.state.as_str().to_owned(),
        or_none(device.state.kkt().map(|id| id.to_string())),
        instant(device.changed_ms),
        device.note.clone(),
    ]
}
