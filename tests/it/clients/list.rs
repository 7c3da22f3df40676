//! The section «Клиенты».

use litebox_partner::clients::model::{Filter, ListQuery, Order, StateName};
use litebox_partner::clients::store::End;
use litebox_partner::erasure::key::{Key, generate};
use litebox_partner::erasure::service::{Done, Erasures};
use litebox_partner::failure::Failure;
use litebox_partner::values::ClientId;

use super::*;
use crate::support::act;
use crate::support::database::on_both_databases;

fn query(filter: Filter) -> ListQuery {
    ListQuery { filter, order: Order::default(), size: 50, token: None }
}

fn text(text: &str) -> Filter {
    Filter { text: Some(text.to_owned()), ..Filter::default() }
}

/// Companies on all pages, in order.
async fn companies(stage: &Stage, caller: &Caller, mut query: ListQuery) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let page = stage.service().list(caller.scope, &query).await.unwrap();
        assert!(page.cards.len() <= query.size as usize);
        names.extend(page.cards.into_iter().map(|card| card.client.names.company));
        match page.next {
            Some(token) => query.token = Some(token),
            None => return names,
        }
    }
}

/// Five clients, and one of another partner.
async fn filled(database: TestDb) -> (Stage, Caller) {
    let stage = Stage::new(database).await;
    let (ours, theirs) = (stage.partner(1).await, stage.partner(2).await);
    for (at, company) in (0..).zip(["Ёлка", "Бета 100%", "Вега_1", "Альфа", "Бета 1000"]) {
        let mut order = order(inn(770_300_000 + at).as_str(), &format!("shop{at}@example.ru"));
        order.company = Some(company.to_owned());
        order.phone = Phone::parse(&format!("911-111-000{at}")).unwrap();
        order.external_ref = (at == 2).then(|| "1C-2".to_owned());
        stage.register(&ours, &order).await.unwrap();
    }
    let stranger =
        Register { company: Some("Чужая".into()), ..order(inn(770_300_009).as_str(), "their@example.ru") };
    stage.register(&theirs, &stranger).await.unwrap();
    (stage, ours)
}

