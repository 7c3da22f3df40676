//! The binary as operators use it.

use std::process::{Command, Output};

use litebox_partner::storage::Backend;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::database::{TestDb, backends};

/// Runs one command on a database.
pub fn run(database: &TestDb, line: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_litebox-partner"))
        .args(line)
        .env("LITEBOX_DATABASE_URL", database.config.url.expose_secret())
        .env("LITEBOX_SERVER_LISTEN", "127.0.0.1:1")
        .env("LITEBOX_ACTOR", "anna")
        .output()
        .unwrap()
}

/// What a command that succeeds prints.
pub fn printed(database: &TestDb, line: &[&str]) -> String {
    let output = run(database, line);
    assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What a command that fails says.
pub fn refused(database: &TestDb, line: &[&str]) -> String {
    let output = run(database, line);
    assert!(!output.status.success() && output.stdout.is_empty(), "{line:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_add_partners_and_issue_tokens() {
    for backend in backends() {
        let db = TestDb::empty(backend).await;
        assert!(refused(&db, &["partner", "list"]).contains("litebox-partner migrate"));
        assert_eq!(printed(&db, &["migrate"]), "migrated");
        assert_eq!(printed(&db, &["migrate"]), "up to date");

        let partner = printed(&db, &["partner", "add", "ООО Касса", "--theme", "MTS", "--reason", "T-1"]);
        assert!(refused(&db, &["partner", "add", "ООО Касса", "--reason", "T-1"]).contains(&partner));
        let token = printed(
            &db,
            &["token", "issue", "ООО Касса", "--scopes", "KKT_READ", "--expires-in", "1d", "--reason", "T-1"],
        );
        assert!(token.starts_with("lbp_test_") && token.len() == 59, "only the token is on standard output");
        let listed = printed(&db, &["token", "list"]);
        assert!(listed.contains(&token[9..21]) && !listed.contains(&token[21..]), "the secret is shown once");
        printed(&db, &["token", "revoke", &token[9..21], "--reason", "T-1"]);
        let tokens: Value = serde_json::from_str(&printed(&db, &["token", "list", "--json"])).unwrap();
        assert_eq!((&tokens[0]["state"], &tokens[0]["partner"]), (&"revoked".into(), &partner.as_str().into()));

        let hub = ["--hub", "http://127.0.0.1:16732", "--reason", "T-1"];
        let assign = [&["device", "assign", &partner][..], &hub].concat();
        let device = printed(&db, &assign);
        assert!(refused(&db, &assign).contains("assigned already"));
        assert!(printed(&db, &["device", "list"]).contains(&device));

        printed(&db, &["partner", "disable", &partner, "--reason", "T-1"]);
        let partners: Value = serde_json::from_str(&printed(&db, &["partner", "list", "--json"])).unwrap();
        assert_eq!((&partners[0]["enabled"], &partners[0]["theme"]), (&false.into(), &"MTS".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_checked_and_shown_without_secrets() {
    let db = TestDb::empty(backends()[0]).await;
    assert_eq!(printed(&db, &["config", "check"]), "the configuration is good");
    let shown = printed(&db, &["config", "show"]);
    let url = shown.lines().find(|line| line.starts_with("database.url")).unwrap();
    assert_eq!(url.split_whitespace().collect::<Vec<_>>()[1..], ["***", "LITEBOX_DATABASE_URL"]);
    assert!(refused(&db, &["config", "check", "--config", "/nowhere.toml"]).contains("nowhere"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_not_healthy() {
    let db = TestDb::empty(backends()[0]).await;
    assert!(refused(&db, &["healthcheck"]).contains("127.0.0.1:1 does not answer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_one_sqlite_database_is_refused_and_the_operators_commands_are_not() {
    let app = TestApp::start(Backend::Sqlite).await;
    let said = refused(&app.database, &["serve"]);
    assert!(said.contains("SQLite serves one replica") && said.contains("use PostgreSQL"), "{said}");
    assert!(printed(&app.database, &["partner", "list"]).contains("Партнёр"));
}
