//! The path from QuickRegister to REGISTERED.

use litebox_partner::pb::kkt as pb;
use litebox_partner::storage::Backend;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio_stream::StreamExt;

use super::shop::{COMPANY, ENTREPRENEUR, ONE_WAY, Shop, serial};
use crate::support::app::{TestApp, on_both_apps, on_both_apps_with};
use crate::support::fresh_id;

fn once() -> Vec<(String, usize)> {
    ONE_WAY.map(|operation| (operation.to_owned(), 1)).to_vec()
}

#[tokio::test]
async fn a_sold_register_is_registered_by_itself_and_every_effect_happens_once() {
    on_both_apps(async |app| {
        for (inn, n) in [(COMPANY, 1), (ENTREPRENEUR, 2)] {
            let shop = Shop::open(app, inn).await;
            let accepted = shop.quick_register(shop.order(n).await).await;
            let kkt = shop.state(&accepted.id, pb::KktState::Registered).await;
            assert!(!kkt.card.unwrap().number.is_empty());
            let report = kkt.report.unwrap();
            assert_eq!((report.rnm, report.fd_number), (kkt.rnm.clone(), 1));
            assert!(kkt.blocked.is_none() && !kkt.overdue);
            assert_eq!(shop.effects(&serial(n)), once());
            let states: Vec<_> = kkt.history.iter().map(pb::Transition::to_state).collect();
            assert_eq!(
                states,
                [
                    pb::KktState::Reserving,
                    pb::KktState::Submitting,
                    pb::KktState::AwaitingRnm,
                    pb::KktState::ConnectingOfd,
                    pb::KktState::ReadyToFiscalize,
                    pb::KktState::Fiscalizing,
                    pb::KktState::Reporting,
                    pb::KktState::AwaitingCard,
                    pb::KktState::Registered,
                ]
            );
            assert!(kkt.history.iter().zip(1..).all(|(line, revision)| line.revision == revision));
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_intended_that_is_not_sent_when_a_turn_is_over() {
    on_both_apps_with(
        |config| config.worker.turn_ms = 0,
        async |app| {
            let shop = Shop::open(app, COMPANY).await;
            let id = shop.quick_register(shop.order(1).await).await.id;
            shop.state(&id, pb::KktState::Registered).await;
            assert_eq!(shop.effects(&serial(1)), once());
            let asked = app.sandbox.entries().into_iter().filter(|entry| entry.operation.ends_with("OrVoid"));
            assert_eq!(asked.map(|entry| entry.operation).collect::<Vec<_>>(), Vec::<String>::new());
        },
    )
    .await;
}

/// Whether there is such a row of the registration `k`, of its last line of history `h` and of an effect `e`. A condition on `xmin`, the
/// transaction that wrote a row, is for PostgreSQL alone: SQLite does not tell it.
async fn there_is(app: &TestApp, id: &str, condition: &str, same_commit: &str) -> bool {
    let (backend, same, id_is) = match app.db().backend() {
        Backend::Postgres => (DbBackend::Postgres, same_commit, "$1"),
        Backend::Sqlite => (DbBackend::Sqlite, "true", "?"),
    };
    let sql = format!(
        "SELECT count(*) AS n FROM kkt k JOIN kkt_history h ON h.kkt_id = k.id AND h.revision = k.revision \
         JOIN effect e ON e.kkt_id = k.id WHERE k.id = {id_is} AND {condition} AND {same}"
    );
    let id = id.parse::<uuid::Uuid>().unwrap();
    let row = app.db().direct().query_one_raw(Statement::from_sql_and_values(backend, sql, [id.into()])).await;
    row.unwrap().unwrap().try_get::<i64>("", "n").unwrap() > 0
}

#[tokio::test]
async fn the_next_command_is_intended_in_the_commit_of_the_move_to_it() {
    let next = [
        ("fns.SubmitApplication", "SUBMIT_APPLICATION"),
        ("ofd.Connect", "CONNECT"),
        ("fns.SubmitReport", "SUBMIT_REPORT"),
    ];
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        for (operation, _) in next {
            app.sandbox.add_fault(&format!("{operation}:hold,times=1")).unwrap();
        }
        let id = shop.quick_register(shop.order(1).await).await.id;
        for (operation, step) in next {
            app.sandbox.wait_for_holds(|holds| !holds.is_empty()).await;
            let intended = format!("e.step = '{step}' AND e.generation = 0 AND e.state = 'INTENDED'");
            assert!(there_is(app, &id, &intended, "e.xmin = h.xmin").await, "{step} in one commit with its move");
            assert_eq!(app.sandbox.release_holds(), 1, "{operation}");
        }
        shop.state(&id, pb::KktState::Registered).await;
        assert_eq!(shop.effects(&serial(1)), once());
    })
    .await;
}

#[tokio::test]
async fn without_the_order_to_burn_it_waits_for_fiscalize() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let order = pb::QuickRegisterRequest { fiscalize_automatically: false, ..shop.order(1).await };
        let id = shop.quick_register(order).await.id;
        let kkt = shop.state(&id, pb::KktState::ReadyToFiscalize).await;
        let rests = "k.due_ms IS NULL AND k.lease_until_ms = 0";
        assert!(there_is(app, &id, rests, "k.xmin = h.xmin").await, "ready and at rest in one commit");
        assert_eq!(kkt.requirements[0].code, "FISCALIZE_CALL");
        assert!(kkt.next_actions.iter().any(|a| a.action() == pb::KktAction::Fiscalize && a.available));
        assert!(kkt.next_actions.iter().any(|a| a.action() == pb::KktAction::PayKkt && !a.available));
        let burn = pb::FiscalizeRequest {
            request_id: fresh_id(),
            kkt_id: id.clone(),
            how: Some(pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {})),
        };
        for _ in 0..2 {
            // The second call is a repeat: it answers how things stand and burns nothing again.
            let answer = shop.kkts.clone().fiscalize(burn.clone()).await.unwrap().into_inner();
            assert_eq!(answer.kkt.unwrap().id, id);
        }
        shop.state(&id, pb::KktState::Registered).await;
        assert_eq!(shop.effects(&serial(1)), once());
    })
    .await;
}

