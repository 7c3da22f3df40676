//! A database that has been in use for years: for plans of statements, which are other ones where a table is small.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::database::TestDb;
use super::stage::Stage;

/// How many registrations of others every PostgreSQL database of the tests holds from the beginning, if any.
pub const ROWS_VARIABLE: &str = "LITEBOX_TEST_ROWS";
/// Partners among whom they are spread; the first has a tenth.
const PARTNERS: u32 = 100;

/// The number that the environment names.
pub fn rows() -> Option<u32> {
    std::env::var(ROWS_VARIABLE).ok().map(|rows| rows.parse().unwrap())
}

/// Takes one registration to its end, and copies all that there is of it so many times, for other partners.
pub async fn fill(database: TestDb, url: &str, rows: u32) {
    let stage = Stage::on(database).await;
    let server = stage.server_with(&[("documents.keys", format!("k1:{}=", "0".repeat(43)))]).await;
    let client = stage.client(&server).await;
    let kkt = stage.sell(&server, &client, 1).await;
    stage.registered(&server, &kkt).await;
    drop(server);
    stage.database.db.close().await.unwrap();
    let mut connection = PgConnection::connect(url).await.unwrap();
    let own = format!("md5('p' || CASE WHEN n % 10 = 0 THEN 1 ELSE 2 + n % {} END)::uuid", PARTNERS - 1);
    let (client, kkt) = ("md5('c' || n)::uuid", "md5('k' || n)::uuid");
    let of = format!("'partner_id', {own}");
    for (table, count, other) in [
        ("partner", PARTNERS, "'id', md5('p' || n)::uuid, 'name', 'p' || n".to_owned()),
        (
            "client",
            rows,
            format!(
                "{of}, 'id', {client}, 'inn', 'copy' || n, 'company', 'copy ' || n, 'created_ms', one.created_ms - n"
            ),
        ),
        (
            "kkt",
            rows,
            format!(
                "{of}, 'id', {kkt}, 'client_id', {client}, 'request_id', gen_random_uuid(), 'serial_key', 'copy' || n, \
                 'fn_serial', 'copy' || n, 'rnm', 'copy' || n, 'created_ms', one.created_ms - n, \
                 'changed_ms', one.changed_ms - n"
            ),
        ),
        ("kkt_history", rows, format!("{of}, 'kkt_id', {kkt}")),
        ("effect", rows, format!("{of}, 'kkt_id', {kkt}, 'id', gen_random_uuid()")),
        (
            "request",
            rows,
            format!("{of}, 'request_id', gen_random_uuid(), 'resource_id', {kkt}, 'created_ms', one.created_ms - n"),
        ),
        ("document", rows, format!("{of}, 'kkt_id', {kkt}, 'id', gen_random_uuid(), 'at_ms', one.at_ms - n")),
        ("audit", rows, format!("{of}, 'id', gen_random_uuid(), 'at_ms', one.at_ms - n")),
    ] {
        let sql = format!(
            "INSERT INTO {table} SELECT made.* FROM (SELECT * FROM {table} LIMIT 1) one, generate_series(1, {count}) n, \
             jsonb_populate_record(one::{table}, jsonb_build_object({other})) made"
        );
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    }
    // The tests may make the same.
    for sql in [
        "UPDATE partner SET name = 'p' WHERE name NOT LIKE 'p%'",
        "UPDATE client SET inn = 'made' WHERE inn NOT LIKE 'copy%'",
        "UPDATE kkt SET serial_key = 'made', fn_serial = 'made', rnm = 'made' WHERE rnm NOT LIKE 'copy%'",
    ] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    // From here on plans are those of a large database, and told where somebody reads them.
    for sql in ["VACUUM ANALYZE", "ALTER SYSTEM SET auto_explain.log_min_duration = 0", "SELECT pg_reload_conf()"] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}
