//! The schedules are played, and the checks are shown to notice what they are for.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use litebox_partner::chaos::Broken;
use tokio::time::timeout;

use super::checks::{Violation, violations};
use super::plans::{Schedule, distinct_singles, drawn, singles};
use super::play::play;
use super::scenario::{ALL, Scenario};
use super::script::{Fault, Point};
use crate::chaos::amounts::{amount, report};
use crate::model::stage::Stage;

/// Schedules in a plain test run, and in one of `make chaos`; single faults count too. A plain run leaves out those that
/// another one stands for.
const SHARE: u64 = 2_100;
const FULL: u64 = 30_000;
/// Seed of the first pair or triple.
const SEED: u64 = 20_261_124;
/// A new database after so many: queries over what earlier schedules left would only slow things down.
const ON_ONE_DATABASE: usize = 200;
/// No schedule takes nearly as long: somebody waits for somebody who waits.
const HANGS: Duration = Duration::from_secs(60);

/// What a schedule came to.
struct Result {
    reached: Vec<Point>,
    fired: Vec<&'static str>,
    violations: Vec<Violation>,
    trace: Vec<String>,
}

async fn run(stage: &Stage, schedule: &Schedule, broken: Option<Broken>) -> Result {
    let playing = async {
        let played = play(stage, schedule.scenario, schedule.plan.clone(), broken).await;
        let violations = violations(&played).await;
        let fired = played.fired.iter().map(|(_, fault)| fault.name()).collect();
        let line = |step: &litebox_partner::kkt::model::Step| {
            format!("{} {} {}", step.revision, step.to.as_str(), step.detail)
        };
        let ledger = played
            .world
            .lock()
            .ledger
            .iter()
            .map(|e| format!("{:?} {} {}", e.kind, e.step, e.effect))
            .collect::<Vec<_>>();
        let trace = [played.trace.clone(), played.history.iter().map(line).collect(), ledger].concat();
        Result { reached: played.reached, fired, violations, trace }
    };
    match timeout(HANGS, AssertUnwindSafe(playing).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => ended("nothing panics"),
        Err(_) => ended("nothing hangs"),
    }
}

fn ended(check: &'static str) -> Result {
    let violations = vec![Violation { check, what: "see its course".into() }];
    Result { reached: Vec::new(), fired: Vec::new(), violations, trace: Vec::new() }
}

/// A whole scenario with everybody in it is one future, and without optimization a deep one.
const STACK: usize = 16 << 20;

/// Plays them all on every processor; what each came to, in order.
fn play_all(schedules: &[Schedule], broken: Option<Broken>) -> Vec<Result> {
    let (next, threads) = (AtomicUsize::new(0), std::thread::available_parallelism().map_or(1, usize::from).min(8));
    let mut results: Vec<(usize, Result)> = std::thread::scope(|scope| {
        let one = || std::thread::Builder::new().stack_size(STACK);
        let play = |_| one().spawn_scoped(scope, || player(schedules, &next, broken)).unwrap();
        let players: Vec<_> = (0..threads).map(play).collect();
        players.into_iter().flat_map(|player| player.join().unwrap()).collect()
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

fn player(schedules: &[Schedule], next: &AtomicUsize, broken: Option<Broken>) -> Vec<(usize, Result)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut stage, mut results) = (Stage::new().await, Vec::new());
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(schedule) = schedules.get(at) else { return results };
            if results.len() % ON_ONE_DATABASE == ON_ONE_DATABASE - 1 {
                stage = Stage::new().await;
            }
            results.push((at, run(&stage, schedule, broken).await));
        }
    })
}

/// One run of each scenario without faults: its points.
fn dry_runs() -> Vec<Vec<Point>> {
    let dry: Vec<Schedule> = ALL.iter().map(|scenario| Schedule { scenario, plan: Vec::new(), seed: None }).collect();
    let results = play_all(&dry, None);
    assert_none(&dry, &results);
    results.into_iter().map(|result| result.reached).collect()
}

fn assert_none(schedules: &[Schedule], results: &[Result]) {
    let failed: Vec<_> = schedules.iter().zip(results).filter(|(_, result)| !result.violations.is_empty()).collect();
    for (schedule, result) in failed.iter().take(10) {
        println!("SCHEDULE='{}' (seed {:?}): {:?}", schedule.name(), schedule.seed, result.violations);
    }
    if let Some((schedule, result)) = failed.first() {
        panic!(
            "{} of {} schedules broke a promise; the first:\nSCHEDULE='{}' cargo test --locked --test it -- chaos::schedules\n{:#?}\n  {}",
            failed.len(),
            schedules.len(),
            schedule.name(),
            result.violations,
            result.trace.join("\n  ")
        );
    }
}

