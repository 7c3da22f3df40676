//! Nothing personal is left anywhere: every column of every table, before and after.

use litebox_partner::storage::Backend;

use super::{Desk, MARKS, Made, on_both_desks};

/// Columns of `client` and `kkt` that are emptied.
const GO: [(&str, &[&str]); 2] = [
    (
        "client",
        &[
            "inn",
            "login",
            "phone",
            "company",
            "last_name",
            "first_name",
            "middle_name",
            "address",
            "taxpayer",
            "search",
            "external_ref",
            "account_id",
            "due_ms",
        ],
    ),
    ("kkt", &["external_ref", "inn", "spec", "facts", "state_data", "block", "waiting_for", "origin", "due_ms"]),
];
/// Columns that stay: ids, times, states, counters, numbers of registers and drives.
const STAY: [(&str, &[&str]); 2] = [
    (
        "client",
        &[
            "id",
            "partner_id",
            "state",
            "password_version",
            "created_ms",
            "updated_ms",
            "lease_until_ms",
            "fence",
            "erased_ms",
        ],
    ),
    (
        "kkt",
        &[
            "id",
            "partner_id",
            "client_id",
            "request_id",
            "model",
            "serial",
            "serial_key",
            "fn_serial",
            "state",
            "rnm",
            "report_by_ms",
            "held",
            "fn_held",
            "revision",
            "since_ms",
            "created_ms",
            "updated_ms",
            "changed_ms",
            "lease_until_ms",
            "fence",
            "attempts",
            "failures",
            "failing_since_ms",
            "erased_ms",
        ],
    ),
];

async fn names(desk: &Desk, sql: &str) -> Vec<String> {
    desk.rows(sql).await.iter().map(|row| row.try_get("", "name").unwrap()).collect()
}

async fn tables(desk: &Desk) -> Vec<String> {
    let sql = match desk.app.db().backend() {
        Backend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        Backend::Postgres => "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public'",
    };
    names(desk, sql).await
}

async fn columns(desk: &Desk, table: &str) -> Vec<String> {
    let sql = match desk.app.db().backend() {
        Backend::Sqlite => format!("SELECT name FROM pragma_table_info('{table}')"),
        Backend::Postgres => format!(
            "SELECT column_name::text AS name FROM information_schema.columns \
             WHERE table_schema = 'public' AND table_name = '{table}'"
        ),
    };
    names(desk, &sql).await
}

/// All values of all columns of all tables as text, in lower case; binary ones in hexadecimal.
async fn dump(desk: &Desk) -> String {
    let mut text = String::new();
    for table in tables(desk).await {
        for column in columns(desk, &table).await {
            let value = match desk.app.db().backend() {
                Backend::Sqlite => format!(
                    "CASE typeof(\"{column}\") WHEN 'blob' THEN hex(\"{column}\") ELSE CAST(\"{column}\" AS TEXT) END"
                ),
                Backend::Postgres => format!("\"{column}\"::text"),
            };
            for row in desk.rows(&format!("SELECT {value} AS v FROM \"{table}\" WHERE \"{column}\" IS NOT NULL")).await
            {
                text.push_str(&row.try_get::<String>("", "v").unwrap().to_lowercase());
                text.push('\n');
            }
        }
    }
    text
}

/// Hexadecimal values of binary columns.
async fn hexes(desk: &Desk, column: &str, table: &str) -> Vec<String> {
    let value = match desk.app.db().backend() {
        Backend::Sqlite => format!("lower(hex({column}))"),
        Backend::Postgres => format!("encode({column}, 'hex')"),
    };
    names(desk, &format!("SELECT {value} AS name FROM {table}")).await
}

/// How many rows have something in this column.
async fn filled(desk: &Desk, table: &str, column: &str) -> i64 {
    desk.count(&format!("{table} WHERE {column} IS NOT NULL AND CAST({column} AS text) <> ''")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_is_left_in_any_column_of_any_table() {
    on_both_desks(async |desk| {
        let made = Made::new(desk).await;
        desk.sql("UPDATE client SET middle_name = 'Канарейкина', due_ms = 9000000000000").await;
        let block = r#"{"reason":"X","advice":"canary-block","waiting_for":"PARTNER"}"#;
        desk.sql(&format!("UPDATE kkt SET block = '{block}', origin = '00-canary-trace', waiting_for = 'PARTNER', due_ms = 9000000000000")).await;
        for ((table, go), (_, stay)) in GO.iter().zip(STAY) {
            let mut known = [*go, stay].concat();
            let mut there = columns(desk, table).await;
            known.sort_unstable();
            there.sort_unstable();
            assert_eq!(there, known, "a column of {table} is new: say whether it is erased");
            for column in *go {
                assert!(filled(desk, table, column).await > 0, "{table}.{column} is filled, or this shows nothing");
            }
        }
        let mut marks: Vec<String> = MARKS.iter().map(|mark| (*mark).to_owned()).collect();
        marks.push("canary-block".into());
        marks.push("00-canary-trace".into());
        marks.extend(hexes(desk, "fingerprint", "request").await);
        marks.extend(hexes(desk, "cipher", "document").await);
        assert!(marks.len() > MARKS.len() + 10, "there are calls and documents: {}", marks.len());
        let before = dump(desk).await;
        for mark in &marks {
            assert!(before.contains(mark.as_str()), "{mark} is there before");
        }
        let record = desk.erase(&made.shop.client_id);
        let after = dump(desk).await;
        for mark in &marks {
            assert!(!after.contains(mark.as_str()), "{mark} is left");
        }
        for (table, go) in GO {
            for column in go {
                assert_eq!(filled(desk, table, column).await, 0, "{table}.{column}");
            }
        }
        for stays in [&made.shop.client_id, &made.kkt.id, &made.kkt.rnm, &record] {
            let hex = stays.replace('-', "");
            assert!(after.contains(stays.as_str()) || after.contains(&hex), "{stays} stays");
        }
    })
    .await;
}
