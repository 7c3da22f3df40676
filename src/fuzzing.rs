//! What reads texts of strangers, each as a function of bytes that panics when a promise is broken and tells whether they were
//! good ones: for the fuzzers in `fuzz/` and for the tests that play the same with bytes of their own.
//!
//! There only with the cargo feature `fuzzing`, or `chaos`, so never in what is deployed.

mod messages;
mod samples;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use crate::catalogue::Catalogue;
use crate::fleet::import;
use crate::gateways::{device, taxpayers};
use crate::grpc::{auth, deadline};
use crate::kkt::watch::Position;
use crate::page::{PageKeys, Question};
use crate::partners::jwt::config::{Issuer, Place, Rules};
use crate::partners::jwt::keys::KeySet;
use crate::partners::jwt::presented::{LONGEST, Presented};
use crate::partners::model::Named;
use crate::partners::token::{Token, checksum_of};
use crate::values::{Email, Inn, PartnerId, PartnerScope, Phone, Rnm};

pub use messages::{
    amend, cancel, fiscalize, get_client, get_kkt, list_clients, list_kkts, lookup_taxpayer, quick_register, register,
    watch,
};

/// A reader, and texts near which it is interesting.
pub struct Target {
    /// Its name, as that of the fuzzer.
    pub name: &'static str,
    /// Reads bytes; whether to the end.
    pub read: fn(&[u8]) -> bool,
    /// Good texts: each is read to the end.
    pub samples: Vec<Vec<u8>>,
    /// The type of the message that it reads, when it is one of the contract.
    pub message: Option<&'static str>,
}

/// All of them.
pub fn targets() -> Vec<Target> {
    let texts = |name, read: fn(&[u8]) -> bool, samples: &[&str]| {
        let samples = samples.iter().map(|text| text.as_bytes().to_vec()).collect();
        Target { name, read, samples, message: None }
    };
    let mut all = vec![
        texts("partner_token", partner_token, &["lbp_live_0123456789AB0123456789ABCDEFGHIJKLMNOPQRSTUV093tDK"]),
        texts("jwt", jwt, &[JWT]),
        texts("jwks", jwks, &[JWKS]),
        texts("inn", inn, &["7707083893", "500100732259"]),
        texts("rnm", rnm, &["0000000001055823"]),
        texts("contact", contact, &["911-111-1111", "Shop.Owner@example.ru"]),
        texts("page_token", page_token, &["AQAAAAB7fQAAAAAAAAAAAAAAAAAAAAAA"]),
        texts("dadata", dadata, &[PARTY, ADDRESS]),
        texts("atol", atol, &[INSPECTION, BURN, REGISTRATION]),
        texts("fleet_csv", fleet_csv, &["model,serial,fn\nАТОЛ 30Ф,00106100000001,9999078902000001\n"]),
        texts("partner_header", partner_header, &["0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f"]),
        texts("grpc_timeout", grpc_timeout, &["250m", "99999999H"]),
    ];
    all.extend(messages::targets());
    all
}

const JWT: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsifQ.eyJpc3MiOiJpIiwic3ViIjoicyIsImF1ZCI6WyJhIl0sImV4cCI6MX0.AAAAAAAA";
const JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const PARTY: &str = r#"{"suggestions":[{"value":"ПАО","unrestricted_value":"ПАО","data":{"inn":"7707083893","kpp":"773601001",
"ogrn":"1027700132195","branch_type":"MAIN","name":{"full_with_opf":"ПАО СБЕРБАНК","short_with_opf":"ПАО"},
"state":{"status":"ACTIVE"},"address":{"value":"г Москва","unrestricted_value":"г Москва","data":{"postal_code":"117312"}}}}]}"#;
const ADDRESS: &str =
    r#"{"suggestions":[{"value":"г Москва","unrestricted_value":"117312, г Москва","data":{"postal_code":"117312"}}]}"#;