/// What is played: the single faults, then pairs and triples.
fn planned(points: &[Vec<Point>]) -> Vec<Schedule> {
    let total = amount("SCHEDULES", SHARE, FULL);
    let all = total >= FULL;
    let of = |(scenario, points_of): (&'static Scenario, &Vec<Point>)| {
        if all { singles(scenario, points_of) } else { distinct_singles(scenario, points_of, &points[0]) }
    };
    let mut schedules: Vec<_> = ALL.iter().zip(points).flat_map(of).collect();
    let alone = schedules.len();
    println!("{alone} single faults, SEED={SEED} for the rest");
    let rest = usize::try_from(total).unwrap().saturating_sub(alone);
    schedules.extend((SEED..).map(|seed| drawn(seed, points)).take(rest));
    if let Ok(name) = std::env::var("SCENARIO") {
        schedules.retain(|schedule| schedule.scenario.name == name);
    }
    schedules
}

#[test]
fn whatever_goes_wrong_at_any_point_nothing_is_lost_and_nothing_done_twice() {
    if let Ok(name) = std::env::var("SCHEDULE") {
        return play_again(&name);
    }
    let began = Instant::now();
    let points = dry_runs();
    let schedules = planned(&points);
    let results = play_all(&schedules, None);
    assert_none(&schedules, &results);
    let mut faults: BTreeMap<&str, u64> = BTreeMap::new();
    results.iter().flat_map(|result| &result.fired).for_each(|fault| *faults.entry(fault).or_default() += 1);
    for fault in Fault::ALL {
        assert!(faults.contains_key(fault.name()), "never met: {fault:?}");
    }
    let reached: usize = points.iter().map(Vec::len).sum();
    println!("{} scenarios, {reached} points, {:.0} s", ALL.len(), began.elapsed().as_secs_f64());
    faults.iter().for_each(|(fault, count)| report(&format!("  {fault}"), *count, ""));
    report("schedules of faults", schedules.len() as u64, "0 promises broken");
}

fn play_again(name: &str) {
    let schedule = Schedule::named(name).unwrap_or_else(|| panic!("SCHEDULE names nothing: {name}"));
    let results = play_all(std::slice::from_ref(&schedule), None);
    println!("{}", results[0].trace.join("\n"));
    assert_none(&[schedule], &results);
}

#[test]
fn the_same_seed_is_the_same_schedule_wherever_it_is_played() {
    let points = dry_runs();
    let once: Vec<_> = (SEED..SEED + 8).map(|seed| drawn(seed, &points)).collect();
    let again: Vec<_> = (SEED..SEED + 8).rev().map(|seed| drawn(seed, &points)).collect();
    let (once, mut again) = (play_all(&once, None), play_all(&again, None));
    again.reverse();
    for (one, other) in once.iter().zip(&again) {
        assert_eq!((&one.reached, &one.fired), (&other.reached, &other.fired));
    }
    assert!(once.windows(2).any(|pair| pair[0].reached != pair[1].reached), "they are all the same");
}

/// Single faults at the calls of the plain path after which something is unclear: there each broken guarantee shows.
fn around_calls() -> Vec<Schedule> {
    let points = dry_runs();
    let mut schedules = singles(&ALL[0], &points[0]);
    let unclear = [Fault::Abort, Fault::LostRequest, Fault::LostReply, Fault::LateCommand, Fault::Asleep];
    schedules.retain(|schedule| {
        let (at, fault) = schedule.plan[0];
        points[0][at].call && unclear.contains(&fault)
    });
    schedules
}

#[test]
fn each_guarantee_that_is_broken_on_purpose_is_noticed_and_by_the_check_that_is_meant_for_it() {
    let schedules = around_calls();
    assert_none(&schedules, &play_all(&schedules, None));
    for (broken, check) in [
        (Broken::BlindResend, "a command is sent once under its id"),
        (Broken::NewIdOnRetry, "a new id only after proof"),
        (Broken::NoCompareAndSet, "the history hangs together"),
    ] {
        let results = play_all(&schedules, Some(broken));
        let caught = results.iter().filter(|result| !result.violations.is_empty()).count();
        let mut checks: BTreeMap<&str, u64> = BTreeMap::new();
        let found: BTreeSet<_> =
            results.iter().enumerate().flat_map(|(at, r)| r.violations.iter().map(move |v| (at, v.check))).collect();
        found.iter().for_each(|(_, check)| *checks.entry(check).or_default() += 1);
        println!("{}: {caught} of {} schedules: {checks:?}", broken.name(), schedules.len());
        assert!(checks.contains_key(check), "{broken:?} was not noticed by: {check}");
        report(
            &format!("broken on purpose: {}", broken.name()),
            schedules.len() as u64,
            &format!("noticed {caught} times"),
        );
    }
}
