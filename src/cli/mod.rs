//! The command line: the server, the sandbox, and what operators do.

mod act;
mod audit;
mod client;
mod erasure;
mod fleet;
mod gateway;
mod ground;
mod health;
mod kkt;
mod operate;
mod output;
mod progress;
mod recovery;
mod secure;
mod settings;
mod switch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError, Env, LogConfig, LogFormat};
use crate::partners::service::Refused;
use crate::storage::audit::Unsaid;
use crate::storage::{self, Db, Schema, StoreError};
use crate::support::service::Declined;
use crate::telemetry::{self, traces::Traces};
use act::Who;
use ground::{database, partners, support};
use output::Output;

/// The version of the program, and the commit it was built from when that is known.
const VERSION: &str = env!("LITEBOX_VERSION");

/// Brings a shop from its tax number to a registered, fiscalized cash register: a gRPC service and its tools.
#[derive(Debug, Parser)]
#[command(name = "litebox-partner", version = VERSION, propagate_version = true)]
pub struct Cli {
    /// Configuration file (TOML) over the defaults; environment variables LITEBOX_… go over both.
    #[arg(long, global = true, env = "LITEBOX_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Who gives the command, for the audit log; the user of the operating system without it.
    #[arg(long, global = true, env = "LITEBOX_ACTOR", value_name = "NAME")]
    actor: Option<String>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve {
        /// The database is a backup that was restored: hold back what may have been done since. The name of this restore,
        /// such as its date; the same name again goes on with it, and does nothing once it is finished.
        #[arg(long, value_name = "NAME")]
        recover: Option<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Run the emulators of the outer systems.
    Sandbox(crate::sandbox::cli::Args),
    /// Do the whole job on this machine, shown step by step, and stay up for trying things out.
    Demo(crate::demo::Args),
    /// Bring the database up to this program's schema; safe to run several times and at once.
    Migrate(Wait),
    /// Ask a running server how it is; exit code 0 when it serves.
    Healthcheck(health::Args),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(settings::Command),
    /// Add, list, enable and disable partners.
    #[command(subcommand)]
    Partner(operate::PartnerCommand),
    /// Issue, list, rotate and revoke partner tokens.
    #[command(subcommand)]
    Token(operate::TokenCommand),
    /// Look at registrations of any partner, explain and mend them.
    #[command(subcommand)]
    Kkt(kkt::Command),
    /// Look at clients of any partner, end unfinished ones, and erase personal data.
    #[command(subcommand)]
    Client(client::Command),
    /// Read who changed what and why.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Stop and start what is sent to the outer systems.
    #[command(subcommand)]
    Gateway(switch::Command),
    /// Assign cash registers behind hubs to partners.
    #[command(subcommand)]
    Device(operate::DeviceCommand),
    /// After a backup was restored: see what is held back, and confirm it.
    #[command(subcommand)]
    Recovery(recovery::Command),
    /// Import and list the registers that partners hire out.
    #[command(subcommand)]
    Fleet(fleet::Command),
}

/// What is done while the database is not there yet.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Wait {
    /// Wait so long until PostgreSQL takes connections: it may be starting too.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=86_400))]
    wait: u64,
}

impl Wait {
    const fn time(self) -> Duration {
        Duration::from_secs(self.wait)
    }
}

