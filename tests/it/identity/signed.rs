//! Signed tokens through the front door: what is believed and what is not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use litebox_partner::partners::jwt::Services;
use litebox_partner::partners::token::Mode;
use litebox_partner::partners::why::Why;
use litebox_partner::storage::Backend;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

use super::jwks::Jwks;
use super::signer::{Signer, jwks, now};
use super::{ISSUER, SERVICE, app_with, but, claims, enters, issuer, published, quick, refused_like_nobody, subject};
use crate::kkt::shop::{COMPANY, register};
use crate::support::database::backends;

#[tokio::test]
async fn a_service_with_a_good_token_works_for_the_partner_it_names_whatever_the_algorithm() {
    for backend in backends() {
        let signers = [Signer::rsa("r"), Signer::ec("e"), Signer::ed("d")];
        let keys = Jwks::start(jwks(&signers.iter().collect::<Vec<_>>())).await;
        let app = app_with(backend, vec![issuer(&keys.url)]).await;
        app.clients().register(register(COMPANY)).await.unwrap();
        for signer in &signers {
            assert_eq!(enters(&app, &signer.token(&claims())).await.unwrap(), 1, "{}", signer.alg());
        }
    }
}

#[tokio::test]
async fn keys_may_stand_in_a_file_that_is_replaced() {
    let (old, new) = (Signer::ec("old"), Signer::ed("new"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, jwks(&[&old])).unwrap();
    let from_file = litebox_partner::partners::jwt::config::IssuerConfig { jwks_file: path.clone(), ..issuer("") };
    let app = app_with(Backend::Sqlite, vec![from_file]).await;
    enters(&app, &old.token(&claims())).await.unwrap();
    std::fs::write(&path, jwks(&[&new])).unwrap();
    crate::support::app::until("the new key is known", async || enters(&app, &new.token(&claims())).await.is_ok())
        .await;
    refused_like_nobody(&app, &old.token(&claims()), "a key that was taken away").await;
}

#[tokio::test]
async fn every_claim_is_held_to_what_it_must_say() {
    let signer = Signer::ec("k");
    let keys = published(&signer).await;
    let app = app_with(Backend::Sqlite, vec![issuer(&keys.url)]).await;
    let (now, day) = (now(), 86_400);
    for (changes, good) in [
        (json!({}), true),
        (json!({"aud": ["somebody", "litebox-partner"]}), true),
        (json!({"aud": "other-name-of-ours"}), true),
        (json!({"aud": "litebox-partner2"}), false),
        (json!({"aud": ["somebody"]}), false),
        (json!({"aud": []}), false),
        (json!({"aud": null}), false),
        (json!({"aud": 5}), false),
        (json!({"aud": {"litebox-partner": true}}), false),
        (json!({"iss": "https://login.example/"}), false),
        (json!({"iss": null}), false),
        (json!({"iss": [ISSUER]}), false),
        (json!({"sub": "service-b"}), false),
        (json!({"sub": "SERVICE-A"}), false),
        (json!({"sub": null}), false),
        (json!({"exp": null}), false),
        (json!({"exp": now - 60}), false),
        (json!({"exp": (now + 600).to_string()}), false),
        (json!({"exp": -1}), false),
        (json!({"exp": true}), false),
        (json!({"exp": now + day - 30}), true),
        (json!({"exp": now + day + 60}), false),
        (json!({"exp": u64::MAX}), false),
        (json!({"exp": now + day + 600, "iat": null}), false),
        (json!({"iat": null}), true),
        (json!({"iat": now + 90}), false),
        (json!({"iat": u64::MAX}), false),
        (json!({"nbf": now - 5}), true),
        (json!({"nbf": now + 90}), false),
        (json!({"nbf": "0"}), false),
        (json!({"unknown": {"is": "ignored"}}), true),
    ] {
        let token = signer.token(&but(changes.clone()));
        if good {
            enters(&app, &token).await.unwrap_or_else(|refused| panic!("{changes}: {refused:?}"));
        } else {
            refused_like_nobody(&app, &token, &changes.to_string()).await;
        }
    }
}

fn swap(header: Value, changes: Value) -> String {
    let mut all = header;
    changes.as_object().unwrap().iter().for_each(|(key, value)| all[key] = value.clone());
    all.to_string()
}

#[tokio::test]
async fn headers_choose_nothing_but_the_key() {
    let (signer, other) = (Signer::rsa("r"), Signer::ec("e"));
    let keys = Jwks::start(jwks(&[&signer, &other])).await;
    let app = app_with(Backend::Sqlite, vec![issuer(&keys.url)]).await;
    let text = claims().to_string();
    for typ in ["JWT", "at+jwt", "application/at+jwt"] {
        enters(&app, &signer.sign(&swap(signer.header(), json!({"typ": typ})), &text)).await.unwrap();
    }
    let mut attempts: Vec<(String, String)> = [
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"alg": "RS512"}),
        json!({"alg": "PS256"}),
        json!({"alg": "rs256"}),
        json!({"kid": "e"}),
        json!({"kid": "unknown"}),
        json!({"kid": ""}),
        json!({"kid": null}),
        json!({"kid": ["r"]}),
        json!({"crit": ["exp"], "exp": 1}),
        json!({"crit": null}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"typ": "logout+jwt"}),
    ]
    .into_iter()
    .map(|changes| (changes.to_string(), signer.sign(&swap(signer.header(), changes), &text)))
    .collect();
    // The key that the token brings along is nobody's.
    let stranger = Signer::rsa("r");
    attempts.push(("own key".into(), stranger.sign(&swap(stranger.header(), json!({"jwk": stranger.jwk()})), &text)));
    attempts.push(("strange key".into(), stranger.token(&claims())));
    attempts.push(("crit twice".into(), signer.sign(r#"{"alg":"RS256","kid":"r","crit":[],"crit":[]}"#, &text)));
    let twice = text.replacen('{', r#"{"sub":"service-b","#, 1);
    attempts.push(("claim twice".into(), signer.sign(&signer.header().to_string(), &twice)));
    attempts.push(("array".into(), signer.sign(r#"["RS256","r"]"#, &text)));
    attempts.extend(forged(&signer));
    for (what, token) in attempts {
        refused_like_nobody(&app, &token, &what).await;
    }
}

/// What somebody makes who has seen a good token and the public key.
fn forged(signer: &Signer) -> Vec<(String, String)> {
    let good = signer.token(&claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let tampered = URL_SAFE_NO_PAD.encode(but(json!({"exp": now() + 700})).to_string());
    let confused = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "kid": "r"}).to_string()),
        URL_SAFE_NO_PAD.encode(claims().to_string())
    );
    // The public key as the secret of a symmetric signature.
    let secret = URL_SAFE_NO_PAD.decode(signer.jwk()["n"].as_str().unwrap()).unwrap();
    let mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap().chain_update(&confused).finalize().into_bytes();
    vec![
        ("no signature".into(), format!("{signed}.")),
        ("two parts".into(), signed.to_owned()),
        ("four parts".into(), format!("{good}.AA")),
        ("other claims".into(), format!("{header}.{tampered}.{signature}")),
        ("signature cut".into(), good[..good.len() - 4].to_owned()),
        ("padding".into(), format!("{good}==")),
        ("key confusion".into(), format!("{confused}.{}", URL_SAFE_NO_PAD.encode(mac))),
        ("too long".into(), signer.token(&but(json!({"pad": "x".repeat(7_000)})))),
        ("just dots".into(), "..".into()),
    ]
}

#[tokio::test]
async fn one_issuer_cannot_speak_for_another() {
    let (ours, theirs) = (Signer::ec("k"), Signer::ec("k"));
    let (first, second) = (published(&ours).await, published(&theirs).await);
    let mut other = issuer(&second.url);
    other.issuer = "https://other.example".into();
    other.subjects = vec![subject("service-b", &["CLIENTS_READ", "PARTNERS_ACT"])];
    let app = app_with(Backend::Sqlite, vec![issuer(&first.url), other]).await;
    enters(&app, &ours.token(&claims())).await.unwrap();
    let as_theirs = |sub: &str| but(json!({"iss": "https://other.example", "sub": sub}));
    enters(&app, &theirs.token(&as_theirs("service-b"))).await.unwrap();
    refused_like_nobody(&app, &theirs.token(&claims()), "their key, our name").await;
    refused_like_nobody(&app, &ours.token(&as_theirs("service-b")), "our key, their name").await;
    refused_like_nobody(&app, &theirs.token(&as_theirs(SERVICE)), "our subject at their issuer").await;
    refused_like_nobody(&app, &ours.token(&but(json!({"iss": "https://nobody.example"}))), "nobody's issuer").await;
}

/// Each edge to the millisecond, by a clock that is a parameter: skew 30 s, life 24 h.
#[tokio::test]
async fn clocks_may_differ_by_the_skew_and_not_by_a_millisecond_more() {
    const NOW: i64 = 1_800_000_000;
    let signer = Signer::ed("k");
    let keys = published(&signer).await;
    let mut config = litebox_partner::config::Config::load(None, &litebox_partner::config::Env::default()).unwrap();
    quick(&mut config, vec![issuer(&keys.url)]);
    let (services, stop) = (Services::new(&config.jwt, Mode::Test).unwrap(), CancellationToken::new());
    tokio::spawn(services.clone().run(stop.clone()));
    let (base, day) = (json!({"iat": NOW, "exp": NOW + 600}), 86_400);
    for (changes, at_ms, why) in [
        (json!({}), NOW * 1000, None),
        (json!({}), (NOW + 630) * 1000 - 1, None),
        (json!({}), (NOW + 630) * 1000, Some(Why::JwtExpired)),
        (json!({}), (NOW - 30) * 1000, None),
        (json!({}), (NOW - 30) * 1000 - 1, Some(Why::JwtFuture)),
        (json!({"nbf": NOW + 100}), (NOW + 70) * 1000, None),
        (json!({"nbf": NOW + 100}), (NOW + 70) * 1000 - 1, Some(Why::JwtEarly)),
        (json!({"exp": NOW + day}), NOW * 1000, None),
        (json!({"exp": NOW + day + 1}), NOW * 1000, Some(Why::JwtLife)),
        (json!({"iat": null, "exp": NOW + day}), (NOW - 30) * 1000, None),
        (json!({"iat": null, "exp": NOW + day}), (NOW - 30) * 1000 - 1, Some(Why::JwtLife)),
        (json!({"iat": 0, "exp": 0}), i64::MAX, Some(Why::JwtExpired)),
    ] {
        let mut all = base.clone();
        changes.as_object().unwrap().iter().for_each(|(key, value)| all[key] = value.clone());
        let token = signer.token(&but(all));
        assert_eq!(services.admit(&token, at_ms).await.err(), why, "{changes} at {at_ms}");
    }
    stop.cancel();
}
