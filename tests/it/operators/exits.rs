//! Every state that is not an end, and every reason to wait, has a way out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use litebox_partner::support::blocks::{Exit, NOTES, find};
use regex::Regex;

/// The reasons that the sources give to blocks.
fn reasons() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kkt");
    let made = Regex::new(r#"\b(?:support|odd|block)\(\s*"([A-Z][A-Z0-9_]+)""#).unwrap();
    // In the file of advice also the heads of its tables, and the constants.
    let told = Regex::new(r#"(?:\(|&str = )\s*"([A-Z][A-Z0-9_]+)""#).unwrap();
    let mut found = BTreeSet::new();
    for file in fs::read_dir(&root).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|e| e != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
        let pattern = if path.ends_with("advice.rs") { &told } else { &made };
        found.extend(pattern.captures_iter(&text).map(|c| c[1].to_owned()));
    }
    found
}

#[test]
fn every_reason_to_wait_is_noted_with_a_way_out() {
    let (reasons, noted) = (reasons(), NOTES.iter().map(|n| n.reason.to_owned()).collect::<BTreeSet<_>>());
    assert!(reasons.len() > 40, "the sources were not read: {reasons:?}");
    assert_eq!(&reasons - &noted, BTreeSet::new(), "src/support/blocks.rs does not know these");
    assert_eq!(&noted - &reasons, BTreeSet::new(), "nothing gives these reasons any more");
    for note in NOTES {
        assert!(!note.exits.is_empty(), "{} has no way out", note.reason);
        assert_eq!(find(note.reason), Some(note), "noted twice");
    }
}

#[test]
fn what_the_notes_advise_is_a_way_out_that_they_name() {
    for note in NOTES {
        for (words, exit) in [
            ("Amend", Exit::Amend),
            ("partner cancels", Exit::Cancel),
            ("`kkt resolve", Exit::Resolve),
            ("`kkt release", Exit::Release),
            ("`gateway start", Exit::Start),
        ] {
            assert!(!note.todo.contains(words) || note.exits.contains(&exit), "{}: {words}", note.reason);
        }
    }
}

#[test]
fn the_handbook_of_support_explains_every_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let handbook = fs::read_to_string(root.join("support.md")).unwrap();
    for note in NOTES {
        let row = format!("| {} | {} | {} |", note.reason, note.meaning, note.todo);
        assert!(handbook.contains(&row), "docs/support.md lacks: {row}");
    }
}

#[test]
fn the_page_of_refusals_names_every_reason_to_wait_and_every_rule_of_a_report() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/refusals.md")).unwrap();
    let words: BTreeSet<_> = page.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let rules = fs::read_to_string(root.join("src/kkt/report.rs")).unwrap();
    let rule = Regex::new(r#"requirement\(\s*"([A-Z][A-Z0-9_]+)""#).unwrap();
    let rules: Vec<_> = rule.captures_iter(&rules).map(|c| c[1].to_owned()).collect();
    assert!(rules.len() >= 5, "the sources were not read: {rules:?}");
    let all = NOTES.iter().map(|note| note.reason.to_owned()).chain(rules);
    let missing: Vec<_> = all.filter(|code| !words.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "docs/refusals.md lacks {missing:?}");
}
