//! A database that lacks migrations is not served: not at start, and not when it turns up under a running server.

use std::process::Stdio;
use std::time::Duration;

use litebox_partner::config::variable;
use litebox_partner::storage::Schema;
use sea_orm::ConnectionTrait;
use secrecy::ExposeSecret;
use tokio::process::Command;
use tokio::time::timeout;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::app::{on_both_apps, until};
use crate::support::database::{TestDb, backends};

#[tokio::test]
async fn a_server_that_may_not_migrate_refuses_a_database_that_lacks_migrations_and_says_what_to_do() {
    for backend in backends() {
        let database = TestDb::empty(backend).await;
        let mut serve = Command::new(env!("CARGO_BIN_EXE_litebox-partner"));
        serve.arg("serve").env_clear().kill_on_drop(true).stdin(Stdio::null());
        for (key, value) in [
            ("server.listen", "127.0.0.1:0"),
            ("database.migrate", "false"),
            ("database.url", database.config.url.expose_secret()),
        ] {
            serve.env(variable(key), value);
        }
        let ended = timeout(Duration::from_secs(60), serve.output()).await;
        let ended = ended.unwrap_or_else(|_| panic!("it serves")).unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(!ended.status.success() && said.contains("run `litebox-partner migrate` first"), "{said}");
        assert!(matches!(database.db.schema().await.unwrap(), Schema::Older { .. }), "nothing was migrated");
    }
}

#[tokio::test]
async fn a_server_is_not_ready_while_its_database_lacks_a_migration() {
    on_both_apps(async |app| {
        let health = HealthClient::new(app.channel());
        let says = async |expected: ServingStatus| {
            until(&format!("health says {expected}"), async || {
                let request = HealthCheckRequest { service: String::new() };
                health.clone().check(request).await.unwrap().into_inner().status == expected as i32
            })
            .await;
        };
        says(ServingStatus::Serving).await;
        let rename = async |from: &str, to: &str| {
            let sql = format!("UPDATE seaql_migrations SET version = '{to}' WHERE version = '{from}'");
            app.db().direct().execute_unprepared(&sql).await.unwrap();
        };
        rename("m0004_corrections", "m0000_other").await;
        says(ServingStatus::NotServing).await;
        rename("m0000_other", "m0004_corrections").await;
        says(ServingStatus::Serving).await;
    })
    .await;
}
