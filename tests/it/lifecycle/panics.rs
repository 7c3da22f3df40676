//! What works without being called, and ends abnormally.

use litebox_partner::chaos::PANIC_VARIABLE;
use litebox_partner::storage::Backend;

use crate::support::process::Server;
use crate::support::stage::Stage;

#[tokio::test]
async fn a_server_whose_worker_or_whose_look_at_the_database_panics_stops_in_order_and_says_so() {
    let stage = Stage::new(Backend::Sqlite).await;
    for task in ["worker", "reaper", "retention", "readiness", "access", "metrics"] {
        let settings = [("shutdown.delay_ms", "100".to_owned())];
        let panics = [(PANIC_VARIABLE, format!("{task} on purpose"))];
        let server = Server::start_with(&stage.sandbox, &stage.database, &settings, &panics).await;
        let (code, log) = server.ended().await;
        assert_eq!(code, 1, "{task}: {log}");
        let line = log.lines().find(|line| line.contains("the server stops")).unwrap_or_default();
        assert!(line.contains("ERROR") && line.contains(&format!("\"task\":\"{task}\"")), "{task}: {log}");
        assert!(log.contains("closing:") && log.contains("stopped") && !log.contains("cut:"), "{task}: {log}");
        assert!(log.contains("error: a task has panicked"), "{task}: {log}");
    }
}
