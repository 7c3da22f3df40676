//! What the schema itself keeps apart, read from the catalogue of each database: whatever names a row of a partner by its id does
//! so together with the partner. What the catalogue says is then tried: a row under another partner's is refused.

use std::collections::{BTreeMap, BTreeSet};

use litebox_partner::storage::Backend;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, SqlErr, Statement};

use crate::support::database::{TestDb, on_both_databases};
use crate::support::fresh_id;

/// Columns that hold the id of something and have no foreign key.
const FREE: [&str; 10] = [
    // A line outlives what it is about.
    "audit.partner_id",
    "audit.kkt_id",
    "audit.client_id",
    "erasure.partner_id",
    "erasure.client_id",
    // A client or a registration: which, the method says, and a key refers to one table. See docs/security.md.
    "request.resource_id",
    // A note beside the registration, whose key holds: no statement finds a row by it.
    "kkt_history.effect_id",
    "document.effect_id",
    // What callers call their calls, and no row's id.
    "request.request_id",
    "kkt.request_id",
];

/// The rows that children hang under, of one partner, and the other partner.
struct Rows {
    mine: String,
    other: String,
    client: String,
    kkt: String,
    device: String,
}

#[derive(Default)]
struct Catalogue {
    /// By table: name and type of each column that must have a value, or may.
    columns: BTreeMap<String, Vec<(String, String)>>,
    /// By child, parent and number: pairs of columns.
    keys: BTreeMap<(String, String, String), BTreeSet<(String, String)>>,
}

const SQLITE_COLUMNS: &str = "SELECT t.name AS a, c.name AS b, lower(c.type) AS c, '' AS d, '' AS e \
    FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY t.name, c.cid";
const SQLITE_KEYS: &str = "SELECT t.name AS a, k.\"table\" AS b, CAST(k.id AS text) AS c, k.\"from\" AS d, k.\"to\" AS e \
    FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) k WHERE t.type = 'table'";
const POSTGRES_COLUMNS: &str = "SELECT table_name::text AS a, column_name::text AS b, data_type::text AS c, '' AS d, '' AS e \
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position";
const POSTGRES_KEYS: &str = "SELECT k.conrelid::regclass::text AS a, k.confrelid::regclass::text AS b, k.conname::text AS c, \
    child.attname::text AS d, parent.attname::text AS e \
    FROM pg_constraint k CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS pair (child, parent) \
    JOIN pg_attribute child ON child.attrelid = k.conrelid AND child.attnum = pair.child \
    JOIN pg_attribute parent ON parent.attrelid = k.confrelid AND parent.attnum = pair.parent WHERE k.contype = 'f'";

async fn table(database: &TestDb, sql: &str) -> Vec<[String; 5]> {
    let direct = database.db.direct();
    let rows = direct.query_all_raw(Statement::from_string(direct.get_database_backend(), sql)).await.unwrap();
    let cell = |row: &QueryResult, name| row.try_get::<String>("", name).unwrap();
    rows.iter().map(|row| ["a", "b", "c", "d", "e"].map(|name| cell(row, name))).collect()
}

impl Catalogue {
    async fn read(database: &TestDb) -> Self {
        let (columns, keys) = match database.db.backend() {
            Backend::Sqlite => (SQLITE_COLUMNS, SQLITE_KEYS),
            Backend::Postgres => (POSTGRES_COLUMNS, POSTGRES_KEYS),
        };
        let mut read = Self::default();
        for [table, column, kind, ..] in table(database, columns).await {
            read.columns.entry(table).or_default().push((column, kind));
        }
        for [child, parent, number, from, to] in table(database, keys).await {
            read.keys.entry((child, parent, number)).or_default().insert((from, to));
        }
        read
    }

    /// Whether its rows are partners'.
    fn is_partners(&self, table: &str) -> bool {
        self.columns[table].iter().any(|(column, _)| column == "partner_id")
    }

    /// Keys from rows of partners to rows of partners: child, its column that names the parent, parent.
    fn between_partners(&self) -> Vec<(&str, &str, &str)> {
        let own = ("partner_id".to_owned(), "partner_id".to_owned());
        let between = self.keys.iter().filter(|((_, parent, _), _)| self.is_partners(parent));
        let named = between.map(|((child, parent, _), pairs)| {
            assert!(pairs.contains(&own), "{child} hangs under {parent} without its partner: {pairs:?}");
            let id = pairs.iter().find(|pair| **pair != own);
            (child.as_str(), id.map_or("", |(from, _)| from.as_str()), parent.as_str())
        });
        named.collect()
    }

