use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::gateways::taxpayers::{PersonName, TaxpayerKind, TaxpayerStatus};
use crate::gateways::tests::{Reply, breaks, http, nobody, reply, silent};

const SBER: &str = "7707083893";
const PERSON: &str = "500100732259";

fn inn(text: &str) -> Inn {
    Inn::parse(text).unwrap()
}

fn client(url: &str, world: World) -> DaData {
    let config = DaDataConfig {
        base_url: url.to_owned(),
        api_key: SecretString::from("key-1"),
        timeout_ms: 300,
        ..DaDataConfig::default()
    };
    DaData::new(&config, world).unwrap()
}

async fn find(number: &str, answer: Reply) -> Result<Option<Taxpayer>, Setback> {
    let fake = http(move |_| answer.clone()).await;
    client(&fake.url, World::Test).find(&inn(number)).await
}

fn company(status: &str) -> Value {
    json!({
        "value": "ПАО СБЕРБАНК", "unrestricted_value": "ПАО СБЕРБАНК",
        "data": {
            "type": "LEGAL", "inn": SBER, "kpp": "773601001", "ogrn": "1027700132195", "branch_type": "MAIN",
            "name": {"full_with_opf": "ПУБЛИЧНОЕ АКЦИОНЕРНОЕ ОБЩЕСТВО \"СБЕРБАНК\"", "short_with_opf": "ПАО СБЕРБАНК"},
            "management": {"name": "Греф Герман Оскарович", "post": "ПРЕЗИДЕНТ", "disqualified": null},
            "state": {"status": status, "liquidation_date": null}, "okveds": null,
            "address": {
                "value": "г Москва, ул Вавилова, д 19", "unrestricted_value": "117312, г Москва, ул Вавилова, д 19",
                "data": {
                    "postal_code": "117312", "region_type": "г", "region": "Москва", "region_kladr_id": "7700000000000",
                    "city_type": "г", "city": "Москва", "street_type": "ул", "street": "Вавилова", "house_type": "д",
                    "house": "19", "flat": "", "fias_id": "93409d8c-d8d4-4491-838f-f9aa1678b5e6", "fias_level": "8",
                    "tax_office": "7736", "timezone": "UTC+3", "qc": null
                }
            }
        }
    })
}

fn entrepreneur() -> Value {
    json!({
        "value": "ИП Иванов Иван Иванович",
        "data": {
            "type": "INDIVIDUAL", "inn": PERSON, "ogrn": "304500116000157", "kpp": null,
            "name": {"full_with_opf": "Индивидуальный предприниматель Иванов Иван Иванович", "short_with_opf": null},
            "fio": {"surname": "Иванов", "name": "Иван", "patronymic": "Иванович", "gender": "MALE"},
            "state": {"status": "ACTIVE"}, "address": {"value": "г Москва", "unrestricted_value": null, "data": null}
        }
    })
}

fn suggestions(list: &[Value]) -> Reply {
    reply(200, json!({ "suggestions": list }))
}

fn name(last: &str, first: &str, middle: Option<&str>) -> PersonName {
    PersonName { last: last.into(), first: first.into(), middle: middle.map(Into::into) }
}

#[tokio::test]
async fn a_company_comes_with_head_and_address() {
    let found = find(SBER, suggestions(&[company("ACTIVE")])).await.unwrap().unwrap();
    assert_eq!((found.status, found.company().as_str()), (TaxpayerStatus::Active, "ПАО СБЕРБАНК"));
    let TaxpayerKind::Organization { full_name, kpp, head, .. } = &found.kind else { panic!("an organization") };
    assert!(full_name.starts_with("ПУБЛИЧНОЕ"));
    assert_eq!(kpp.as_ref().unwrap().as_str(), "773601001");
    assert_eq!(head, &Some(name("Греф", "Герман", Some("Оскарович"))));
    let address = found.address.unwrap();
    assert_eq!(address.text, "117312, г Москва, ул Вавилова, д 19");
    assert_eq!((address.region_code.as_deref(), address.tax_office.as_deref()), (Some("77"), Some("7736")));
    assert_eq!(address.street.unwrap().name, "Вавилова");
    assert_eq!((address.flat, address.settlement), (None, None));
}

#[tokio::test]
async fn an_entrepreneur_comes_with_the_whole_name() {
    let found = find(PERSON, suggestions(&[entrepreneur()])).await.unwrap().unwrap();
    assert_eq!(found.kind, TaxpayerKind::Entrepreneur { name: name("Иванов", "Иван", Some("Иванович")) });
    assert_eq!(found.company(), "ИП Иванов Иван Иванович");
    assert!(found.ogrn.unwrap().is_entrepreneur());
}