#[tokio::test]
async fn an_autonomous_register_skips_the_operator() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let modes = pb::Modes { autonomous: true, ..Default::default() };
        let order = pb::QuickRegisterRequest { ofd: None, modes: Some(modes), ..shop.order(1).await };
        let id = shop.quick_register(order).await.id;
        let kkt = shop.state(&id, pb::KktState::Registered).await;
        assert!(kkt.history.iter().all(|line| line.to_state() != pb::KktState::ConnectingOfd));
        assert!(shop.effects(&serial(1)).iter().all(|(name, count)| *count == usize::from(!name.starts_with("ofd."))));
    })
    .await;
}

#[tokio::test]
async fn a_repeated_order_answers_the_same_registration_and_another_content_is_refused() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let order = shop.order(1).await;
        let all = (0..8).map(|_| {
            let (mut kkts, order) = (shop.kkts.clone(), order.clone());
            tokio::spawn(async move { kkts.quick_register(order).await.unwrap().into_inner().kkt.unwrap().id })
        });
        let mut ids = Vec::new();
        for one in all.collect::<Vec<_>>() {
            ids.push(one.await.unwrap());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "one registration for one request id");
        let other = pb::QuickRegisterRequest { external_ref: "other".into(), ..order };
        let refused = shop.kkts.clone().quick_register(other).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
        shop.state(&ids[0], pb::KktState::Registered).await;
        assert_eq!(shop.effects(&serial(1)), once());
    })
    .await;
}

