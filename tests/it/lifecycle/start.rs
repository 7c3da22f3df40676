//! The order of the start.

use std::net::TcpListener;
use std::process::Command;

/// What `serve` says in a folder of its own when these addresses are asked for, and whether it has made a database.
fn served(calls: &str, metrics: &str) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_litebox-partner"))
        .arg("serve")
        .env_clear()
        .env("LITEBOX_SERVER_LISTEN", calls)
        .env("LITEBOX_METRICS_LISTEN", metrics)
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
        let (said, touched) = served(calls, metrics);
        assert!(said.contains(&format!("error: {setting}: ")), "{said}");
        assert!(!touched, "{setting}");
    }
}
