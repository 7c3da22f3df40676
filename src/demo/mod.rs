//! `litebox-partner demo`: the whole job on one machine, as a partner would do it, each step checked.
//!
//! The sandbox and the server run as processes of their own and are spoken to over the network only; the demo knows
//! their public interfaces and the operator's commands, nothing else. Everything it writes is in one temporary folder.

mod cancel;
mod clients;
mod control;
mod crash;
mod finale;
mod kkts;
mod manual;
mod operator;
mod orders;
mod partner;
mod process;
mod rental;
mod screen;
mod stage;
mod trouble;

use tokio::signal::unix::{Signal, SignalKind, signal};

use orders::Shop;
use screen::Screen;
use stage::{Folder, Stage};

use crate::pb::kkt::Kkt;

/// Do the whole job on this machine with a sandbox, and stay up for trying things out until Ctrl-C.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// End by itself; exit code 0 only when every step came out as expected.
    #[arg(long)]
    once: bool,
    /// Show no job: only sandbox, server and a partner, to try things out.
    #[arg(long, conflicts_with = "once")]
    bare: bool,
}

/// What did not come out as expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(String);

impl Failed {
    fn new(what: impl std::fmt::Display) -> Self {
        Self(what.to_string())
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::new(error)
    }
}

/// Shows the job. The processes end however it ends; the folder goes when nobody can want to look into it.
///
/// # Errors
/// Names the first step that did not come out as expected.
pub async fn run(args: Args) -> Result<(), Failed> {
    let mut end = End::listen()?;
    let (screen, folder) = (Screen::start(), Folder::make()?);
    let mut stage = None;
    let shown = tokio::select! {
        shown = show(&screen, &folder, &mut stage, args.bare) => shown,
        () = end.told() => Err(Failed::new("told to end before the job was done")),
    };
    if let (Ok(kkt), false, Some(stage)) = (&shown, args.once, &stage) {
        finale::stay_up(&screen, stage, kkt.as_ref());
        end.told().await;
    }
    if let Some(stage) = &mut stage {
        stage.end().await;
    }
    if shown.is_ok() && args.once {
        folder.remove()?;
    } else {
        screen.note(&format!("logs, ledger and database stay in {}", folder.path().display()));
    }
    shown.map(drop)
}

/// Ctrl-C, or the signal by which services are ended.
struct End {
    interrupted: Signal,
    terminated: Signal,
}

impl End {
    fn listen() -> Result<Self, Failed> {
        Ok(Self { interrupted: signal(SignalKind::interrupt())?, terminated: signal(SignalKind::terminate())? })
    }

    async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }
}

/// The registration to go on with; none on a bare stage.
async fn show(screen: &Screen, folder: &Folder, stage: &mut Option<Stage>, bare: bool) -> Result<Option<Kkt>, Failed> {
    if !bare {
        INTRODUCTION.iter().for_each(|line| screen.raw(line));
    }
    let stage = stage.insert(Stage::set(screen, folder).await?);
    if bare {
        return Ok(None);
    }
    let registered = job(screen, stage).await?;
    screen.done();
    Ok(Some(registered))
}

/// What a newcomer has to know.
const INTRODUCTION: [&str; 5] = [
    "A partner, a reseller of cash registers, brings shops from their tax number to a registered cash register.",
    "It calls the server over gRPC. Everything outside is the sandbox, a process of its own: the state register of",
    "taxpayers, LiteBox accounts, the tax service (FNS), the operator of fiscal data (OFD), the cash registers.",
    "FN: the fiscal drive in a register; it can be written to once. RNM: the registration number that FNS gives.",
    "Russian sentences are the server's answers for people, as they come. `ok` marks what this program has checked.",
];

async fn job(screen: &Screen, stage: &mut Stage) -> Result<Kkt, Failed> {
    screen.chapter("The shop becomes a client");
    let company = clients::company(screen, stage).await?;
    let entrepreneur = clients::entrepreneur(screen, stage).await?;
    clients::known_elsewhere(screen, stage).await?;
    clients::sign_in(screen, stage, &company).await?;
    screen.chapter("Its cash registers are registered");
    let registered = kkts::fiscalized_by_call(screen, stage, &company).await?;
    kkts::fiscalized_by_itself(screen, stage, &entrepreneur).await?;
    rental::hired(screen, stage, &entrepreneur).await?;
    manual::fiscalized_by_hand(screen, stage, &company).await?;
    screen.chapter("Something is wrong, and the server says what to do");
    troubles(screen, stage, &company).await?;
    screen.chapter("What is left of it all");
    finale::documents(screen, stage, &registered).await?;
    Ok(registered)
}

async fn troubles(screen: &Screen, stage: &mut Stage, shop: &Shop) -> Result<(), Failed> {
    kkts::refused_before_filing(screen, stage, shop).await?;
    trouble::refused_by_fns(screen, stage, shop).await?;
    trouble::code_is_used(screen, stage, shop).await?;
    trouble::without_paper(screen, stage, shop).await?;
    cancel::before_the_burn(screen, stage, shop).await?;
    crash::survived(screen, stage, shop).await
}
