//! The plans of what the service asks, on a database that has been in use for years: nothing reads a large table from its beginning
//! to its end. Other tests ask it first, of a server that writes down what it is asked: `scripts/plans.sh`.

mod asked;
mod crossing;
mod filled;
mod filters;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use asked::{Asked, shape};

/// The file in which the other tests have had written down what was asked.
const LOG_VARIABLE: &str = "LITEBOX_TEST_LOG";
/// Registrations of others.
const ROWS: u32 = 100_000;
/// Of which there is one for each client, registration, call, step or hired register. The others have some rows a partner.
const LARGE: [&str; 8] = ["client", "kkt", "kkt_history", "effect", "request", "audit", "document", "fleet"];
/// What stands in what tests themselves ask. They may read what they like.
const TESTS: [&str; 4] = [" AS n FROM ", "::text AS v FROM ", "string_agg(t::text", " AS name FROM "];
/// Tables that tests read from the service's connection as they are.
const TESTS_READ: [&str; 2] = [r#" FROM "kkt_history""#, r#" FROM "request""#];

/// What shows a table whole, and so reads it: an operator's list of all registers of all fleets.
const SHOWN_WHOLE: [&str; 1] = [r#" FROM "fleet" ORDER BY "fleet"."imported_ms" ASC, "fleet"."id" ASC"#];

/// Indexes without which a table is read whole.
const MISSED: [(&str, &str); 3] = [("kkt_by_rnm", "kkt"), ("client_by_age", "client"), ("document_by_age", "document")];

/// The large tables that a plan reads whole.
fn whole(node: &Json, tables: &mut BTreeSet<String>) {
    let table = node["Relation Name"].as_str().unwrap_or_default();
    if node["Node Type"] == "Seq Scan" && LARGE.contains(&table) {
        tables.insert(table.to_owned());
    }
    node["Plans"].as_array().into_iter().flatten().for_each(|part| whole(part, tables));
}

/// The plans of a statement with the values that it was asked with: that of the first time, and that of the sixth, which a connection
/// may keep for all values.
async fn plans(on: &mut PgConnection, Asked { text, values }: &Asked) -> Result<[Json; 2], sqlx::Error> {
    let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
    let again = format!("EXPLAIN (FORMAT JSON) EXECUTE asked{values};").repeat(6);
    let sql = format!("DEALLOCATE ALL; PREPARE asked AS {text}; {again}");
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(on).await?;
    let plan = |at: usize| {
        let told: String = rows[at].get_unchecked(0);
        serde_json::from_str::<Json>(&told).unwrap()[0]["Plan"].clone()
    };
    Ok([plan(0), plan(5)])
}

/// Which statements read which large tables whole.
async fn reading_whole(on: &mut PgConnection, asked: &[Asked]) -> BTreeMap<String, BTreeSet<String>> {
    let mut wrong = BTreeMap::new();
    for one in asked {
        let plans = plans(on, one).await.unwrap_or_else(|error| panic!("{error}: {one:?}"));
        let mut tables = BTreeSet::new();
        plans.iter().for_each(|plan| whole(plan, &mut tables));
        if !tables.is_empty() {
            wrong.insert(shape(&one.text), tables);
        }
    }
    wrong
}

/// What the log holds of the service: without what tests ask, and what only adds rows.
fn services(log: &str) -> Vec<Asked> {
    let mut asked = asked::read(log);
    asked.retain(|Asked { text, .. }| {
        let looks = ["SELECT ", "UPDATE ", "DELETE ", "WITH "].iter().any(|verb| text.starts_with(verb));
        let of_tests =
            TESTS.iter().any(|part| text.contains(part)) || TESTS_READ.iter().any(|table| text.ends_with(table));
        looks && !of_tests && !SHOWN_WHOLE.iter().any(|end| text.ends_with(end))
    });
    asked
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "scripts/plans.sh runs it, after others have asked"]
async fn no_statement_of_the_service_reads_a_large_table_whole() {
    let log = std::env::var_os(LOG_VARIABLE).expect("the log of a server that was asked");
    let asked = services(&String::from_utf8_lossy(&std::fs::read(log).unwrap()));
    assert_eq!(crossing::missing(&asked), Vec::<&str>::new(), "nobody asked what these functions ask");
    // As the tests' partners asked it, who have a few rows, and as the one who has a tenth of all.
    let large = asked.iter().filter_map(|one| one.as_of(filled::LARGEST));
    let all: Vec<_> = asked.iter().cloned().chain(large).collect();
    let shapes: BTreeSet<_> = asked.iter().map(|one| shape(&one.text)).collect();

    let mut on = filled::database(ROWS).await;
    let wrong = reading_whole(&mut on, &all).await;
    println!("{} statements with {} choices of values, at {ROWS} registrations", shapes.len(), all.len());
    for (text, tables) in &wrong {
        println!("reads all of {tables:?}: {text}");
    }
    assert!(wrong.is_empty(), "{} statements read a large table whole", wrong.len());

    // It would have been seen.
    for (index, table) in MISSED {
        let of_it: Vec<_> = asked.iter().filter(|one| one.text.contains(table)).cloned().collect();
        sqlx::raw_sql(AssertSqlSafe(format!("BEGIN; DROP INDEX {index}"))).execute(&mut on).await.unwrap();
        let wrong = reading_whole(&mut on, &of_it).await;
        sqlx::raw_sql("ROLLBACK").execute(&mut on).await.unwrap();
        assert!(wrong.values().any(|tables| tables.contains(table)), "{table} is not read whole without {index}");
    }
}
