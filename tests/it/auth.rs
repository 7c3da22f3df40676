//! Who may call, through the front door.

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::partners::model::{Label, Scope, Scopes, Theme};
use litebox_partner::partners::service::{NewToken, Partners};
use litebox_partner::partners::token::{KeyId, Mode, Token};
use litebox_partner::pb::client::{
    Address, ClientType, GetRequest, ListRequest, LookupTaxpayerRequest, RegisterRequest,
};
use litebox_partner::pb::kkt::FiscalizeRequest;
use litebox_partner::storage::Backend;
use litebox_partner::values::PartnerId;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use crate::support::act;
use crate::support::app::{TestApp, on_both_apps, until};

async fn list(app: &TestApp, credentials: Option<&str>) -> Result<(), Status> {
    app.clients_as(credentials).list(ListRequest::default()).await.map(|_| ())
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// All that a caller sees of an error, without the id of the call.
pub fn seen(status: &Status) -> (Code, String, Vec<String>) {
    let details = status.get_error_details();
    let told = vec![
        format!("{:?}", details.error_info()),
        format!("{:?}", details.localized_message()),
        format!("{:?}", details.retry_info()),
        format!("{:?}", details.bad_request()),
        format!("{:?}", details.precondition_failure()),
    ];
    let mut headers: Vec<String> = status.metadata().keys().map(|key| format!("{key:?}")).collect();
    headers.sort();
    (status.code(), status.message().to_owned(), [told, headers].concat())
}

async fn issue(partners: &Partners, partner: PartnerId, scopes: Scopes, expires_ms: Option<i64>) -> (String, KeyId) {
    let (token, record) =
        partners.issue(partner, NewToken { scopes, note: Label::default(), expires_ms }).await.unwrap();
    (token.reveal().to_string(), record.key_id)
}

/// One of each kind of bad credentials, by name.
async fn bad_credentials(app: &TestApp) -> Vec<(&'static str, Option<String>)> {
    let (ids, db) = (Ids::system(), app.db().clone());
    let own = &app.partner;
    let long_ago = Partners::new(db.clone(), Clock::fixed(1_000), ids.clone(), Mode::Test).acting(act());
    let (expired, _) = issue(&long_ago, own.id, Scopes::all(), Some(2_000)).await;
    let (revoked, key_id) = issue(&app.partners, own.id, Scopes::all(), None).await;
    app.partners.revoke(&key_id).await.unwrap();
    let live = Partners::new(db, Clock::system(), ids.clone(), Mode::Live).acting(act());
    let (other_mode, _) = issue(&live, own.id, Scopes::all(), None).await;
    let disabled = app.other_partner("Отключённый", Theme::LiteBox).await;
    app.partners.set_enabled(disabled.id, false).await.unwrap();
    let mut wrong_checksum = own.token.clone();
    let last = wrong_checksum.pop().unwrap();
    wrong_checksum.push(if last == 'a' { 'b' } else { 'a' });
    vec![
        ("no token", None),
        ("no scheme", Some(own.token.clone())),
        ("another scheme", Some(format!("Basic {}", own.token))),
        ("malformed", Some(bearer("lbp_test_nonsense"))),
        ("empty", Some("Bearer ".into())),
        ("wrong checksum", Some(bearer(&wrong_checksum))),
        ("unknown", Some(bearer(&Token::issue(Mode::Test, &ids).reveal()))),
        ("expired", Some(bearer(&expired))),
        ("revoked", Some(bearer(&revoked))),
        ("other mode", Some(bearer(&other_mode))),
        ("disabled partner", Some(bearer(&disabled.token))),
        ("half a signed token", Some(bearer("eyJhbGciOiJub25lIn0."))),
        ("an unsigned token", Some(bearer("eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0."))),
        (
            "a signed token of nobody",
            Some(bearer(
                "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJ4Iiwic3ViIjoieCIsImF1ZCI6IngiLCJleHAiOjF9.AAAA",
            )),
        ),
        ("a very long one", Some(bearer(&"x".repeat(9_000)))),
    ]
}

#[tokio::test]
async fn all_bad_credentials_get_one_answer() {
    on_both_apps(async |app| {
        app.clients().list(ListRequest::default()).await.unwrap();
        app.kkts().list(litebox_partner::pb::kkt::ListRequest::default()).await.unwrap();
        let mut first = None;
        for (name, credentials) in bad_credentials(app).await {
            let refused = list(app, credentials.as_deref()).await.expect_err(name);
            assert_eq!(
                (refused.code(), reason(&refused).as_str()),
                (Code::Unauthenticated, "CREDENTIALS_INVALID"),
                "{name}"
            );
            let seen = seen(&refused);
            assert_eq!(*first.get_or_insert_with(|| seen.clone()), seen, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    on_both_apps(async |app| {
        let readers = Scopes::from_iter([Scope::ClientsRead, Scope::KktWrite]);
        let (token, _) = issue(&app.partners, app.partner.id, readers, None).await;
        let credentials = bearer(&token);
        list(app, Some(&credentials)).await.unwrap();
        let lookup = LookupTaxpayerRequest { inn: "not an INN".into() };
        let refused = app.clients_as(Some(&credentials)).lookup_taxpayer(lookup).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "authorization comes before validation");
        let info = refused.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.metadata["scope"].as_str()), ("SCOPE_MISSING", "TAXPAYERS_READ"));
        let burn = app.kkts_as(Some(&credentials)).fiscalize(FiscalizeRequest::default()).await.unwrap_err();
        let info = burn.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.metadata["scope"].as_str()), ("SCOPE_MISSING", "KKT_FISCALIZE"));
    })
    .await;
}

