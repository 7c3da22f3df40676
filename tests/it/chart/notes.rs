//! What NOTES.txt has operators type, typed: in each mode, against a server that runs as it is rendered.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::manifest::{helm, modes, notes};
use super::standing::{SERVICE, Standing, port};

/// What the tools are here. The pod is ready when this is run, and it is where the port leads; whatever else is printed is not known.
const TOOLS: &str = r#"
kubectl() {
    case "$*" in
        "rollout status -n partners deploy/shop-litebox-partner") ;;
        "port-forward -n partners svc/shop-litebox-partner 50051:$PORT") ;;
        "exec -n partners deploy/shop-litebox-partner -c server -- litebox-partner "*) shift 8; "$PROGRAM" "$@" ;;
        *) echo "kubectl $*: nobody has tried this" >&2; return 64 ;;
    esac
}
helm() {
    [ "$*" = "test shop -n partners" ] || { echo "helm $*: nobody has tried this" >&2; return 64; }
}
"#;

/// The commands among the notes: what is indented.
fn commands(notes: &str) -> String {
    let (typed, told): (Vec<_>, Vec<_>) = notes.lines().partition(|line| line.starts_with("   "));
    for tool in ["kubectl", "helm ", "grpcurl"] {
        assert!(!told.iter().any(|line| line.contains(tool)), "a command of {tool} that is not indented");
    }
    // What goes on behind the others would fail unnoticed.
    typed.iter().map(|line| format!("{}\n", line.trim_end_matches(" &"))).collect()
}

/// Runs them one after another, until one fails. There is no other program than those of the tools.
fn run(standing: &Standing, commands: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let pair = standing.authority.pair_of(SERVICE);
    std::fs::write(folder.path().join("client.crt"), pair.cert).unwrap();
    std::fs::write(folder.path().join("client.key"), pair.key).unwrap();
    let script = format!("{TOOLS}{}", commands.replace("127.0.0.1:50051", &standing.target.address.to_string()));
    let mut bash = Command::new("/bin/bash");
    bash.args(["-euo", "pipefail", "-c", &script]).current_dir(folder.path()).env_clear();
    bash.envs(&standing.target.environment).env("USER", "operator").env("PORT", port(&standing.release).to_string());
    bash.env("PATH", Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/bin"));
    bash.env("PROGRAM", env!("CARGO_BIN_EXE_litebox-partner")).output().unwrap()
}

/// What it was to show, and what it showed, of this mode with other values.
async fn typed(helm: &Path, mode: &str, over: Value) -> Option<(String, Output)> {
    println!("{mode}");
    let printed = notes(helm, mode, &over);
    let standing = Standing::start(helm, mode, over).await?;
    let done = run(&standing, &commands(&printed));
    Some((printed, done))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_notes_does_what_it_is_printed_for_in_every_mode() {
    let Some(helm) = helm() else { return };
    for mode in modes() {
        // While a restore is recovered nobody is let in.
        let Some((printed, done)) = typed(&helm, &mode, json!({"recover": ""})).await else { continue };
        let (out, error) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
        assert!(done.status.success(), "{printed}{out}{error}");
        assert!(out.contains("\"inn\": \"7707083893\""), "{printed}{out}{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_restore_is_recovered_the_notes_say_that_nobody_is_let_in_and_nobody_is() {
    let Some(helm) = helm() else { return };
    let (printed, done) = typed(&helm, "test-sqlite-values.yaml", json!({"recover": "2026-11-24"})).await.unwrap();
    assert!(printed.contains("until then the answer is UNAVAILABLE, RECOVERING:\n"), "{printed}");
    assert!(printed.contains("NOTE: a restore is being recovered: tokens and fleet are held back"), "{printed}");
    let error = String::from_utf8(done.stderr).unwrap();
    assert!(error.contains("a backup was restored, and this is held back"), "{error}");
}
