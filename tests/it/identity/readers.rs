//! Every reader of strangers' texts, with a hundred thousand texts each: drawn, and changed from good ones. None may panic,
//! and each keeps its promise (`src/fuzzing.rs`). `CASES` says how many, `SEED` where to begin; a failure names its seed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use litebox_partner::fuzzing::{Target, targets};

use crate::model::dice::Dice;

/// Pieces at which readers have edges.
const PIECES: [&[u8]; 16] = [
    b"",
    b"\0",
    b"0",
    b"9",
    b"-",
    b"_",
    b".",
    b",",
    b"\"",
    b"{",
    b"[]",
    b"null",
    b"1e999",
    b"\xFF",
    "й".as_bytes(),
    b" ",
];

fn draw(dice: &mut Dice, samples: &[Vec<u8>]) -> Vec<u8> {
    if dice.below(8) == 0 {
        return (0..dice.below(80)).map(|_| u8::try_from(dice.below(256)).unwrap()).collect();
    }
    let mut bytes = samples[dice.below(samples.len())].clone();
    for _ in 0..dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + dice.below(6)).min(bytes.len());
        match dice.below(4) {
            0 => drop(bytes.splice(at..end, dice.pick(&PIECES).iter().copied())),
            1 => drop(bytes.splice(at..at, dice.pick(&PIECES).iter().copied())),
            2 => bytes.truncate(at),
            _ if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            _ => {}
        }
    }
    bytes
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn play(target: &Target, cases: u64, first: u64) {
    for seed in first..first + cases {
        let bytes = draw(&mut Dice::new(seed), &target.samples);
        let kept = catch_unwind(AssertUnwindSafe(|| (target.read)(&bytes)));
        assert!(kept.is_ok(), "{}: SEED={seed}: {:?}", target.name, String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn no_text_of_a_stranger_makes_a_reader_panic_or_break_its_promise() {
    let (cases, first) = (number("CASES", 100_000), number("SEED", 0));
    for target in targets() {
        let started = std::time::Instant::now();
        target.samples.iter().for_each(|sample| (target.read)(sample));
        play(&target, cases, first);
        println!("{}: {cases} in {:?}", target.name, started.elapsed());
    }
}

#[test]
fn a_broken_promise_is_noticed_within_the_cases_that_are_played() {
    let careless = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        assert!(text.len() < 4 || text.is_char_boundary(3), "cut inside a letter");
    };
    let target = Target { name: "careless", read: careless, samples: vec![b"250m".to_vec()] };
    assert!(catch_unwind(|| play(&target, 100_000, 0)).is_err());
}