#[tokio::test]
async fn a_revoked_token_is_refused_when_the_look_up_is_forgotten() {
    // Nobody looks for changes: the look-up ends by itself.
    let change = |config: &mut litebox_partner::config::Config| {
        (config.server.token_cache_ms, config.server.access_poll_ms) = (200, 3_600_000);
    };
    let app = TestApp::start_with(Backend::Sqlite, change).await;
    let (token, key_id) = issue(&app.partners, app.partner.id, Scopes::all(), None).await;
    let credentials = bearer(&token);
    list(&app, Some(&credentials)).await.unwrap();
    app.partners.revoke(&key_id).await.unwrap();
    until("the token is refused", async || list(&app, Some(&credentials)).await.is_err()).await;
    list(&app, Some(&bearer(&app.partner.token))).await.unwrap();
}

#[tokio::test]
async fn health_needs_no_token_and_reflection_does() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    let app = TestApp::start(Backend::Sqlite).await;
    let mut health = HealthClient::new(app.channel());
    health.check(HealthCheckRequest { service: "liveness".into() }).await.unwrap();
    let ask = || tokio_stream::iter([ServerReflectionRequest::default()]);
    let refused = ServerReflectionClient::new(app.channel()).server_reflection_info(ask()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);

    let open = TestApp::start_with(Backend::Sqlite, |config| config.server.open_reflection = true).await;
    ServerReflectionClient::new(open.channel()).server_reflection_info(ask()).await.unwrap();
    assert_eq!(list(&open, None).await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_strangers_client_is_answered_like_a_missing_one() {
    on_both_apps(async |app| {
        let client = app.clients().register(order()).await.unwrap().into_inner().client.unwrap();
        let own = GetRequest { client_id: client.id };
        app.clients().get(own.clone()).await.unwrap();
        let stranger = app.other_partner("Чужой", Theme::LiteBox).await;
        let mut clients = app.clients_as(Some(&bearer(&stranger.token)));
        let foreign = clients.get(own).await.unwrap_err();
        let random = GetRequest { client_id: "0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f".into() };
        let missing = clients.get(random).await.unwrap_err();
        assert_eq!((foreign.code(), seen(&foreign)), (Code::NotFound, seen(&missing)));
        assert!(clients.list(ListRequest::default()).await.unwrap().into_inner().clients.is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_may_not_register_reaches_nobody_outside() {
    on_both_apps(async |app| {
        let (token, _) = issue(&app.partners, app.partner.id, Scopes::from_iter([Scope::ClientsRead]), None).await;
        for credentials in [None, Some(bearer(&token))] {
            app.clients_as(credentials.as_deref()).register(order()).await.unwrap_err();
        }
        assert!(app.sandbox.entries().is_empty());
    })
    .await;
}

fn order() -> RegisterRequest {
    RegisterRequest {
        request_id: "0198f2a0-7c1e-7e6b-8f00-000000000001".into(),
        client_type: ClientType::Litebox.into(),
        inn: "7707083893".into(),
        address: Some(Address {
            postal_code: "117312".into(),
            region: "Москва".into(),
            city: "Москва".into(),
            street: "Вавилова".into(),
            house: "19".into(),
            ..Address::default()
        }),
        phone: "911-111-1111".into(),
        email: "shop@example.ru".into(),
        password: "aB1!_-".into(),
        ..RegisterRequest::default()
    }
}
