//! Erasing crosses partners, since operators erase whoever's client it is. It still touches nothing of anybody else, also where
//! rows hang under what is erased that the schema would not have let in.

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::erasure::service::Done;
use litebox_partner::gateways::Gateway;
use litebox_partner::storage::Backend;
use litebox_partner::storage::documents::{Direction, Owner, Paper};
use litebox_partner::storage::vault::Vault;
use litebox_partner::values::{ClientId, KktId, PartnerScope};
use sea_orm::{ConnectionTrait, Statement};

use super::worlds::{World, erasures};
use crate::support::act;
use crate::support::app::{TestApp, on_both_apps, until};
use crate::support::desk::DOCUMENTS;

/// An id as a literal of this database.
fn literal(app: &TestApp, id: &str) -> String {
    match app.db().backend() {
        Backend::Sqlite => format!("X'{}'", id.replace('-', "")),
        Backend::Postgres => format!("'{id}'"),
    }
}

async fn count(app: &TestApp, rows: &str) -> i64 {
    let direct = app.db().direct();
    let sql = format!("SELECT COUNT(*) AS n FROM {rows}");
    let row = direct.query_one_raw(Statement::from_string(direct.get_database_backend(), sql)).await.unwrap();
    row.unwrap().try_get("", "n").unwrap()
}

/// Changes rows as if the schema had no foreign keys.
async fn unchecked(app: &TestApp, sql: &str) {
    let sql = match app.db().backend() {
        Backend::Sqlite => format!("PRAGMA foreign_keys = OFF; {sql}; PRAGMA foreign_keys = ON"),
        Backend::Postgres => format!("BEGIN; SET LOCAL session_replication_role = replica; {sql}; COMMIT"),
    };
    app.db().direct().execute_unprepared(&sql).await.unwrap();
}

/// Keeps a document of this registration.
async fn keep(app: &TestApp, world: &World, kkt: &str, operation: &str) {
    let vault = Vault::new([DOCUMENTS].into_iter(), Clock::system(), Ids::system()).unwrap();
    let (operation, bytes) = (operation.to_owned(), b"a document".to_vec());
    let paper = Paper { gateway: Gateway::Fns, operation, direction: Direction::Sent, effect: None, bytes };
    let owner = Owner { scope: PartnerScope::new(world.partner.id), kkt: KktId::parse(kkt).unwrap() };
    app.db().keep_documents(&vault, owner, &[paper]).await.unwrap();
}

/// The client that came to nothing gets registrations of both partners that have ended, each with a document in the other's
/// name, and a request of each partner names it.
async fn entangle(app: &TestApp, me: &World, other: &World) {
    for (operation, world) in [("OWN", me), ("MINE_THEIRS", me), ("THEIRS_MINE", other)] {
        keep(app, world, &world.kkt.id, operation).await;
    }
    let id = |text: &str| literal(app, text);
    let (mine, theirs) = (id(&me.partner.id.to_string()), id(&other.partner.id.to_string()));
    let (client, own, foreign) = (id(&me.ended_client), id(&me.kkt.id), id(&other.kkt.id));
    let all = [
        format!("UPDATE kkt SET client_id = {client} WHERE id IN ({own}, {foreign})"),
        format!("UPDATE document SET partner_id = {theirs} WHERE operation = 'MINE_THEIRS'"),
        format!("UPDATE document SET partner_id = {mine} WHERE operation = 'THEIRS_MINE'"),
        format!("UPDATE request SET resource_id = {client} WHERE partner_id = {theirs} AND method = 'Fiscalize'"),
        format!("UPDATE request SET resource_id = {foreign} WHERE partner_id = {mine} AND method = 'Amend'"),
    ];
    unchecked(app, &all.join("; ")).await;
}

#[tokio::test]
async fn an_erasure_touches_nothing_of_another_partner_wherever_it_hangs() {
    on_both_apps(async |app| {
        let (me, other) = (World::new(app, "one", 1).await, World::new(app, "two", 11).await);
        let own = literal(app, &me.kkt.id);
        until("it rests", async || count(app, &format!("kkt WHERE id = {own} AND due_ms IS NULL")).await == 1).await;
        entangle(app, &me, &other).await;
        let client = ClientId::parse(&me.ended_client).unwrap();
        let came = erasures(app).erase(client, false, act()).await;
        assert!(matches!(came, Ok(Done::Now(_))), "{:?}", came.err());

        let erased = |id: &str| format!("kkt WHERE id = {} AND erased_ms IS NOT NULL", literal(app, id));
        let kkts = (count(app, &erased(&me.kkt.id)).await, count(app, &erased(&other.kkt.id)).await);
        assert_eq!(kkts, (1, 0));
        let kept = async |operation: &str| count(app, &format!("document WHERE operation = '{operation}'")).await;
        let documents = (kept("OWN").await, kept("MINE_THEIRS").await, kept("THEIRS_MINE").await);
        assert_eq!(documents, (0, 1, 1), "one is gone: the partner's own, of its own registration");
        let emptied = async |world: &World, method: &str| {
            let partner = literal(app, &world.partner.id.to_string());
            let requests = format!("request WHERE partner_id = {partner} AND method = '{method}'");
            count(app, &format!("{requests} AND length(fingerprint) = 0")).await
        };
        assert_eq!(emptied(&me, "Fiscalize").await, 1, "that of its own registration");
        assert_eq!((emptied(&other, "Fiscalize").await, emptied(&me, "Amend").await), (0, 0));
    })
    .await;
}
