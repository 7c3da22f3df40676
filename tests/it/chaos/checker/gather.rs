//! Collects the evidence at the end of a run.

use std::time::Duration;

use litebox_partner::storage::entity::{client, document, effect, kkt, kkt_history, request};
use sea_orm::{ConnectionTrait, EntityTrait, Statement};

use super::{Evidence, Rest, Rows};
use crate::chaos::load::Load;

/// How long whatever is still at work may take to come to rest: longer than any lease of the tests.
const SETTLES: Duration = Duration::from_secs(30);

impl Evidence {
    /// What is known when the load has ended: waits until nobody works any more.
    pub async fn gather(load: &Load) -> Self {
        Self { rest: rest(load).await, ..Self::now(load).await }
    }

    /// What is known at this moment, whoever is at work.
    pub async fn now(load: &Load) -> Self {
        let fleet = &load.fleet;
        let db = fleet.database.db.direct();
        let rows = Rows {
            clients: client::Entity::find().all(db).await.unwrap(),
            kkts: kkt::Entity::find().all(db).await.unwrap(),
            history: kkt_history::Entity::find().all(db).await.unwrap(),
            effects: effect::Entity::find().all(db).await.unwrap(),
            documents: document::Entity::find().all(db).await.unwrap(),
            requests: request::Entity::find().all(db).await.unwrap(),
        };
        let (entries, strikes) = (fleet.sandbox.entries(), fleet.sandbox.engine().faults.strikes());
        Self { calls: load.book.calls(), entries, strikes, rows, logs: fleet.logs(), ..Self::default() }
    }
}

/// Looks until there is nothing to see; what is still there after a while is what does not come to rest.
async fn rest(load: &Load) -> Rest {
    let began = tokio::time::Instant::now();
    loop {
        let rest = Rest { busy: told(load, BUSY).await, sessions: told(load, SESSIONS).await };
        if (rest.busy.is_empty() && rest.sessions.is_empty()) || began.elapsed() > SETTLES {
            return rest;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// In the tests whatever is open in the end waits for a partner, so nothing is due.
const BUSY: &str = "SELECT 'kkt ' || id || ' ' || state || ' is due or held' AS what FROM kkt \
     WHERE lease_until_ms > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) OR due_ms IS NOT NULL \
     UNION ALL SELECT 'client ' || id || ' ' || state || ' is due or held' FROM client \
     WHERE lease_until_ms > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) OR due_ms IS NOT NULL";

const SESSIONS: &str = "SELECT 'session ' || pid || ' ' || state || ': ' || query AS what FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'litebox-partner' \
     AND state <> 'idle'";

async fn told(load: &Load, sql: &str) -> Vec<String> {
    let db = load.fleet.database.db.direct();
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get("", "what").unwrap()).collect()
}
