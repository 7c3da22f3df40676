//! What the documents say about each other and about the command line is so.

use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use litebox_partner::cli::Cli;
use regex::Regex;

/// Every document with its text.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["", "docs", "docs/adr"].map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    let paths = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    let markdown = paths.filter(|path| path.extension().is_some_and(|e| e == "md"));
    markdown.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)#: ]+)(?:#[^)]*)?\)").unwrap();
    let mut links = 0;
    for (file, text) in documents() {
        for found in link.captures_iter(&text) {
            links += 1;
            assert!(file.parent().unwrap().join(&found[1]).exists(), "{} links to {}", file.display(), &found[1]);
        }
    }
    assert!(links > 50, "the links were not read: {links}");
}

/// What is wrong with a command line, as far as its words and options tell.
fn wrong(line: &str) -> Option<String> {
    let root = Cli::command();
    let mut command: &Command = &root;
    for word in line.split_whitespace() {
        match command.find_subcommand(word) {
            Some(inner) => command = inner,
            None => break,
        }
    }
    if command.has_subcommands() {
        return Some(format!("{} has no such command", command.get_name()));
    }
    let known = |option: &str| {
        let longs = command.get_arguments().chain(root.get_arguments()).filter_map(clap::Arg::get_long);
        longs.into_iter().any(|long| long == option)
    };
    let options = Regex::new(r"(?:^|[ \[])--([a-z][a-z0-9-]*)").unwrap();
    let strange = options.captures_iter(line).find(|found| !known(&found[1]))?;
    Some(format!("{} has no option --{}", command.get_name(), &strange[1]))
}

#[test]
fn every_command_that_the_documents_show_exists() {
    let shown = Regex::new(r"(?m)(?:^|[`/(])litebox-partner ([a-z][^`#\n]*)").unwrap();
    let mut commands = 0;
    for (file, text) in documents() {
        for found in shown.captures_iter(&text) {
            commands += 1;
            assert_eq!(wrong(&found[1]), None, "{}: {}", file.display(), &found[0]);
        }
    }
    assert!(commands > 40, "the commands were not read: {commands}");
    for bad in ["kkt burn", "partner list --partner x", "fleet import A b.csv --because x", "burn"] {
        assert!(wrong(bad).is_some(), "{bad}");
    }
}