#[tokio::test]
async fn the_question_names_key_world_and_head_office() {
    let fake = http(|_| suggestions(&[])).await;
    let dadata = client(&fake.url, World::Test);
    assert_eq!(dadata.find(&inn(SBER)).await, Ok(None));
    assert_eq!(dadata.find(&inn(PERSON)).await, Ok(None));
    let asked = fake.asked();
    assert_eq!(asked[0].path, "/suggestions/api/4_1/rs/findById/party");
    assert_eq!(asked[0].headers["authorization"], "Token key-1");
    assert_eq!(asked[0].headers["x-litebox-environment"], "sandbox");
    assert_eq!(asked[0].body, json!({"query": SBER, "type": "LEGAL", "branch_type": "MAIN"}));
    assert_eq!(asked[1].body, json!({"query": PERSON, "type": "INDIVIDUAL"}));
}

#[tokio::test]
async fn without_a_key_no_authorization_is_sent() {
    let fake = http(|_| suggestions(&[])).await;
    let config = DaDataConfig { base_url: format!("{}/", fake.url), ..DaDataConfig::default() };
    DaData::new(&config, World::Test).unwrap().find(&inn(SBER)).await.unwrap();
    assert!(!fake.asked()[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn the_head_office_is_found_among_branches() {
    let mut branch = company("ACTIVE");
    branch["data"]["branch_type"] = "BRANCH".into();
    branch["data"]["kpp"] = "540602001".into();
    let found = find(SBER, suggestions(&[branch.clone(), company("ACTIVE")])).await.unwrap().unwrap();
    assert!(matches!(found.kind, TaxpayerKind::Organization { kpp: Some(k), .. } if k.as_str() == "773601001"));
    assert_eq!(find(SBER, suggestions(&[branch])).await, Ok(None));
}

#[tokio::test]
async fn of_two_entries_the_active_one_counts() {
    let mut closed = entrepreneur();
    closed["data"]["state"]["status"] = "LIQUIDATED".into();
    let found = find(PERSON, suggestions(&[closed, entrepreneur()])).await.unwrap().unwrap();
    assert_eq!(found.status, TaxpayerStatus::Active);
}

#[tokio::test]
async fn every_status_is_told() {
    for (text, status) in [
        ("ACTIVE", TaxpayerStatus::Active),
        ("LIQUIDATING", TaxpayerStatus::Liquidating),
        ("LIQUIDATED", TaxpayerStatus::Liquidated),
        ("BANKRUPT", TaxpayerStatus::Bankrupt),
        ("REORGANIZING", TaxpayerStatus::Reorganizing),
    ] {
        let found = find(SBER, suggestions(&[company(text)])).await.unwrap().unwrap();
        assert_eq!((found.status, found.status.as_str()), (status, text));
    }
}

#[tokio::test]
async fn a_head_is_split_into_names_as_far_as_it_goes() {
    for (text, expected) in [
        ("Ли Ён", Some(name("Ли", "Ён", None))),
        ("Алиев Расул Ахмед оглы", Some(name("Алиев", "Расул", Some("Ахмед оглы")))),
        ("Управляющая", None),
        ("", None),
    ] {
        let mut one = company("ACTIVE");
        one["data"]["management"]["name"] = text.into();
        let found = find(SBER, suggestions(&[one])).await.unwrap().unwrap();
        assert_eq!(found.person(), expected.as_ref(), "{text}");
    }
}

#[tokio::test]
async fn what_is_needed_and_wrong_is_garbled() {
    for (pointer, value) in [
        ("/data/ogrn", json!("1027700132196")),
        ("/data/kpp", json!("12")),
        ("/data/name", Value::Null),
        ("/data/name/full_with_opf", json!("")),
        ("/data/state/status", json!("SLEEPING")),
        ("/data/state", Value::Null),
    ] {
        let mut one = company("ACTIVE");
        *one.pointer_mut(pointer).unwrap() = value;
        let setback = find(SBER, suggestions(&[one])).await.unwrap_err();
        assert_eq!(setback.kind, SetbackKind::Garbled, "{pointer}");
        assert!(!setback.detail.contains("SLEEPING"), "{setback}");
    }
}

#[tokio::test]
async fn every_http_status_has_its_meaning() {
    for (status, kind) in [
        (400, SetbackKind::Denied),
        (401, SetbackKind::Denied),
        (403, SetbackKind::Denied),
        (405, SetbackKind::Denied),
        (413, SetbackKind::Denied),
        (429, SetbackKind::Overloaded),
        (500, SetbackKind::Failed),
        (502, SetbackKind::Failed),
        (503, SetbackKind::Failed),
        (302, SetbackKind::Denied),
        (204, SetbackKind::Garbled),
    ] {
        let answer = reply(status, "").header("location", "http://127.0.0.1:1/");
        assert_eq!(find(SBER, answer).await.unwrap_err().kind, kind, "{status}");
    }
    let limited = find(SBER, reply(429, "").header("retry-after", "17")).await.unwrap_err();
    assert_eq!(limited.retry_after, Some(Duration::from_secs(17)));
}

#[tokio::test]
async fn garbage_is_garbled_and_never_quoted() {
    for body in ["", "<html>", "[]", "{\"suggestions\":[{\"value\":\u{1}", "{\"suggestions\":\"тайна\"}"] {
        let setback = find(SBER, reply(200, body)).await.unwrap_err();
        assert_eq!(setback.kind, SetbackKind::Garbled, "{body}");
        assert!(!setback.to_string().contains("тайна"));
    }
    let endless = format!("{{\"suggestions\":[],\"more\":\"{}\"}}", "a".repeat(2 << 20));
    assert_eq!(find(SBER, reply(200, endless)).await.unwrap_err().kind, SetbackKind::Garbled);
}

#[tokio::test]
async fn slow_absent_and_broken_parties_are_told_apart() {
    let kind = async |url: String| client(&url, World::Test).find(&inn(SBER)).await.unwrap_err().kind;
    assert_eq!(kind(silent().await).await, SetbackKind::TimedOut);
    assert_eq!(kind(nobody().await).await, SetbackKind::Unreachable);
    assert_eq!(kind(breaks().await).await, SetbackKind::Failed);
    assert_eq!(kind("nonsense".to_owned()).await, SetbackKind::Denied);
}

#[tokio::test]
async fn worlds_do_not_mix() {
    let fake = http(|asked| match asked.headers["x-litebox-environment"].to_str().unwrap() {
        "live" => suggestions(&[]),
        _ => suggestions(&[]).live(),
    })
    .await;
    for world in [World::Live, World::Test] {
        let setback = client(&fake.url, world).find(&inn(SBER)).await.unwrap_err();
        assert_eq!(setback.kind, SetbackKind::WrongWorld, "{world:?}");
    }
    let fake = http(|_| suggestions(&[]).live()).await;
    assert_eq!(client(&fake.url, World::Live).find(&inn(SBER)).await, Ok(None));
}

#[tokio::test]
async fn five_addresses_at_most_for_a_question_of_bounded_length() {
    let one = company("ACTIVE")["data"]["address"].clone();
    let fake = http(move |_| suggestions(&vec![one.clone(); 7])).await;
    let found = client(&fake.url, World::Test).addresses(&"ы".repeat(400)).await.unwrap();
    assert_eq!(found.len(), 5);
    assert_eq!(found[0].fias_id.as_deref(), Some("93409d8c-d8d4-4491-838f-f9aa1678b5e6"));
    let asked = &fake.asked()[0];
    assert_eq!(asked.path, "/suggestions/api/4_1/rs/suggest/address");
    assert_eq!(asked.body["query"].as_str().unwrap().chars().count(), 300);
}

#[tokio::test]
async fn an_id_finds_its_address_or_none() {
    const ID: &str = "93409d8c-d8d4-4491-838f-f9aa1678b5e6";
    let one = company("ACTIVE")["data"]["address"].clone();
    let fake = http(move |asked| match asked.body["query"].as_str() {
        Some(ID) => suggestions(std::slice::from_ref(&one)),
        _ => suggestions(&[]),
    })
    .await;
    let dadata = client(&fake.url, World::Test);
    let found = dadata.address_by_id(ID).await.unwrap().unwrap();
    assert_eq!((found.fias_id.as_deref(), found.tax_office.as_deref()), (Some(ID), Some("7736")));
    assert_eq!(dadata.address_by_id("29251dcf-00a1-4e34-98d4-5c47484a36d4").await, Ok(None));
    let asked = &fake.asked()[0];
    assert_eq!(asked.path, "/suggestions/api/4_1/rs/findById/address");
    assert_eq!(asked.body, json!({"query": ID, "count": 1}));
}

#[test]
fn a_key_that_cannot_stand_in_a_header_is_refused_at_the_start() {
    let config = DaDataConfig { api_key: SecretString::from("a\nb"), ..DaDataConfig::default() };
    assert!(DaData::new(&config, World::Live).is_err());
}