#[tokio::test]
async fn each_order_goes_through_all_pages_without_gap_or_repetition() {
    on_both_databases(|database| async move {
        let (stage, caller) = filled(database).await;
        let newest = ["Бета 1000", "Альфа", "Вега_1", "Бета 100%", "Ёлка"];
        for size in [1, 2, 3, 5, 50] {
            let all = |order| ListQuery { order, size, ..query(Filter::default()) };
            assert_eq!(companies(&stage, &caller, all(Order::Newest)).await, newest, "{size}");
            let oldest = companies(&stage, &caller, all(Order::Oldest)).await;
            assert!(oldest.iter().rev().eq(newest.iter()), "{size}");
            let mut by_name = newest;
            by_name.sort_unstable();
            assert_eq!(companies(&stage, &caller, all(Order::Company)).await, by_name, "{size}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_list_goes_on_when_the_client_at_the_end_of_a_page_was_erased() {
    on_both_databases(|database| async move {
        let (stage, caller) = filled(database).await;
        for order in [Order::Company, Order::Newest, Order::Oldest] {
            let mut asked = ListQuery { order, size: 2, ..query(Filter::default()) };
            let whole = companies(&stage, &caller, asked.clone()).await;
            let first = stage.service().list(caller.scope, &asked).await.unwrap();
            asked.token = first.next;
            erase(&stage, first.cards[1].client.id).await;
            assert_eq!(companies(&stage, &caller, asked).await, whole[2..], "{order:?}");
        }
    })
    .await;
}

/// What is told of the end of a page: all that is needed to go on from there, or its client alone as in tokens of former versions.
#[tokio::test]
async fn a_page_goes_on_at_a_time_that_nobody_is_asked_for_and_after_a_token_of_a_former_version() {
    on_both_databases(|database| async move {
        let (stage, caller) = filled(database).await;
        let store = Store::new(stage.db.clone());
        let after = async |order, end: &End| {
            let rest = store.list(caller.scope, &Filter::default(), order, Some(end), 50).await.unwrap();
            rest.into_iter().map(|client| client.id).collect::<Vec<_>>()
        };
        for order in [Order::Newest, Order::Oldest] {
            let asked = ListQuery { order, ..query(Filter::default()) };
            let cards = stage.service().list(caller.scope, &asked).await.unwrap().cards;
            let ids: Vec<_> = cards.iter().map(|card| card.client.id).collect();
            let third = &cards[2].client;
            assert_eq!(after(order, &End::at(third, order)).await, ids[3..], "{order:?}");
            let former: End = serde_json::from_value(serde_json::json!(third.id)).unwrap();
            assert_eq!(former, End::Client(third.id));
            assert_eq!(after(order, &former).await, ids[3..], "{order:?}");
            let nobody = ClientId::new(Uuid::nil());
            assert_eq!(after(order, &End::Client(nobody)).await, [], "{order:?}: has no place");
            let moment = End::Made(nobody, third.created_ms);
            let rest = after(order, &moment).await;
            assert!(
                ids.ends_with(&rest) && (2..=3).contains(&rest.len()),
                "{order:?}: a time has one without its client"
            );
        }
    })
    .await;
}

/// Erases an ACTIVE client.
async fn erase(stage: &Stage, id: ClientId) {
    let key = Some(Key::parse(&generate(&Ids::system())).unwrap());
    let erasures = Erasures { db: stage.db.clone(), key, clock: Clock::system(), ids: Ids::system() };
    assert!(matches!(erasures.erase(id, true, act()).await, Ok(Done::Now(_))));
}

#[tokio::test]
async fn every_condition_narrows_the_list() {
    on_both_databases(|database| async move {
        let (stage, caller) = filled(database).await;
        let found = async |filter: Filter| companies(&stage, &caller, query(filter)).await;
        assert_eq!(found(text("альФА")).await, ["Альфа"]);
        assert_eq!(found(text("елка")).await, ["Ёлка"]);
        assert_eq!(found(text("100%")).await, ["Бета 100%"]);
        assert_eq!(found(text("ГА_")).await, ["Вега_1"]);
        assert_eq!(found(text(r"\")).await.len(), 0);
        assert_eq!(found(text("SHOP3@")).await, ["Альфа"]);
        assert_eq!(found(text("111-0003")).await, ["Альфа"]);
        assert_eq!(found(text("9111110003")).await, ["Альфа"]);
        assert_eq!(found(text("Чужая")).await.len(), 0);
        let by_inn = Filter { inn: Some(inn(770_300_001)), ..Filter::default() };
        assert_eq!(found(by_inn).await, ["Бета 100%"]);
        let foreign = Filter { inn: Some(inn(770_300_009)), ..Filter::default() };
        assert_eq!(found(foreign).await.len(), 0);
        let by_own = Filter { external_ref: Some("1C-2".into()), ..Filter::default() };
        assert_eq!(found(by_own).await, ["Вега_1"]);
        let active = Filter { states: vec![StateName::Active, StateName::Abandoned], ..Filter::default() };
        assert_eq!(found(active).await.len(), 5);
        let pending = Filter { states: vec![StateName::AccountPending], ..Filter::default() };
        assert_eq!(found(pending).await.len(), 0);
        let everything = stage.service().list(caller.scope, &query(Filter::default())).await.unwrap();
        let third = everything.cards[2].client.created_ms;
        let since = Filter { created_from_ms: Some(third), ..Filter::default() };
        let before = Filter { created_before_ms: Some(third), ..Filter::default() };
        assert_eq!((found(since).await.len(), found(before).await.len()), (3, 2));
    })
    .await;
}

#[tokio::test]
async fn a_token_opens_for_the_same_question_of_the_same_partner_only() {
    on_both_databases(|database| async move {
        let (stage, caller) = filled(database).await;
        let other = stage.partner(3).await;
        let first = ListQuery { size: 2, ..query(Filter::default()) };
        let token = stage.service().list(caller.scope, &first).await.unwrap().next;
        assert!(token.is_some());
        let with = |asked: ListQuery| ListQuery { token: token.clone(), ..asked };
        assert!(stage.service().list(caller.scope, &with(first.clone())).await.is_ok());
        for (scope, asked) in [
            (other.scope, with(first.clone())),
            (caller.scope, with(query(text("бета")))),
            (caller.scope, with(ListQuery { order: Order::Company, ..first.clone() })),
            (caller.scope, ListQuery { token: Some("AAAA".into()), ..first.clone() }),
        ] {
            let answer = stage.service().list(scope, &asked).await;
            assert!(matches!(&answer, Err(Failure::Validation(v)) if v[0].field == "page_token"), "{answer:?}");
        }
    })
    .await;
}
