//! For whom a call is: the header with the partner's id.

use litebox_partner::partners::model::Theme;
use litebox_partner::storage::Backend;
use tonic::Code;

use super::signer::Signer;
use super::tokens::scans;
use super::{app_with, claims, issuer, list, published, quick, reason, subject};
use crate::auth::seen;
use crate::kkt::shop::{COMPANY, register};
use crate::support::app::{TestApp, until};
use crate::support::database::backends;
use crate::support::fresh_id;

#[tokio::test]
async fn whatever_is_wrong_with_the_named_partner_the_answer_is_the_same() {
    for backend in backends() {
        let signer = Signer::ec("k");
        let keys = published(&signer).await;
        let app = app_with(backend, vec![issuer(&keys.url)]).await;
        app.clients().register(register(COMPANY)).await.unwrap();
        let own = app.partner.id.to_string();
        let disabled = app.other_partner("Отключённый", Theme::LiteBox).await;
        app.partners.set_enabled(disabled.id, false).await.unwrap();
        let disabled = disabled.id.to_string();
        let service = signer.token(&claims());
        assert_eq!(list(&app, &service, &[&own]).await.unwrap(), 1);
        assert_eq!(list(&app, &service, &[&own.to_uppercase()]).await.unwrap(), 1);
        assert_eq!(list(&app, &app.partner.token, &[]).await.unwrap(), 1);
        assert_eq!(list(&app, &app.partner.token, &[&own]).await.unwrap(), 1);
        let unknown = fresh_id();
        let (both, braced, nil) =
            (format!("{own}, {own}"), format!("{{{own}}}"), "00000000-0000-0000-0000-000000000000".to_owned());
        let bad: [&[&str]; 9] =
            [&[&own, &own], &[&own, &unknown], &[&unknown], &[&disabled], &[&both], &[&braced], &[&nil], &[""], &["x"]];
        let mut first = None;
        let attempts = bad.iter().flat_map(|named| [(&service, *named), (&app.partner.token, *named)]);
        for (token, named) in attempts.chain([(&service, &[] as &[&str])]) {
            let Err(refused) = list(&app, token, named).await else { panic!("{named:?} was let in") };
            assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "PARTNER_NOT_ALLOWED"));
            let answer = seen(&refused);
            assert_eq!(*first.get_or_insert_with(|| answer.clone()), answer, "{named:?}");
        }
    }
}

#[tokio::test]
async fn a_service_acts_for_those_it_is_allowed_to_and_only_with_the_scope_to_do_so() {
    let signer = Signer::ec("k");
    let keys = published(&signer).await;
    let mut issuer = issuer(&keys.url);
    let friend = "0198f2a0-7c1e-7e6b-8f00-00000000000a";
    let mut bound = subject("bound", &["CLIENTS_READ", "PARTNERS_ACT"]);
    bound.partners = vec![friend.parse().unwrap()];
    issuer.subjects = vec![bound, subject("alone", &["CLIENTS_READ"]), subject("idle", &["PARTNERS_ACT"])];
    let app = app_with(Backend::Sqlite, vec![issuer]).await;
    let own = app.partner.id.to_string();
    for (name, expected) in [("bound", "PARTNER_NOT_ALLOWED"), ("alone", "SCOPE_MISSING"), ("idle", "SCOPE_MISSING")] {
        let token = signer.token(&super::but(serde_json::json!({ "sub": name })));
        let refused = list(&app, &token, &[&own]).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, expected), "{name}");
    }
}

#[tokio::test]
async fn a_partner_that_is_disabled_is_refused_to_services_within_seconds() {
    for backend in backends() {
        let signer = Signer::ec("k");
        let keys = published(&signer).await;
        let app = app_with(backend, vec![issuer(&keys.url)]).await;
        let (own, service) = (app.partner.id.to_string(), signer.token(&claims()));
        list(&app, &service, &[&own]).await.unwrap();
        app.partners.set_enabled(app.partner.id, false).await.unwrap();
        until("it is refused", async || list(&app, &service, &[&own]).await.is_err()).await;
        app.partners.set_enabled(app.partner.id, true).await.unwrap();
        until("it is let in again", async || list(&app, &service, &[&own]).await.is_ok()).await;
    }
}

/// Whatever a service names: known for what it is, an unknown partner costs one look-up in a while.
#[tokio::test]
async fn a_partner_that_is_unknown_is_not_looked_up_again_and_again() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let signer = Signer::ec("k");
    let keys = published(&signer).await;
    let app = TestApp::start_with(Backend::Postgres, |config| {
        quick(config, vec![issuer(&keys.url)]);
        config.server.access_poll_ms = 3_600_000;
    })
    .await;
    let (service, unknown) = (signer.token(&claims()), fresh_id());
    let before = scans(app.db(), "recovery").await;
    for _ in 0..60 {
        assert_eq!(reason(&list(&app, &service, &[&unknown]).await.unwrap_err()), "PARTNER_NOT_ALLOWED");
    }
    // Another one is looked up after them, and counted.
    list(&app, &service, &[&app.partner.id.to_string()]).await.unwrap();
    until("the look-ups are counted", async || scans(app.db(), "recovery").await >= before + 2).await;
    let made = scans(app.db(), "recovery").await - before;
    assert!(made < 20, "{made} look-ups for 60 calls");
}

#[tokio::test]
async fn a_service_that_asks_for_what_it_may_not_is_bounded_and_costs_no_partner_anything() {
    let signer = Signer::ec("k");
    let keys = published(&signer).await;
    let mut issuer = issuer(&keys.url);
    issuer.subjects.push(subject("other", &["PARTNERS_ACT"]));
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        quick(config, vec![issuer]);
        (config.limits.calls_per_second, config.limits.calls_at_once) = (1, 3);
    })
    .await;
    let own = app.partner.id.to_string();
    let (service, other) = (signer.token(&claims()), signer.token(&super::but(serde_json::json!({ "sub": "other" }))));
    let mut reasons = Vec::new();
    for _ in 0..20 {
        reasons.push(reason(&list(&app, &service, &[&fresh_id()]).await.unwrap_err()));
    }
    assert_eq!(reasons[..3], ["PARTNER_NOT_ALLOWED"; 3]);
    assert!(reasons.iter().filter(|reason| *reason == "RATE_LIMITED").count() >= 10, "{reasons:?}");
    assert_eq!(reason(&list(&app, &other, &[&own]).await.unwrap_err()), "SCOPE_MISSING", "another service's");
    assert_eq!(list(&app, &service, &[&own]).await.unwrap(), 0, "what it may is the partner's");
    assert_eq!(list(&app, &app.partner.token, &[]).await.unwrap(), 0, "nothing of the partner's was used up");
}
