//! Stopping and starting gateways.

use clap::Subcommand;

use super::CliError;
use super::act::{Who, Why};
use super::gateway::CheckArgs;
use super::output::{Output, instant_or};
use crate::clock::{Clock, Ids};
use crate::gateways::Gateway;
use crate::storage::Db;
use crate::storage::audit::Desk;
use crate::support::switches::{self, GATEWAYS, Switch};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Send no more commands to an outer system: no new one is begun anywhere once this command has returned.
    Stop {
        /// accounts, fns, ofd, device or taxpayers.
        #[arg(value_parser = gateway)]
        gateway: Gateway,
        #[command(flatten)]
        why: Why,
    },
    /// Go on with everything that waited.
    Start {
        /// accounts, fns, ofd, device or taxpayers.
        #[arg(value_parser = gateway)]
        gateway: Gateway,
        #[command(flatten)]
        why: Why,
    },
    /// Which are stopped, since when and why.
    List,
    Check(Box<CheckArgs>),
}

fn gateway(text: &str) -> Result<Gateway, String> {
    let names = || GATEWAYS.map(Gateway::name).join(", ");
    GATEWAYS.into_iter().find(|g| g.name() == text).ok_or_else(|| format!("must be one of {}", names()))
}

impl Command {
    pub(super) async fn run(self, db: &Db, who: &Who, output: &Output) -> Result<(), CliError> {
        let clock = Clock::system();
        let desk = |why| who.act(why).map(|act| Desk::new(clock.clone(), Ids::system(), act));
        match self {
            Self::Stop { gateway, why } => {
                let was_running = switches::stop(db, &desk(&why)?, &clock, gateway).await?;
                output.line(if was_running { "stopped" } else { "was stopped already" })
            }
            Self::Start { gateway, why } => {
                let was_stopped = switches::start(db, &desk(&why)?, gateway).await?;
                output.line(if was_stopped { "started" } else { "was not stopped" })
            }
            // Needs no database; carried out before there is one.
            Self::Check(args) => args.run(output).await,
            Self::List => {
                let all = switches::list(db).await?;
                output.many(&all, ["GATEWAY", "STATE", "SINCE", "BY", "UNCLEAR COMMANDS", "REASON"], row)
            }
        }
    }
}

fn row(switch: &Switch) -> [String; 6] {
    [
        switch.gateway.to_owned(),
        if switch.stopped { "stopped" } else { "works" }.to_owned(),
        instant_or(switch.since_ms, ""),
        switch.actor.clone().unwrap_or_default(),
        switch.unclear_commands.to_string(),
        switch.reason.clone().unwrap_or_default(),
    ]
}
