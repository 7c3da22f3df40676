//! The operator who waits until the servers have looked at what the backup held open.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::begin;
use crate::cli::printed;
use crate::support::app::until;
use crate::support::database::{TestDb, backends};
use crate::support::stage::Stage;
use crate::support::terminal::Terminal;

fn due(database: &TestDb) -> Value {
    let status: Value = serde_json::from_str(&printed(database, &["recovery", "status", "--json"])).unwrap();
    status[0]["due"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_waits_for_what_is_due_and_sees_on_a_terminal_how_far_it_is() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let server = stage.server().await;
        let client = stage.client(&server).await;
        stage.sandbox.add_fault("ofd.ReserveCode:hold").unwrap();
        for n in 1..=3 {
            stage.sell(&server, &client, n).await;
        }
        stage.sandbox.wait_for_holds(|holds| holds.len() == 3).await;
        server.kill();
        stage.sandbox.clear_faults();
        stage.sandbox.release_holds();
        begin(&stage.database).await;
        assert_eq!(due(&stage.database), json!(3));

        let url = stage.database.config.url.expose_secret();
        let mut waits = Terminal::run("recovery status --wait", &[("database.url", url)]);
        until("it shows how far it is", async || waits.shown().contains("tried: 0 of 3")).await;
        assert_eq!(waits.ended(), None, "nobody has looked at anything: {}", waits.shown());
        let server = stage.server().await;
        until("it has been waited for", async || waits.ended().is_some()).await;
        let shown = waits.shown();
        assert!(waits.ended() == Some(true) && shown.contains("2026-11-24"), "the status comes after it: {shown}");
        // What was asked of them after their first try.
        until("nothing is due", async || due(&stage.database) == json!(0)).await;
        drop(server);
    }
}
