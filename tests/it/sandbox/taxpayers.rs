use litebox_partner::gateways::config::DaDataConfig;
use litebox_partner::gateways::taxpayers::{CachedTaxpayers, DaData, TaxpayerKind, TaxpayerStatus, Taxpayers};
use litebox_partner::gateways::{SetbackKind, World};
use litebox_partner::sandbox::Sandbox;
use litebox_partner::values::Inn;
use secrecy::SecretString;
use serde_json::json;

use super::{TEST, sandbox};

fn client(sandbox: &Sandbox, key: &str, world: World) -> DaData {
    let config =
        DaDataConfig { base_url: sandbox.http_url(), api_key: SecretString::from(key), ..DaDataConfig::default() };
    DaData::new(&config, world).unwrap()
}

fn inn(text: &str) -> Inn {
    Inn::parse(text).unwrap()
}

#[tokio::test]
async fn taxpayers_are_found_by_their_number() {
    let sandbox = sandbox().await;
    let client = client(&sandbox, "key", TEST);
    let bank = client.find(&inn("7707083893")).await.unwrap().unwrap();
    assert!(matches!(bank.kind, TaxpayerKind::Organization { short_name, .. } if short_name == "ПАО СБЕРБАНК"));
    assert_eq!(bank.address.unwrap().tax_office.as_deref(), Some("7736"));
    let person = client.find(&inn("500100732259")).await.unwrap().unwrap();
    assert!(matches!(person.kind, TaxpayerKind::Entrepreneur { .. }));

    assert_eq!(client.find(&inn("7799000012")).await.unwrap(), None);
    for (number, status) in [
        ("7799000020", TaxpayerStatus::Liquidated),
        ("7799000037", TaxpayerStatus::Liquidating),
        ("7799000044", TaxpayerStatus::Bankrupt),
        ("7799000051", TaxpayerStatus::Reorganizing),
        ("7799000069", TaxpayerStatus::Active),
        ("779900000275", TaxpayerStatus::Liquidated),
    ] {
        assert_eq!(client.find(&inn(number)).await.unwrap().unwrap().status, status, "{number}");
    }
}

#[tokio::test]
async fn addresses_are_suggested() {
    let sandbox = sandbox().await;
    let client = client(&sandbox, "key", TEST);
    let found = client.addresses("630099, Новосибирская обл, Новосибирск, ул. Ленина, д 7").await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].tax_office.as_deref(), Some("5401"));
    assert_eq!(found[0].fias_level.as_deref(), Some("8"));
    assert!(client.addresses("г Москва, ул Нигде, д 1").await.unwrap().is_empty());
    assert_eq!(client.addresses("г Москва, ул Двойная, д 1").await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_address_is_found_by_its_id() {
    let sandbox = sandbox().await;
    let client = client(&sandbox, "key", TEST);
    let found = client.address_by_id("29251dcf-00a1-4e34-98d4-5c47484a36d4").await.unwrap().unwrap();
    assert_eq!(found.fias_id.as_deref(), Some("29251dcf-00a1-4e34-98d4-5c47484a36d4"));
    assert_eq!((found.fias_level.as_deref(), found.tax_office.as_deref()), (Some("8"), Some("7736")));
    assert_eq!(client.address_by_id("00000000-00a1-4e34-98d4-5c47484a36d4").await.unwrap(), None);
    let far = client.address_by_id("00000025-00a1-4e34-98d4-5c47484a36d4").await.unwrap().unwrap();
    assert_eq!((far.region_code.as_deref(), far.time_zone.as_deref()), (Some("25"), Some("UTC+10")));
}

#[tokio::test]
async fn what_changed_in_the_register_is_seen_past_the_memory() {
    let sandbox = sandbox().await;
    let config =
        DaDataConfig { base_url: sandbox.http_url(), api_key: SecretString::from("key"), ..DaDataConfig::default() };
    let cached = CachedTaxpayers::new(DaData::new(&config, TEST).unwrap(), &config);
    let asked = || sandbox.entries().iter().filter(|e| e.operation == "party").count();
    let bank = inn("7707083893");
    cached.find(&bank).await.unwrap();
    cached.find(&bank).await.unwrap();
    assert_eq!(asked(), 1);
    cached.find_fresh(&bank).await.unwrap();
    cached.find(&bank).await.unwrap();
    assert_eq!(asked(), 2);
}

#[tokio::test]
async fn keys_worlds_and_faults_are_heeded() {
    let sandbox = sandbox().await;
    let failing = |client: DaData| async move { client.find(&inn("7707083893")).await.unwrap_err().kind };
    assert_eq!(failing(client(&sandbox, "", TEST)).await, SetbackKind::Denied);
    assert_eq!(failing(client(&sandbox, "denied", TEST)).await, SetbackKind::Denied);
    assert_eq!(failing(client(&sandbox, "limited", TEST)).await, SetbackKind::Overloaded);
    assert_eq!(failing(client(&sandbox, "broken", TEST)).await, SetbackKind::Failed);
    assert_eq!(failing(client(&sandbox, "key", World::Live)).await, SetbackKind::WrongWorld);
    for (fault, kind) in [
        ("taxpayers.party:status=503,times=1", SetbackKind::Failed),
        ("taxpayers.party:status=429,times=1", SetbackKind::Overloaded),
        ("taxpayers.party:garbage,times=1", SetbackKind::Garbled),
        ("taxpayers.party:drop,times=1", SetbackKind::Failed),
    ] {
        sandbox.add_fault(fault).unwrap();
        assert_eq!(failing(client(&sandbox, "key", TEST)).await, kind, "{fault}");
    }
}

#[tokio::test]
async fn unknown_and_missing_fields_are_refused() {
    let sandbox = sandbox().await;
    let url = format!("{}/suggestions/api/4_1/rs/findById/party", sandbox.http_url());
    for body in [json!({}), json!({ "query": "7707083893", "colour": 1 }), json!({ "query": 7 })] {
        let sent = reqwest::Client::new().post(&url).header("authorization", "Token key").json(&body).send();
        let answer = sent.await.unwrap();
        assert_eq!(answer.status().as_u16(), 400, "{body}");
        assert_eq!(answer.headers()["x-litebox-environment"], "sandbox");
    }
}

#[tokio::test]
async fn a_taxpayer_may_go_out_of_business_between_two_questions() {
    let sandbox = sandbox().await;
    let client = client(&sandbox, "key", TEST);
    let status = async |number: &str| client.find(&inn(number)).await.unwrap().map(|t| t.status);
    for number in ["7799000100", "779900001085"] {
        assert_eq!(status(number).await, Some(TaxpayerStatus::Active), "{number}");
        assert_eq!(status(number).await, Some(TaxpayerStatus::Liquidated), "{number}");
        assert_eq!(status(number).await, Some(TaxpayerStatus::Liquidated), "{number}");
    }
    for (told, expected) in
        [("BANKRUPT", Some(TaxpayerStatus::Bankrupt)), ("NOT_FOUND", None), ("ACTIVE", Some(TaxpayerStatus::Active))]
    {
        let body = json!({ "inn": "7707083893", "status": told });
        let url = format!("{}/sandbox/taxpayers", sandbox.http_url());
        assert_eq!(reqwest::Client::new().post(url).json(&body).send().await.unwrap().status().as_u16(), 200);
        assert_eq!(status("7707083893").await, expected);
    }
    assert!(sandbox.change_taxpayer("7707083893", "SLEEPING").is_err());
}
