//! What is looked at again and again costs what there is to find, however much has come to its end.

use litebox_partner::storage::crossing::{erasure, operations};
use litebox_partner::storage::{Backend, Db};
use sea_orm::{ConnectionTrait, Statement, Value};
use serde_json::Value as Json;

use super::{Desk, Made, on_both_desks};
use crate::support::database::backends;

/// Registrations that have ended, emptied request ids, and documents that are too young to go: many of each.
const MANY: i64 = 8_000;
/// Rows that one statement makes, within the time that a statement has.
const PART: i64 = 1_000;
/// Rows that one look removes: few against the table, as in a large one. More, and reading the whole of a small one costs less.
const PORTION: u64 = 10;
/// Rows that one look may touch: what there is of a shop or two.
const FEW: u64 = 200;
const NOW: i64 = 9_000_000_000_000;

async fn planned(db: &Db, how: &str, sql: &str, at_ms: i64) -> Vec<sea_orm::QueryResult> {
    let (on, sql) = (db.direct(), format!("{how} {sql}"));
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, [Value::from(at_ms)]);
    on.query_all_raw(statement).await.unwrap()
}

/// Names of the indexes that PostgreSQL reads for a statement, and how many rows it touches in all.
async fn read(db: &Db, sql: &str, at_ms: i64) -> (Vec<String>, u64) {
    let rows = planned(db, "EXPLAIN (ANALYZE, FORMAT JSON)", sql, at_ms).await;
    let plan: Json = rows[0].try_get("", "QUERY PLAN").unwrap();
    let (mut indexes, mut touched) = (Vec::new(), 0);
    walk(&plan[0]["Plan"], &mut indexes, &mut touched);
    (indexes, touched)
}

fn walk(node: &Json, indexes: &mut Vec<String>, touched: &mut u64) {
    if node["Node Type"].as_str().is_some_and(|kind| kind.contains("Scan")) {
        let of_each = ["Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck"];
        let rows: f64 = of_each.iter().filter_map(|key| node[key].as_f64()).sum();
        *touched += (rows * node["Actual Loops"].as_f64().unwrap_or(1.0)) as u64;
    }
    indexes.extend(node["Index Name"].as_str().map(str::to_owned));
    node["Plans"].as_array().into_iter().flatten().for_each(|part| walk(part, indexes, touched));
}

/// Many rows beside those of `Made`, made of them.
async fn fill(desk: &Desk, kkt: &str) {
    let copies = |table: &str, like: &str, new: &str, from: i64| {
        let to = from + PART - 1;
        format!(
            "INSERT INTO {table} SELECT made.* FROM (SELECT * FROM {table} WHERE {like} LIMIT 1) one, \
             generate_series({from}, {to}) n, jsonb_populate_record(one::{table}, jsonb_build_object({new})) made"
        )
    };
    let kkt = format!("id = '{kkt}'");
    let request = "'request_id', gen_random_uuid(), 'fingerprint', '\\x', 'created_ms', n";
    let document = format!("'id', gen_random_uuid(), 'seq', 1000000 + n, 'at_ms', {NOW}");
    let ended = "'id', gen_random_uuid(), 'held', false, 'fn_held', false, 'since_ms', n";
    for from in (1..=MANY).step_by(PART as usize) {
        desk.sql(&copies("kkt", &kkt, ended, from)).await;
        desk.sql(&copies("request", "true", request, from)).await;
        desk.sql(&copies("document", "true", &document, from)).await;
    }
    for table in ["kkt", "request", "document", "client"] {
        desk.sql(&format!("VACUUM ANALYZE {table}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_that_are_repeated_read_an_index_of_what_there_is_to_find() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let desk = Desk::open(Backend::Postgres).await;
    let made = Made::new(&desk).await;
    fill(&desk, &made.kkt.id).await;
    let db = desk.app.db();
    for (sql, at_ms, index) in [
        (erasure::requests_sql(Backend::Postgres, PORTION), NOW, "request_kept"),
        (erasure::documents_sql(PORTION), NOW, "document_by_age"),
        (operations::open_sql(&["REPORTING"]), NOW, "kkt_open"),
    ] {
        let (indexes, touched) = read(db, &sql, at_ms).await;
        assert!(indexes.iter().any(|name| name == index), "{index}: {indexes:?}");
        assert!(touched <= FEW, "{index}: {touched} rows of {MANY}");
    }
    assert!(desk.count("request WHERE length(fingerprint) > 0").await == 0, "what there was to find is found");
}

/// SQLite has no figures of what is under way in an index; periods have theirs.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_finds_by_age_what_periods_remove() {
    on_both_desks(async |desk| {
        if desk.app.db().backend() == Backend::Postgres {
            return;
        }
        for (sql, index) in [
            (erasure::requests_sql(Backend::Sqlite, PORTION), "request_kept"),
            (erasure::documents_sql(PORTION), "document_by_age"),
        ] {
            let rows = planned(desk.app.db(), "EXPLAIN QUERY PLAN", &sql, NOW).await;
            let plan: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:?}");
            assert!(!plan.iter().any(|step| step.starts_with("SCAN")), "{plan:?}");
        }
    })
    .await;
}
