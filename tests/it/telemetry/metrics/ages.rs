//! How old reference data and keys are, and for how long they are known.

use std::path::Path;

use litebox_partner::clock::Clock;
use litebox_partner::storage::Backend;
use serde_json::json;
use time::macros::format_description;
use time::{Date, Month};

use super::{scrape, shows};
use crate::identity::jwks::{Jwks, Manner};
use crate::identity::signer::{Signer, jwks};
use crate::support::app::until;
use crate::support::stage::Stage;

const HOUR: f64 = 3_600.0;

fn since(day: Date) -> f64 {
    (Clock::system().now() - day.midnight().assume_utc()).as_seconds_f64()
}

fn table(file: &str) -> toml::Table {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    std::fs::read_to_string(data.join(file)).unwrap().parse().unwrap()
}

#[tokio::test]
async fn reference_data_are_as_old_as_they_say_and_holidays_are_known_to_the_end_of_their_last_year() {
    let stage = Stage::new(Backend::Sqlite).await;
    let shown = scrape(&stage.server().await).await;
    for file in ["calendar", "fn_models", "kkt_models", "ofds", "regional_managers"] {
        let table = table(&format!("{file}.toml"));
        let on = Date::parse(table["updated"].as_str().unwrap(), format_description!("[year]-[month]-[day]")).unwrap();
        let age = shown.get("litebox_catalogue_age_seconds", &[("file", file)]);
        assert!((age - since(on)).abs() < HOUR, "{file}: {age}");
    }
    let last = table("calendar.toml")["years"].as_array().unwrap().last().unwrap().as_integer().unwrap();
    let next = Date::from_calendar_date(i32::try_from(last).unwrap() + 1, Month::January, 1).unwrap();
    let left = shown.get("litebox_calendar_left_seconds", &[]);
    assert!((left + since(next)).abs() < HOUR, "{left}");
}

#[tokio::test]
async fn keys_of_issuers_grow_older_until_they_are_fetched_again_and_those_that_never_came_are_counted() {
    let stage = Stage::new(Backend::Sqlite).await;
    let (there, away) = (Jwks::start(jwks(&[&Signer::ec("k")])).await, Jwks::start(String::new()).await);
    away.be(Manner::Status(500, String::new()));
    let issuer =
        |name: &str, at: &Jwks| json!({"issuer": name, "audiences": ["a"], "jwks_url": at.url, "subjects": []});
    let issuers = json!([issuer("https://one.example", &there), issuer("https://two.example", &away)]);
    let settings = [("jwt.issuers", issuers.to_string()), ("jwt.refresh_ms", "1000".to_owned())];
    let server = stage.server_with(&settings).await;
    let seen = async || {
        let shown = scrape(&server).await;
        (shown.get("litebox_jwt_issuers_without_keys", &[]), shown.get("litebox_jwks_age_seconds", &[]))
    };
    until("one has its keys", async || seen().await.0 == 1.0).await;
    assert!(seen().await.1 < 60.0);
    there.be(Manner::Broken);
    until("they are not fetched again", async || shows(&server, "litebox_jwks_age_seconds", &[]).await > 3.0).await;
    there.be(Manner::Keys(jwks(&[&Signer::ec("k")])));
    until("they are", async || shows(&server, "litebox_jwks_age_seconds", &[]).await < 1.5).await;
}
