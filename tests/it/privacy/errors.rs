//! No text of an error holds a value: of a caller whatever it sends, of the database whatever it quotes.

use litebox_partner::storage::StoreError;
use litebox_partner::storage::entity::client;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, Set};
use uuid::Uuid;

use super::canaries::flow::malformed;
use super::canaries::run::Run;
use crate::kkt::shop::{COMPANY, Shop, register};
use crate::support::app::TestApp;
use litebox_partner::storage::Backend;

/// A text of any signs with a marked word in it.
fn any_text() -> impl Strategy<Value = String> {
    let around = || proptest::string::string_regex("(?s).{0,12}").unwrap();
    let word = proptest::string::string_regex("kanar[a-z]{6}|Канар[а-я]{6}|77365911[0-9]{6}").unwrap();
    (around(), word, around()).prop_map(|(before, word, after)| format!("{before}{word}{after}"))
}

#[tokio::test]
async fn whatever_a_field_is_given_no_error_repeats_it() {
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        config.limits.lookups_per_hour = 1_000_000;
        config.server.stream_ms = 50;
    })
    .await;
    let shop = Shop::open(&app, COMPANY).await;
    let done = shop.quick_register(shop.order(1).await).await.id;
    let shop = super::canaries::flow::Shop { client: shop.client_id, ready: done.clone(), held: done.clone(), done };
    let mut run = Run::new(app.channel(), &app.partner.token);
    let texts = std::cell::RefCell::new(TestRunner::deterministic());
    let three = |_| (0..3).map(|_| any_text().new_tree(&mut texts.borrow_mut()).unwrap().current()).collect();
    let refused = malformed(&mut run, &shop, three).await;
    assert!(refused > 100, "{refused}");
    assert_eq!(run.leaks(), Vec::<String>::new());
}

#[tokio::test]
async fn an_error_of_the_database_loses_the_values_that_it_quotes() {
    crate::support::app::on_both_apps(async |app| {
        app.clients().register(register(COMPANY)).await.unwrap();
        let db = app.db().direct();
        let row = client::Entity::find().one(db).await.unwrap().unwrap();
        let twin = client::ActiveModel { id: Set(Uuid::from_u128(7)), ..row.clone().into_active_model() };
        let quoted = twin.insert(db).await.unwrap_err();
        if app.db().backend() == Backend::Postgres {
            assert!(format!("{quoted:?}").contains(COMPANY), "the driver quotes what is taken: {quoted:?}");
        }
        let error = StoreError::from(quoted);
        assert!(matches!(error, StoreError::Unique(_)), "{error:?}");
        let failure = litebox_partner::failure::Failure::from(error.clone());
        let told = format!("{error} {error:?} {failure:?} {:?}", tonic::Status::from(failure.clone()));
        assert!(!told.contains(COMPANY), "{told}");
    })
    .await;
}