    /// Columns of partners' tables that hold ids of something else and are in no key.
    fn free(&self) -> BTreeSet<String> {
        let keyed = |table: &str, column: &str| {
            let of_table = self.keys.iter().filter(|((child, ..), _)| child == table);
            of_table.flat_map(|(_, pairs)| pairs).any(|(from, _)| from == column)
        };
        let of_partners = self.columns.iter().filter(|(table, _)| self.is_partners(table));
        let all = of_partners.flat_map(|(table, columns)| columns.iter().map(move |(name, kind)| (table, name, kind)));
        let ids = all.filter(|(table, name, kind)| *kind == "uuid" && *name != "id" && !keyed(table, name));
        ids.map(|(table, name, _)| format!("{table}.{name}")).collect()
    }
}

/// A value of this type as a literal, different every time where that can be.
fn any(backend: Backend, kind: &str) -> String {
    match (backend, kind) {
        (_, "uuid") => id(backend, &fresh_id()),
        (_, "text") => format!("'{}'", fresh_id()),
        (Backend::Sqlite, "bytea") => "X'00'".to_owned(),
        (Backend::Postgres, "bytea") => "'\\x00'".to_owned(),
        (_, "boolean") => "FALSE".to_owned(),
        (_, "bigint" | "integer") => "0".to_owned(),
        _ => panic!("{kind} is a new type: say what a value of it looks like"),
    }
}

/// An id as a literal.
fn id(backend: Backend, id: &str) -> String {
    match backend {
        Backend::Sqlite => format!("X'{}'", id.replace('-', "")),
        Backend::Postgres => format!("'{id}'"),
    }
}

/// A row with these values, and others that nothing depends on.
async fn insert(database: &TestDb, read: &Catalogue, table: &str, set: &[(&str, &str)]) -> Result<(), DbErr> {
    let backend = database.db.backend();
    let value = |(column, kind): &(String, String)| match set.iter().find(|(name, _)| name == column) {
        Some((_, value)) => (*value).to_owned(),
        None => any(backend, kind),
    };
    let columns = &read.columns[table];
    let names: Vec<_> = columns.iter().map(|(column, _)| column.as_str()).collect();
    let values: Vec<_> = columns.iter().map(value).collect();
    let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "));
    database.db.direct().execute_unprepared(&sql).await.map(drop)
}

impl Rows {
    async fn new(database: &TestDb, read: &Catalogue) -> Self {
        let new = || any(database.db.backend(), "uuid");
        let rows = Self { mine: new(), other: new(), client: new(), kkt: new(), device: new() };
        for partner in [&rows.mine, &rows.other] {
            insert(database, read, "partner", &[("id", partner)]).await.unwrap();
        }
        let parents = [("client", &rows.client, "id"), ("device", &rows.device, "id"), ("kkt", &rows.kkt, "id")];
        for (table, row, id) in parents {
            let set = [(id, row.as_str()), ("partner_id", &rows.mine), ("client_id", &rows.client)];
            insert(database, read, table, &set).await.unwrap();
        }
        rows
    }

    fn of(&self, parent: &str) -> &str {
        match parent {
            "client" => &self.client,
            "kkt" => &self.kkt,
            "device" => &self.device,
            other => panic!("{other} is a new parent: say in this file how to make one"),
        }
    }
}

#[tokio::test]
async fn whatever_refers_to_a_partners_row_does_so_with_its_partner() {
    on_both_databases(async |database| {
        let read = Catalogue::read(&database).await;
        assert!(read.between_partners().len() >= 6, "the keys are found: {:?}", read.keys);
        let known: BTreeSet<_> = FREE.map(str::to_owned).into();
        assert_eq!(read.free(), known, "ids without a foreign key: give it one, or say in this file why there is none");
    })
    .await;
}

#[tokio::test]
async fn no_row_hangs_under_another_partners() {
    on_both_databases(async |database| {
        let read = Catalogue::read(&database).await;
        let rows = Rows::new(&database, &read).await;
        for (child, column, parent) in read.between_partners() {
            // What else could refuse it is left out.
            let others = read.between_partners().into_iter().filter(|(table, ..)| *table == child);
            let others = others.filter(|(_, name, _)| *name != column).map(|(_, name, _)| (name, "NULL"));
            let state = if column == "kkt_id" { "'TAKEN'" } else { "'FREE'" };
            let mut set: Vec<_> = others.chain([("state", state), (column, rows.of(parent))]).collect();
            set.push(("partner_id", &rows.other));
            let refused = insert(&database, &read, child, &set).await.unwrap_err();
            let why = refused.sql_err();
            assert!(matches!(why, Some(SqlErr::ForeignKeyConstraintViolation(_))), "{child}.{column}: {refused}");
            *set.last_mut().unwrap() = ("partner_id", &rows.mine);
            insert(&database, &read, child, &set).await.unwrap();
        }
    })
    .await;
}