const INSPECTION: &str = r#"{"results":[{"status":"ready","error":{"code":0,"description":""},"result":{"deviceInfo":{"serial":"00106100000001",
"modelName":"АТОЛ 30Ф"},"deviceStatus":{"currentDateTime":"2026-11-24T10:00:00+03:00","paperPresent":true},
"shiftStatus":{"state":"closed"},"fnInfo":{"serial":"9999078902000001","livePhase":"init"},"fnStatus":{"fiscalDocumentNumber":1}}}]}"#;
const BURN: &str = r#"{"results":[{"status":"ready","error":{"code":0,"description":""},"result":{"fiscalParams":{"fiscalDocumentNumber":1,
"fiscalDocumentSign":"0024109209","fiscalDocumentDateTime":"2026-11-23T13:12:00+03:00","registrationNumber":"0149060006035849    ",
"fnNumber":"9999078900000961"}}}]}"#;
const REGISTRATION: &str = r#"{"results":[{"status":"ready","result":{"organization":{"vatin":"504404744207  "},
"device":{"registrationNumber":"0149060006035849    "}}},{"status":"ready","result":{"fnInfo":{"serial":"9999078900000961",
"livePhase":"fiscalMode"}}},{"status":"ready","result":{"fiscalDocumentNumber":1,"fiscalDocumentSign":"24109209",
"fiscalDocumentDateTime":"2026-11-23T13:12:00","registrationNumber":"0149060006035849","fnNumber":"9999078900000961"}}]}"#;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn promise(kept: bool, what: &str) {
    assert!(kept, "{what}");
}

fn broken(what: &str) -> bool {
    promise(false, what);
    false
}

/// A token that is read is written the same. Strangers can make the checksum too, so it is made for them.
pub fn partner_token(bytes: &[u8]) -> bool {
    let text = text(bytes);
    let body = text.len().checked_sub(checksum_of(text).len()).and_then(|at| text.get(..at)).unwrap_or_default();
    let read = |text: &str| {
        let token = Token::parse(text);
        let same = token.as_ref().is_ok_and(|token| *token.reveal() == *text);
        promise(same || token.is_err(), "a partner token is not written as it was read");
        same
    };
    let repaired = read(&format!("{body}{}", checksum_of(body)));
    promise(!read(text) || repaired, "a good checksum is none");
    repaired
}

/// No token is believed whose key nobody holds.
pub fn jwt(bytes: &[u8]) -> bool {
    static GROUND: OnceLock<(KeySet, Issuer, Rules)> = OnceLock::new();
    let text = text(bytes);
    let Ok(token) = Presented::parse(text) else { return false };
    promise(text.len() <= LONGEST, "a token is too long");
    let (keys, issuer, rules) = GROUND.get_or_init(ground);
    let kid = token.kid().unwrap_or_default();
    for key in keys.get("k").into_iter().chain(keys.get(kid)) {
        promise(token.check(key, issuer, rules, 0).is_err(), "a token is believed that nobody can have signed");
    }
    true
}

fn ground() -> (KeySet, Issuer, Rules) {
    let keys = KeySet::read(JWKS.as_bytes()).unwrap_or_default();
    promise(!keys.is_empty(), "the sample key is bad");
    let issuer = Issuer {
        name: Arc::from("i"),
        audiences: std::iter::once("a".to_owned()).collect(),
        place: Place::File(std::path::PathBuf::new()),
        subjects: std::collections::BTreeMap::new(),
    };
    let (refresh, rest, timeout) = (Duration::MAX, Duration::MAX, Duration::MAX);
    (keys, issuer, Rules { skew_ms: 30_000, life_ms: 86_400_000, refresh, rest, timeout })
}

/// A set that is read holds a key.
pub fn jwks(bytes: &[u8]) -> bool {
    let Ok(keys) = KeySet::read(bytes) else { return false };
    promise(!keys.is_empty() && keys.len() <= 100, "a set is empty or too large");
    true
}

/// What is read is written so that the same is read.
pub fn inn(bytes: &[u8]) -> bool {
    let Ok(inn) = Inn::parse(text(bytes)) else { return false };
    let digits = inn.as_str().bytes().all(|b| b.is_ascii_digit());
    promise(digits && matches!(inn.as_str().len(), 10 | 12), "an INN is not 10 or 12 digits");
    promise(Inn::parse(inn.as_str()).is_ok_and(|again| again == inn), "an INN does not read back");
    true
}