/// Why a command failed. Printed as one line.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An operator's command was refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Nobody said who acts, and why.
    #[error(transparent)]
    Unsaid(#[from] Unsaid),
    /// A fleet was not imported.
    #[error(transparent)]
    Fleet(#[from] crate::fleet::service::Refused),
    /// A command of support was not carried out.
    #[error(transparent)]
    Declined(#[from] Declined),
    /// The keys of documents.
    #[error("documents.keys: {0}")]
    Keys(#[from] crate::storage::vault::KeysError),
    /// The outer systems.
    #[error(transparent)]
    Gateways(#[from] crate::gateways::SetupError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A hub was named that is none's.
    #[error("no device has this hub; `device list` shows them as they must be written")]
    NoSuchHub,
    /// There is no database to look at.
    #[error("database.url: there is no file {}: name the server's with --config or its variables; `migrate` makes a new one", .file.display())]
    NoDatabase {
        /// Where it should be.
        file: PathBuf,
    },
    /// The schema is older than this program.
    #[error("the database lacks {0} migration(s): run `litebox-partner migrate` first")]
    OldSchema(usize),
    /// The reference data.
    #[error(transparent)]
    Catalogue(#[from] crate::catalogue::CatalogueError),
    /// Settings that are wrong, which were said one by one.
    #[error("{0} setting(s) cannot be used")]
    Unfit(usize),
    /// The server does not serve, or does not answer.
    #[error("not serving: {0}")]
    NotServing(String),
    /// An adapter's contract cannot be tried.
    #[error(transparent)]
    Unchecked(#[from] crate::conformance::Unchecked),
    /// An adapter breaks its contract.
    #[error("{failed} of {of} cases failed")]
    Nonconforming {
        /// Failed cases.
        failed: usize,
        /// All cases.
        of: usize,
    },
    /// A client was not erased.
    #[error(transparent)]
    Erasure(#[from] crate::erasure::service::Refused),
    /// The key of erasures.
    #[error("erasure.key: {0}")]
    ErasureKey(#[from] crate::erasure::key::Malformed),
    /// Records of erasures do not say what was asked.
    #[error(transparent)]
    Records(erasure::Unsaid),
    /// Printing, listening, signals.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The server could not be built or stopped badly.
    #[error(transparent)]
    App(#[from] crate::app::AppError),
    /// The demo did not go as expected.
    #[error(transparent)]
    Demo(#[from] crate::demo::Failed),
}

/// Carries out the command line; the exit code of the process.
pub async fn run(cli: Cli) -> ExitCode {
    match cli.execute().await {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough.
        Err(CliError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    async fn execute(self) -> Result<(), CliError> {
        let output = Output::new(self.json);
        let who = Who::new(self.actor, env);
        if let Command::Sandbox(args) = self.command {
            telemetry::start(&LogConfig { filter: "info".to_owned(), format: LogFormat::Text }, &Traces::default());
            return Ok(crate::sandbox::cli::run(args).await?);
        }
        if let Command::Demo(args) = self.command {
            return Ok(crate::demo::run(args).await?);
        }
        if let Command::Config(command) = self.command {
            return command.run(self.config.as_deref(), &output);
        }
        if let Command::Gateway(switch::Command::Check(args)) = self.command {
            return args.run(&output).await;
        }
        if let Command::Serve { recover, wait } = self.command {
            return Ok(crate::app::serve(self.config.as_deref(), recover.as_deref(), wait.time()).await?);
        }
        if let Command::Client(client::Command::Erasure(erasure::Command::ErasureKey)) = self.command {
            // It is what makes a configuration fit.
            return erasure::make(&output);
        }
        let config = Config::load(self.config.as_deref(), &Env::of_process())?;
        match self.command {
            Command::Migrate(wait) => migrate(&config, wait.time(), &output).await,
            Command::Healthcheck(args) => args.run(&config).await,
            Command::Partner(command) => command.run(&partners(&config).await?, &who, &output).await,
            Command::Token(command) => command.run(&partners(&config).await?, &who, &output).await,
            Command::Device(command) => command.run(&partners(&config).await?, &who, &output).await,
            Command::Kkt(command) => command.run(&support(&config).await?, &who, &output).await,
            Command::Client(client::Command::Erasure(command)) => command.run(&config, &who, &output).await,
            Command::Client(command) => {
                let partners = partners(&config).await?;
                command.run(&support(&config).await?, &partners, &who, &output).await
            }
            Command::Audit(command) => command.run(&support(&config).await?, &partners(&config).await?, &output).await,
            Command::Gateway(command) => command.run(&database(&config).await?, &who, &output).await,
            Command::Recovery(command) => command.run(&database(&config).await?, &who, &output).await,
            Command::Fleet(command) => command.run(&config, &who, &output).await,
            Command::Serve { .. } | Command::Sandbox(_) | Command::Demo(_) | Command::Config(_) => Ok(()),
        }
    }
}

/// Who the user of the operating system is; text that is not Unicode counts as absent.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

async fn migrate(config: &Config, wait: Duration, output: &Output) -> Result<(), CliError> {
    let opened = || async {
        let db = Db::connect(&config.database).await?;
        Ok((db.schema().await?, db))
    };
    let (before, db) = storage::patiently(wait, StoreError::passes, opened).await?;
    db.migrate().await?;
    if let Some(why) = db.index_searches().await {
        eprintln!("warning: {}, which cannot be done now: {why}", storage::LACKING);
    }
    output.line(match before {
        Schema::Older { .. } => "migrated",
        Schema::Current => "up to date",
        Schema::Newer => "a newer program has migrated it; this one can serve on it",
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn commands_read_as_documented() {
        for line in [
            "serve",
            "serve --config /etc/litebox/partner.toml",
            "serve --recover 2026-11-24",
            "recovery status --json",
            "recovery status --wait",
            "recovery give-up-hub https://hub.example:8443 --reason T-1",
            "recovery give-up-hub https://hub.example:8443 --undo --reason T-1",
            "recovery confirm tokens --reason T-1",
            "recovery confirm fleet --reason T-1",
            "recovery finish --reason T-1",
            "sandbox --http 127.0.0.1:0 --grpc 127.0.0.1:0",
            "demo",
            "demo --once",
            "serve --wait 60",
            "migrate",
            "migrate --wait 60",
            "healthcheck --service liveness",
            "healthcheck --ca ca.pem --server-name partner.example --cert probe.pem --key probe-key.pem",
            "healthcheck --address shop:50051 --ca ca.pem --token-file token",
            "config check",
            "config show --json",
            "partner add Касса --theme MTS --reason договор-1",
            "partner list --json",
            "partner disable Касса --reason договор-1 --actor anna",
            "token issue Касса --scopes KKT_READ,KKT_WRITE --expires-in 90d --note склад --reason T-1",
            "token issue Касса --scopes all --reason T-1",
            "token list --partner Касса",
            "token rotate 0123456789AB --overlap 7d --reason T-1",
            "token revoke 0123456789AB --reason T-1",
            "device assign Касса --hub http://127.0.0.1:16732 --hub-device default --reason T-1",
            "device list",
            "gateway stop fns --reason T-1",
            "kkt show 00106100000001 --json",
            "kkt explain 9999078902000001",
            "kkt retry 00106100000001 --reason T-1",
            "kkt resolve 00106100000001 --outcome filed --application-id app-1 --reason T-1",
            "kkt resolve 00106100000001 --outcome rnm --rnm 0000000001055823 --assigned 2026-11-23T10:12:00Z --reason T-1",
            "kkt resolve 1 --outcome burnt --fd 1 --local-time 2026-11-23T13:12:00 --fiscal-sign 0024109209 --reason T-1",
            "kkt resolve 1 --outcome card --number 77 --reason T-1",
            "kkt release 1 --reason T-1",
            "kkt documents 1",
            "kkt document 0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f --reason T-1 --out file.xml",
            "client list --partner Касса --state ACCOUNT_PENDING --inn 7707083893",
            "client resolve 0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f --outcome abandoned --reason T-1",
            "client erase 0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f --removed --yes --reason T-1",
            "client erase 0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f --removed --unasked --yes --reason T-1",
            "client erasures --inn 7707083893 --json",
            "client erasures --public-key 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
            "client erasure-key",
            "audit list --since 7d",
            "gateway start fns --reason T-1",
            "gateway list --json",
            "gateway check ofd http://127.0.0.1:16733 --free-code FD13MM123457 --json",
            "fleet import Касса fleet.csv --allow-unknown --reason T-1",
            "fleet list --partner Касса --state FREE",
        ] {
            let words = std::iter::once("litebox-partner").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
        for line in [
            "token issue Касса --reason T-1",
            "token issue Касса --scopes all",
            "gateway stop everything --reason T-1",
            "kkt retry 00106100000001",
            "kkt resolve 1 --outcome filed --reason T-1",
            "kkt resolve 1 --outcome burnt --fd 1 --reason T-1",
            "kkt document 0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f",
            "client resolve 0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f --outcome active --reason T-1",
            "client erase 0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f --reason T-1",
            "client erase 0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f --yes",
            "client erase 0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f --unasked --yes --reason T-1",
            "client erasures --public-key short",
            "gateway stop fns",
            "serve --recover",
            "migrate --wait soon",
            "healthcheck --cert probe.pem",
            "recovery confirm everything --reason T-1",
            "recovery finish",
            "token issue Касса --scopes EVERYTHING --reason T-1",
            "token issue Касса --scopes all --expires-in never --reason T-1",
            "token revoke x --reason T-1",
            "token rotate 0123456789AB --reason T-1",
            "partner add Касса --theme BLUE --reason T-1",
            "device assign Касса --hub nowhere --hub-device default --reason T-1",
        ] {
            let words = std::iter::once("litebox-partner").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }
}
