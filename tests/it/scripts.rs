//! What `make test` says on a machine that lacks a language's tools: what it skipped, and that nothing was where nothing may be.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// What the scripts need themselves.
const TOOLS: &str = "awk bash cat cut df dirname grep head mktemp realpath rm sed sort tail tee timeout tr";
const SKIPPED: [&str; 6] = ["generate", "go", "python", "rust", "typescript", "released"];

fn found(tool: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.exists()).unwrap()
}

/// A checkout with these scripts alone, on a machine without any language; `tools` is what is left of scripts/tools.sh.
fn bare(tools: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (scripts, bin) = (folder.path().join("scripts"), folder.path().join("bin"));
    std::fs::create_dir(&scripts).unwrap();
    std::fs::create_dir(&bin).unwrap();
    for script in ["sdk.sh", "test.sh"] {
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(script), scripts.join(script))
            .unwrap();
    }
    std::fs::write(scripts.join("tools.sh"), tools).unwrap();
    for tool in TOOLS.split(' ') {
        symlink(found(tool), bin.join(tool)).unwrap();
    }
    folder
}

fn run(folder: &TempDir, script: &str, settings: &[(&str, &str)]) -> (bool, String) {
    let Output { status, stdout, .. } = Command::new(folder.path().join("bin/bash"))
        .arg(folder.path().join("scripts").join(script))
        .env_clear()
        .env("PATH", folder.path().join("bin"))
        .env("LITEBOX_BIN", "/bin/sh")
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    (status.success(), String::from_utf8(stdout).unwrap())
}

#[test]
fn what_is_skipped_is_named_and_fails_where_nothing_may_be() {
    let folder = bare("");
    let (passed, said) = run(&folder, "sdk.sh", &[]);
    assert!(passed, "{said}");
    for name in SKIPPED {
        assert!(said.lines().any(|line| line.starts_with(&format!("SKIPPED: {name}: "))), "{name} in {said}");
    }
    for setting in [("CI", "true"), ("SKIP", "no")] {
        let (passed, said) = run(&folder, "sdk.sh", &[setting]);
        assert!(!passed && said.contains("0 passed; 6 failed"), "{setting:?}: {said}");
    }
}

/// The lines after that of the part `sdk`, and that line.
fn summary(said: &str) -> Vec<&str> {
    said.lines().skip_while(|line| !line.starts_with("sdk ")).take(1 + SKIPPED.len()).collect()
}

#[test]
fn all_tests_sum_up_what_was_skipped_and_skip_nothing_once_all_tools_are_installed() {
    for (tools, outcome) in [("exit 0", "0 passed    6 failed"), ("exit 1", "1 passed    0 failed")] {
        let (passed, said) = run(&bare(tools), "test.sh", &[]);
        assert!(!passed, "there is no cargo: {said}");
        let lines = summary(&said);
        assert!(lines[0].contains(outcome), "{tools}: {said}");
        for (line, name) in lines[1..].iter().zip(SKIPPED) {
            assert!(line.trim_start().starts_with(&format!("SKIPPED: {name}: ")), "{tools}: {said}");
        }
    }
}
