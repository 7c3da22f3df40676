//! Measures the release binary from outside, beside what it stands on. `make bench` runs it; docs/performance.md says what
//! came of it.

mod calls;
mod data;
mod floor;
mod idle;
mod load;
mod machine;
mod overload;
mod pg;
mod reads;
mod repeats;
mod report;
mod rounds;
mod scale;
mod soak;
mod stage;
mod waiting;
mod writes;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use calls::{CONNECTIONS, Caller};
use report::Report;
use rounds::Plan;
use stage::Stage;
use tokio::signal::unix::{SignalKind, signal};
use writes::Numbers;

/// As the product has it: the bare server stands beside it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Anything may fail here, and then the run has.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What is measured, in this order.
const SCENARIOS: [&str; 7] = ["idle", "reads", "writes", "repeats", "overload", "waiting", "scale"];
/// Where the figures stand in the document.
const MARKS: [&str; 2] = ["<!-- figures of make bench -->", "<!-- end of figures -->"];

#[tokio::main]
async fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let done = async {
        match command.as_str() {
            "floor" => floor::serve().await,
            "run" => run().await,
            "soak" => soak().await,
            other => Err(format!("floor, run or soak, not {other:?}").into()),
        }
    };
    match until_told_to_end(done).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The work until its end, or until a signal: then it is dropped where it waits next, and ends what it has started.
async fn until_told_to_end(work: impl Future<Output = Outcome<()>>) -> Outcome<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        done = work => done,
        _ = terminate.recv() => Err("told to end (SIGTERM)".into()),
        _ = interrupt.recv() => Err("told to end (SIGINT)".into()),
    }
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
}

fn binary() -> Outcome<PathBuf> {
    let named = std::env::var("BINARY").unwrap_or_else(|_| "target/release/litebox-partner".into());
    Ok(PathBuf::from(named).canonicalize()?)
}

async fn soak() -> Outcome<()> {
    soak::run(&binary()?, Duration::from_secs(number("SOAK", 1_800))).await
}

/// All scenarios, or those that ONLY names.
async fn run() -> Outcome<()> {
    let plan = Plan {
        time: Duration::from_secs(number("TIME", 2)),
        rounds: number("ROUNDS", 5) as usize,
        rows: number("ROWS", 20_000),
        callers: number("CALLERS", 32) as usize,
    };
    let only = chosen(&std::env::var("ONLY").unwrap_or_default())?;
    let wanted = |name: &str| only.iter().any(|one| one == name);
    let (binary, mut report) = (binary()?, Report::default());
    let before = machine::others();
    if SCENARIOS.into_iter().any(|name| !["waiting", "scale"].contains(&name) && wanted(name)) {
        calls_of_partners(&binary, plan, wanted, &mut report).await?;
    }
    if wanted("waiting") {
        let came = waiting::measure(&binary, number("WAITING", 100_000), plan, &mut report).await;
        report.ended("waiting", came);
    }
    if wanted("scale") {
        let came = scale::measure(&binary, number("KKTS", 4_000_000), plan, &mut report).await;
        report.ended("scale", came);
    }
    let text = format!("{}\n{}", headline(&plan, &before), report.tables());
    println!("\n{text}");
    match std::env::var("OUT") {
        Ok(file) if report.failed.is_empty() => write(Path::new(&file), &text)?,
        Ok(_) => println!("(written nowhere: not all of it was measured)"),
        Err(_) => println!("(written nowhere: OUT names no file)"),
    }
    match report.missed().as_slice() {
        [] if report.failed.is_empty() => println!("all goals are met"),
        [] => println!("of what was measured, all goals are met"),
        missed => println!("goals that are not met: {}", missed.join("; ")),
    }
    if report.failed.is_empty() { Ok(()) } else { Err(report.failed.join("; ").into()) }
}

/// The scenarios of this list, or all. One that there is not is an error: it would measure nothing, and say nothing.
fn chosen(only: &str) -> Outcome<Vec<String>> {
    let only: Vec<_> = only.split_whitespace().map(str::to_owned).collect();
    match only.iter().find(|name| !SCENARIOS.contains(&name.as_str())) {
        Some(name) => Err(format!("no scenario {name:?}; there are {}", SCENARIOS.join(" ")).into()),
        None if only.is_empty() => Ok(SCENARIOS.map(str::to_owned).into()),
        None => Ok(only),
    }
}

async fn calls_of_partners(
    binary: &Path,
    plan: Plan,
    wanted: impl Fn(&str) -> bool,
    report: &mut Report,
) -> Outcome<()> {
    let stage = Stage::set(binary, Duration::ZERO)?;
    let partner = stage.partner("bench")?;
    if wanted("idle") {
        let came = idle::measure(&stage, &partner, plan.rounds, report).await;
        report.ended("idle", came);
    }
    let server = stage.serve(&[("LITEBOX_WORKER_FNS_POLL_MS", "100"), ("LITEBOX_WORKER_TASK_POLL_MS", "100")]).await?;
    let caller = Caller::new(&partner, &server.channels(CONNECTIONS)?);
    let (on, numbers) = ((&stage, &server), Numbers::new());
    let loaded = data::load(&stage, "bench", &caller, plan.rows).await?;
    if wanted("reads") {
        let came = reads::measure(on, &partner, &caller, loaded, plan, report).await;
        report.ended("reads", came);
    }
    if wanted("writes") {
        let came = writes::measure(on, &caller, &numbers, plan, report).await;
        report.ended("writes", came);
    }
    if wanted("repeats") {
        let came = repeats::measure(&stage, &caller, &numbers, report).await;
        report.ended("repeats", came);
    }
    if wanted("overload") {
        let came = overload::measure(on, &numbers, plan, report).await;
        report.ended("overload", came);
    }
    Ok(())
}

/// When, of what and on what.
fn taken() -> String {
    let told = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let (date, commit) =
        (told("date", &["-u", "+%Y-%m-%d %H:%M UTC"]), told("git", &["describe", "--always", "--dirty"]));
    format!("Taken {date} at commit {commit}: {}, {}", machine::machine(), pg::version())
}

/// What the figures were taken on, and with what beside.
fn headline(plan: &Plan, load_before: &str) -> String {
    format!(
        "{}; load of the machine before and after the run {load_before} and {}. {} rounds of {} s \
         for each call beside its floor, {} callers on {} connections, {} clients and as many registrations. Median, lowest and highest.\n",
        taken(),
        machine::others(),
        plan.rounds,
        plan.time.as_secs(),
        plan.callers,
        CONNECTIONS,
        plan.rows
    )
}

/// Puts the figures between the marks of the document.
fn write(file: &Path, text: &str) -> Outcome<()> {
    let old = std::fs::read_to_string(file)?;
    let (head, rest) = old.split_once(MARKS[0]).ok_or("the document has no place for figures")?;
    let (_, tail) = rest.split_once(MARKS[1]).ok_or("the document has no end of figures")?;
    std::fs::write(file, format!("{head}{}\n{text}{}{tail}", MARKS[0], MARKS[1]))?;
    Ok(())
}
