//! A database that has been in use for years: for plans of statements, which are other ones where a table is small.

use litebox_partner::storage::Backend;
use secrecy::ExposeSecret;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::stage::Stage;

/// Partners among whom the registrations are spread; the first has a tenth.
const PARTNERS: u32 = 100;
/// The id of the first, as SQL.
pub const LARGEST: &str = "md5('p1')::uuid";

/// Takes one registration to its end, and copies all that there is of it so many times, for other partners.
pub async fn database(rows: u32) -> PgConnection {
    let stage = Stage::new(Backend::Postgres).await;
    let server = stage.server_with(&[("documents.keys", format!("k1:{}=", "0".repeat(43)))]).await;
    let client = stage.client(&server).await;
    let kkt = stage.sell(&server, &client, 1).await;
    stage.registered(&server, &kkt).await;
    drop(server);
    stage.database.db.close().await.unwrap();
    let url = stage.database.config.url.expose_secret();
    let mut connection = PgConnection::connect(url).await.unwrap();
    let own = format!("md5('p' || CASE WHEN n % 10 = 0 THEN 1 ELSE 2 + n % {} END)::uuid", PARTNERS - 1);
    let (client, kkt) = ("md5('c' || n)::uuid", "md5('k' || n)::uuid");
    let of = format!("'partner_id', {own}");
    // Nothing is hired out on the way to the end.
    let free = "INSERT INTO fleet (id, partner_id, model, model_key, serial, serial_key, fn_serial, state, note, imported_ms, changed_ms) \
                SELECT id, partner_id, model, model, serial, 'one', 'one', 'FREE', '', created_ms, created_ms FROM kkt";
    sqlx::query(free).execute(&mut connection).await.unwrap();
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
        (
            "fleet",
            rows,
            format!(
                "{of}, 'id', gen_random_uuid(), 'serial_key', 'copy' || n, 'fn_serial', 'copy' || n, 'imported_ms', one.imported_ms - n, \
                 'state', CASE WHEN n % 4 = 0 THEN 'FREE' ELSE 'TAKEN' END, 'kkt_id', CASE WHEN n % 4 > 0 THEN {kkt} END"
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
    sqlx::query("VACUUM ANALYZE").execute(&mut connection).await.unwrap();
    connection
}
