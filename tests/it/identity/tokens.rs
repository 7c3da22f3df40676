//! Partner tokens: what they cost, and how soon what operators do is so at every replica.

use std::time::Duration;

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::partners::access::{Access, Denied};
use litebox_partner::partners::model::{Label, Scopes};
use litebox_partner::partners::service::{NewToken, Partners};
use litebox_partner::partners::token::{KeyId, Mode, Token};
use litebox_partner::partners::why::Why;
use litebox_partner::pb::client::ListRequest;
use litebox_partner::sandbox::{Options, start};
use litebox_partner::storage::audit::{Deed, Desk};
use litebox_partner::storage::recovery::Confirmed;
use litebox_partner::storage::{Backend, Db};
use litebox_partner::values::PartnerId;
use sea_orm::{ConnectionTrait, Statement};
use tonic::Code;

use super::{list, reason};
use crate::support::act;
use crate::support::app::{TestApp, partner, until};
use crate::support::database::{TestDb, backends};
use crate::support::process::Server;

pub async fn issue(partners: &Partners, partner: PartnerId) -> (String, KeyId) {
    let new = NewToken { scopes: Scopes::all(), note: Label::default(), expires_ms: None };
    let (token, record) = partners.issue(partner, new).await.unwrap();
    (token.reveal().to_string(), record.key_id)
}

/// With a look-up that would be remembered for a minute: it is the change that is seen.
#[tokio::test]
async fn what_operators_do_is_so_within_seconds() {
    for backend in backends() {
        let app = TestApp::start_with(backend, |config| config.server.access_poll_ms = 50).await;
        let (token, key_id) = issue(&app.partners, app.partner.id).await;
        list(&app, &token, &[]).await.unwrap();
        let refused =
            async |token: &str| list(&app, token, &[]).await.is_err_and(|s| s.code() == Code::Unauthenticated);
        app.partners.revoke(&key_id).await.unwrap();
        until("the revoked token is refused", async || refused(&token).await).await;
        list(&app, &app.partner.token, &[]).await.unwrap();
        let (token, key_id) = issue(&app.partners, app.partner.id).await;
        list(&app, &token, &[]).await.unwrap();
        let (new, _) = app.partners.rotate(&key_id, 0).await.unwrap();
        until("the replaced token is refused", async || refused(&token).await).await;
        list(&app, &new.reveal(), &[]).await.unwrap();
        app.partners.set_enabled(app.partner.id, false).await.unwrap();
        until("the disabled partner is refused", async || refused(&app.partner.token).await).await;
        app.partners.set_enabled(app.partner.id, true).await.unwrap();
        until("the enabled partner is let in", async || list(&app, &app.partner.token, &[]).await.is_ok()).await;
        recovery_is_seen(&app).await;
    }
}

async fn recovery_is_seen(app: &TestApp) {
    let record = || Desk::new(Clock::system(), Ids::system(), act()).record(Deed::default());
    app.db().begin_recovery("test", Clock::system().now_ms(), record()).await.unwrap();
    let says = async || list(app, &app.partner.token, &[]).await.err().map(|status| reason(&status));
    until("a remembered token waits for the recovery", async || says().await.as_deref() == Some("RECOVERING")).await;
    app.db().confirm_recovery(Confirmed::Tokens, Clock::system().now_ms(), record()).await.unwrap();
    until("tokens are believed again", async || says().await.is_none()).await;
}

/// SQLite has one server; its operators are other processes in both cases.
#[tokio::test]
async fn a_token_revoked_at_one_replica_is_refused_by_the_other() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let app = TestApp::start(Backend::Postgres).await;
    let other = app.replica(|config| config.server.access_poll_ms = 50).await;
    other.clients().list(ListRequest::default()).await.unwrap();
    let key_id = KeyId::parse(&app.partner.token[9..21]).unwrap();
    app.partners.revoke(&key_id).await.unwrap();
    until("the other refuses it", async || other.clients().list(ListRequest::default()).await.is_err()).await;
}

