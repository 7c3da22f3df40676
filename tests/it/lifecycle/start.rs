//! The order of the start.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::support::process::signal;

/// What `serve` says in a folder of its own when these addresses are asked for, and whether it has made a database.
fn served(calls: &str, metrics: &str, other: &[(&str, &str)]) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_litebox-partner"))
        .arg("serve")
        .env_clear()
        .env("LITEBOX_SERVER_LISTEN", calls)
        .env("LITEBOX_METRICS_LISTEN", metrics)
        .envs(other.iter().copied())
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    (String::from_utf8(output.stderr).unwrap(), folder.path().join("litebox-partner.db").exists())
}

#[test]
fn a_port_that_is_taken_is_told_before_the_database_is_touched() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let (taken, free) = (other.local_addr().unwrap().to_string(), "127.0.0.1:0");
    for (calls, metrics, setting) in [(taken.as_str(), free, "server.listen"), (free, &taken, "metrics.listen")] {
        let (said, touched) = served(calls, metrics, &[]);
        assert!(said.contains(&format!("error: {setting}: ")), "{said}");
        assert!(!touched, "{setting}");
    }
}

#[test]
fn files_that_the_configuration_names_are_opened_before_the_database_is_touched() {
    let none =
        [("LITEBOX_CATALOGUE_DIR", "/nowhere"), ("LITEBOX_TLS_CERT", "/nowhere"), ("LITEBOX_TLS_KEY", "/nowhere")];
    let (said, touched) = served("127.0.0.1:0", "127.0.0.1:0", &none);
    assert!(said.contains("catalogue.dir") && said.contains("tls.cert"), "all at once: {said}");
    assert!(!touched);
}

#[test]
fn a_start_that_is_interrupted_is_no_success() {
    for name in ["TERM", "INT"] {
        // Takes connections and never says a word, so that the start lasts as long as the test wants.
        let database = TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let server = Command::new(env!("CARGO_BIN_EXE_litebox-partner"))
            .arg("serve")
            .env_clear()
            .env("LITEBOX_SERVER_LISTEN", "127.0.0.1:0")
            .env("LITEBOX_METRICS_LISTEN", "")
            .env("LITEBOX_DATABASE_URL", format!("postgres://nobody@{}/none", database.local_addr().unwrap()))
            .env("LITEBOX_DATABASE_ACQUIRE_TIMEOUT_MS", "60000")
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _asking = database.accept().unwrap();
        signal(&server, name);
        let output = server.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains("error: told to stop before it served"), "{name}: {said}");
    }
}