/// As [`inn`].
pub fn rnm(bytes: &[u8]) -> bool {
    let Ok(rnm) = Rnm::parse(text(bytes)) else { return false };
    promise(rnm.as_str().len() == 16, "an RNM has not 16 digits");
    promise(Rnm::parse(rnm.as_str()).is_ok_and(|again| again == rnm), "an RNM does not read back");
    true
}

/// As [`inn`], for phones and e-mail addresses.
pub fn contact(bytes: &[u8]) -> bool {
    let (phone, email) = (Phone::parse(text(bytes)), Email::parse(text(bytes)));
    if let Ok(phone) = &phone {
        promise(Phone::parse(phone.as_str()).is_ok_and(|again| again == *phone), "a phone does not read back");
    }
    if let Ok(email) = &email {
        let again = Email::parse(email.as_str());
        promise(again.is_ok_and(|again| again.login_key() == email.login_key()), "an e-mail does not read back");
    }
    phone.is_ok() || email.is_ok()
}

/// A token of a page or a stream that we have not made opens for nobody, and one that we have made opens.
pub fn page_token(bytes: &[u8]) -> bool {
    let scope = PartnerScope::new(PartnerId::new(Uuid::from_u128(1)));
    let question = Question { scope, method: "/s/List", filter: b"" };
    let Ok(keys) = PageKeys::new([[7; 32]]) else { return broken("the sample key is bad") };
    promise(keys.open::<(i64, Uuid)>(&question, text(bytes)).is_err(), "a strange page token opens");
    promise(keys.open::<Position>(&question, text(bytes)).is_err(), "a strange resume token opens");
    let position = String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes)).into_owned();
    let made = keys.seal(&question, &position).ok();
    let read = made.and_then(|made| keys.open::<String>(&question, &made).ok());
    promise(read.is_some_and(|read| read == position), "our own token does not open");
    true
}

/// Answers of DaData.
pub fn dadata(bytes: &[u8]) -> bool {
    Inn::parse("7707083893").is_ok_and(|inn| taxpayers::read_answer(bytes, &inn))
}

/// Answers of a hub.
pub fn atol(bytes: &[u8]) -> bool {
    device::read_answer(bytes)
}

/// A file of a fleet: what is wrong is told with its line.
pub fn fleet_csv(bytes: &[u8]) -> bool {
    static CATALOGUE: OnceLock<Option<Catalogue>> = OnceLock::new();
    let Some(catalogue) = CATALOGUE.get_or_init(|| Catalogue::load(None).ok()) else {
        return broken("there is no catalogue");
    };
    let (_, problems) = import::read(bytes, catalogue, bytes.len().is_multiple_of(2));
    promise(problems.iter().all(|problem| problem.line >= 1), "a problem without a line");
    problems.is_empty()
}

/// A header that names a partner does so in one way.
pub fn partner_header(bytes: &[u8]) -> bool {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return false };
    let mut headers = HeaderMap::new();
    headers.append(auth::PARTNER_HEADER, value.clone());
    let named = auth::named(&headers);
    if let Named::One(id) = &named {
        promise(id.to_string() == text(bytes).to_lowercase(), "a partner is named in another form");
    }
    headers.append(auth::PARTNER_HEADER, value);
    promise(auth::named(&headers) == Named::Several, "two headers name one partner");
    matches!(named, Named::One(_))
}

/// A deadline is at most the longest that the header can say.
pub fn grpc_timeout(bytes: &[u8]) -> bool {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return false };
    let headers = HeaderMap::from_iter([(http::HeaderName::from_static("grpc-timeout"), value)]);
    let Some(asked) = deadline::asked(&headers) else { return false };
    promise(asked <= Duration::from_secs(99_999_999 * 3600) && bytes.len() <= 9, "a deadline is too long");
    true
}
