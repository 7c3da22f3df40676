//! `litebox-partner sandbox`: the sandbox as a process.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::engine::Delays;
use super::faults::Rule;
use super::{Environment, Options, start};

/// Emulate the five outer systems on loopback: DaData and ATOL Web Requests over HTTP, accounts, FNS and OFD over gRPC.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Address of DaData, the ATOL hub and the control interface.
    #[arg(long, default_value = "127.0.0.1:16732")]
    pub http: SocketAddr,
    /// Address of the accounts, FNS and OFD contracts.
    #[arg(long, default_value = "127.0.0.1:16733")]
    pub grpc: SocketAddr,
    /// File of the ledger; in memory without it.
    #[arg(long)]
    pub ledger: Option<PathBuf>,
    /// Answer before the ledger is on the disk (benchmarks).
    #[arg(long)]
    pub no_fsync: bool,
    /// Hash passwords cheaply (benchmarks).
    #[arg(long)]
    pub no_argon2: bool,
    /// A fault rule; may be repeated.
    #[arg(long = "fault", value_name = "RULE")]
    pub faults: Vec<Rule>,
    /// Milliseconds from an application to its RNM or refusal.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub rnm_delay: u64,
    /// Milliseconds from a report to the card.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub card_delay: u64,
    /// Milliseconds that a device works on a task.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub device_delay: u64,
    /// Listen on addresses that other machines can reach.
    #[arg(long)]
    pub allow_remote: bool,
    /// Say that this is the live world, to test that callers notice.
    #[arg(long)]
    pub pretend_live: bool,
}

impl Args {
    /// The options that these arguments mean.
    ///
    /// # Errors
    /// When an address is not loopback and `--allow-remote` is absent.
    pub fn options(self) -> io::Result<Options> {
        let remote = [self.http, self.grpc].into_iter().find(|at| !at.ip().is_loopback());
        if let (Some(at), false) = (remote, self.allow_remote) {
            return Err(io::Error::other(format!("{at} is not loopback; --allow-remote permits it")));
        }
        let ms = Duration::from_millis;
        Ok(Options {
            http: self.http,
            grpc: self.grpc,
            ledger: self.ledger,
            fsync: !self.no_fsync,
            argon2: !self.no_argon2,
            faults: self.faults,
            delays: Delays { rnm: ms(self.rnm_delay), card: ms(self.card_delay), device: ms(self.device_delay) },
            environment: if self.pretend_live { Environment::Live } else { Environment::Sandbox },
            ..Options::default()
        })
    }
}

/// Runs the sandbox until interrupted or terminated.
///
/// # Errors
/// When it cannot start, or signals cannot be received.
pub async fn run(args: Args) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let sandbox = start(args.options()?).await?;
    tracing::info!(http = sandbox.http_url(), grpc = sandbox.grpc_url(), "the sandbox listens");
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    sandbox.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn options(line: &str) -> io::Result<Options> {
        Line::try_parse_from(format!("sandbox {line}").split(' ')).map_err(io::Error::other)?.args.options()
    }

    #[test]
    fn only_loopback_is_served_unless_told() {
        assert!(options("--http 127.0.0.1:0 --grpc [::1]:0").is_ok());
        assert!(options("--http 0.0.0.0:0").is_err());
        assert!(options("--http 0.0.0.0:0 --allow-remote").is_ok());
    }

    #[test]
    fn faults_are_read_from_the_command_line() {
        let options = options("--fault fns.SubmitApplication:lost_reply,times=1 --fault ofd.*:delay=5ms").unwrap();
        assert_eq!(options.faults.len(), 2);
    }
}