#[tokio::test]
async fn watch_tells_every_state_up_to_the_card_and_resumes() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let id = shop.quick_register(shop.order(1).await).await.id;
        let watch = pb::WatchRequest { kkt_ids: vec![id.clone()], resume_token: String::new() };
        let mut stream = shop.kkts.clone().watch(watch).await.unwrap().into_inner();
        let (mut last, mut token) = (0, String::new());
        while let Some(message) = stream.next().await {
            let message = message.unwrap();
            token = message.resume_token;
            if let Some(pb::watch_response::Event::Kkt(kkt)) = message.event {
                assert_eq!(kkt.id, id);
                assert!(kkt.revision >= last, "changes come in their order");
                last = kkt.revision;
                if kkt.state() == pb::KktState::Registered {
                    break;
                }
            }
        }
        assert!(!token.is_empty());
        let resumed = pb::WatchRequest { kkt_ids: vec![id.clone()], resume_token: token };
        assert!(shop.kkts.clone().watch(resumed).await.is_ok());
        let forged = pb::WatchRequest { kkt_ids: vec![id], resume_token: "AAAA".into() };
        assert!(shop.kkts.clone().watch(forged).await.is_err());
    })
    .await;
}

/// Follows everything of the partner until each of `ids` is registered; the last token.
async fn follow_all(shop: &Shop<'_>, ids: &[String], resume_token: String) -> String {
    let watch = pb::WatchRequest { kkt_ids: Vec::new(), resume_token };
    let mut stream = shop.kkts.clone().watch(watch).await.unwrap().into_inner();
    let (mut open, mut token) = (ids.to_vec(), String::new());
    while let Some(message) = stream.next().await {
        let message = message.unwrap();
        token = message.resume_token;
        if let Some(pb::watch_response::Event::Kkt(kkt)) = message.event {
            open.retain(|id| *id != kkt.id || kkt.state() != pb::KktState::Registered);
        }
        if open.is_empty() {
            break;
        }
    }
    token
}

#[tokio::test]
async fn one_stream_follows_all_of_the_partner_and_misses_nothing_while_it_was_away() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let mut first = Vec::new();
        for n in 1..=3 {
            first.push(shop.quick_register(shop.order(n).await).await.id);
        }
        let token = follow_all(&shop, &first, String::new()).await;
        assert!(!token.is_empty());
        // Nobody watches while these go all the way.
        let mut second = Vec::new();
        for n in 4..=6 {
            let id = shop.quick_register(shop.order(n).await).await.id;
            shop.state(&id, pb::KktState::Registered).await;
            second.push(id);
        }
        follow_all(&shop, &second, token).await;
    })
    .await;
}

#[tokio::test]
async fn list_pages_filters_and_keeps_strangers_out() {
    on_both_apps(async |app| {
        let shop = Shop::open(app, COMPANY).await;
        let mut ids = Vec::new();
        for n in 1..=3 {
            let order = pb::QuickRegisterRequest { fiscalize_automatically: false, ..shop.order(n).await };
            ids.push(shop.quick_register(order).await.id);
        }
        ids.reverse();
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let request = pb::ListRequest { page_size: 2, page_token: token, ..Default::default() };
            let page = shop.kkts.clone().list(request).await.unwrap().into_inner();
            found.extend(page.kkts.into_iter().map(|kkt| kkt.id));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(found, ids, "newest first, each once");
        let by_serial = pb::ListRequest { serial: serial(2), ..Default::default() };
        let page = shop.kkts.clone().list(by_serial).await.unwrap().into_inner();
        assert_eq!(page.kkts.into_iter().map(|kkt| kkt.id).collect::<Vec<_>>(), [ids[1].clone()]);
        let stranger = app.other_partner("Чужой", litebox_partner::partners::model::Theme::LiteBox).await;
        let mut theirs = app.kkts_as(Some(&format!("Bearer {}", stranger.token)));
        assert!(theirs.list(pb::ListRequest::default()).await.unwrap().into_inner().kkts.is_empty());
        let refused = theirs.get(pb::GetRequest { kkt_id: ids[0].clone() }).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::NotFound);
    })
    .await;
}