#[tokio::test]
async fn a_token_revoked_by_an_operator_is_refused_by_every_process() {
    for backend in backends() {
        let sandbox = start(Options { argon2: false, fsync: false, ..Options::default() }).await.unwrap();
        let database = TestDb::new(backend).await;
        let partners = Partners::new(database.db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act());
        let shop = partner(&partners, "Партнёр", litebox_partner::partners::model::Theme::LiteBox).await;
        let mut servers = vec![Server::start(&sandbox, &database).await];
        if backend == Backend::Postgres {
            servers.push(Server::start(&sandbox, &database).await);
        }
        for server in &servers {
            server.clients(&shop.token).list(ListRequest::default()).await.unwrap();
        }
        partners.revoke(&KeyId::parse(&shop.token[9..21]).unwrap()).await.unwrap();
        for server in servers {
            let says = async || server.clients(&shop.token).list(ListRequest::default()).await;
            until("it is refused", async || says().await.is_err()).await;
            let log = server.kill();
            assert!(log.contains(r#""refused":"token_revoked""#), "{log}");
            let key_id = &shop.token[9..21];
            assert!(log.contains(&format!("token {key_id}")) && !log.contains(&shop.token), "{log}");
        }
    }
}

/// The database has gone, which whoever asks it would notice.
#[tokio::test]
async fn a_wrong_checksum_and_another_mode_are_refused_without_asking_the_database() {
    let database = TestDb::new(Backend::Sqlite).await;
    let access = Access::new(database.db.clone(), Clock::system(), Mode::Test, Duration::ZERO);
    database.db.clone().close().await.unwrap();
    let mut mistyped = Token::issue(Mode::Test, &Ids::system()).reveal().to_string();
    let last = mistyped.pop().unwrap();
    mistyped.push(if last == '0' { '1' } else { '0' });
    let live = Token::issue(Mode::Live, &Ids::system()).reveal();
    for (bad, why) in [(mistyped.as_str(), Why::Malformed), (live.as_str(), Why::WrongMode)] {
        assert_eq!(access.admit(bad, None).await.err(), Some(Denied::Credentials(why)));
    }
    let unknown = Token::issue(Mode::Test, &Ids::system()).reveal();
    let asked = access.admit(&unknown, None).await.err();
    assert!(matches!(asked, Some(Denied::Unavailable(_))), "any other is looked up: {asked:?}");
}

/// How often the server has looked into a table, as it counts it.
pub async fn scans(db: &Db, table: &str) -> i64 {
    db.direct().execute_unprepared("SELECT pg_stat_force_next_flush()").await.unwrap();
    let sql = format!(
        "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) AS n FROM pg_stat_user_tables WHERE relname = '{table}'"
    );
    let backend = db.direct().get_database_backend();
    db.direct().query_one_raw(Statement::from_string(backend, sql)).await.unwrap().unwrap().try_get("", "n").unwrap()
}

/// Whatever the number of calls at once: one query, and beside it the note that the key is in use.
#[tokio::test]
async fn many_calls_with_one_key_cost_one_look_up() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let app = TestApp::start_with(Backend::Postgres, |config| config.server.access_poll_ms = 3_600_000).await;
    list(&app, &app.partner.token, &[]).await.unwrap();
    // What a session has counted may be told only when it has been idle for a while.
    until("the server looks for changes, and the first call is counted", async || {
        scans(app.db(), "access_change").await >= 2 && scans(app.db(), "token").await >= 3
    })
    .await;
    let all = async || [scans(app.db(), "token").await, scans(app.db(), "recovery").await];
    let (token, _) = issue(&app.partners, app.partner.id).await;
    let settled = async || {
        let mut last = all().await;
        until("the counters rest", async || {
            let now = all().await;
            std::mem::replace(&mut last, now) == now
        })
        .await;
        last
    };
    let before = settled().await;
    let calls = (0..200).map(|_| list(&app, &token, &[]));
    let failed: Vec<_> = futures::future::join_all(calls).await.into_iter().filter_map(Result::err).collect();
    // All were let in; a machine with other work may have too few connections for two hundred lists at once.
    assert!(failed.iter().all(|status| status.code() != Code::Unauthenticated), "{failed:?}");
    until("the look-up and the note are counted", async || all().await[0] >= before[0] + 2).await;
    let after = settled().await;
    println!("before {before:?}, after {after:?}");
    // The look at which keys were used lately may be counted late.
    assert!(after[0] - before[0] <= 3, "token: one look-up and one note of its use");
    assert!(after[1] - before[1] <= 1, "recovery");
}

/// Lines of the log that hold this.
fn lines(server: &Server, part: &str) -> usize {
    server.log().lines().filter(|line| line.contains(part)).count()
}

#[tokio::test]
async fn refused_strangers_fill_no_log_and_whoever_is_known_has_a_line_for_each_call() {
    let sandbox = start(Options { argon2: false, fsync: false, ..Options::default() }).await.unwrap();
    let database = TestDb::new(Backend::Sqlite).await;
    let partners = Partners::new(database.db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act());
    let shop = partner(&partners, "Партнёр", litebox_partner::partners::model::Theme::LiteBox).await;
    let server = Server::start(&sandbox, &database).await;
    let (mut stranger, mut known) = (server.clients("not a token"), server.clients(&shop.token));
    let missing = litebox_partner::pb::client::GetRequest { client_id: crate::support::fresh_id() };
    for _ in 0..50 {
        stranger.list(ListRequest::default()).await.unwrap_err();
        known.get(missing.clone()).await.unwrap_err();
        known.list(ListRequest::default()).await.unwrap();
    }
    until("the rest is summed up", async || lines(&server, r#""more":30"#) == 1).await;
    assert_eq!(lines(&server, r#""refused":"malformed""#), 20);
    assert_eq!(lines(&server, r#""code":"NOT_FOUND""#), 50);
    assert_eq!(lines(&server, r#""code":"OK""#), 50);
}
