//! Whatever sequence of calls, answers, faults and deaths comes: a model of the outside in memory, the real service and the
//! real worker on a real database, and promises that are checked after every step.
//!
//! `SEED=7 CASES=1 cargo test --test it model` plays one sequence again; a plain test run plays a share, `make model` 10,000.

pub mod dice;
mod people;
pub mod process;
mod promises;
mod repeats;
pub mod run;
pub mod stage;
pub mod world;

use std::collections::BTreeMap;
use std::time::Instant;

use run::Story;
use stage::Stage;

/// Sequences that a plain test run plays, about 50 ms of processor time each without optimization; `CASES` asks for another
/// number.
const CASES: u64 = 600;
/// A new database after so many: queries over what earlier sequences left would only slow things down.
const ON_ONE_DATABASE: u64 = 250;
/// The first seed, unless `SEED` says another; sequence n has the seed SEED + n.
const SEED: u64 = 20_261_123;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Plays every `step`th sequence from `first`; answers what was seen, or the seed that failed and why.
fn play(first: u64, last: u64, step: u64) -> Result<Story, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new().await;
        let mut all = Story::default();
        for (count, seed) in (first..last).step_by(usize::try_from(step).unwrap()).enumerate() {
            if count as u64 % ON_ONE_DATABASE == ON_ONE_DATABASE - 1 {
                stage = Stage::new().await;
            }
            all.add(run::sequence(&stage, seed).await.map_err(|why| format!("SEED={seed} CASES=1: {why}"))?);
        }
        Ok(all)
    })
}

#[test]
fn whatever_comes_every_promise_is_kept_and_every_registration_ends() {
    let (seed, cases) = (number("SEED", SEED), number("CASES", CASES));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8) as u64;
    println!("SEED={seed} CASES={cases} threads={threads}");
    let began = Instant::now();
    let players: Vec<_> =
        (0..threads).map(|at| std::thread::spawn(move || play(seed + at, seed + cases, threads))).collect();
    let mut all = Story::default();
    for player in players {
        all.add(player.join().unwrap().unwrap_or_else(|why| panic!("{why}")));
    }
    let each = began.elapsed().as_secs_f64() * 1000.0 / cases as f64;
    println!("{each:.2} ms a sequence\n{all:#?}");
    if cases >= 500 {
        covered(&all.ends, &["REGISTERED", "REJECTED", "CANCELLED"]);
        covered(&all.faults, FAULTS);
        covered(&all.blocks, BLOCKS);
        assert!(all.repeats > 0, "no call that was answered was sent again");
    }
}

/// What a long run must have met: a model that meets nothing proves nothing.
fn covered<K: AsRef<str> + Ord>(seen: &BTreeMap<K, u64>, expected: &[&str]) {
    let missing: Vec<_> = expected.iter().filter(|name| !seen.keys().any(|key| key.as_ref() == **name)).collect();
    assert!(missing.is_empty(), "never met: {missing:?}");
}

const FAULTS: &[&str] = &[
    "not sent",
    "lost before the effect",
    "lost after the effect",
    "died before the effect",
    "died after the effect",
    "slept before the effect",
    "slept after the effect",
    "a code that the operator does not take",
    "a code that expired before it was used",
    "an application refused at once",
    "an application refused later",
    "an application under way",
    "an application that FNS does not find",
    "a stale read",
    "a signature asked for",
    "an RNM that does not fit",
    "a report refused",
    "a report under way",
    "a broken link",
    "a drive lost",
    "a hub that forgets",
];

const BLOCKS: &[&str] = &[
    "DEVICE_NO_PAPER",
    "DEVICE_COVER_OPEN",
    "DEVICE_SHIFT_OPEN",
    "DEVICE_CLOCK_WRONG",
    "DEVICE_OFFLINE",
    "DEVICE_MISMATCH",
    "FN_UNUSABLE",
    "OFD_CODE_UNKNOWN",
    "OFD_CODE_USED",
    "OFD_CODE_EXPIRED",
    "OFD_UNKNOWN",
    "SIGNATURE",
    "RNM_DOES_NOT_FIT",
    "FNS_APPLICATION_LOST",
    "FNS_REFUSED_REPORT",
];
