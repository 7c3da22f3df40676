//! What its period has ended for is removed, and nothing else; an old call does nothing again.

use litebox_partner::clock::Clock;
use litebox_partner::erasure::config::RetentionConfig;
use litebox_partner::erasure::retention::{Pass, Retention};
use litebox_partner::erasure::service::Erasures;
use litebox_partner::pb::kkt as pb;
use litebox_partner::sandbox::ledger::Kind;
use litebox_partner::storage::Backend;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic_types::StatusExt;

use super::{Desk, Made, on_both_desks};
use crate::clients::inn;
use crate::kkt::shop::{ENTREPRENEUR, Shop};

const DAY_MS: i64 = 24 * 60 * 60_000;
const PERIODS: RetentionConfig = RetentionConfig { requests_days: 90, documents_days: 1825, abandoned_days: 30 };

/// One pass, so many days from now.
async fn pass_in(desk: &Desk, days: i64, config: RetentionConfig) -> Pass {
    let clock = Clock::fixed(Clock::system().now_ms());
    clock.advance(days * DAY_MS);
    Retention::new(Erasures { clock, ..desk.erasures() }, config).pass(&CancellationToken::new()).await
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test(flavor = "multi_thread")]
async fn each_period_removes_what_is_older_and_has_ended() {
    on_both_desks(async |desk| {
        let made = Made::new(desk).await;
        let order = pb::QuickRegisterRequest { fiscalize_automatically: false, ..made.shop.order(3).await };
        let unfinished = made.shop.quick_register(order.clone()).await.id;
        made.shop.state(&unfinished, pb::KktState::ReadyToFiscalize).await;
        let gone = desk.abandoned(ENTREPRENEUR).await;
        let of_unfinished = format!("document WHERE kkt_id = {}", desk.literal(&unfinished));
        let (documents, kept) = (desk.count("document").await, desk.count(&of_unfinished).await);
        assert!(documents > kept && kept > 0);
        assert_eq!(desk.count("request").await, 5, "Register, QuickRegister three times, Cancel");

        assert_eq!(pass_in(desk, 29, PERIODS).await, Pass::default());
        assert_eq!(pass_in(desk, 31, PERIODS).await, Pass { clients: 1, ..Pass::default() });
        let about = desk.tells(&["client", "erasures"]);
        assert_eq!((&about[0]["client"], &about[0]["actor"]), (&gone.into(), &"retention".into()));
        assert_eq!(pass_in(desk, 89, PERIODS).await, Pass::default());
        let never = RetentionConfig { requests_days: 0, documents_days: 0, abandoned_days: 0 };
        assert_eq!(pass_in(desk, 10_000, never).await, Pass::default());
        assert_eq!(pass_in(desk, 91, PERIODS).await, Pass { requests: 4, ..Pass::default() });
        assert_eq!(pass_in(desk, 1_824, PERIODS).await, Pass::default());
        let ended = u64::try_from(documents - kept).unwrap();
        let mut removed = 0;
        while let Pass { documents: 1.., .. } = {
            let pass = pass_in(desk, 1_826, PERIODS).await;
            removed += pass.documents;
            pass
        } {}
        assert_eq!(removed, ended);
        assert_eq!(desk.count(&of_unfinished).await, kept, "what goes on keeps its documents");
        let again = made.shop.quick_register(order).await;
        assert_eq!(again.id, unfinished, "what goes on keeps its request id");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_call_does_nothing_again_when_its_request_id_is_forgotten() {
    on_both_desks(async |desk| {
        let made = Made::new(desk).await;
        assert_eq!(pass_in(desk, 91, PERIODS).await.requests, 4);
        let effects = || desk.app.sandbox.entries().iter().filter(|entry| entry.kind == Kind::Effect).count();
        let before = effects();
        let (mut clients, mut kkts) = (desk.app.clients(), made.shop.kkts.clone());
        let register = clients.register(made.register.clone()).await.unwrap_err();
        assert_eq!(reason(&register), "CLIENT_ALREADY_REGISTERED");
        let finished = kkts.quick_register(made.order.clone()).await.unwrap_err();
        assert_eq!(reason(&finished), "KKT_ALREADY_REGISTERED", "the burnt drive is held");
        let cancelled = kkts.quick_register(made.cancelled_order.clone()).await.unwrap_err();
        assert_eq!(reason(&cancelled), "CONFLICT", "the id that this call makes is taken");
        assert_eq!(made.shop.get(&made.cancelled).await.state(), pb::KktState::Cancelled);
        assert_eq!(effects(), before);
        // Erasing keeps the request ids that are left, emptied, for ever.
        let other = Shop::open(&desk.app, ENTREPRENEUR).await;
        desk.erase(&other.client_id);
        assert_eq!(pass_in(desk, 10_000, PERIODS).await.requests, 0);
        assert_eq!(desk.count("request").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_begins_to_erase_nobody() {
    let desk = Desk::open(Backend::Sqlite).await;
    desk.abandoned(inn(773_605_200).as_str()).await;
    let clock = Clock::fixed(Clock::system().now_ms());
    clock.advance(31 * DAY_MS);
    let retention = Retention::new(Erasures { clock, ..desk.erasures() }, PERIODS);
    let stop = CancellationToken::new();
    stop.cancel();
    assert_eq!(retention.pass(&stop).await, Pass::default());
    assert_eq!(retention.pass(&CancellationToken::new()).await, Pass { clients: 1, ..Pass::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_cannot_be_erased_do_not_keep_those_that_were_abandoned_later() {
    let desk = Desk::open(Backend::Sqlite).await;
    let inns: Vec<_> = (0..21).map(|n| inn(773_605_200 + n)).collect();
    for inn in &inns {
        desk.abandoned(inn.as_str()).await;
    }
    let last = inns[20].as_str();
    let refuse = "BEGIN SELECT RAISE(ABORT, 'refused'); END";
    desk.sql(&format!("CREATE TRIGGER refuse BEFORE UPDATE ON client WHEN OLD.inn <> '{last}' {refuse}")).await;
    let clock = Clock::fixed(Clock::system().now_ms());
    clock.advance(31 * DAY_MS);
    let retention = Retention::new(Erasures { clock, ..desk.erasures() }, PERIODS);
    assert_eq!(retention.pass(&CancellationToken::new()).await, Pass { failed: 1, ..Pass::default() });
    assert_eq!(
        retention.pass(&CancellationToken::new()).await,
        Pass { clients: 1, ..Pass::default() },
        "the next pass goes on behind them"
    );
    desk.sql("DROP TRIGGER refuse").await;
    assert_eq!(
        retention.pass(&CancellationToken::new()).await,
        Pass { clients: 20, ..Pass::default() },
        "and the one after that begins anew"
    );
}

/// From now on the database refuses to delete, or to update, the rows of a table.
async fn refuse(desk: &Desk, doing: &str, table: &str) {
    let sql = match desk.app.db().backend() {
        Backend::Sqlite => {
            format!("CREATE TRIGGER refuse_{table} BEFORE {doing} ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END")
        }
        Backend::Postgres => format!(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$; \
             CREATE TRIGGER refuse_{table} BEFORE {doing} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()"
        ),
    };
    desk.sql(&sql).await;
}

async fn allow(desk: &Desk, table: &str) {
    let sql = match desk.app.db().backend() {
        Backend::Sqlite => format!("DROP TRIGGER refuse_{table}"),
        Backend::Postgres => format!("DROP TRIGGER refuse_{table} ON {table}"),
    };
    desk.sql(&sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_removed_keeps_nothing_else() {
    on_both_desks(async |desk| {
        Made::new(desk).await;
        desk.abandoned(ENTREPRENEUR).await;
        let all = RetentionConfig { documents_days: 90, ..PERIODS };
        refuse(desk, "DELETE", "request").await;
        let pass = pass_in(desk, 91, RetentionConfig { documents_days: 0, ..all }).await;
        assert_eq!(pass, Pass { clients: 1, failed: 1, ..Pass::default() });
        allow(desk, "request").await;
        desk.abandoned(inn(773_605_009).as_str()).await;
        refuse(desk, "DELETE", "document").await;
        let pass = pass_in(desk, 91, all).await;
        assert!(pass.requests > 0 && (pass.documents, pass.clients, pass.failed) == (0, 1, 1), "{pass:?}");
        allow(desk, "document").await;
        desk.abandoned(inn(773_605_010).as_str()).await;
        refuse(desk, "UPDATE", "client").await;
        let pass = pass_in(desk, 91, all).await;
        assert!(pass.documents > 0 && (pass.clients, pass.failed) == (0, 1), "{pass:?}");
    })
    .await;
}
