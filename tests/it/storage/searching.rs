//! What is searched for among the much that a partner has is found by an index.

use litebox_partner::pb::client::{Client, ListRequest};
use litebox_partner::pb::kkt as pb;
use litebox_partner::storage::{Backend, Db};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::support::app::until;
use crate::support::database::backends;
use crate::support::process::Server;
use crate::support::stage::Stage;

/// Clients and registrations of the same partner beside the ones that are looked for.
const OTHERS: u32 = 5_000;

/// Copies of the only row, with numbers and names of their own.
async fn fill(db: &Db) {
    let clients = "'id', gen_random_uuid(), 'inn', 'copy' || n, 'external_ref', 'copy' || n, 'search', md5(n::text)";
    let kkts = "'id', gen_random_uuid(), 'request_id', gen_random_uuid(), 'inn', 'copy' || n, 'external_ref', 'copy' || n, \
                'held', false, 'fn_held', false";
    let name = "UPDATE client SET external_ref = 'own'; UPDATE kkt SET external_ref = 'own'";
    db.direct().execute_unprepared(name).await.unwrap();
    for (table, other) in [("client", clients), ("kkt", kkts)] {
        let sql = format!(
            "INSERT INTO {table} SELECT made.* FROM (SELECT * FROM {table}) one, generate_series(1, {OTHERS}) n, \
             jsonb_populate_record(one::{table}, jsonb_build_object({other})) made"
        );
        db.direct().execute_unprepared(&sql).await.unwrap();
        db.direct().execute_unprepared(&format!("VACUUM ANALYZE {table}")).await.unwrap();
    }
}

/// How often an index has been looked into, as far as connections have told.
async fn looks(db: &Db, index: &str) -> i64 {
    let sql = format!("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = '{index}'");
    let row = db.direct().query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
    row.unwrap().try_get_by(0).unwrap()
}

/// Searches until the index has been looked into: connections tell it late.
async fn looked_into(db: &Db, index: &str, search: impl AsyncFn()) {
    let before = looks(db, index).await;
    until(&format!("{index} is looked into"), async || {
        search().await;
        looks(db, index).await > before
    })
    .await;
}

fn by(change: impl FnOnce(&mut ListRequest)) -> ListRequest {
    let mut request = ListRequest::default();
    change(&mut request);
    request
}

fn of(change: impl FnOnce(&mut pb::ListRequest)) -> pb::ListRequest {
    let mut request = pb::ListRequest::default();
    change(&mut request);
    request
}

async fn got(stage: &Stage, server: &Server, client: &str) -> Client {
    let request = litebox_partner::pb::client::GetRequest { client_id: client.to_owned() };
    server.clients(&stage.partner.token).get(request).await.unwrap().into_inner().client.unwrap()
}

#[tokio::test]
async fn what_is_searched_for_is_found_by_an_index_of_it() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let stage = Stage::new(Backend::Postgres).await;
    let server = stage.server().await;
    let id = stage.client(&server).await;
    let kkt = stage.sell(&server, &id, 1).await;
    let client = got(&stage, &server, &id).await;
    let db = &stage.database.db;
    fill(db).await;
    let part: String = client.company.chars().skip(1).take(5).collect();
    for (index, request) in [
        ("client_by_text", by(|r| r.text = part)),
        ("client_by_text", by(|r| r.text = client.email.clone())),
        ("client_by_inn", by(|r| r.inn = client.inn.clone())),
        ("client_by_ref", by(|r| r.external_ref = "own".into())),
    ] {
        looked_into(db, index, async || {
            let found = server.clients(&stage.partner.token).list(request.clone()).await.unwrap().into_inner().clients;
            assert_eq!(found.iter().map(|one| &one.id).collect::<Vec<_>>(), [&id], "{request:?}");
        })
        .await;
    }
    for (index, request) in
        [("kkt_by_inn", of(|r| r.inn = client.inn.clone())), ("kkt_by_ref", of(|r| r.external_ref = "own".into()))]
    {
        looked_into(db, index, async || {
            let found = server.kkts(&stage.partner.token).list(request.clone()).await.unwrap().into_inner().kkts;
            assert_eq!(found.iter().map(|one| &one.id).collect::<Vec<_>>(), [&kkt], "{request:?}");
        })
        .await;
    }
}
