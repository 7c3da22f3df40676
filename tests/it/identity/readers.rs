//! Every reader of strangers' texts, with a hundred thousand texts each: drawn, and changed from good ones. None may panic,
//! and each keeps its promise (`src/fuzzing.rs`). `CASES` says how many, `SEED` where to begin; a failure names its seed.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use litebox_partner::fuzzing::{Target, targets};
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};

use crate::model::dice::Dice;
use crate::tenancy::fields::methods;

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
        play(&target, cases, first);
        println!("{}: {cases} in {:?}", target.name, started.elapsed());
    }
}

#[test]
fn a_broken_promise_is_noticed_within_the_cases_that_are_played() {
    let careless = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        assert!(text.len() < 4 || text.is_char_boundary(3), "cut inside a letter");
        true
    };
    let target = Target { name: "careless", read: careless, samples: vec![b"250m".to_vec()], message: None };
    assert!(catch_unwind(|| play(&target, 100_000, 0)).is_err());
}

/// What is changed from a text that is refused at its beginning hardly ever comes further.
#[test]
fn every_sample_is_read_to_its_end() {
    for target in targets() {
        assert!(!target.samples.is_empty(), "{}", target.name);
        for sample in &target.samples {
            assert!((target.read)(sample), "{}: {:?}", target.name, String::from_utf8_lossy(sample));
        }
    }
}

/// The reader of a message.
fn reader<'a>(all: &'a [Target], message: &MessageDescriptor) -> Option<&'a Target> {
    let wire = |rust: &str| rust.trim_start_matches("litebox_partner::pb::").replace("::", ".");
    all.iter().find(|target| target.message.is_some_and(|rust| wire(rust) == message.full_name()))
}

#[test]
fn every_request_of_the_contract_has_a_reader() {
    let all = targets();
    let requests: Vec<_> = methods().iter().map(|method| method.input()).collect();
    for request in &requests {
        assert!(reader(&all, request).is_some(), "{} has no reader", request.full_name());
    }
    assert_eq!(all.iter().filter(|target| target.message.is_some()).count(), requests.len());
}

/// Paths of all fields.
fn fields(message: &MessageDescriptor, at: &str, found: &mut BTreeSet<String>) {
    for field in message.fields() {
        let path = format!("{at}{}", field.name());
        if let Some(inner) = field.kind().as_message() {
            fields(inner, &format!("{path}."), found);
        }
        found.insert(path);
    }
}

/// Paths of the fields in which it says something.
fn said(message: &DynamicMessage, at: &str, found: &mut BTreeSet<String>) {
    for (field, value) in message.fields() {
        let path = format!("{at}{}", field.name());
        if let Value::Message(inner) = value {
            said(inner, &format!("{path}."), found);
        }
        found.insert(path);
    }
}

#[test]
fn the_samples_of_a_request_say_something_in_each_of_its_fields() {
    let all = targets();
    for request in methods().iter().map(|method| method.input()) {
        let (mut known, mut seen) = (BTreeSet::new(), BTreeSet::new());
        fields(&request, "", &mut known);
        for sample in &reader(&all, &request).unwrap().samples {
            said(&DynamicMessage::decode(request.clone(), sample.as_slice()).unwrap(), "", &mut seen);
        }
        assert_eq!(known.difference(&seen).collect::<Vec<_>>(), Vec::<&String>::new(), "{}", request.full_name());
    }
}

#[test]
fn every_reader_has_a_fuzzer_of_its_name() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names: BTreeSet<_> = targets().iter().map(|target| target.name.to_owned()).collect();
    let files = fs::read_dir(fuzz.join("fuzz_targets")).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<_> = files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(files, names);
    let manifest: toml::Table = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap().parse().unwrap();
    let built = manifest["bin"].as_array().unwrap().iter();
    let built: BTreeSet<_> = built.map(|bin| (bin["name"].as_str().unwrap(), bin["path"].as_str().unwrap())).collect();
    let paths: Vec<_> = names.iter().map(|name| format!("fuzz_targets/{name}.rs")).collect();
    let expected: BTreeSet<_> = names.iter().map(String::as_str).zip(paths.iter().map(String::as_str)).collect();
    assert_eq!(built, expected);
    for (name, path) in names.iter().zip(&paths) {
        let text = fs::read_to_string(fuzz.join(path)).unwrap();
        assert!(text.contains(&format!("reader!({name})")), "{path} plays another reader");
    }
}
